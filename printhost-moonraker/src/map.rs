//! From Moonraker's and Klipper's words to ours; the only place where that happens.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{
    Camera, Fan, FileEntry, FileInfo, Heater, Job, JobEvent, Phase, Position, PrinterStatus, Thumbnail,
};

use crate::{
    history::{HistoryEntry, HistoryTotals},
    queue::{JobQueue, QueuedJob},
    wire::{self, Objects},
};

/// Whether Klipper is there at all, as Moonraker says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Klippy {
    /// Nobody has said anything.
    #[default]
    Unknown,
    Disconnected,
    Startup,
    /// What it is doing is told by its objects.
    Up,
}

/// `server.info`
pub(crate) fn klippy(info: &wire::ServerInfo) -> Klippy {
    match info.klippy_state.0.as_str() {
        _ if info.klippy_connected == Some(false) => Klippy::Disconnected,
        "disconnected" => Klippy::Disconnected,
        "startup" | "initializing" => Klippy::Startup,
        _ => Klippy::Up,
    }
}

/// A printer whose objects are not known.
pub(crate) fn without_objects(klippy: Klippy) -> PrinterStatus {
    let mut status = PrinterStatus::default();
    let (phase, word) = match klippy {
        Klippy::Disconnected => (Phase::Offline, "disconnected"),
        Klippy::Startup | Klippy::Up => (Phase::Connecting, "startup"),
        Klippy::Unknown => (Phase::Unknown, ""),
    };
    status.phase = phase;
    status.state_text = word.into();
    status
}

/// A printer whose objects are known.
pub(crate) fn status(objects: &Objects) -> PrinterStatus {
    let print = &objects.print;
    let mut status = PrinterStatus::default();
    // After an emergency stop the print is still shown as printing or paused: Klipper's own state comes first.
    let (phase, word, fault) = match objects.klippy.as_str() {
        "startup" => (Phase::Connecting, "startup", ""),
        word @ ("error" | "shutdown") => (Phase::Faulted, word, objects.klippy_message.as_str()),
        "ready" => match print.state.as_str() {
            "error" => (Phase::Faulted, "error", print.message.as_str()),
            word => (phase(word, objects), word, ""),
        },
        word => (Phase::Unknown, word, ""),
    };
    status.phase = phase;
    status.state_text = word.into();
    status.fault = (phase == Phase::Faulted).then(|| String::from(first_line(fault)));
    status.fault = status.fault.filter(|fault| !fault.is_empty());
    if phase == Phase::Connecting {
        return status;
    }
    status.job = (!print.filename.is_empty()).then(|| job(print));
    status.tools = objects.tools.iter().map(heater).collect();
    status.bed = objects.bed.as_ref().map(heater);
    status.chamber = objects.chamber.as_ref().map(heater);
    status.fans = objects.fans.iter().filter_map(fan).collect();
    status.position = position(&objects.motion);
    status.speed_factor = objects.motion.speed_factor.and_then(percent);
    status.flow_factor = objects.motion.extrude_factor.and_then(percent);
    status
}

/// `heater_fan hotend` is called `hotend`, and the one that cools the print nothing.
fn fan((name, told): &(String, wire::Fan)) -> Option<Fan> {
    told.speed.or(told.rpm)?;
    let mut fan = Fan::default();
    fan.name = name.split_once(' ').map_or("", |(_, name)| name).into();
    fan.speed = told.speed.map(|speed| speed.clamp(0.0, 1.0) as f32);
    fan.rpm = told.rpm.and_then(count).and_then(|rpm| rpm.try_into().ok());
    Some(fan)
}

/// Of axes that were not homed Klipper tells where they would be.
fn position(motion: &wire::Motion) -> Option<Position> {
    let axis =
        |n: usize, name| motion.position[n].filter(|_| motion.homed_axes.contains(name)).and_then(measured);
    let mut position = Position::default();
    (position.x, position.y, position.z) = (axis(0, 'x'), axis(1, 'y'), axis(2, 'z'));
    (position != Position::default()).then_some(position)
}

