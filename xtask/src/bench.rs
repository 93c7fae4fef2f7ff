//! Measurements that pass or fail.

use crate::steps::Steps;
use crate::workspace::cargo;

/// An upload on a host, beside curl. Nothing else should run meanwhile.
pub(crate) fn bench() -> bool {
    let mut steps = Steps::new();
    let mut bench = cargo(["bench", "--package=printhost", "--features=tokio", "--bench=upload"]);
    let result = steps.command("upload on a host", &mut bench);
    steps.summary(&result)
}
