//! From OctoPrint's words to ours; the only place where that happens.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{Camera, FileEntry, FileInfo, Heater, Job, JobEvent, Phase, PrinterStatus, Thumbnail};
use printhost_net::proto::percent::{encode_component, encode_path};

use crate::{FilamentUse, JobDetails, PrinterProfile, wire};

/// `GET /api/printer` and `GET /api/job` together.
pub(crate) fn status(printer: wire::Printer, job: wire::Job) -> PrinterStatus {
    let mut status = from_state(printer.state, job.job.file, &job.progress);
    set_temperatures(&mut status, &printer.temperature);
    status.fault = status.fault.or(job.error);
    status
}

/// `GET /api/job` alone, when `/api/printer` says 409: not operational.
pub(crate) fn status_not_operational(job: wire::Job) -> PrinterStatus {
    let flags = wire::Flags { closed_or_error: true, ..Default::default() };
    let state = wire::State { text: job.state, flags, error: job.error };
    from_state(state, job.job.file, &job.progress)
}

/// A `current` or `history` message. Temperatures come with some of them only; `last` fills in.
pub(crate) fn current(current: wire::Current, last: Option<&PrinterStatus>) -> PrinterStatus {
    let mut status = from_state(current.state, current.job.file, &current.progress);
    if let Some(last) = last {
        (status.tools, status.bed, status.chamber) = (last.tools.clone(), last.bed, last.chamber);
    }
    if matches!(status.phase, Phase::Offline | Phase::Faulted) {
        (status.tools, status.bed, status.chamber) = (Vec::new(), None, None);
    } else if let Some(newest) = &current.temps {
        set_temperatures(&mut status, newest);
    }
    status
}

/// An `event` message that tells of a job. `PrintFailed` also follows every `PrintCancelled`.
pub(crate) fn job_event(
    kind: &str,
    payload: impl FnOnce() -> Option<wire::EventPayload>,
) -> Option<JobEvent> {
    Some(match kind {
        "PrintStarted" => JobEvent::Started { path: payload()?.path },
        "PrintPaused" => JobEvent::Paused,
        "PrintResumed" => JobEvent::Resumed,
        "PrintDone" => JobEvent::Finished,
        "PrintCancelled" => JobEvent::Cancelled,
        "PrintFailed" => JobEvent::Failed { reason: payload().and_then(|p| p.reason) },
        _ => return None,
    })
}

/// An entry of a listing.
pub(crate) fn file(file: wire::File) -> FileEntry {
    let mut entry = FileEntry::default();
    entry.is_folder = file.kind.as_deref() == Some("folder");
    entry.sha1 = file.hash.as_deref().and_then(sha1);
    entry.path = file.path;
    // A folder's size is that of everything in it, and not wanted here.
    entry.size = file.size.filter(|_| !entry.is_folder);
    entry.modified = file.date.map(|seconds| seconds as u64);
    entry
}

/// `GET /api/files/local/{path}`
pub(crate) fn details(mut file: wire::File) -> FileInfo {
    let mut info = FileInfo::default();
    if let Some(analysis) = file.analysis.take() {
        info.print_time = analysis.estimated_print_time.and_then(seconds).filter(|time| !time.is_zero());
        let by_tool = analysis.filament.unwrap_or_default().0;
        info.filament = by_tool.iter().map(|tool| tool.length.unwrap_or_default()).collect();
    }
    info.thumbnails = thumbnails(&mut file);
    info.entry = self::file(file);
    info
}

/// 2.0 has them itself, a plugin of 1.x tells where it keeps one.
fn thumbnails(file: &mut wire::File) -> Vec<Thumbnail> {
    let mut route = String::from("downloads/thumbs/local/");
    encode_path(&mut route, &file.path);
    let mut pictures: Vec<Thumbnail> = file
        .refs
        .sizes
        .iter()
        .map(|size| {
            let mut source = route.clone() + "?size=";
            encode_component(&mut source, size);
            let pixels = size.split_once('x').and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
            thumbnail(source, pixels)
        })
        .collect();
    if pictures.is_empty() && file.refs.thumbnail {
        pictures.push(thumbnail(route, None));
    }
    pictures.extend(file.thumbnail.take().filter(|t| !t.is_empty()).map(|source| thumbnail(source, None)));
    pictures
}

