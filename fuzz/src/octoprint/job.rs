//! `GET /api/job`, beside `/api/printer` and alone when that says 409.

use libfuzzer_sys::arbitrary::Unstructured;
use printhost_core::{PrintHost as _, PrinterStatus};

use super::{answer, bound, driver, made, model, network};
use crate::{
    host::{response, settle},
    json::{Expected, Json},
    memory,
};

const PRINTER: &[u8] = br#"{"state":{"text":"Printing","flags":{"printing":true}}}"#;

pub fn run(data: &[u8]) {
    judge(data);
    if let Ok(made) = made::job(&mut Unstructured::new(data)) {
        judge(made.as_bytes());
    }
}

fn judge(data: &[u8]) {
    let json = Json::parse(data);
    for operational in [true, false] {
        let answer = |head: &str| {
            answer(head, |_, target| match target {
                "/api/job" => response("200 OK", data),
                _ if operational => response("200 OK", PRINTER),
                _ => response("409 CONFLICT", br#"{"error":"Printer is not operational"}"#),
            })
        };
        let net = network(&answer);
        let status = memory::within(bound(data, &net), || settle(driver(&net).status())).expect("an end");
        if let Some(Ok(expected)) = json.as_ref().map(|json| expected(json, operational)) {
            assert_eq!(status, Ok(expected));
        }
        if let Ok(status) = status
            && let Some(job) = status.job
        {
            assert!(job.path.is_some() && job.progress.is_none_or(|p| (0.0..=1.0).contains(&p)), "{job:?}");
        }
    }
}

fn expected(answer: &Json, operational: bool) -> Expected<PrinterStatus> {
    let error = answer.get("error")?.text()?;
    let text = answer.part("state")?.map(Json::text).transpose()?.flatten().unwrap_or_default();
    let mut status = match operational {
        true => {
            let mut status = model::state(&Json::parse(PRINTER).expect("JSON").get("state")?.clone())?;
            status.fault = error.map(Into::into);
            status
        }
        false => {
            let closed = Json::Object(vec![("closedOrError".into(), Json::Bool(true))]);
            model::status(text, Some(&closed), error)?
        }
    };
    status.job = model::job(answer)?;
    Ok(status)
}
