//! `GET /api/files/local/{path}` and the answer to an upload, on which it depends whether an upload was damaged.

use libfuzzer_sys::arbitrary::Unstructured;
use printhost_core::{ErrorKind, IfExists, PrintHost as _, Upload, Uploaded, Verified};
use sha1::{Digest as _, Sha1};

use super::{answer, bound, driver, made, model, network};
use crate::{
    host::{response, settle},
    json::{Expected, IllTyped, Json},
    memory,
    targets::percent::decode,
};

const CONTENT: &[u8] = b"G28\n";
const STORED: &[u8] = br#"{"done":true,"files":{"local":{"path":"x.gcode"}}}"#;

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made::file(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

/// The driver reads more than is judged here, and may refuse that; but not in what was made for it.
fn judge(data: &[u8], made: bool) {
    let json = Json::parse(data);
    verified(data, json.as_ref(), made);
    stored(data, json.as_ref());
}

/// `None` when the driver lets time pass before it reads again, of which there is none here.
fn upload(answer: &dyn Fn(&str) -> Vec<u8>, data: &[u8]) -> Option<printhost_core::Result<Uploaded>> {
    let net = network(answer);
    let driver = driver(&net);
    let mut content = CONTENT;
    let mut upload = Upload::new("x.gcode", CONTENT.len() as u64, &mut content);
    upload.if_exists = IfExists::Replace;
    memory::within(bound(data, &net), || settle(driver.upload(upload)))
}

/// What the host says it has.
fn verified(data: &[u8], json: Option<&Json>, made: bool) {
    let answer = |head: &str| {
        answer(head, |method, _| match method {
            "POST" => response("201 CREATED", STORED),
            "DELETE" => response("204 NO CONTENT", b""),
            _ => response("200 OK", data),
        })
    };
    let Some(uploaded) = upload(&answer, data) else { return };
    let Some(Ok(file)) = json.map(model::file) else { return };
    let expected = match (file.sha1, file.size) {
        (Some(hash), _) if hash[..] == Sha1::digest(CONTENT)[..] => Ok(Verified::Sha1(hash)),
        (Some(_), _) => Err(ErrorKind::Corrupted),
        (None, Some(size)) if size == CONTENT.len() as u64 => Ok(Verified::Size),
        (None, Some(_)) => Err(ErrorKind::Corrupted),
        (None, None) => Ok(Verified::No),
    };
    // What it cannot read leaves the outcome open.
    if made || !uploaded.as_ref().is_err_and(|e| e.kind() == ErrorKind::Unconfirmed) {
        assert_eq!(uploaded.map(|u| u.verified).map_err(|e| e.kind()), expected);
    }
}

/// Under which name it was stored.
fn stored(data: &[u8], json: Option<&Json>) {
    let asked = std::cell::RefCell::new(Vec::new());
    let answer = |head: &str| {
        answer(head, |method, target| match method {
            "POST" => response("201 CREATED", data),
            _ => {
                asked.borrow_mut().push(decode(target));
                response("200 OK", br#"{"path":"x.gcode","size":4}"#)
            }
        })
    };
    let Some(uploaded) = upload(&answer, data) else { return };
    let Some(Ok((done, path))) = json.map(done) else { return };
    if !done {
        assert_eq!(uploaded.map_err(|e| e.kind()).map(|u| u.path), Err(ErrorKind::Unconfirmed));
    } else if printhost_core::RemotePath::parse(path).is_ok() {
        assert_eq!(uploaded.map(|u| (u.path, u.verified)), Ok((path.to_owned(), Verified::Size)));
        assert_eq!(*asked.borrow(), [format!("/api/files/local/{path}").into_bytes()]);
    } else {
        assert_eq!(uploaded.map_err(|e| e.kind()).map(|u| u.path), Err(ErrorKind::Unconfirmed));
    }
}

fn done(answer: &Json) -> Expected<(bool, &str)> {
    let done = answer.part("done")?.map(Json::bool).transpose()?.unwrap_or_default();
    let path = answer.get("files")?.get("local")?.get("path")?.text()?.ok_or(IllTyped)?;
    Ok((done, path))
}