fn thumbnail(source: String, size: Option<(u32, u32)>) -> Thumbnail {
    let mut thumbnail = Thumbnail::default();
    (thumbnail.source, thumbnail.size) = (source, size);
    thumbnail
}

/// `GET /api/job`
pub(crate) fn job_details(job: wire::JobEstimates) -> JobDetails {
    let by_tool = job.filament.unwrap_or_default().0;
    JobDetails {
        path: job.file.path,
        storage: job.file.origin,
        estimated: job.estimated_print_time.and_then(seconds),
        average: job.average_print_time.and_then(seconds),
        last: job.last_print_time.and_then(seconds),
        filament: by_tool
            .iter()
            .map(|tool| FilamentUse { length: tool.length, volume: tool.volume })
            .collect(),
        user: job.user,
    }
}

/// `webcam` in `GET /api/settings`; `absolute` completes an address for a viewer.
///
/// OctoPrint hands out the picture of one camera itself, which also works where the camera's address is only known to
/// OctoPrint's machine.
pub(crate) fn cameras(webcams: wire::Webcams, absolute: impl Fn(&str) -> String) -> Vec<Camera> {
    if webcams.webcam_enabled == Some(false) {
        return Vec::new();
    }
    let camera = |name: Option<String>, stream: Option<String>, snapshot: Option<String>| {
        let mut camera = Camera::default();
        camera.name = name.unwrap_or_default();
        camera.stream = stream.filter(|url| !url.trim().is_empty()).map(|url| absolute(url.trim()));
        camera.snapshot = snapshot.filter(|url| !url.trim().is_empty());
        camera
    };
    let of_octoprint = || Some(String::from(SNAPSHOT));
    match webcams.webcams {
        None => {
            let snapshot = webcams.snapshot_url.filter(|url| !url.is_empty()).and_then(|_| of_octoprint());
            let only = camera(None, webcams.stream_url, snapshot);
            Vec::from_iter((only.stream.is_some() || only.snapshot.is_some()).then_some(only))
        }
        Some(all) => all
            .into_iter()
            .map(|webcam| {
                let urls = webcam.compat.unwrap_or_default();
                let snapshot = match webcam.can_snapshot {
                    Some(false) => None,
                    _ if webcam.name == webcams.snapshot_webcam => of_octoprint(),
                    _ => urls.snapshot,
                };
                camera(webcam.display_name.or(webcam.name), urls.stream, snapshot)
            })
            .collect(),
    }
}

/// The picture that OctoPrint fetches from its camera.
const SNAPSHOT: &str = "downloads/camera/current";

/// A printer profile.
pub(crate) fn profile(profile: wire::Profile) -> PrinterProfile {
    let volume = &profile.volume;
    let sides = volume.width.zip(volume.depth).zip(volume.height);
    PrinterProfile {
        name: profile.name.unwrap_or_default(),
        model: profile.model.unwrap_or_default(),
        is_current: profile.current,
        is_default: profile.is_default,
        heated_bed: profile.heated_bed,
        heated_chamber: profile.heated_chamber,
        tools: profile.extruder.count,
        shared_nozzle: profile.extruder.shared_nozzle,
        nozzle: profile.extruder.nozzle_diameter,
        volume: sides.map(|((width, depth), height)| [width, depth, height]),
        is_round: volume.form_factor.as_deref() == Some("circular"),
        id: profile.id,
    }
}

/// Whether a version is 2.0 or later. One that nobody can read is taken for a new one.
pub(crate) fn is_second(version: Option<&str>) -> bool {
    let major = version.and_then(|v| v.split('.').next()).map(str::parse::<u32>);
    !matches!(major, None | Some(Ok(0 | 1)))
}

/// Forty hexadecimal digits.
pub(crate) fn sha1(hex: &str) -> Option<[u8; 20]> {
    // Beside digits, `from_str_radix` takes a sign.
    if hex.len() != 40 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 20];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

