//! Tests against real servers.

use std::process::Command;
use std::time::Duration;

use crate::moonraker::{self, Access, Moonraker};
use crate::octoprint::{OctoPrint, RELEASES, Release, STABLE};
use crate::prusalink::{self, PrusaLink};
use crate::steps::{self, Result, Steps};
use crate::workspace::cargo_test_peers;
use crate::{
    board_suite, debian_servers, klipper, ledger, moonraker_smoke, octorest, prusalink_smoke, simulated,
};

/// How many uploads are cut on a release that is not [`STABLE`], which has them all: three of each kind, since most
/// of what differs between two cuts is on our side.
const FEWER_CUTS: &str = "39";

/// The test programs that have something for servers.
pub(crate) const PROGRAMS: [&str; 9] = [
    "--test=real_octoprint",
    "--test=real_moonraker",
    "--test=real_prusalink",
    "--test=conformance",
    "--test=same_printer",
    "--test=real_announcers",
    "--test=real_mqtt",
    "--test=real_ftp",
    "--test=bambu_peers",
];

/// Every test that needs a server, each group with a server of its own.
pub(crate) fn peers(test_args: &[&str]) -> bool {
    let mut steps = Steps::new();
    let result = RELEASES
        .iter()
        .try_for_each(|release| {
            driver(&mut steps, release, test_args).and_then(|()| suite(&mut steps, release, test_args))
        })
        .and_then(|()| prusalink_suite(&mut steps, test_args))
        .and_then(|()| moonraker_suite(&mut steps, test_args))
        .and_then(|()| board_suite::further(&mut steps))
        .and_then(|()| announcers(&mut steps, test_args))
        .and_then(|()| mqtt(&mut steps, test_args))
        .and_then(|()| ftp_servers(&mut steps, test_args))
        .and_then(|()| bambu_clients(&mut steps, test_args));
    steps.summary(&result)
}

/// The part of [`peers`] that is Moonraker's.
pub(crate) fn moonraker() -> bool {
    let mut steps = Steps::new();
    let result = moonraker_suite(&mut steps, &[]);
    steps.summary(&result)
}

/// The driver's own tests against one server. They share its one printer, which prints one job at a time.
pub(crate) fn driver(steps: &mut Steps, release: &'static Release, test_args: &[&str]) -> Result {
    let server = start(steps, release)?;
    let mut real = cargo_test_peers(["--test=real_octoprint", "--", "--test-threads=1"]);
    if server.version() != STABLE.version {
        real.env("PRINTHOST_OCTOPRINT_CUTS", FEWER_CUTS);
    }
    run(steps, "tests against", &server, real.args(test_args))
}

/// What judges any driver, on one server: the conformance suite, with the tutorial's driver too, and OctoRest.
pub(crate) fn suite(steps: &mut Steps, release: &'static Release, test_args: &[&str]) -> Result {
    let server = start(steps, release)?;
    let suite = |test| {
        let mut suite = cargo_test_peers(["--test=conformance", "--", "--test-threads=1", test]);
        suite.args(test_args).env("PRINTHOST_LEDGER", ledger::columns());
        suite
    };
    run(steps, "conformance on", &server, &mut suite("on_the_real_octoprint"))?;
    run(steps, "the tutorial's driver on", &server, &mut suite("on_a_real_octoprint"))?;
    let mut same = octorest::same_printer(&["real_octoprint"]);
    run(steps, "OctoRest and the driver see the same", &server, same.args(test_args))
}

/// PrusaLink with a simulated MK3S, tried out, and what judges any driver, with each way to log in.
pub(crate) fn prusalink_suite(steps: &mut Steps, test_args: &[&str]) -> Result {
    prusalink_smoke::run(steps)?;
    for login in ["with_the_key", "with_the_password"] {
        let server = steps.run(format!("PrusaLink {} starts", prusalink::VERSION), PrusaLink::start)?;
        let only = format!("prusalink_driver_passes_{login}");
        let mut suite =
            cargo_test_peers(["--test=conformance", "--", "--ignored", "--test-threads=1", &only]);
        suite.args(test_args).envs(server.environment()).env("PRINTHOST_LEDGER", ledger::columns());
        steps
            .command(format!("conformance on PrusaLink {}, {login}", prusalink::VERSION), &mut suite)
            .map_err(|error| format!("{error}\n{}", server.log_hint()))?;
    }
    Ok(())
}

