//! Tests against real servers.

use crate::octoprint::{self, OctoPrint};
use crate::steps::{Result, Steps};
use crate::workspace;

/// Starts the servers, runs the tests that need them, and stops the servers.
pub(crate) fn peers(test_args: &[&str]) -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps, test_args);
    steps.summary(&result)
}

/// The steps of [`peers`].
pub(crate) fn run(steps: &mut Steps, test_args: &[&str]) -> Result {
    let server = steps.run(format!("OctoPrint {} starts", octoprint::VERSION), OctoPrint::start)?;
    let mut test =
        workspace::cargo(["test", "--package=printhost", "--features=real-peers", "--test=real_octoprint"]);
    // The tests share one printer, which prints one job at a time.
    test.args(["--", "--test-threads=1"]).args(test_args).envs(server.environment());
    steps
        .command("tests against OctoPrint", &mut test)
        .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))?;
    drop(server);
    let mut test = workspace::cargo([
        "test",
        "--package=printhost-discovery",
        "--features=real-peers",
        "--test=real_announcers",
    ]);
    // One at a time: questions of one test and goodbyes of another cross, which python-zeroconf mishandles.
    test.args(["--", "--test-threads=1"]).args(test_args).env("PRINTHOST_PYTHON", octoprint::python_path());
    steps.command("tests against announcers", &mut test)
}

/// Starts the servers, prints how to reach them, and keeps them until Ctrl-C.
pub(crate) fn keep() -> bool {
    let result = OctoPrint::start().and_then(|mut server| {
        for (name, value) in server.environment() {
            println!("export {name}='{value}'");
        }
        server.wait()
    });
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    result.is_ok()
}