/// 1.0 is 100 %.
pub(crate) fn percent(factor: f64) -> Option<u16> {
    count(factor * 100.0 + 0.5)?.try_into().ok()
}

/// `print_stats.state`
fn phase(word: &str, objects: &Objects) -> Phase {
    match word {
        // Without the section `virtual_sdcard` there is no print to tell of.
        "standby" => Phase::Idle,
        "" if objects.print == wire::Print::default() => Phase::Idle,
        "printing" if objects.print.print_duration == Some(0.0) && is_heating(objects) => Phase::Preparing,
        "printing" => Phase::Printing,
        "paused" => Phase::Paused,
        "complete" => Phase::Finished,
        "cancelled" => Phase::Cancelled,
        _ => Phase::Unknown,
    }
}

/// Whether something is well below the temperature it shall have.
fn is_heating(objects: &Objects) -> bool {
    let all = objects.tools.iter().chain(&objects.bed).chain(&objects.chamber);
    all.filter_map(|heater| heater.temperature.zip(heater.target))
        .any(|(is, shall)| shall > 0.0 && is < shall - 3.0)
}

fn job(print: &wire::Print) -> Job {
    let mut job = Job::default();
    job.path = Some(print.filename.clone());
    job.size = print.file_size.and_then(count).filter(|size| *size > 0);
    job.progress = print.progress.map(|progress| progress.clamp(0.0, 1.0) as f32);
    job.elapsed = print.total_duration.and_then(seconds);
    job
}

/// For a second after it has started, Klipper tells 0.0 of what it has not measured yet.
fn heater(heater: &wire::Heater) -> Heater {
    let actual = heater.temperature.filter(|celsius| *celsius != 0.0);
    Heater::new(actual.and_then(measured), heater.target.and_then(measured))
}

/// Klipper's messages go on with advice about its own commands.
pub(crate) fn first_line(words: &str) -> &str {
    words.trim().lines().next().unwrap_or_default().trim_end()
}

/// Nobody waits longer than a century.
fn seconds(seconds: f64) -> Option<Duration> {
    (0.0..3.2e9).contains(&seconds).then(|| Duration::from_secs_f64(seconds))
}

/// What can be counted, without its fraction.
fn count(number: f64) -> Option<u64> {
    (0.0..9e15).contains(&number).then_some(number as u64)
}

fn pixels(number: f64) -> Option<u32> {
    count(number)?.try_into().ok()
}

/// A measured number that there is.
fn measured(number: f64) -> Option<f32> {
    Some(number as f32).filter(|number| number.is_finite())
}

/// Why a job ended whose Klipper ended.
pub(crate) const GONE: &str = "Klipper has gone";

/// How a job of the history ended; `None` while it goes on, and for what says nothing: Moonraker calls every job
/// interrupted that it has not seen the end of.
pub(crate) fn job_end(job: &wire::HistoryJob) -> Option<JobEvent> {
    let failed = |reason: &str| JobEvent::Failed { reason: (!reason.is_empty()).then(|| reason.into()) };
    Some(match job.status.0.as_str() {
        "completed" => JobEvent::Finished,
        "cancelled" => JobEvent::Cancelled,
        "error" => failed(""),
        "klippy_shutdown" => failed("Klipper was shut down"),
        "klippy_disconnect" => failed(GONE),
        "server_exit" => failed("Moonraker was stopped"),
        _ => return None,
    })
}

/// The path of a job of the history.
pub(crate) fn job_path(job: &wire::HistoryJob) -> Option<String> {
    Some(job.filename.0.clone()).filter(|path| !path.is_empty())
}

