//! That the real PrusaLink and the simulated MK3S are fit to test against: curl asks, and the printer tells what it did.

use crate::expect::{ensure, poll};
use crate::prusalink::{self, PRUSALINK, PrusaLink};
use crate::pyprusalink::{self, PYPRUSALINK};
use crate::server::Server as _;
use crate::simulated;
use crate::steps::{self, Result, Steps};
use crate::workspace::{cargo_test_peers, write};

/// What is printed: some seconds of the printer's time, and a move that nothing else makes.
const LAST_MOVE: &str = "G1 X123.25 Y77.5 F6000";

/// Installs what is missing, and runs the steps.
pub(crate) fn prusalink(steps: &mut Steps) -> Result {
    PRUSALINK.step(steps)?;
    PYPRUSALINK.step(steps)?;
    run(steps)
}

/// The steps of [`prusalink`], with everything installed.
pub(crate) fn run(steps: &mut Steps) -> Result {
    steps.command("the simulated MK3S", &mut simulated::build())?;
    let mut server = PrusaLink::step(steps)?;
    let result = steps
        .run("it knows its printer, and who may ask", || knows_its_printer(&server))
        .and_then(|()| steps.run("it prints a file to its end", || prints(&mut server)))
        .and_then(|()| steps.run("it pauses, resumes and stops", || pauses_and_stops(&mut server)))
        .and_then(|()| pyprusalink::real(steps, &server))
        .and_then(|()| driver(steps, &server, &["busy_transfer", "file_is_stored_and_not_started"]))
        .and_then(|()| steps.run("it loses a printer and finds it again", || loses_and_finds(&mut server)));
    let result = result.and_then(|()| {
        server.printer().tell("unplug")?;
        server.wait_until("misses its printer", "/api/v1/status", is("ERROR"))?;
        driver(steps, &server, &["unplugged_printer"])?;
        server.printer().tell("plug-in")?;
        driver(steps, &server, &["printer_that_is_plugged_in_again"])
    });
    server.explained(result)
}

/// The driver's own tests of what is arranged here.
fn driver(steps: &mut Steps, server: &PrusaLink, tests: &[&str]) -> Result {
    let mut test = cargo_test_peers(["--test=real_prusalink", "--", "--test-threads=1"]);
    steps.command(format!("the driver: {}", tests.join(", ")), test.args(tests).envs(server.environment()))
}

fn knows_its_printer(server: &PrusaLink) -> Result {
    let version = server.get("/api/version").ok_or("no answer to /api/version")?;
    ensure(
        version["text"] == PRUSALINK.to_string() && version["capabilities"]["upload-by-put"] == true,
        &version,
    )?;
    let info = server.get("/api/v1/info").ok_or("no answer to /api/v1/info")?;
    ensure(info["serial"] == "CZPX4720X004XK12345" && info["nozzle_diameter"] == 0.4, &info)?;
    let status = server.get("/api/v1/status").ok_or("no answer to /api/v1/status")?;
    ensure(
        status["printer"]["state"] == "IDLE" && status["printer"]["status_printer"]["ok"] == true,
        &status,
    )?;

    let login = |password: &str| {
        let user = format!("maker:{password}");
        let args = ["--digest", "--user", &user, "--output", "/dev/null", "--write-out", "%{http_code}"];
        server.curl_without_key("/api/version", &args)
    };
    ensure(login(prusalink::PASSWORD)? == "200" && login("another")? == "401", &"digest authentication")
}

fn prints(server: &mut PrusaLink) -> Result {
    let gcode = format!(
        "M73 P0 R1\nM104 S210\nG28\nM109 S210\nM73 P50 R1\n{}{LAST_MOVE}\nM73 P100 R0\nM104 S0\n",
        moves(20)
    );
    upload(server, "smoke.gcode", &gcode)?;
    server.wait_until("prints", "/api/v1/status", is("PRINTING"))?;
    server.wait_until("finishes", "/api/v1/status", is("FINISHED"))?;
    let commands = commands(server)?;
    let carried_out = |line: &&str| commands.iter().any(|command| command == line);
    let missing = gcode.lines().filter(|line| !carried_out(line)).count();
    ensure(missing == 0, &format!("{missing} lines were not carried out"))?;
    let last = commands.iter().filter(|command| *command == LAST_MOVE).count();
    ensure(last == 1, &format!("the last move was made {last} times"))?;
    server.wait_until("is idle again", "/api/v1/status", is("IDLE")).map(drop)
}

