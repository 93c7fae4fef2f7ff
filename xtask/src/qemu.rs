//! The hub on an emulated microcontroller, against real servers.

use std::sync::Arc;
use std::time::Duration;

use crate::board::{self, HOST, MANIFEST, Report};
use crate::board_bambu;
use crate::board_relay;
use crate::board_suite;
use crate::budgets::{Budget, Line, check};
use crate::elf;
use crate::expect::poll_for;
use crate::octoprint::{OctoPrint, STABLE};
use crate::part;
use crate::server::Server as _;
use crate::sizes;
use crate::steps::{Result, Steps, ensure};
use crate::tls;
use crate::workspace;

/// The file's size in bytes.
const FILE: usize = 16 << 20;
/// To the file's server, to the printer's requests, to what it pushes: once each.
const DIALS: u64 = 3;

/// Builds the board and runs everything that is shown on it.
pub(crate) fn run(steps: &mut Steps) -> Result {
    let fmt = ["fmt", "--check", "--manifest-path", MANIFEST];
    steps.command("formatting of the board", &mut workspace::cargo(fmt))?;
    steps.command("firmware for QEMU", &mut board::build())?;
    steps.run("sizes by crate", || sizes::print(&board::image()))?;
    steps.run("budget of the flash", || {
        let budget = Budget::of(board::BUDGET)?;
        check(&[Line::used("flash", elf::loaded(&board::image())?, budget.get("flash")?)])
    })?;
    steps.run("a write past the RAM budget is stopped", || {
        board::run(&[("probe", "ram-end")])?.ended_with(102)
    })?;
    steps.run("an allocation past the heap is stopped", || {
        board::run(&[("probe", "heap")])?.ended_with(103)
    })?;
    let server = OctoPrint::step(steps, &STABLE)?;
    server.explained(steps.run("QEMU relays 16 MiB into OctoPrint and follows the print", || {
        let url = format!("octoprint://{HOST}:{}", server.port());
        relay(&server, &url, None, "relay/part.gcode", "heap")
    }))?;
    server.explained(tls::run(steps, &server))?;
    drop(server);
    if cfg!(target_os = "linux") {
        board_relay::prusalink(steps)?;
    }
    board_bambu::run(steps)?;
    board_suite::octoprint(steps)
}

/// Relays the file to a printer's URL and has it printed; `heap` names the budget of the heap.
pub(crate) fn relay(
    server: &OctoPrint,
    printer: &str,
    trust: Option<(&str, &str)>,
    path: &str,
    heap: &str,
) -> Result {
    let report = start_relay(server, printer, trust, path)?;
    relayed(&report, heap)?;

    // The oracle is OctoPrint, asked without our driver. It counts a print a moment after it has told its end.
    let stored = poll_for(Duration::from_secs(10), || {
        let stored = server.get(&format!("/api/files/local/{path}")).unwrap_or_default();
        let is_counted = stored["prints"]["success"].is_u64();
        Ok(if is_counted {
            Ok(stored)
        } else {
            Err(format!("OctoPrint has no such file that was printed, but {stored}"))
        })
    })?;
    let prints = &stored["prints"]["success"];
    println!("  OctoPrint: size {}, SHA-1 {}, successful prints {prints}", stored["size"], stored["hash"]);
    let sha1 = part::sha1_of(&part::gcode(FILE))?;
    ensure(stored["size"] == FILE, "the stored file has another size")?;
    ensure(stored["hash"] == sha1, &format!("the stored file has another SHA-1 than ours, {sha1}"))?;
    ensure(prints == 1, "OctoPrint has not counted one successful print")?;
    ensure(report.value("dials")? == DIALS, "there was more than one dial for each kind of connection")
}

/// The same without looking at what came of it.
pub(crate) fn start_relay(
    server: &OctoPrint,
    printer: &str,
    trust: Option<(&str, &str)>,
    path: &str,
) -> Result<Report> {
    let source = part::serve(Arc::new(part::gcode(FILE)))?;
    let source = format!("http://{HOST}:{source}/part.gcode");
    let [_, (_, key), ..] = server.environment();
    let mut config = vec![("source", &*source), ("printer", printer), ("key", &*key), ("path", path)];
    config.extend(trust);
    board::run(&config)
}

/// That the board has relayed a file, within the budget whose heap has this name, and given all memory back.
pub(crate) fn relayed(report: &Report, heap: &str) -> Result {
    report.succeeded()?;
    within_budget(report, heap, "stack")?;
    ensure(
        report.value("heap after")? == report.value("heap before")?,
        "the relay has not given all memory back",
    )
}

/// Compares what a run used with the board's budget, whose numbers for heap and stack have these names.
pub(crate) fn within_budget(report: &Report, heap: &str, stack: &str) -> Result {
    let budget = Budget::of(board::BUDGET)?;
    check(&[
        Line::used("heap", report.value("heap peak")?, budget.get(heap)?),
        Line::used("stack", report.value("stack peak")?, budget.get(stack)?),
        Line::used("static RAM", report.value("static")?, budget.get("static-ram")?),
    ])
}
