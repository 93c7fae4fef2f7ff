//! From Moonraker's and Klipper's words to ours; the only place where that happens.

mod numbers;
mod status;

use alloc::{format, string::String, vec::Vec};

use printhost_core::{Camera, FileEntry, FileInfo, JobEvent, Thumbnail};

use self::numbers::{count, measured, pixels, seconds};
pub(crate) use self::status::{Klippy, klippy, status, without_objects};
use crate::{
    history::{HistoryEntry, HistoryTotals},
    queue::{JobQueue, QueuedJob},
    wire,
};

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
    use core::time::Duration;

    use super::*;

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