/// Moonraker with a Klipper and a simulated micro-controller, tried out, and what judges any driver, with and without
/// a key.
pub(crate) fn moonraker_suite(steps: &mut Steps, test_args: &[&str]) -> Result {
    moonraker_smoke::run(steps)?;
    if !moonraker_smoke::can_run(steps)? {
        return Ok(());
    }
    for (access, test, only) in [
        (Access::Locked, "--test=conformance", "moonraker_driver_passes_with_the_key"),
        (Access::Trusted, "--test=conformance", "moonraker_driver_passes_on_a_trusted_machine"),
        (Access::Locked, "--test=conformance", "moonraker_crashes"),
        (Access::Locked, "--test=real_moonraker", ""),
    ] {
        let server =
            steps.run(format!("Moonraker {} starts", moonraker::VERSION), || Moonraker::start(access))?;
        let mut suite = cargo_test_peers([test, "--", "--ignored", "--test-threads=1", only]);
        suite.args(test_args).envs(server.environment()).env("PRINTHOST_LEDGER", ledger::columns());
        steps
            .command(format!("on Moonraker {}: {test} {only}", moonraker::VERSION), &mut suite)
            .map_err(|error| format!("{error}\n{}", server.log_hint()))?;
    }
    Ok(())
}

/// Discovery, against announcers that are not ours.
pub(crate) fn announcers(steps: &mut Steps, test_args: &[&str]) -> Result {
    // One at a time: questions of one test and goodbyes of another cross, which python-zeroconf mishandles.
    let mut test = cargo_test_peers(["--test=real_announcers", "--", "--test-threads=1"]);
    test.args(test_args).env("PRINTHOST_PYTHON", STABLE.python_path());
    steps.command("tests against announcers", &mut test)
}

/// The MQTT client, against brokers that its tests start.
pub(crate) fn mqtt(steps: &mut Steps, test_args: &[&str]) -> Result {
    if !debian_servers::are_there() {
        return Ok(());
    }
    let mut test = cargo_test_peers(["--test=real_mqtt", "--"]);
    steps.command("tests against mosquitto", test.args(test_args))
}

/// mosquitto's clients and lftp, against the simulated Bambu Lab printer.
pub(crate) fn bambu_clients(steps: &mut Steps, test_args: &[&str]) -> Result {
    if !debian_servers::are_there() {
        println!("  mosquitto and lftp are not there: what they think of the simulated printer is not run");
        return Ok(());
    }
    let mut test = cargo_test_peers(["--test=bambu_peers", "--"]);
    steps.command("mosquitto and lftp with the simulated printer", test.args(test_args))
}

/// The FTP client, against vsftpd and, where this is root, pure-ftpd.
pub(crate) fn ftp_servers(steps: &mut Steps, test_args: &[&str]) -> Result {
    let mut test = cargo_test_peers(["--test=real_ftp", "--", "--show-output"]);
    steps.command("tests against FTP servers", test.args(test_args))
}

fn start(steps: &mut Steps, release: &'static Release) -> Result<OctoPrint> {
    steps.run(format!("OctoPrint {} starts", release.version), || OctoPrint::start(release))
}

fn run(steps: &mut Steps, what: &str, server: &OctoPrint, test: &mut Command) -> Result {
    steps
        .command(format!("{what} OctoPrint {}", server.version()), test.envs(server.environment()))
        .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))
}

/// Starts the servers, prints how to reach them, and keeps them until Ctrl-C.
pub(crate) fn keep() -> bool {
    let result = OctoPrint::start_all(&RELEASES)
        .and_then(|servers| watch(servers, prusalink()?, moonraker_with_klipper()?));
    if let Err(error) = &result {
        eprintln!("error: {error}");
    }
    result.is_ok()
}

/// PrusaLink needs Linux, as its simulated printer does.
fn prusalink() -> Result<Option<PrusaLink>> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    steps::run(&mut simulated::build())?;
    PrusaLink::start().map(Some)
}

/// Klipper needs Linux too, and is not always to be had.
fn moonraker_with_klipper() -> Result<Option<Moonraker>> {
    if !cfg!(target_os = "linux") || klipper::impossible().is_some() {
        return Ok(None);
    }
    Moonraker::start(Access::Trusted).map(Some)
}

/// Returns when a server has ended by itself, which is an error.
fn watch(
    mut servers: Vec<OctoPrint>,
    mut prusalink: Option<PrusaLink>,
    mut moonraker: Option<Moonraker>,
) -> Result {
    for server in &servers {
        show(&format!("OctoPrint {}", server.version()), &server.environment());
    }
    if let Some(server) = &prusalink {
        show(&format!("PrusaLink {}", prusalink::VERSION), &server.environment());
    }
    if let Some(server) = &moonraker {
        show(&format!("Moonraker {}", moonraker::VERSION), &server.environment());
    }
    loop {
        servers.iter_mut().try_for_each(OctoPrint::check)?;
        prusalink.as_mut().map_or(Ok(()), PrusaLink::check)?;
        moonraker.as_mut().map_or(Ok(()), Moonraker::check)?;
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn show(server: &str, environment: &[(&'static str, String)]) {
    println!("\n# {server}");
    for (name, value) in environment {
        println!("export {name}='{value}'");
    }
}
