//! Everything a change must pass.

use crate::lanes::{self, Lane};
use crate::octoprint::{NEXT, STABLE};
use crate::steps::{Result, Steps};
use crate::workspace::{cargo, cargo_test, cargo_test_peers, command};
use crate::{
    bambulabs_api, board, board_relay, endurance, firmware, fuzz, ledger, moonraker_api, moonraker_smoke,
    octorest, package, peers, portable, pyprusalink, qemu, setup,
};

/// The tests of the suite on the simulators.
const SIMULATED_SUITE: &str = "conformance::simulated";

/// The parts of [`test`] that run side by side. What takes long to build is built before, or in a folder that no other
/// lane builds in: cargo lets one build at a time into a folder.
pub(crate) const LANES: [Lane; 8] = [
    Lane { name: "tests", gives_way: false, run: tests },
    Lane { name: "simulated-suite", gives_way: false, run: simulated_suite },
    Lane { name: "stable", gives_way: false, run: |steps| peers::driver(steps, &STABLE, &[]) },
    Lane { name: "stable-suite", gives_way: false, run: |steps| peers::suite(steps, &STABLE, &[]) },
    Lane { name: "next", gives_way: false, run: |steps| peers::driver(steps, &NEXT, &[]) },
    Lane { name: "qemu", gives_way: false, run: qemu::run },
    Lane { name: "firmware", gives_way: true, run: |steps| firmware::run(steps, &[]) },
    Lane { name: "builds", gives_way: true, run: builds },
];

/// The gate of every change.
pub(crate) fn test(steps: &mut Steps) -> Result {
    steps.command("formatting", &mut cargo(["fmt", "--all", "--check"]))?;
    steps.command(
        "clippy",
        &mut cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    )?;
    // The command and the library of the same name would write to the same page.
    steps.command(
        "documentation",
        cargo(["doc", "--workspace", "--lib", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    let chips = [firmware::HUB, firmware::EXAMPLE].map(|folder| format!("{folder}/Cargo.toml"));
    let others = ["Cargo.toml", board::MANIFEST, fuzz::MANIFEST];
    for manifest in others.into_iter().chain(chips.iter().map(String::as_str)) {
        // Advisories would need a database from the network.
        let mut deny = command(setup::cargo_deny());
        deny.args(["--manifest-path", manifest, "--workspace", "--all-features", "--config", "deny.toml"]);
        deny.args(["check", "--hide-inclusion-graph", "--allow", "duplicate"]);
        // Of packages that only one of the workspaces has.
        deny.args(["--allow", "license-exception-not-encountered", "bans", "licenses", "sources"]);
        steps.command(format!("licences, bans and sources of {manifest}"), &mut deny)?;
    }
    steps.run("packaging", package::run)?;
    // Built before, so that no lane waits for another one's build.
    steps.command("test programs", &mut cargo_test(["--no-run"]))?;
    let mut programs = cargo_test_peers(["--no-run"]);
    steps.command("test programs for servers", programs.args(peers::PROGRAMS))?;
    ledger::clear()?;
    lanes::run(steps, &LANES)?;
    // Alone: with much else going on, 2.0.0rc7 now and then does not get from "Starting" to "Printing".
    peers::suite(steps, &NEXT, &[])?;
    if cfg!(target_os = "linux") {
        // Alone: Klipper gives up homing when its micro-controller is silent for a quarter of a second.
        moonraker_smoke::run(steps)?;
        board_relay::moonraker(steps)?;
    }
    // Alone, since a few seconds of silence count as a fault, and the seconds of a target are to be spent on it.
    endurance::run(steps, endurance::FEW, 1)?;
    fuzz::short(steps)?;
    steps.run("ledger of the conformance suite", ledger::check)
}

/// What needs no server but the simulator, or imitates a network in which there must be no other test.
fn tests(steps: &mut Steps) -> Result {
    steps.command(
        "tests",
        &mut cargo_test(["--lib", "--bins", "--examples", "--tests", "--", "--skip", SIMULATED_SUITE]),
    )?;
    steps.command("documentation tests", &mut cargo_test(["--doc"]))?;
    // On its own: beside its clock no other can be linked. With the features that clippy has built mbedTLS with.
    steps.command(
        "tests of the microcontrollers' network",
        &mut cargo(["test", "--package", "printhost-net-embassy", "--all-features"]),
    )?;
    octorest::run(steps)?;
    moonraker_api::run(steps)?;
    pyprusalink::run(steps)?;
    bambulabs_api::run(steps)?;
    peers::bambu_clients(steps, &[])?;
    peers::announcers(steps, &[])?;
    peers::mqtt(steps, &[])?;
    peers::ftp_servers(steps, &[])
}

/// All of them at once: they mostly wait for what a simulated printer does.
fn simulated_suite(steps: &mut Steps) -> Result {
    let mut suite = cargo_test(["--test=conformance", "--", "--test-threads=16", SIMULATED_SUITE]);
    steps.command("conformance on the simulators", suite.env("PRINTHOST_LEDGER", ledger::columns()))
}

fn builds(steps: &mut Steps) -> Result {
    portable::run(steps)?;
    fuzz::builds(steps)
}
