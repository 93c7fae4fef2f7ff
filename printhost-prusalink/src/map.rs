//! From PrusaLink's words to ours; the only place where that happens.

use alloc::{
    format,
    string::{String, ToString as _},
    vec,
};
use core::time::Duration;

use printhost_core::{
    Camera, Fan, FileEntry, FileInfo, Heater, HostInfo, Job, Phase, Position, PrinterStatus, Thumbnail,
};

use crate::{
    Transfer,
    host::{Family, Storage},
    wire,
};

/// `GET /api/version`; `None` for what is not PrusaLink: OctoPrint, and what pretends to be one, answer there too.
pub(crate) fn family(version: &wire::Version) -> Option<Family> {
    let begins = |text: &Option<String>| text.as_deref().is_some_and(|t| t.starts_with("PrusaLink"));
    if !begins(&version.text) && !begins(&version.original) {
        return None;
    }
    let is_bare = version.text.as_deref() == Some("PrusaLink");
    match version.sdk.is_some() || version.firmware.is_some() || !is_bare {
        true => Some(Family::Pi),
        false => Some(Family::Firmware),
    }
}

/// The firmware tells no version of its own, but that of its interface.
pub(crate) fn host_info(family: Family, version: wire::Version) -> HostInfo {
    let shown = match family {
        Family::Pi => version.server,
        Family::Firmware => version.api.clone(),
    };
    let mut info = HostInfo::new("PrusaLink", shown.unwrap_or_default());
    info.api = version.api;
    info
}

/// `GET /api/v1/storage`: where files can be put. Without one that can take them it is the one that should be there, so
/// that a stick may come later.
pub(crate) fn storage(family: Family, told: wire::Storages) -> Storage {
    let takes_files = |s: &wire::Storage| {
        s.available != Some(false) && s.read_only.or(s.ro) != Some(true) && s.path.is_some()
    };
    let (path, shown) = match family {
        Family::Pi => ("/local", "PrusaLink gcodes"),
        Family::Firmware => ("/usb", "usb"),
    };
    let chosen = told.storage_list.into_iter().find(takes_files).unwrap_or_default();
    let of = |told: Option<String>, usual: &str| match told {
        Some(told) if !told.trim_matches('/').is_empty() => String::from(told.trim_matches('/')),
        _ => usual.trim_matches('/').into(),
    };
    Storage { path: format!("/{}", of(chosen.path, path)), shown: of(chosen.name, shown) }
}

/// What is known of the job's file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct JobFile {
    pub path: Option<String>,
    pub size: Option<u64>,
}

/// `GET /api/v1/job`. The firmware writes paths in short names, and the last element also in full.
pub(crate) fn job_file(storage: &Storage, file: wire::JobFile) -> JobFile {
    let told = file.path.map(|path| match file.name {
        // The firmware tells the folder alone, and older versions of it the whole path.
        Some(name) if !path.ends_with(&format!("/{name}")) => {
            format!("{}/{name}", path.trim_end_matches('/'))
        }
        _ => path,
    });
    let path = told.map(|path| {
        let inner = below(&path, &storage.shown).or_else(|| below(&path, &storage.path)).unwrap_or(&path);
        match (inner.rsplit_once('/'), file.display_name) {
            (Some((folder, _)), Some(name)) if !name.is_empty() => format!("{folder}/{name}"),
            (None, Some(name)) if !name.is_empty() => name,
            _ => inner.to_string(),
        }
    });
    JobFile { path, size: file.size }
}

/// What follows a folder in an absolute path.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    path.strip_prefix('/')?.strip_prefix(folder.trim_start_matches('/'))?.strip_prefix('/')
}

