//! What a host says it can do is what it does.

use alloc::{string::String, vec::Vec};

use embedded_io_async::Write;
use printhost_core::{
    Axes, Camera, Capabilities, Command, Error, ErrorKind, HeaterId, Page, PrintHost, Result, Thumbnail,
    Upload,
};

use super::{can, connected_host, traffic};
use crate::{
    Bench, Content,
    case::{Claim, Why, ensure},
};

/// Writes to nowhere.
pub(crate) struct Nowhere;

impl embedded_io_async::ErrorType for Nowhere {
    type Error = core::convert::Infallible;
}

impl Write for Nowhere {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

const MISSING: &str = "no such file.gcode";

/// Does what a capability stands for, harmlessly, so that the error is all that is of interest. `None` for those that
/// say how something is done.
async fn attempt<H: PrintHost>(host: &H, capability: &str) -> Option<Result<()>> {
    let command = async |command: Command<'_>| host.command(command).await.map(drop);
    Some(match capability {
        "upload" => {
            // It ends early, so nothing is stored.
            let mut body = Content::new(1, 0);
            host.upload(Upload::new("attempt.gcode", 2, &mut body)).await.map(drop)
        }
        "download" => host.download(MISSING, &mut Nowhere).await.map(drop),
        "files" => host.files("", Page::first(1)).await.map(drop),
        "file_info" => host.file_info(MISSING).await.map(drop),
        "thumbnails" => {
            let mut thumbnail = Thumbnail::default();
            thumbnail.source = "no/such/thumbnail.png".into();
            host.thumbnail(&thumbnail, &mut Nowhere).await.map(drop)
        }
        "delete" => host.delete(MISSING).await,
        "move_file" => host.move_file(MISSING, "no such file either.gcode").await.map(drop),
        "create_folder" => host.create_folder("attempt").await.map(drop),
        "start" => host.start(MISSING).await.map(drop),
        "projects" => host.start_plate("no such project.gcode.3mf", 1).await.map(drop),
        "pause" => command(Command::Pause).await,
        "resume" => command(Command::Resume).await,
        "cancel" => command(Command::Cancel).await,
        "gcode" => command(Command::Gcode("M105")).await,
        "set_temperature" => {
            command(Command::SetTemperature { heater: HeaterId::Tool(0), celsius: 0.0 }).await
        }
        "home" => command(Command::Home(Axes::ALL)).await,
        "jog" => command(Command::Jog { x: 0.0, y: 0.0, z: 0.1, speed: None }).await,
        "extrude" => command(Command::Extrude { mm: -0.1, speed: None }).await,
        "select_tool" => command(Command::SelectTool(0)).await,
        "speed_factor" => command(Command::SpeedFactor(100)).await,
        "flow_factor" => command(Command::FlowFactor(100)).await,
        "cameras" => match host.cameras().await {
            Ok(_) => match host.snapshot(&Camera::default(), &mut Nowhere).await {
                Err(e) if e.kind() == ErrorKind::Unsupported => Err(e),
                _ => Ok(()),
            },
            Err(e) => Err(e),
        },
        "printer_connection" => command(Command::ConnectPrinter).await,
        "emergency_stop" => command(Command::EmergencyStop).await,
        _ => return None,
    })
}

pub(crate) async fn nothing_is_claimed_before_connecting_that_is_not_there_after<B: Bench>(
    bench: &B,
) -> Claim {
    let host = bench.host();
    let before = can(&host);
    host.connect().await?;
    let after = can(&host);
    let lost: Vec<_> =
        before.iter().zip(after.iter()).filter(|(b, a)| b.1 && !a.1).map(|(b, _)| b.0).collect();
    ensure!(lost.is_empty(), "claimed until it connected: {lost:?}");
    Ok(())
}

pub(crate) async fn claimed_operations_are_supported<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    for (name, claimed) in can(&host).iter() {
        // Tried last, since it ends everything; it has a case of its own.
        if !claimed || name == "emergency_stop" {
            continue;
        }
        if let Some(Err(error)) = attempt(&host, name).await {
            ensure!(error.kind() != ErrorKind::Unsupported, "{name} is claimed, and: {error}");
        }
    }
    Ok(())
}