fn from_state(state: wire::State, file: wire::JobFile, progress: &wire::Progress) -> PrinterStatus {
    let mut status = PrinterStatus::default();
    status.phase = phase(state.flags, &state.text);
    status.fault = state.error.filter(|error| !error.is_empty());
    status.state_text = state.text;
    status.job = file.path.map(|path| job(path, file.size, progress));
    status
}

fn seconds(seconds: f32) -> Option<Duration> {
    Duration::try_from_secs_f32(seconds).ok()
}

fn job(path: String, size: Option<u64>, progress: &wire::Progress) -> Job {
    let mut job = Job::default();
    job.path = Some(path);
    job.size = size;
    job.progress = progress.completion.map(|percent| (percent / 100.0).clamp(0.0, 1.0));
    job.elapsed = progress.print_time.and_then(seconds);
    job.remaining = progress.print_time_left.and_then(seconds);
    job
}

/// The flags overlap: `printing` is also set while pausing and cancelling, so the order matters.
fn phase(flags: wire::Flags, text: &str) -> Phase {
    match () {
        () if flags.error || text.starts_with("Error") || text == "Offline after error" => Phase::Faulted,
        () if text.contains("onnecting") || text.starts_with("Opening") || text.starts_with("Detecting") => {
            Phase::Connecting
        }
        () if flags.closed_or_error => Phase::Offline,
        () if flags.cancelling => Phase::Cancelling,
        () if flags.finishing => Phase::Finishing,
        () if flags.pausing => Phase::Pausing,
        () if flags.resuming => Phase::Resuming,
        () if flags.paused => Phase::Paused,
        () if flags.printing && text.starts_with("Starting") => Phase::Preparing,
        () if flags.printing => Phase::Printing,
        () if flags.operational => Phase::Idle,
        () => Phase::Unknown,
    }
}

