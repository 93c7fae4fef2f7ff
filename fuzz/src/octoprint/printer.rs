//! `GET /api/printer`.

use libfuzzer_sys::arbitrary::Unstructured;
use printhost_core::PrintHost as _;

use super::{answer, bound, driver, made, model, network};
use crate::{
    host::{response, settle},
    json::{Expected, Json},
    memory,
};

const JOB: &[u8] = br#"{"job":{"file":{}},"progress":{},"state":"Operational","error":"of the job"}"#;

pub fn run(data: &[u8]) {
    judge(data);
    if let Ok(made) = made::printer(&mut Unstructured::new(data)) {
        judge(made.as_bytes());
    }
}

fn judge(data: &[u8]) {
    let answer = |head: &str| {
        answer(head, |_, target| match target {
            "/api/printer?exclude=sd" => response("200 OK", data),
            _ => response("200 OK", JOB),
        })
    };
    let net = network(&answer);
    let status = memory::within(bound(data, &net), || settle(driver(&net).status())).expect("an end");
    if let Some(Ok(expected)) = Json::parse(data).map(|json| expected(&json)) {
        assert_eq!(status, Ok(expected));
    }
}

fn expected(answer: &Json) -> Expected<printhost_core::PrinterStatus> {
    let mut status = model::state(answer.get("state")?)?;
    if let Some(all) = answer.part("temperature")? {
        model::temperatures(&mut status, all)?;
    }
    status.fault = status.fault.or(Some("of the job".into()));
    Ok(status)
}
