//! Development tasks of printhost, run as `cargo xtask <command>`.

mod admission;
mod bambulabs_api;
mod bench;
mod board;
mod board_bambu;
mod board_relay;
mod board_suite;
mod budgets;
mod debian_servers;
mod elf;
mod endurance;
mod esptool;
mod expect;
mod features;
mod firmware;
mod full;
mod fuzz;
mod klipper;
mod lanes;
mod ledger;
mod moonraker;
mod moonraker_api;
mod moonraker_smoke;
mod octoprint;
mod octorest;
mod package;
mod part;
mod peers;
mod portable;
mod process;
mod prusalink;
mod prusalink_smoke;
mod pyprusalink;
mod python;
mod qemu;
mod server;
mod service;
mod setup;
mod simulated;
mod simulator;
mod sizes;
mod steps;
mod test;
mod tls;
mod tls_devices;
mod tls_front;
mod workspace;

use std::process::ExitCode;

use crate::python::Environment;
use crate::steps::{Result, Steps, alone};

const USAGE: &str = "\
usage: cargo xtask <command>

  setup                 install what the other commands need (Debian packages, cargo-deny, OctoPrints, PrusaLink,
                        Klipper, Moonraker)
  test                  everything a change must pass
  lane NAME             one of the parts of it that run side by side
  peers [-- ARGS...]    tests against real servers; ARGS go to the test programs
  peers --keep          start the real servers and keep them until Ctrl-C
  prusalink [--suite]   a real PrusaLink that prints on a simulated MK3S, tried out by curl, or judged by the
                        conformance suite
  moonraker [--suite]   a real Moonraker and Klipper that print on a simulated micro-controller, tried out by curl,
                        or judged by the conformance suite
  octorest              a client that others wrote, against the simulated OctoPrint
  pyprusalink           likewise for PrusaLink
  moonraker-api         likewise for Moonraker
  bambulabs-api         likewise for Bambu Lab printers
  firmware [NAME...]    every firmware image that can be built here, or these: made, checked, measured
  qemu                  the hub on an emulated microcontroller, against real servers
  qemu --relay          a file through it into a real PrusaLink, a real Moonraker and a simulated Bambu Lab printer
  qemu --devices        whom it believes on devices with certificates of their own
  qemu --suite DRIVER   the conformance suite on it, with one driver
  endure [--rounds N] [--seed S]
                        many relays of that hub, with something going wrong in most of them
  fuzz [--seconds N]    every fuzz target for a few seconds, or N
  fuzz TARGET [--seconds N]
                        one fuzz target
  fuzz TARGET FILE...   one fuzz target on these inputs
  fuzz --planted [TARGET]
                        plants bugs, or one target's, and demands that the fuzz targets find them
  package               pack what would be published, and check each package from that
  ledger                write the ledger of the conformance suite from the last runs
  bench                 uploads beside curl; pushed changes beside a plain websocket, and their merging
  full [PART]           all of these, or one, each recorded when it passes: test; features (of every package, each
                        alone); peers (the suite on a real PrusaLink and a real Moonraker); boards (every suite on
                        the emulated microcontroller); endurance (200 relays with faults); planted (bugs, for the fuzz
                        targets); fuzz (for long); bench
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    if let ["help" | "--help" | "-h"] = args[..] {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(&args) {
        Some(true) => ExitCode::SUCCESS,
        Some(false) => ExitCode::FAILURE,
        None => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Whether what was asked for has passed; nothing if there is no such thing.
fn run(args: &[&str]) -> Option<bool> {
    Some(match *args {
        ["setup"] => setup::setup(),
        ["test"] => alone(test::test),
        ["lane", name] => match test::LANES.iter().find(|lane| lane.name == name) {
            Some(lane) => lanes::run_one(lane),
            None => {
                eprintln!("there is no lane {name}, only {}", test::LANES.map(|lane| lane.name).join(", "));
                return None;
            }
        },
        ["peers"] => alone(|steps| peers::peers(steps, &[])),
        ["peers", "--keep"] => alone(peers::keep),
        ["peers", "--", ref extra @ ..] => alone(|steps| peers::peers(steps, extra)),
        ["prusalink"] => alone(prusalink_smoke::prusalink),
        ["prusalink", "--suite"] => alone(|steps| peers::prusalink_suite(steps, &[])),
        ["moonraker"] => alone(moonraker_smoke::moonraker),
        ["moonraker", "--suite"] => alone(|steps| peers::moonraker_suite(steps, &[])),
        ["octorest"] => client(&octorest::OCTOREST, octorest::run),
        ["bambulabs-api"] => client(&bambulabs_api::BAMBULABS_API, bambulabs_api::run),
        ["moonraker-api"] => client(&moonraker_api::MOONRAKER_API, moonraker_api::run),
        ["pyprusalink"] => client(&pyprusalink::PYPRUSALINK, pyprusalink::run),
        ["firmware", ref names @ ..] => return firmware::firmware(names),
        ["qemu"] => alone(qemu::run),
        ["qemu", "--suite", driver] => return board_suite::suite(driver),
        ["qemu", "--devices"] => alone(tls_devices::run),
        ["qemu", "--relay"] => alone(board_relay::relays),
        ["package"] => alone(|steps| steps.run("packaging", package::run)),
        ["ledger"] => ledger::write(),
        ["bench"] => alone(bench::run),
        ["endure", ref args @ ..] => return endurance::endure(args),
        ["fuzz", ref args @ ..] => return fuzz::fuzz(args),
        ["full", ref args @ ..] => return full::full(args),
        _ => return None,
    })
}

/// A client that others wrote, installed if it is missing, and what it judges; first the command that it drives.
fn client(environment: &Environment, judge: fn(&mut Steps) -> Result) -> bool {
    alone(|steps| {
        environment.step(steps)?;
        steps.command("the simulator's command", &mut workspace::cargo_test(["--test=command"]))?;
        judge(steps)
    })
}