pub(crate) async fn unclaimed_operations_are_refused_without_touching_the_network<B: Bench>(
    bench: &B,
) -> Claim {
    let host = connected_host(bench).await?;
    let mut unclaimed = Vec::new();
    for (name, claimed) in can(&host).iter() {
        if claimed {
            continue;
        }
        let before = traffic(bench).await?;
        let Some(result) = attempt(&host, name).await else { continue };
        unclaimed.push(name);
        let kind = result.as_ref().err().map(Error::kind);
        ensure!(kind == Some(ErrorKind::Unsupported), "{name} is not claimed, and ended as {kind:?}");
        ensure!(
            traffic(bench).await? == before,
            "{name} is not claimed, and yet the host was asked something"
        );
    }
    if unclaimed.is_empty() && all_but_styles(&can(&host)) {
        return Err(Why::Skip(String::from("everything is claimed")));
    }
    Ok(())
}

/// Whether everything is claimed that can be tried.
fn all_but_styles(can: &Capabilities) -> bool {
    let styles = ["upload_and_print", "folders", "hash_verification", "gcode_replies", "push"];
    can.iter().all(|(name, claimed)| claimed || styles.contains(&name))
}

pub(crate) async fn nonsense_is_refused_without_touching_the_network<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    let can = can(&host);
    let before = traffic(bench).await?;
    for path in [
        "",
        "/",
        "/etc/passwd",
        "../x.gcode",
        "a/../../x.gcode",
        "a//b.gcode",
        "a\r\nb.gcode",
        "a\0.gcode",
        "a\\b",
    ] {
        let mut body = Content::new(10, 0);
        let mut results = Vec::new();
        if can.upload {
            results.push(("upload", host.upload(Upload::new(path, 10, &mut body)).await.map(drop)));
        }
        if can.download {
            results.push(("download", host.download(path, &mut Nowhere).await.map(drop)));
        }
        if can.start {
            results.push(("start", host.start(path).await.map(drop)));
        }
        if can.projects {
            results.push(("start plate", host.start_plate(path, 1).await.map(drop)));
        }
        if can.delete {
            results.push(("delete", host.delete(path).await));
        }
        if can.file_info {
            results.push(("file info", host.file_info(path).await.map(drop)));
        }
        if can.create_folder {
            results.push(("create folder", host.create_folder(path).await.map(drop)));
        }
        if can.move_file {
            results.push(("move to", host.move_file("a.gcode", path).await.map(drop)));
            results.push(("move from", host.move_file(path, "a.gcode").await.map(drop)));
        }
        if can.files && !path.is_empty() {
            results.push(("files", host.files(path, Page::first(1)).await.map(drop)));
        }
        for (what, result) in results {
            let kind = result.err().map(|e| e.kind());
            ensure!(kind == Some(ErrorKind::InvalidInput), "{what} {path:?} ended as {kind:?}");
        }
    }
    if can.projects {
        for (path, plate) in [("project.gcode.3mf", 0), ("plain.gcode", 1)] {
            let kind = host.start_plate(path, plate).await.err().map(|e| e.kind());
            ensure!(kind == Some(ErrorKind::InvalidInput), "plate {plate} of {path} ended as {kind:?}");
        }
    }
    let nan = f32::NAN;
    let commands = [
        (can.set_temperature, Command::SetTemperature { heater: HeaterId::Tool(0), celsius: nan }),
        (can.set_temperature, Command::SetTemperature { heater: HeaterId::Bed, celsius: -1.0 }),
        (can.jog, Command::Jog { x: nan, y: 0.0, z: 0.0, speed: None }),
        (can.extrude, Command::Extrude { mm: f32::INFINITY, speed: None }),
        (can.home, Command::Home(Axes { x: false, y: false, z: false })),
        (can.speed_factor, Command::SpeedFactor(0)),
        (can.gcode, Command::Gcode(" \n ")),
    ];
    for (_, command) in commands.iter().filter(|(claimed, _)| *claimed) {
        let kind = host.command(*command).await.err().map(|e| e.kind());
        ensure!(kind == Some(ErrorKind::InvalidInput), "{command:?} ended as {kind:?}");
    }
    ensure!(traffic(bench).await? == before, "the host was asked something");
    Ok(())
}