/// An entry of a listing; `None` for what is neither a file nor a folder, and for the folder in which Moonraker keeps
/// pictures.
pub(crate) fn entry(folder: &str, item: wire::DirectoryItem) -> Option<FileEntry> {
    let mut entry = FileEntry::default();
    entry.is_folder = item.dirname.is_some();
    let name = item.dirname.or(item.filename)?.0;
    if name.is_empty() || name == THUMBS {
        return None;
    }
    entry.path = match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    };
    entry.size = item.size.filter(|_| !entry.is_folder).and_then(count);
    entry.modified = item.modified.and_then(count);
    Some(entry)
}

/// Where Moonraker keeps the pictures of a folder's files.
pub(crate) const THUMBS: &str = ".thumbs";

/// `server.files.metadata`
pub(crate) fn details(path: &str, metadata: wire::Metadata) -> FileInfo {
    let mut info = FileInfo::default();
    info.entry.path = path.into();
    info.entry.size = metadata.size.and_then(count);
    info.entry.modified = metadata.modified.and_then(count);
    info.print_time = metadata.estimated_time.and_then(seconds).filter(|time| !time.is_zero());
    info.filament = Vec::from_iter(metadata.filament_total.filter(|mm| *mm > 0.0).and_then(measured));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    info.thumbnails = metadata
        .thumbnails
        .into_iter()
        .filter(|picture| !picture.relative_path.0.is_empty())
        .map(|picture| {
            let mut thumbnail = Thumbnail::default();
            let relative = picture.relative_path.0;
            thumbnail.source = if folder.is_empty() { relative } else { format!("{folder}/{relative}") };
            thumbnail.size = picture.width.and_then(pixels).zip(picture.height.and_then(pixels));
            thumbnail
        })
        .collect();
    info
}

/// `server.webcams.list`; `absolute` completes an address for a viewer.
pub(crate) fn cameras(webcams: wire::Webcams, absolute: impl Fn(&str) -> String) -> Vec<Camera> {
    let some = |url: &str| Some(url.trim()).filter(|url| !url.is_empty()).map(&absolute);
    let enabled = webcams.webcams.into_iter().filter(|webcam| webcam.enabled != Some(false));
    enabled
        .map(|webcam| {
            let mut camera = Camera::default();
            camera.stream = some(&webcam.stream_url.0);
            camera.snapshot = some(&webcam.snapshot_url.0);
            camera.name = webcam.name.0;
            camera
        })
        .collect()
}

/// `server.job_queue.status`
pub(crate) fn queue(status: wire::QueueStatus) -> JobQueue {
    let jobs = status.queued_jobs.into_iter().map(|job| QueuedJob {
        id: job.job_id.0,
        path: job.filename.0,
        added: job.time_added.and_then(count),
    });
    JobQueue { state: status.queue_state.0, jobs: jobs.collect() }
}

/// `server.history.list`
pub(crate) fn history(job: wire::HistoryJob) -> HistoryEntry {
    HistoryEntry {
        end: job_end(&job),
        path: job_path(&job),
        id: job.job_id.0,
        status: job.status.0,
        file_exists: job.exists,
        user: job.user.map(|user| user.0).filter(|user| !user.is_empty()),
        started: job.start_time.and_then(count),
        ended: job.end_time.and_then(count),
        printed: job.print_duration.and_then(seconds),
        took: job.total_duration.and_then(seconds),
        filament: job.filament_used.map(|mm| mm as f32),
    }
}

