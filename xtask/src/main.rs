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
mod prusalink;
mod prusalink_smoke;
mod pyprusalink;
mod qemu;
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

const USAGE: &str = "\
usage: cargo xtask <command>

  setup                 install what the other commands need (Debian packages, cargo-deny, OctoPrints, PrusaLink,
                        Klipper, Moonraker)
  test                  everything a change must pass
  lane NAME             one of the parts of it that run side by side
  peers [-- ARGS...]    tests against real servers; ARGS go to the test programs
  peers --keep          start the real servers and keep them until Ctrl-C
  prusalink             a real PrusaLink that prints on a simulated MK3S, tried out by curl
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
  fuzz --planted        plants bugs and demands that the fuzz targets find them
  package               pack what would be published, and check each package from that
  ledger                write the ledger of the conformance suite from the last runs
  bench                 uploads beside curl; pushed changes beside a plain websocket, and their merging
  full                  test, every feature of every package alone, every suite on the board, 200 relays with
                        faults, long fuzzing, planted bugs, and bench
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let passed = match args.as_slice() {
        ["setup"] => setup::setup(),
        ["test"] => test::test(),
        ["lane", name] => match test::LANES.iter().find(|lane| lane.name == *name) {
            Some(lane) => lanes::run_one(lane),
            None => {
                eprintln!("there is no lane {name}, only {}", test::LANES.map(|lane| lane.name).join(", "));
                return ExitCode::from(2);
            }
        },
        ["peers"] => peers::peers(&[]),
        ["peers", "--keep"] => peers::keep(),
        ["peers", "--", extra @ ..] => peers::peers(extra),
        ["prusalink"] => prusalink_smoke::prusalink(),
        ["moonraker"] => moonraker_smoke::moonraker(),
        ["moonraker", "--suite"] => peers::moonraker(),
        ["octorest"] => octorest::octorest(),
        ["bambulabs-api"] => bambulabs_api::bambulabs_api(),
        ["moonraker-api"] => moonraker_api::moonraker_api(),
        ["pyprusalink"] => pyprusalink::pyprusalink(),
        ["firmware", names @ ..] => match firmware::firmware(names) {
            Some(passed) => passed,
            None => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["qemu"] => qemu::qemu(),
        ["qemu", "--suite", driver] => match board_suite::suite(driver) {
            Some(passed) => passed,
            None => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["qemu", "--devices"] => tls_devices::alone(),
        ["qemu", "--relay"] => board_relay::relays(),
        ["package"] => package::package(),
        ["ledger"] => ledger::write(),
        ["bench"] => bench::bench(),
        ["endure", args @ ..] => match endurance::endure(args) {
            Some(passed) => passed,
            None => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["fuzz", args @ ..] => match fuzz::fuzz(args) {
            Some(passed) => passed,
            None => {
                eprint!("{USAGE}");
                return ExitCode::from(2);
            }
        },
        ["full"] => test::full(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
