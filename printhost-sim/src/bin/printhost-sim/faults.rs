//! Faults as the control route words them.

use std::time::Duration;

use hyper::StatusCode;
#[cfg(feature = "bambu")]
use printhost_sim::BambuFault;
use printhost_sim::{Fault, Injected, On};
use serde_json::{Value, json};

use crate::control::bad;

/// The fault that a body of JSON describes.
pub(crate) fn fault(body: &Value) -> Result<Fault, (StatusCode, String)> {
    let number = |name: &str| body[name].as_u64().ok_or_else(|| bad(&format!("`{name}` must be a number")));
    Ok(match body["fault"].as_str().unwrap_or_default() {
        "reset-after-receiving" => Fault::ResetAfterReceiving(number("bytes")?),
        "reset-after-sending" => Fault::ResetAfterSending(number("bytes")?),
        "stall-after-receiving" => Fault::StallAfterReceiving(number("bytes")?),
        "stall-after-sending" => Fault::StallAfterSending(number("bytes")?),
        "truncate-answer" => Fault::TruncateAnswer(number("bytes")?),
        "early-status" => {
            Fault::EarlyStatus(u16::try_from(number("status")?).map_err(|_| bad("no such status"))?)
        }
        "flip-bit" => Fault::FlipBit { byte: number("byte")? },
        "lose-answer" => Fault::LoseAnswer,
        "delay-answer" => Fault::DelayAnswer(Duration::from_millis(number("milliseconds")?)),
        other => return Err(bad(&format!("there is no fault `{other}`"))),
    })
}

/// The requests that it names.
pub(crate) fn on(body: &Value) -> Result<On, (StatusCode, String)> {
    let path = body["path"].as_str().unwrap_or("/");
    let on = match body["method"].as_str() {
        Some(method) => On::request(method, path),
        None => On::path(path),
    };
    let count = |name: &str| match &body[name] {
        Value::Null => Ok(None),
        value => {
            let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
            count.map(Some).ok_or_else(|| bad(&format!("`{name}` must be a number")))
        }
    };
    let on = on.after(count("after")?.unwrap_or(0));
    Ok(match body["times"] {
        ref times if times == "until-cleared" => on.until_cleared(),
        _ => on.times(count("times")?.unwrap_or(1)),
    })
}

pub(crate) fn injected(injected: &Injected) -> Value {
    json!({ "id": injected.id.number(), "fault": format!("{:?}", injected.fault), "hits": injected.hits })
}

/// The fault of a transfer to or from a Bambu Lab printer.
#[cfg(feature = "bambu")]
pub(crate) fn of_transfer(body: &Value) -> Result<BambuFault, (StatusCode, String)> {
    let number = |name: &str| body[name].as_u64().ok_or_else(|| bad(&format!("`{name}` must be a number")));
    Ok(match body["fault"].as_str().unwrap_or_default() {
        "reset-after-receiving" => BambuFault::ResetAfterReceiving(number("bytes")?),
        "stall-after-receiving" => BambuFault::StallAfterReceiving(number("bytes")?),
        "reset-after-sending" => BambuFault::ResetAfterSending(number("bytes")?),
        "flip-bit" => BambuFault::FlipBit { byte: number("byte")? },
        "truncate" => BambuFault::Truncate(number("bytes")?),
        "late-completion" => BambuFault::LateCompletion(Duration::from_millis(number("milliseconds")?)),
        "answer-before-completion" => BambuFault::AnswerBeforeCompletion,
        "no-completion" => BambuFault::NoCompletion,
        "reset-after-storing" => BambuFault::ResetAfterStoring,
        "broken-though-whole" => BambuFault::BrokenThoughWhole,
        "refuse" => {
            BambuFault::Refuse(u16::try_from(number("status")?).map_err(|_| bad("no such reply code"))?)
        }
        other => return Err(bad(&format!("there is no fault `{other}`"))),
    })
}
