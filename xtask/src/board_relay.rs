//! A file from a server through the emulated board into a real PrusaLink, a real Moonraker and a simulated Bambu Lab
//! printer, printed and followed to its end.

use std::sync::Arc;

use crate::board::{self, HOST};
use crate::board_bambu;
use crate::moonraker::{Access, Moonraker};
use crate::moonraker_smoke;
use crate::part;
use crate::prusalink::PrusaLink;
use crate::qemu::relayed;
use crate::server::Server as _;
use crate::simulated;
use crate::steps::{Result, Steps, ensure};

/// The file's size in bytes: both take a while to look into what they are given.
const FILE: usize = 4 << 20;
/// Moves of the file, as it has them.
const MOVES: usize = 20;
const PATH: &str = "relay/part.gcode";
/// The same as [`PATH`] in a folder that is there.
const NAME: &str = "part.gcode";

/// Builds the board and runs all of them.
pub(crate) fn relays(steps: &mut Steps) -> Result {
    prusalink(steps)?;
    board_bambu::run(steps)?;
    moonraker(steps)
}

/// Into a PrusaLink with a simulated MK3S.
pub(crate) fn prusalink(steps: &mut Steps) -> Result {
    steps.command("firmware for QEMU", &mut board::build())?;
    steps.command("the simulated MK3S", &mut simulated::build())?;
    let mut server = PrusaLink::step(steps)?;
    let result = steps
        .run("QEMU relays 4 MiB into PrusaLink and follows the print", || relay_to_prusalink(&mut server));
    server.explained(result)
}

/// Into a Moonraker with a Klipper and a simulated micro-controller, if there can be one.
pub(crate) fn moonraker(steps: &mut Steps) -> Result {
    if !moonraker_smoke::can_run(steps)? {
        return Ok(());
    }
    steps.command("firmware for QEMU", &mut board::build())?;
    steps.command("the simulated micro-controller", &mut simulated::build())?;
    let server = Moonraker::step(steps, Access::Locked)?;
    let result =
        steps.run("QEMU relays 4 MiB into Moonraker and follows the print", || relay_to_moonraker(&server));
    server.explained(result)
}

fn relay_to_prusalink(server: &mut PrusaLink) -> Result {
    let [(_, url), (_, key), ..] = server.environment();
    relay(&url, &key, NAME)?;
    // The oracles: PrusaLink, asked without our driver, and the printer.
    let stored =
        server.get(&format!("/api/v1/files/local/{NAME}")).ok_or("PrusaLink does not have the file")?;
    let download = stored["refs"]["download"].as_str().ok_or("the file cannot be downloaded")?;
    let file = server.dir().join("downloaded.gcode");
    server.curl(&download.replace(' ', "%20"), &["--fail", "--output", &file.display().to_string()])?;
    is_whole(&file)?;
    let told = server.printer().tell("commands")?;
    let commands = told["commands"].as_array().ok_or("the printer has not done anything")?;
    let moves =
        commands.iter().filter(|line| line.as_str().is_some_and(|line| line.starts_with("G1 X"))).count();
    println!("  the printer: {moves} moves");
    ensure(moves == MOVES, "the file was not printed exactly once")
}

fn relay_to_moonraker(server: &Moonraker) -> Result {
    let [(_, url), (_, key), ..] = server.environment();
    relay(&url, &key, PATH)?;
    // The oracles: the disk, and Moonraker, asked without our driver.
    is_whole(&server.dir().join("gcodes").join(PATH))?;
    let history = server.get("/server/history/list").ok_or("Moonraker has no history")?;
    let jobs = history["jobs"].as_array().ok_or("Moonraker has no history")?;
    let told: Vec<_> = jobs.iter().map(|job| (&job["filename"], &job["status"])).collect();
    println!("  Moonraker: {told:?}");
    ensure(
        matches!(*told, [(path, status)] if path == PATH && status == "completed"),
        "the file was not printed exactly once",
    )
}

fn relay(url: &str, key: &str, path: &str) -> Result {
    let source = part::serve(Arc::new(part::gcode(FILE)))?;
    let report = board::run(&[
        ("source", &format!("http://{HOST}:{source}/part.gcode")),
        ("printer", &url.replace("127.0.0.1", HOST)),
        ("key", key),
        ("path", path),
    ])?;
    relayed(&report, "heap")
}

fn is_whole(file: &std::path::Path) -> Result {
    let stored = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    println!("  stored: {} bytes, SHA-1 {}", stored.len(), part::sha1_of(&stored)?);
    ensure(stored == part::gcode(FILE), "the stored file is another one")
}