/// `GET /api/v1/status`, and what is known of the job's file.
pub(crate) fn status(told: wire::Status, file: Option<JobFile>) -> PrinterStatus {
    let printer = told.printer;
    let text = printer.state.unwrap_or_default();
    let line = printer.status_printer.unwrap_or_default();
    let mut status = PrinterStatus::default();
    status.phase = phase(&text, &line);
    status.state_text = text;
    if matches!(status.phase, Phase::Faulted | Phase::Offline) {
        status.fault = line.message.filter(|message| !message.is_empty() && line.ok == Some(false));
    }
    // What is read of a printer that is not there is of the past.
    if status.phase != Phase::Offline {
        let heater = |actual: Option<f32>, target: Option<f32>| {
            (actual.is_some() || target.is_some()).then(|| Heater::new(actual, target))
        };
        let tool = heater(printer.temp_nozzle, printer.target_nozzle);
        status.tools = tool.map(|tool| vec![tool]).unwrap_or_default();
        status.bed = heater(printer.temp_bed, printer.target_bed);
    }
    if status.phase != Phase::Offline {
        let fan = |name: &str, rpm: Option<f32>| {
            rpm.filter(|rpm| (0.0..1e6).contains(rpm)).map(|rpm| {
                let mut fan = Fan::default();
                fan.name = name.into();
                fan.rpm = Some(rpm as u32);
                fan
            })
        };
        status.fans =
            [fan("", printer.fan_print), fan("hotend", printer.fan_hotend)].into_iter().flatten().collect();
        let mut at = Position::default();
        (at.x, at.y, at.z) = (printer.axis_x, printer.axis_y, printer.axis_z);
        status.position = (at != Position::default()).then_some(at);
        let percent =
            |told: Option<f32>| told.filter(|told| (0.0..=9999.0).contains(told)).map(|told| told as u16);
        (status.speed_factor, status.flow_factor) = (percent(printer.speed), percent(printer.flow));
    }
    status.job = told.job.map(|told| {
        let file = file.unwrap_or_default();
        let mut job = Job::default();
        job.path = file.path;
        job.size = file.size;
        job.progress = told.progress.map(|percent| (percent / 100.0).clamp(0.0, 1.0));
        job.elapsed = told.time_printing.and_then(seconds);
        job.remaining = told.time_remaining.and_then(seconds);
        job
    });
    status
}

fn phase(state: &str, line: &wire::Line) -> Phase {
    match state {
        "IDLE" | "READY" => Phase::Idle,
        "PRINTING" => Phase::Printing,
        "PAUSED" => Phase::Paused,
        "FINISHED" => Phase::Finished,
        "STOPPED" => Phase::Cancelled,
        "BUSY" => Phase::Busy,
        "ATTENTION" => Phase::Attention,
        // The Pi knows why: its printer is unplugged, or does not answer.
        "ERROR" if line.ok == Some(false) && line.message.as_deref().is_some_and(is_about_the_line) => {
            Phase::Offline
        }
        "ERROR" => Phase::Faulted,
        _ => Phase::Unknown,
    }
}

fn is_about_the_line(message: &str) -> bool {
    message.starts_with("Serial device") || message.starts_with("RPi port")
}

/// An entry of a folder, or what was asked for by `path`.
pub(crate) fn file(path: String, file: &wire::File) -> FileEntry {
    let mut entry = FileEntry::default();
    entry.is_folder = is_folder(file);
    entry.path = path;
    // A folder's size is that of everything in it, and not wanted here.
    entry.size = file.size.filter(|_| !entry.is_folder);
    entry.modified = file.m_timestamp.filter(|at| *at != 0);
    entry
}

pub(crate) fn is_folder(file: &wire::File) -> bool {
    file.kind.as_deref() == Some("FOLDER")
}

/// An entry's path; `None` for one without a name.
pub(crate) fn path_in(folder: &str, file: &wire::File) -> Option<String> {
    let name = file.display_name.as_deref().or(file.name.as_deref()).filter(|name| !name.is_empty())?;
    Some(match folder {
        "" => name.into(),
        folder => format!("{folder}/{name}"),
    })
}

/// `GET /api/v1/files/{storage}/{path}` of a file.
pub(crate) fn details(path: &str, file: wire::File) -> FileInfo {
    let mut info = FileInfo::default();
    info.entry = self::file(path.into(), &file);
    info.print_time = file.meta.estimated_print_time.and_then(seconds).filter(|time| !time.is_zero());
    info.filament = match file.meta.filament_per_tool.is_empty() {
        true => file.meta.filament.into_iter().collect(),
        false => file.meta.filament_per_tool.into_iter().filter(|mm| mm.is_finite()).collect(),
    };
    info.thumbnails.extend(file.refs.thumbnail.filter(|source| !source.is_empty()).map(|source| {
        let mut thumbnail = Thumbnail::default();
        thumbnail.source = source;
        thumbnail
    }));
    info
}

/// `GET /api/v1/transfer`
pub(crate) fn transfer(told: wire::Transfer) -> Transfer {
    Transfer { name: told.display_name, size: told.size, transferred: told.transferred }
}

/// A camera that can be asked; `None` for one that is not there, or has a number that could lead elsewhere.
pub(crate) fn camera(told: wire::Camera, snapshot: impl Fn(&str) -> String) -> Option<Camera> {
    let is_number = |id: &String| {
        !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let id = told.camera_id.filter(is_number).filter(|_| told.connected != Some(false))?;
    let mut camera = Camera::default();
    camera.name = told.config.name.unwrap_or_default();
    camera.snapshot = Some(snapshot(&id));
    Some(camera)
}

/// Nobody waits longer than a century.
fn seconds(told: f64) -> Option<Duration> {
    (0.0..3.2e9).contains(&told).then(|| Duration::from_secs_f64(told))
}

#[cfg(test)]
mod tests;
