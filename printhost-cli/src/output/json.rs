//! What programs read.

use printhost::{Error, Event, Fan, Heater, JobEvent, Position, PrinterStatus, Retry};
use serde_json::{Value, json};

/// An event's name and fields.
pub(crate) fn event_json(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Status(status) => ("status", status_json(status)),
        Event::Job { event: job, inferred } => {
            let mut fields = json!({ "job": job.name(), "inferred": inferred });
            match job {
                JobEvent::Started { path } => fields["path"] = json!(path),
                JobEvent::Failed { reason } => fields["reason"] = json!(reason),
                _ => {}
            }
            ("job", fields)
        }
        Event::Lost(error) => ("lost", json!({ "error": error_json(error, error.kind().advice()) })),
        Event::Resynced => ("resynced", Value::Null),
        Event::Skipped(missed) => ("skipped", json!({ "missed": missed })),
        _ => ("unknown", Value::Null),
    }
}

/// A status.
pub(crate) fn status_json(status: &PrinterStatus) -> Value {
    let heater = |h: &Heater| json!({ "actual": h.actual.map(rounded), "target": h.target.map(rounded) });
    let fan = |f: &Fan| json!({ "name": f.name, "speed": f.speed.map(rounded), "rpm": f.rpm });
    let position =
        |p: Position| json!({ "x": p.x.map(rounded), "y": p.y.map(rounded), "z": p.z.map(rounded) });
    let job = status.job.as_ref().map(|job| {
        json!({
            "path": job.path,
            "size": job.size,
            "progress": job.progress.map(rounded),
            "elapsed": job.elapsed.map(|d| d.as_secs()),
            "remaining": job.remaining.map(|d| d.as_secs()),
        })
    });
    json!({
        "phase": status.phase.name(),
        "state": status.state_text,
        "job": job,
        "tools": status.tools.iter().map(heater).collect::<Vec<_>>(),
        "bed": status.bed.as_ref().map(heater),
        "chamber": status.chamber.as_ref().map(heater),
        "fans": status.fans.iter().map(fan).collect::<Vec<_>>(),
        "position": status.position.map(position),
        "speed_factor": status.speed_factor,
        "flow_factor": status.flow_factor,
        "fault": status.fault,
    })
}

/// An error with advice.
pub(crate) fn error_json(error: &Error, advice: &str) -> Value {
    let after = match error.retry() {
        Retry::After(wait) => Some(wait.as_secs()),
        _ => None,
    };
    json!({
        "kind": error.kind().name(),
        "operation": error.operation(),
        "http": error.http_status(),
        "detail": error.detail(),
        "advice": advice,
        "retry": error.retry().name(),
        "retry_after": after,
    })
}

/// Without the digits that an `f32` does not have.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 10_000.0).round() / 10_000.0
}
