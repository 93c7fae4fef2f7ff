//! Measurements that pass or fail.

use crate::steps::{Result, Steps};
use crate::workspace::cargo;

/// An upload on a host, beside curl. Nothing else should run meanwhile.
pub(crate) fn bench() -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps);
    steps.summary(&result)
}

/// The steps of [`bench`].
pub(crate) fn run(steps: &mut Steps) -> Result {
    let mut bench = cargo(["bench", "--package=printhost", "--features=tokio", "--bench=upload"]);
    steps.command("upload on a host", &mut bench)
}
