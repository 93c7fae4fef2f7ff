//! That the real Moonraker, the real Klipper and the simulated micro-controller are fit to test against: curl asks, and
//! the motors tell what they did.

use std::time::Duration;

use serde_json::{Value, json};

use crate::expect::{ensure, poll};
use crate::klipper;
use crate::moonraker::{self, Access, MOONRAKER, Moonraker};
use crate::moonraker_api::{self, MOONRAKER_API};
use crate::server::Server as _;
use crate::simulated;
use crate::steps::{self, Result, Steps};
use crate::workspace::write;

/// Of the extruder, as its configuration has it.
const STEPS_PER_MM: u64 = 100;
const PRINT: &str = "/printer/objects/query?print_stats&webhooks=state";

/// Installs what is missing, and runs the steps.
pub(crate) fn moonraker(steps: &mut Steps) -> Result {
    steps.run(format!("Klipper {}", klipper::VERSION), klipper::install)?;
    MOONRAKER.step(steps)?;
    MOONRAKER_API.step(steps)?;
    run(steps)
}

/// Whether there is a Klipper. If there can be none, that is recorded.
pub(crate) fn can_run(steps: &mut Steps) -> Result<bool> {
    let Some(why) = klipper::impossible() else { return Ok(true) };
    steps.run(format!("NOT RUN: {MOONRAKER}, since Klipper cannot be installed here"), || {
        println!("{why}");
        Ok(false)
    })
}

/// The steps of [`moonraker`], with everything installed.
pub(crate) fn run(steps: &mut Steps) -> Result {
    if !can_run(steps)? {
        return Ok(());
    }
    steps.command("the simulated micro-controller", &mut simulated::build())?;
    let mut server = Moonraker::step(steps, Access::Locked)?;
    let result = steps
        .run("it knows its printer, and who may ask", || knows_its_printer(&server))
        .and_then(|()| steps.run("it prints a file to its end", || prints(&mut server)))
        .and_then(|()| steps.run("it pauses, resumes and cancels", || pauses_and_cancels(&mut server)))
        .and_then(|()| moonraker_api::real(steps, &server))
        .and_then(|()| steps.run("it loses a sensor and starts anew", || loses_a_sensor(&mut server)))
        .and_then(|()| steps.run("a print outlives Moonraker, not Klipper", || is_killed(&mut server)));
    server.explained(result)
}

fn knows_its_printer(server: &Moonraker) -> Result {
    let info = server.get("/server/info").ok_or("no answer to /server/info")?;
    let version = info["moonraker_version"].as_str().unwrap_or_default();
    ensure(version.starts_with(moonraker::VERSION) && info["failed_components"] == json!([]), &info)?;
    let status = |args: &[&str]| {
        let only_status = ["--output", "/dev/null", "--write-out", "%{http_code}"];
        server.curl_without_key("/server/info", &[args, &only_status].concat())
    };
    ensure(status(&[])? == "401", &"no key is needed")?;
    ensure(status(&["--header", "X-Api-Key: 0123456789abcdef"])? == "401", &"any key will do")?;
    let objects = server.get("/printer/objects/list").ok_or("no answer to /printer/objects/list")?;
    let has = |name| objects["objects"].as_array().is_some_and(|objects| objects.contains(&json!(name)));
    let needed = ["extruder", "heater_bed", "fan", "virtual_sdcard", "print_stats", "pause_resume"];
    ensure(needed.into_iter().all(has), &objects)
}

fn prints(server: &mut Moonraker) -> Result {
    let gcode = format!("G28\nM83\nG92 E0\nM106 S255\n{}M107\n", moves(20));
    let before = steps_of(server)?;
    upload(server, "smoke.gcode", &gcode)?;
    let status = server.wait_until("completes", PRINT, is("complete"))?;
    let file = &status["status"]["print_stats"]["filename"];
    ensure(*file == "smoke.gcode", file)?;
    // A print is complete when Klipper has read it, up to two seconds before the last move.
    poll_steps(server, before + 20 * STEPS_PER_MM)?;
    let made = rest(server)? - before;
    ensure(made == 20 * STEPS_PER_MM, &format!("{made} steps of the extruder"))?;
    let stored = std::fs::read_to_string(server.dir().join("gcodes/smoke.gcode"));
    ensure(stored.is_ok_and(|stored| stored == gcode), &"another file than was sent")
}