fn pauses_and_stops(server: &mut PrusaLink) -> Result {
    upload(server, "long.gcode", &format!("M104 S210\nM73 P1 R10\n{}", moves(4000)))?;
    server.wait_until("prints", "/api/v1/status", is("PRINTING"))?;
    let job = server.wait_until("has a job", "/api/v1/job", |job| job["id"].is_u64())?["id"].clone();
    server.curl(&format!("/api/v1/job/{job}/pause"), &["--fail", "--request", "PUT"])?;
    server.wait_until("pauses", "/api/v1/status", is("PAUSED"))?;
    printer_is(server, |report| report["paused"] == true)?;
    server.curl(&format!("/api/v1/job/{job}/resume"), &["--fail", "--request", "PUT"])?;
    server.wait_until("resumes", "/api/v1/status", is("PRINTING"))?;
    server.curl(&format!("/api/v1/job/{job}"), &["--fail", "--request", "DELETE"])?;
    server.wait_until("stops", "/api/v1/status", is("STOPPED"))?;
    printer_is(server, |report| report["printing"] == false && report["nozzle_target"] == 0.0)?;
    server.wait_until("is idle again", "/api/v1/status", is("IDLE")).map(drop)
}

/// In the middle of a print, which is not taken up again by anybody. Lines that noise has damaged before were printed
/// once each.
fn loses_and_finds(server: &mut PrusaLink) -> Result {
    let gcode = moves(4000);
    upload(server, "lost.gcode", &gcode)?;
    let earlier = moves_made(server)?.len();
    server.wait_until("prints", "/api/v1/status", is("PRINTING"))?;
    wait_for_moves(server, earlier + 20)?;
    server.printer().tell("damage")?;
    wait_for_moves(server, earlier + 60)?;
    server.printer().tell("unplug")?;
    let lost = server.wait_until("misses its printer", "/api/v1/status", is("ERROR"))?;
    ensure(lost["printer"]["status_printer"]["ok"] == false, &lost)?;
    let before = moves_made(server)?;
    ensure(
        gcode.lines().zip(&before[earlier..]).all(|(line, made)| line == made),
        &"other moves than the file's",
    )?;
    server.printer().tell("plug-in")?;
    server.wait_until("is idle again", "/api/v1/status", is("IDLE"))?;
    let after = moves_made(server)?;
    ensure(after == before, &format!("{} moves were made after the loss", after.len() - before.len()))?;
    let report = server.printer().tell("report")?;
    ensure(report["printing"] == false, &report)
}

fn wait_for_moves(server: &mut PrusaLink, count: usize) -> Result {
    poll(|| {
        let made = moves_made(server)?.len();
        Ok(steps::ensure(made >= count, &format!("{made} moves of {count}")))
    })
}

/// PrusaLink does not wait for its printer's timer.
fn printer_is(server: &mut PrusaLink, so: impl Fn(&serde_json::Value) -> bool) -> Result {
    poll(|| {
        let report = server.printer().tell("report")?;
        Ok(steps::ensure(so(&report), &format!("the printer: {report}")))
    })
}

fn moves_made(server: &mut PrusaLink) -> Result<Vec<String>> {
    let mut commands = commands(server)?;
    commands.retain(|command| command.starts_with("G1 "));
    Ok(commands)
}

/// What the printer has carried out.
fn commands(server: &mut PrusaLink) -> Result<Vec<String>> {
    let mut told = server.printer().tell("commands")?;
    serde_json::from_value(told["commands"].take()).map_err(|error| format!("the simulated MK3S: {error}"))
}

fn upload(server: &PrusaLink, name: &str, gcode: &str) -> Result {
    let file = server.dir().join(name);
    write(&file, gcode)?;
    let body = format!("@{}", file.display());
    let headers = ["Content-Type: text/x.gcode", "Print-After-Upload: ?1", "Expect:"];
    let mut args = vec!["--fail", "--request", "PUT", "--data-binary", &body];
    args.extend(headers.iter().flat_map(|header| ["--header", *header]));
    server.curl(&format!("/api/v1/files/local/{name}"), &args).map(drop)
}

fn moves(count: usize) -> String {
    (0..count).map(|at| format!("G1 X{} Y{} F1200\n", 20 + at % 7 * 20, 20 + at % 5 * 20)).collect()
}

fn is(state: &'static str) -> impl Fn(&serde_json::Value) -> bool {
    move |status| status["printer"]["state"] == state
}
