//! JSON-RPC 2.0, the same on the websocket and in `POST /server/jsonrpc`.

use alloc::string::String;
use core::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::json::{Malformed, Read, Reader};

/// A call's text.
pub(crate) fn call(method: &str, params: &str, id: u32) -> String {
    let mut text = String::with_capacity(CALL + method.len() + params.len());
    // A string takes whatever is written.
    let _ = match params {
        "" => write!(text, r#"{{"jsonrpc":"2.0","method":"{method}","id":{id}}}"#),
        params => write!(text, r#"{{"jsonrpc":"2.0","method":"{method}","params":{params},"id":{id}}}"#),
    };
    text
}

/// What a call has beside its method and its parameters, at most, in bytes.
const CALL: usize = 64;

/// A text of ours as it stands in JSON.
pub(crate) fn quoted(text: &str) -> String {
    json(&text)
}

/// Something of ours as JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What a message of the websocket is.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// `notify_status_update`: the changes.
    Changes(Reader<'a>),
    /// Another notification; the first of its parameters, if it has any.
    Notice(&'a [u8], Option<Reader<'a>>),
    /// The answer to a call.
    Answer(u32),
    /// Nothing of ours.
    Other,
}

/// Looks at a message. Changes come often, so of them nothing is looked at twice.
pub(crate) fn told(text: &[u8]) -> Read<Told<'_>> {
    let mut r = Reader::new(text);
    if r.peek()? != b'{' || !r.enter_object()? {
        return Ok(Told::Other);
    }
    let (mut method, mut params, mut id) = (None, None, None);
    let mut first = true;
    while let Some(key) = r.key(&mut first)? {
        match key {
            b"method" => {
                method = match r.raw()? {
                    [b'"', name @ .., b'"'] => Some(name),
                    _ => None,
                }
            }
            b"params" if method == Some(b"notify_status_update") => {
                return Ok(first_of(r)?.map_or(Told::Other, Told::Changes));
            }
            b"params" => {
                params = Some(r);
                r.skip()?;
            }
            b"id" => id = r.number()?,
            _ => r.skip()?,
        }
    }
    let params = params.map(first_of).transpose()?.flatten();
    Ok(match (method, id) {
        (Some(b"notify_status_update"), _) => params.map_or(Told::Other, Told::Changes),
        (Some(method), _) => Told::Notice(method, params),
        (None, Some(id)) if id >= 0.0 && id <= f64::from(u32::MAX) => Told::Answer(id as u32),
        _ => Told::Other,
    })
}

fn first_of(mut params: Reader<'_>) -> Read<Option<Reader<'_>>> {
    let mut first = true;
    Ok(match params.enter_array()? && params.element(&mut first)? {
        true => Some(params),
        false => None,
    })
}

/// The `status` in the answer to a query or a subscription.
pub(crate) fn status(answer: &[u8]) -> Read<Reader<'_>> {
    let mut r = Reader::new(answer);
    for wanted in [b"result".as_slice(), b"status"] {
        if r.peek()? != b'{' || !r.enter_object()? {
            return Err(Malformed);
        }
        let mut first = true;
        loop {
            match r.key(&mut first)? {
                Some(key) if key == wanted => break,
                Some(_) => r.skip()?,
                None => return Err(Malformed),
            }
        }
    }
    Ok(r)
}

/// How a refusal begins, over HTTP as over the websocket; over HTTP a trace of any length follows.
pub(crate) fn refusal(body: &[u8]) -> Option<Failure> {
    let mut r = Reader::new(body);
    enter(&mut r, b"error").ok()??;
    let mut failure = Failure::default();
    // It may be cut, after what matters.
    let _ = failure.read(&mut r);
    (failure.code.is_some() || !failure.message.is_empty()).then_some(failure)
}

/// Whether it is an answer that brings something, be it `null`.
pub(crate) fn has_result(answer: &[u8]) -> bool {
    let mut r = Reader::new(answer);
    let mut find = || -> Read<bool> {
        if r.peek()? != b'{' || !r.enter_object()? {
            return Ok(false);
        }
        let mut first = true;
        while let Some(key) = r.key(&mut first)? {
            if key == b"result" {
                return Ok(true);
            }
            r.skip()?;
        }
        Ok(false)
    };
    find() == Ok(true)
}

/// Enters the object that is a member of the object that is here.
fn enter(r: &mut Reader<'_>, wanted: &[u8]) -> Read<Option<()>> {
    if r.peek()? != b'{' || !r.enter_object()? {
        return Ok(None);
    }
    let mut first = true;
    while let Some(key) = r.key(&mut first)? {
        if key == wanted {
            return Ok(r.enter_object()?.then_some(()));
        }
        r.skip()?;
    }
    Ok(None)
}

/// `{"code": 400, "message": "…"}`
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Failure {
    pub code: Option<i32>,
    pub message: String,
}

impl Failure {
    fn read(&mut self, r: &mut Reader<'_>) -> Read<()> {
        let mut first = true;
        while let Some(key) = r.key(&mut first)? {
            match key {
                b"code" => self.code = r.number()?.map(|code| code as i32),
                b"message" => drop(r.text(&mut self.message, super::WORDS)?),
                _ => r.skip()?,
            }
        }
        Ok(())
    }
}

/// What was asked for, in the answer to a call as in that to a GET.
#[derive(Deserialize)]
pub(crate) struct Answer<T> {
    pub result: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_whatever_the_order_of_their_members() {
        let changes = |text: &str| match told(text.as_bytes()).unwrap() {
            Told::Changes(mut r) => r.raw().unwrap().to_vec(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            changes(r#"{"jsonrpc":"2.0","method":"notify_status_update","params":[{"a":{}},1.5]}"#),
            br#"{"a":{}}"#
        );
        assert_eq!(changes(r#"{"params": [{"a": 1}, 2], "method": "notify_status_update"}"#), br#"{"a": 1}"#);
        let is_answer = |text: &str, id| matches!(told(text.as_bytes()), Ok(Told::Answer(n)) if n == id);
        assert!(is_answer(r#"{"jsonrpc":"2.0","result":{"id":3},"id":17}"#, 17));
        assert!(is_answer(r#"{"id":4,"error":{"code":1}}"#, 4));
        let notice = |text: &str| match told(text.as_bytes()).unwrap() {
            Told::Notice(method, first) => (method.to_vec(), first.is_some()),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            notice(r#"{"jsonrpc":"2.0","method":"notify_klippy_ready"}"#),
            (b"notify_klippy_ready".to_vec(), false)
        );
        assert!(notice(r#"{"method":"notify_gcode_response","params":["x"]}"#).1);
        for other in ["[]", "5 ", r#"{"id":-1}"#, r#"{"id":"x"}"#, r#"{"method":null}"#, "{}"] {
            assert!(matches!(told(other.as_bytes()), Ok(Told::Other)), "{other}");
        }
        for bad in ["", "{", r#"{"method":"notify_status_update","params":["#, r#"{"a"}"#] {
            assert!(told(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_an_answer_with_a_result_brings_something() {
        for some in [r#"{"result":"ok"}"#, r#"{"jsonrpc":"2.0","id":1,"result":null}"#] {
            assert!(has_result(some.as_bytes()), "{some}");
        }
        for none in
            ["", "<html>", "{}", "[]", r#""result""#, r#"{"x":{"result":1}}"#, r#"{"error":"x"}"#, "{"]
        {
            assert!(!has_result(none.as_bytes()), "{none}");
        }
    }

    #[test]
    fn refusal_is_read_although_its_trace_is_cut() {
        let words = |body: &str| refusal(body.as_bytes()).map(|f| (f.code, f.message));
        let http = r#"{"error":{"code":404,"message":"Not Found","traceback":"Traceback (most"#;
        assert_eq!(words(http), Some((Some(404), "Not Found".into())));
        let rpc = r#"{"jsonrpc":"2.0","error":{"code":400,"message":"Extrude below\nSee"},"id":3}"#;
        assert_eq!(words(rpc), Some((Some(400), "Extrude below\nSee".into())));
        for none in ["<html>", "{}", r#"{"result":{"error":{"code":1}}}"#, r#"{"error":"x"}"#, ""] {
            assert_eq!(words(none), None, "{none}");
        }
    }
}