fn pauses_and_cancels(server: &mut Moonraker) -> Result {
    upload(server, "long.gcode", &format!("M83\n{}", moves(4000)))?;
    server.wait_until("prints", PRINT, is("printing"))?;
    post(server, "/printer/print/pause")?;
    server.wait_until("pauses", PRINT, is("paused"))?;
    post(server, "/printer/print/resume")?;
    server.wait_until("resumes", PRINT, is("printing"))?;
    post(server, "/printer/print/cancel")?;
    server.wait_until("cancels", PRINT, is("cancelled")).map(drop)
}

/// In the middle of a print, which is not taken up again by anybody.
fn loses_a_sensor(server: &mut Moonraker) -> Result {
    begin_long_print(server)?;
    server.printer.tell("break-sensor")?;
    let is_shut_down = |status: &Value| status["status"]["webhooks"]["state"] == "shutdown";
    server.wait_until("misses its sensor", PRINT, is_shut_down)?;
    let report = server.printer.tell("mend-sensor")?;
    ensure(report["shutdown"] == "ADC out of range", &report)?;
    stays_still_until_ready(server, |server| post(server, "/printer/firmware_restart"))
}

fn is_killed(server: &mut Moonraker) -> Result {
    begin_long_print(server)?;
    server.moonraker.kill()?;
    let made = steps_of(server)?;
    poll_steps(server, made + 3 * STEPS_PER_MM)?;
    server.moonraker.release()?;
    server.wait_until("is there again", PRINT, is("printing"))?;
    server.klipper.kill()?;
    server.wait_until("misses Klipper", "/server/info", |info| info["klippy_state"] == "disconnected")?;
    // What it had sent ahead is still made.
    rest(server)?;
    stays_still_until_ready(server, |server| server.klipper.release())
}

fn stays_still_until_ready(server: &mut Moonraker, restart: impl FnOnce(&mut Moonraker) -> Result) -> Result {
    let before = steps_of(server)?;
    restart(server)?;
    server.wait_until_ready()?;
    let after = steps_of(server)?;
    ensure(after == before, &format!("{} steps after the print's end", after - before))
}

/// Returns when its motors move.
fn begin_long_print(server: &mut Moonraker) -> Result {
    let before = steps_of(server)?;
    upload(server, "long.gcode", &format!("M83\n{}", moves(4000)))?;
    poll_steps(server, before + 1)
}

fn poll_steps(server: &mut Moonraker, least: u64) -> Result {
    poll(|| {
        let made = steps_of(server)?;
        Ok(steps::ensure(made >= least, &format!("{made} steps of {least}")))
    })
}

/// How many steps the extruder has made, once it makes no more.
fn rest(server: &mut Moonraker) -> Result<u64> {
    let mut last = steps_of(server)?;
    poll(|| {
        std::thread::sleep(Duration::from_millis(300));
        let before = std::mem::replace(&mut last, steps_of(server)?);
        Ok(steps::ensure(last == before, &format!("{last} steps and more")))
    })?;
    Ok(last)
}

/// What the printer says of its extruder.
fn steps_of(server: &mut Moonraker) -> Result<u64> {
    let report = server.printer.tell("report")?;
    report["steps"]["e"].as_u64().ok_or_else(|| format!("the printer: {report}"))
}

fn upload(server: &Moonraker, name: &str, gcode: &str) -> Result {
    let file = server.dir().join(name);
    write(&file, gcode)?;
    let form = format!("file=@{}", file.display());
    let answer = server.curl("/server/files/upload", &["--fail", "--form", "print=true", "--form", &form])?;
    ensure(answer.contains("\"print_started\":true"), &answer)
}

fn post(server: &Moonraker, path: &str) -> Result {
    server.curl(path, &["--fail", "--request", "POST"]).map(drop)
}

/// Each lasts a fifth of a second or so, and extrudes 1 mm.
fn moves(count: usize) -> String {
    (0..count).map(|at| format!("G1 X{} Y{} E1 F3000\n", 20 + at % 7, 20 + at % 2 * 5)).collect()
}

fn is(state: &'static str) -> impl Fn(&Value) -> bool {
    move |answer| answer["status"]["print_stats"]["state"] == state
}
