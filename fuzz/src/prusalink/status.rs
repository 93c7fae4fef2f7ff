//! `GET /api/v1/status`, with and without a job.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::PrintHost as _;

use super::{answer, bound, driver, model, network};
use crate::{
    host::{response, settle},
    json::Json,
    memory,
};

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

/// The driver may refuse what is read here; but not what was made for it.
fn judge(data: &[u8], made: bool) {
    let answer = |head: &str| {
        answer(head, |_, target| match target {
            "/api/v1/status" => response("200 OK", data),
            _ => b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        })
    };
    let net = network(&answer);
    let status = memory::within(bound(data, &net), || settle(driver(&net).status())).expect("an end");
    if let Some(Ok(expected)) = Json::parse(data).map(|json| model::status(&json))
        && (made || status.is_ok())
    {
        assert_eq!(status, Ok(expected));
    }
    if let Ok(status) = status
        && let Some(job) = status.job
    {
        assert!(job.progress.is_none_or(|p| (0.0..=1.0).contains(&p)), "{job:?}");
    }
}

const STATES: [&str; 11] = [
    "IDLE",
    "READY",
    "BUSY",
    "PRINTING",
    "PAUSED",
    "FINISHED",
    "STOPPED",
    "ERROR",
    "ATTENTION",
    "UNKNOWN",
    "",
];
const MESSAGES: [&str; 4] = ["\"OK\"", "\"Serial device does not exist\"", "null", "\"\""];
const NUMBERS: [&str; 9] = ["null", "0", "1", "18.35", "100", "100.5", "-1", "1e30", "4294967296"];

/// As PrusaLink could give it: well-typed, with values that it never has.
fn made(u: &mut Unstructured<'_>) -> Result<String> {
    let mut members = vec![format!("\"state\": \"{}\"", u.choose(&STATES)?)];
    for name in [
        "temp_nozzle",
        "target_nozzle",
        "temp_bed",
        "target_bed",
        "axis_x",
        "axis_y",
        "axis_z",
        "flow",
        "speed",
        "fan_hotend",
        "fan_print",
    ] {
        if u.ratio(3, 4)? {
            members.push(format!("\"{name}\": {}", u.choose(&NUMBERS)?));
        }
    }
    let (ok, message): (bool, _) = (u.arbitrary()?, u.choose(&MESSAGES)?);
    members.push(format!("\"status_printer\": {{\"ok\": {ok}, \"message\": {message}}}"));
    let (done, time, left) = (u.choose(&NUMBERS)?, u.choose(&NUMBERS)?, u.choose(&NUMBERS)?);
    let job = match u.int_in_range(0..=3)? {
        0 => String::new(),
        1 => ", \"job\": null".to_owned(),
        id => format!(
            ", \"job\": {{\"id\": {id}, \"progress\": {done}, \"time_printing\": {time}, \"time_remaining\": {left}}}"
        ),
    };
    Ok(format!("{{\"storage\": [], \"printer\": {{{}}}{job}}}", members.join(", ")))
}
