//! Measurements that pass or fail.

use crate::steps::{Result, Steps};
use crate::workspace::cargo;

/// An upload on a host, beside curl; a pushed change, beside a plain websocket; merging what is pushed, beside serde.
/// Nothing else should run meanwhile.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let mut bench = cargo(["bench", "--package=printhost", "--features=tokio", "--bench=upload"]);
    steps.command("upload on a host", &mut bench)?;
    let mut bench = cargo(["bench", "--package=printhost", "--features=tokio", "--bench=events"]);
    steps.command("from the wire to a subscriber", &mut bench)?;
    let mut bench = cargo(["bench", "--package=printhost-moonraker", "--bench=changes"]);
    steps.command("pushed changes of Klipper's objects", &mut bench)?;
    let mut bench = cargo(["bench", "--package=printhost-bambu", "--bench=report"]);
    steps.command("reports of a Bambu printer", &mut bench)
}