/// `server.history.totals`
pub(crate) fn totals(totals: wire::Totals) -> HistoryTotals {
    let time = |of: f64| seconds(of).unwrap_or_default();
    HistoryTotals {
        jobs: count(totals.total_jobs).unwrap_or_default(),
        time: time(totals.total_time),
        print_time: time(totals.total_print_time),
        filament: totals.total_filament_used,
        longest_job: time(totals.longest_job),
        longest_print: time(totals.longest_print),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::Reader;

    fn status_of(json: &str) -> PrinterStatus {
        let mut objects = Objects::default();
        objects.merge(&mut Reader::new(json.as_bytes())).unwrap();
        status(&objects)
    }

    fn ready(print_stats: &str) -> PrinterStatus {
        status_of(&format!(r#"{{"webhooks":{{"state":"ready"}},"print_stats":{print_stats}}}"#))
    }

    #[test]
    fn klippers_own_state_comes_before_that_of_the_print() {
        // As after an emergency stop in a print.
        let status = status_of(
            r#"{"webhooks":{"state":"shutdown","state_message":"Shutdown due to webhooks request\nOnce the"},
            "print_stats":{"state":"paused","filename":"a.gcode"}}"#,
        );
        assert_eq!((status.phase, status.state_text.as_str()), (Phase::Faulted, "shutdown"));
        assert_eq!(status.fault.as_deref(), Some("Shutdown due to webhooks request"));
        let startup = status_of(r#"{"webhooks":{"state":"startup"},"print_stats":{"state":"standby"}}"#);
        assert_eq!(startup.phase, Phase::Connecting);
    }

    #[test]
    fn every_state_of_a_print_has_a_phase() {
        for (state, phase) in [
            ("standby", Phase::Idle),
            ("printing", Phase::Printing),
            ("paused", Phase::Paused),
            ("complete", Phase::Finished),
            ("cancelled", Phase::Cancelled),
            ("error", Phase::Faulted),
            ("levitating", Phase::Unknown),
        ] {
            let status = ready(&format!(r#"{{"state":"{state}","message":"why"}}"#));
            assert_eq!((status.phase, status.state_text.as_str()), (phase, state));
            assert_eq!(status.fault.as_deref(), (state == "error").then_some("why"));
        }
        let heating = status_of(
            r#"{"webhooks":{"state":"ready"},"print_stats":{"state":"printing","print_duration":0.0},
            "extruder":{"temperature":30.0,"target":200.0}}"#,
        );
        assert_eq!(heating.phase, Phase::Preparing);
    }

    #[test]
    fn every_field_is_mapped() {
        let status = status_of(include_str!("../tests/data/printing.json"));
        let job = status.job.unwrap();
        assert_eq!((job.path.as_deref(), job.size), (Some("cube.gcode"), Some(36517)));
        assert!((job.progress.unwrap() - 0.2312).abs() < 1e-3);
        assert_eq!(job.elapsed, Some(Duration::from_millis(66_550)));
        assert_eq!(status.tools, [Heater::new(Some(205.2), Some(205.0))]);
        assert_eq!(status.bed, Some(Heater::new(Some(60.1), Some(60.0))));
        let position = status.position.unwrap();
        assert_eq!((position.x, position.y, position.z), (Some(110.5), Some(90.0), None));
        assert_eq!((status.speed_factor, status.flow_factor), (Some(110), Some(95)));
    }

    #[test]
    fn temperature_that_was_not_measured_yet_is_none() {
        let status =
            status_of(r#"{"webhooks":{"state":"ready"},"extruder":{"temperature":0.0,"target":0.0}}"#);
        assert_eq!(status.tools, [Heater::new(None, Some(0.0))]);
    }

    #[test]
    fn pictures_are_found_below_the_files_folder() {
        let json = r#"{"size":36517,"modified":1795207282.39,"estimated_time":152,"filament_total":136.82,
            "thumbnails":[{"width":32,"height":32,"size":102,"relative_path":".thumbs/cube-32x32.png"}]}"#;
        let info = details("a b/cube.gcode", serde_json::from_str(json).unwrap());
        assert_eq!(info.thumbnails[0].source, "a b/.thumbs/cube-32x32.png");
        assert_eq!(info.thumbnails[0].size, Some((32, 32)));
        assert_eq!((info.entry.size, info.entry.modified), (Some(36517), Some(1_795_207_282)));
        assert_eq!((info.print_time, info.filament), (Some(Duration::from_secs(152)), [136.82].into()));
    }
}
