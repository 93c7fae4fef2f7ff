//! Tests against real servers.

use std::process::Command;
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
        on_one(steps, server, test_args)
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

/// Everything that is tested against one server. The tests share its one printer, which prints one job at a time.
fn on_one(steps: &mut Steps, server: &OctoPrint, test_args: &[&str]) -> Result {
    let version = server.version();
    let mut step = |name: String, test: &mut Command| {
        steps.command(name, test.args(test_args).envs(server.environment()))
    };
    let test = |package: &str, args: &[&str]| {
        let mut test = workspace::cargo(["test", "--features=real-peers", "--package"]);
        test.arg(package).args(args);
        test
    };
    let mut real = test("printhost", &["--test=real_octoprint", "--", "--test-threads=1"]);
    if version != STABLE.version {
        real.env("PRINTHOST_OCTOPRINT_CUTS", FEWER_CUTS);
    }
    step(format!("tests against OctoPrint {version}"), &mut real)?;
    let mut suite = test("printhost", &["--test=conformance", "--", "--test-threads=1", "real"]);
    suite.env("PRINTHOST_LEDGER", ledger::columns());
    step(format!("conformance on OctoPrint {version}"), &mut suite)?;
    step(
        format!("the tutorial's driver on OctoPrint {version}"),
        &mut test("tutorial-driver", &["--", "--test-threads=1", "real"]),
    )?;
    step(
        format!("OctoRest and the driver see the same OctoPrint {version}"),
        &mut octorest::same_printer(&["real_octoprint"]),
    )
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
