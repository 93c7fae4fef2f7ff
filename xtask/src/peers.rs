//! Tests against real servers.

use std::process::Command;
use std::time::Duration;

use crate::moonraker::{Access, Moonraker};
use crate::octoprint::{OctoPrint, RELEASES, STABLE};
use crate::prusalink::PrusaLink;
use crate::python::Environment;
use crate::server::Server;
use crate::steps::{Result, Steps};
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
pub(crate) fn peers(steps: &mut Steps, test_args: &[&str]) -> Result {
    for release in &RELEASES {
        driver(steps, release, test_args)?;
        suite(steps, release, test_args)?;
    }
    prusalink_suite(steps, test_args)?;
    moonraker_suite(steps, test_args)?;
    board_suite::further(steps)?;
    announcers(steps, test_args)?;
    mqtt(steps, test_args)?;
    ftp_servers(steps, test_args)?;
    bambu_clients(steps, test_args)
}

/// The driver's own tests against one server. They share its one printer, which prints one job at a time.
pub(crate) fn driver(steps: &mut Steps, release: &'static Environment, test_args: &[&str]) -> Result {
    let server = OctoPrint::step(steps, release)?;
    let mut real = one_by_one("--test=real_octoprint", test_args);
    if release.version != STABLE.version {
        real.env("PRINTHOST_OCTOPRINT_CUTS", FEWER_CUTS);
    }
    run(steps, "tests against", &server, &mut real)
}

/// What judges any driver, on one server: the conformance suite, with the tutorial's driver too, and OctoRest.
pub(crate) fn suite(steps: &mut Steps, release: &'static Environment, test_args: &[&str]) -> Result {
    let server = OctoPrint::step(steps, release)?;
    for (what, test) in
        [("conformance", "on_the_real_octoprint"), ("the tutorial's driver", "on_a_real_octoprint")]
    {
        let mut suite = one_by_one("--test=conformance", test_args);
        run(steps, &format!("{what} on"), &server, suite.arg(test))?;
    }
    let mut same = octorest::same_printer(&["real_octoprint"]);
    run(steps, "OctoRest and the driver see the same", &server, same.args(test_args))
}

/// PrusaLink with a simulated MK3S, tried out, and what judges any driver, with each way to log in.
pub(crate) fn prusalink_suite(steps: &mut Steps, test_args: &[&str]) -> Result {
    prusalink_smoke::run(steps)?;
    for login in ["with_the_key", "with_the_password"] {
        let server = PrusaLink::step(steps)?;
        let mut suite = one_by_one("--test=conformance", test_args);
        suite.args(["--ignored", &format!("prusalink_driver_passes_{login}")]);
        run(steps, &format!("conformance, {login}, on"), &server, &mut suite)?;
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
        let server = Moonraker::step(steps, access)?;
        let mut suite = one_by_one(test, test_args);
        run(steps, &format!("{test} {only} on"), &server, suite.args(["--ignored", only]))?;
    }
    Ok(())
}

/// Discovery, against announcers that are not ours.
pub(crate) fn announcers(steps: &mut Steps, test_args: &[&str]) -> Result {
    // One at a time: questions of one test and goodbyes of another cross, which python-zeroconf mishandles.
    let mut test = one_by_one("--test=real_announcers", test_args);
    steps.command("tests against announcers", test.env("PRINTHOST_PYTHON", STABLE.python()))
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

fn one_by_one(test: &str, test_args: &[&str]) -> Command {
    let mut command = cargo_test_peers([test, "--", "--test-threads=1"]);
    command.args(test_args);
    command
}

fn run(steps: &mut Steps, what: &str, server: &impl Server, test: &mut Command) -> Result {
    test.envs(server.environment()).env("PRINTHOST_LEDGER", ledger::columns());
    server.explained(steps.command(format!("{what} {}", server.name()), test))
}

/// Starts the servers, prints how to reach them, and keeps them until Ctrl-C; returns when one has ended by itself,
/// which is an error. PrusaLink and Klipper need Linux, and Klipper is not always to be had.
pub(crate) fn keep(steps: &mut Steps) -> Result {
    let mut servers: Vec<Box<dyn Server>> = Vec::new();
    for release in &RELEASES {
        servers.push(Box::new(OctoPrint::step(steps, release)?));
    }
    if cfg!(target_os = "linux") {
        steps.command("the simulated printers", &mut simulated::build())?;
        servers.push(Box::new(PrusaLink::step(steps)?));
        if klipper::impossible().is_none() {
            servers.push(Box::new(Moonraker::step(steps, Access::Trusted)?));
        }
    }
    for server in &servers {
        println!("\n# {}", server.name());
        for (name, value) in server.environment() {
            println!("export {name}='{value}'");
        }
    }
    loop {
        servers.iter_mut().try_for_each(|server| server.check())?;
        std::thread::sleep(Duration::from_millis(200));
    }
}