fn set_temperatures(status: &mut PrinterStatus, all: &wire::Temperatures) {
    let heater = |t: &wire::Temperature| Heater::new(t.actual, t.target);
    let present = |t: &&wire::Temperature| t.actual.is_some();
    status.tools = all.tools.iter().map(heater).collect();
    status.bed = all.bed.as_ref().filter(present).map(heater);
    status.chamber = all.chamber.as_ref().filter(present).map(heater);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shortened from what OctoPrint 1.11.8 sent.
    const PAUSING: &str = r#"{"current": {"state": {"text": "Pausing", "flags": {"operational": true,
        "printing": true, "cancelling": false, "pausing": true, "resuming": false, "finishing": false,
        "closedOrError": false, "error": false, "paused": false, "ready": false, "sdReady": true}, "error": ""},
        "job": {"file": {"name": "slow.gcode", "path": "sub/slow.gcode", "size": 1008, "origin": "local"},
        "filament": null}, "currentZ": 0.2, "progress": {"completion": 18.35, "filepos": 185, "printTime": 3,
        "printTimeLeft": null}, "temps": [{"time": 1795206349, "tool0": {"actual": 30.0, "target": 31.0},
        "bed": {"actual": 35.5, "target": 0.0}, "chamber": {"actual": null, "target": null}}], "logs": []}}"#;

    fn current_of(json: &str, last: Option<&PrinterStatus>) -> PrinterStatus {
        current(serde_json::from_str::<wire::Push>(json).unwrap().current.unwrap(), last)
    }

    #[test]
    fn pausing_wins_over_printing_and_every_field_is_mapped() {
        let status = current_of(PAUSING, None);
        let job = status.job.unwrap();
        assert_eq!(
            (status.phase, status.state_text.as_str(), status.fault),
            (Phase::Pausing, "Pausing", None)
        );
        assert_eq!((job.path.as_deref(), job.size), (Some("sub/slow.gcode"), Some(1008)));
        assert_eq!((job.elapsed, job.remaining), (Some(Duration::from_secs(3)), None));
        assert!((job.progress.unwrap() - 0.1835).abs() < 1e-6);
        assert_eq!(status.tools, [Heater::new(Some(30.0), Some(31.0))]);
        assert_eq!((status.bed, status.chamber), (Some(Heater::new(Some(35.5), Some(0.0))), None));
    }

    #[test]
    fn message_without_temperatures_keeps_the_last_ones_unless_offline() {
        let first = current_of(PAUSING, None);
        let without = r#"{"current": {"state": {"text": "Paused", "flags": {"operational": true, "paused": true}},
            "temps": []}}"#;
        assert_eq!(current_of(without, Some(&first)).tools, first.tools);
        let offline =
            r#"{"current": {"state": {"text": "Offline", "flags": {"closedOrError": true}}, "temps": []}}"#;
        let status = current_of(offline, Some(&first));
        assert_eq!((status.phase, status.tools.len(), status.bed), (Phase::Offline, 0, None));
    }

    #[test]
    fn every_state_octoprint_names_has_a_phase() {
        let f = |set: fn(&mut wire::Flags)| {
            let mut flags = wire::Flags::default();
            set(&mut flags);
            flags
        };
        for (flags, text, expected) in [
            (f(|_| ()), "Opening serial connection", Phase::Connecting),
            (f(|_| ()), "Connecting", Phase::Connecting),
            (f(|x| x.operational = true), "Operational", Phase::Idle),
            (f(|x| x.printing = true), "Starting print from SD", Phase::Preparing),
            (f(|x| x.printing = true), "Printing", Phase::Printing),
            (f(|x| (x.printing, x.cancelling) = (true, true)), "Cancelling", Phase::Cancelling),
            (f(|x| x.paused = true), "Paused", Phase::Paused),
            (f(|x| x.resuming = true), "Resuming", Phase::Resuming),
            (f(|x| x.finishing = true), "Finishing", Phase::Finishing),
            (f(|x| x.closed_or_error = true), "Offline", Phase::Offline),
            (f(|x| x.closed_or_error = true), "Detecting baudrate", Phase::Connecting),
            (f(|x| x.closed_or_error = true), "Offline after error", Phase::Faulted),
            (f(|x| (x.closed_or_error, x.error) = (true, true)), "Error: MINTEMP", Phase::Faulted),
            (f(|_| ()), "Levitating", Phase::Unknown),
        ] {
            assert_eq!(phase(flags, text), expected, "{text}");
        }
    }

    #[test]
    fn analysis_and_pictures_are_taken_from_both_versions() {
        // 2.0.0rc7, and the plugin "thumbnail" of 1.x.
        let second = r#"{"date":1795226324,"display":"ü.gcode","name":"ü.gcode","origin":"local","path":"a b/ü.gcode",
            "gcodeAnalysis":{"estimatedPrintTime":3.628,"filament":{"tool0":{"length":9.0,"volume":0.0},
            "tool1":{"length":null}},"dimensions":{}},"refs":{"download":"http://h/x","thumbnail":"http://h/y",
            "thumbnail_32x32":"http://h/z","thumbnail_big":"http://h/z"},"size":689,"statistics":null,"prints":null,
            "type":"machinecode","typePath":["machinecode","gcode"],"user":null}"#;
        let info = details(serde_json::from_str(second).unwrap());
        assert_eq!((info.entry.size, info.entry.sha1, info.entry.is_folder), (Some(689), None, false));
        assert_eq!(info.print_time, Some(Duration::from_secs_f32(3.628)));
        assert_eq!(info.filament, [9.0, 0.0]);
        let shown: Vec<_> = info.thumbnails.iter().map(|t| (t.source.as_str(), t.size)).collect();
        assert_eq!(
            shown,
            [
                ("downloads/thumbs/local/a%20b/%C3%BC.gcode?size=32x32", Some((32, 32))),
                ("downloads/thumbs/local/a%20b/%C3%BC.gcode?size=big", None),
            ]
        );
        let plugin = r#"{"path":"x.gcode","type":"machinecode","refs":null,"gcodeAnalysis":{"_empty":true,"filament":{}},
            "hash":"ab2243017f124839f8a753812de37edc09373b62","thumbnail":"plugin/t/thumbnail/x.png?2026"}"#;
        let info = details(serde_json::from_str(plugin).unwrap());
        assert_eq!((info.print_time, info.filament.len(), info.thumbnails.len()), (None, 0, 1));
        assert_eq!(info.thumbnails[0].source, "plugin/t/thumbnail/x.png?2026");
        assert!(info.entry.sha1.is_some());
    }

    #[test]
    fn cameras_of_every_version_are_told() {
        let told = |json: &str| {
            let all = cameras(serde_json::from_str(json).unwrap(), |url| String::from("http://h") + url);
            all.into_iter().map(|c| (c.name, c.stream, c.snapshot)).collect::<Vec<_>>()
        };
        let s = |text: &str| Some(String::from(text));
        let classic = |can: bool| {
            alloc::format!(
                r#"{{"webcamEnabled":true,"snapshotWebcam":"classic","streamUrl":"/w","webcams":[{{"name":"classic",
                "displayName":"Classic Webcam","canSnapshot":{can},"compat":{{"stream":"/w","snapshot":"http://127.0.0.1/s"}}}},
                {{"name":"other","canSnapshot":true,"compat":null,"extras":{{"x":1}}}},
                {{"name":"third","compat":{{"snapshot":"http://cam/s","stream":""}}}}]}}"#
            )
        };
        assert_eq!(
            told(&classic(true)),
            [
                ("Classic Webcam".into(), s("http://h/w"), s("downloads/camera/current")),
                ("other".into(), None, None),
                ("third".into(), None, s("http://cam/s")),
            ]
        );
        assert_eq!(told(&classic(false))[0].2, None);
        // Before 1.9, and nothing to see.
        let old = r#"{"streamUrl":"/webcam/?action=stream","snapshotUrl":"http://127.0.0.1:8080/?action=snapshot"}"#;
        assert_eq!(
            told(old),
            [("".into(), s("http://h/webcam/?action=stream"), s("downloads/camera/current"))]
        );
        assert!(told(r#"{"webcams":[]}"#).is_empty());
        assert!(told(r#"{"streamUrl":"","snapshotUrl":null}"#).is_empty());
        assert!(told(r#"{"webcamEnabled":false,"streamUrl":"/x"}"#).is_empty());
    }

    #[test]
    fn estimates_of_a_job_may_be_missing_in_every_way() {
        for json in [
            "{}",
            r#"{"job":{"filament":{},"file":{}},"progress":{},"state":"Operational"}"#,
            r#"{"job":{"filament":{"length":null,"volume":null},"file":{"path":null},"user":null},"error":null}"#,
        ] {
            let job: wire::JobMore = serde_json::from_str(json).unwrap();
            assert_eq!(job_details(job.job), JobDetails::default(), "{json}");
        }
        let job = r#"{"job":{"estimatedPrintTime":60.5,"lastPrintTime":null,"filament":{"tool0":{"length":810.5,
            "volume":5.5,"weight":null}},"file":{"path":"x.gcode","origin":"local"},"user":"admin"}}"#;
        let details = job_details(serde_json::from_str::<wire::JobMore>(job).unwrap().job);
        assert_eq!(details.estimated, Some(Duration::from_millis(60_500)));
        assert_eq!(details.filament, [FilamentUse { length: Some(810.5), volume: Some(5.5) }]);
        assert_eq!((details.storage.as_deref(), details.user.as_deref()), (Some("local"), Some("admin")));
    }

    #[test]
    fn unknown_versions_are_taken_for_new_ones() {
        for (version, second) in [
            (Some("1.11.8"), false),
            (Some("1.3.9rc1"), false),
            (Some("0.9"), false),
            (Some("2.0.0rc7"), true),
            (Some("11.0"), true),
            (Some("unknown"), true),
            (None, false),
        ] {
            assert_eq!(is_second(version), second, "{version:?}");
        }
    }

    #[test]
    fn hash_is_forty_hexadecimal_digits_or_nothing() {
        assert_eq!(sha1("ab2243017f124839f8a753812de37edc09373b62").unwrap()[..2], [0xab, 0x22]);
        for bad in [
            "",
            "ab",
            "gb2243017f124839f8a753812de37edc09373b62",
            "+b2243017f124839f8a753812de37edc09373b62",
            &"ü".repeat(20),
        ] {
            assert_eq!(sha1(bad), None, "{bad}");
        }
    }
}
