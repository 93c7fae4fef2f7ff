//! Tests against real servers.

use std::time::Duration;

use crate::octoprint::{OctoPrint, RELEASES, STABLE};
use crate::steps::{Result, Steps};
use crate::{ledger, octorest, workspace};

/// How many uploads are cut on a release that is not [`STABLE`], which has them all: three of each kind, since most
/// of what differs between two cuts is on our side.
const FEWER_CUTS: &str = "39";

/// Starts the servers, runs the tests that need them, and stops the servers.
pub(crate) fn peers(test_args: &[&str]) -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps, test_args);
    steps.summary(&result)
}

/// The steps of [`peers`].
pub(crate) fn run(steps: &mut Steps, test_args: &[&str]) -> Result {
    let versions = RELEASES.map(|release| release.version).join(" and ");
    let servers = steps.run(format!("OctoPrint {versions} start"), || OctoPrint::start_all(&RELEASES))?;
    for server in &servers {
        let mut test = workspace::cargo([
            "test",
            "--package=printhost",
            "--features=real-peers",
            "--test=real_octoprint",
        ]);
        // The tests share one printer, which prints one job at a time.
        test.args(["--", "--test-threads=1"]).args(test_args).envs(server.environment());
        if server.version() != STABLE.version {
            test.env("PRINTHOST_OCTOPRINT_CUTS", FEWER_CUTS);
        }
        steps
            .command(format!("tests against OctoPrint {}", server.version()), &mut test)
            .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))?;
        let mut suite = workspace::cargo([
            "test",
            "--package=printhost",
            "--features=real-peers",
            "--test=conformance",
            "--",
            "--test-threads=1",
            "real",
        ]);
        suite.args(test_args).envs(server.environment()).env("PRINTHOST_LEDGER", ledger::columns());
        steps
            .command(format!("conformance on OctoPrint {}", server.version()), &mut suite)
            .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))?;
        let mut same = octorest::same_printer(&["real_octoprint"]);
        same.args(test_args).envs(server.environment());
        steps
            .command(
                format!("OctoRest and the driver see the same OctoPrint {}", server.version()),
                &mut same,
            )
            .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))?;
    }
    drop(servers);
    let mut test = workspace::cargo([
        "test",
        "--package=printhost-discovery",
        "--features=real-peers",
        "--test=real_announcers",
    ]);
    // One at a time: questions of one test and goodbyes of another cross, which python-zeroconf mishandles.
    test.args(["--", "--test-threads=1"]).args(test_args).env("PRINTHOST_PYTHON", STABLE.python_path());
    steps.command("tests against announcers", &mut test)
}

/// Starts the servers, prints how to reach them, and keeps them until Ctrl-C.
pub(crate) fn keep() -> bool {
    let result = OctoPrint::start_all(&RELEASES).and_then(watch);
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    result.is_ok()
}

/// Returns when a server has ended by itself, which is an error.
fn watch(mut servers: Vec<OctoPrint>) -> Result {
    for server in &servers {
        println!("\n# OctoPrint {}", server.version());
        for (name, value) in server.environment() {
            println!("export {name}='{value}'");
        }
    }
    loop {
        servers.iter_mut().try_for_each(OctoPrint::check)?;
        std::thread::sleep(Duration::from_millis(200));
    }
}
