//! What PrusaLink 0.8.1 on a Pi really answered, and what the source of the firmware says that it answers.

use alloc::vec::Vec;

use super::*;

const PI: &str = r#"{"storage":[{"path":"/local","read_only":false,"free_space":72117731328,"name":"PrusaLink gcodes"},
    {"path":"/sdcard","read_only":true}],"printer":{"state":"PRINTING","temp_nozzle":64.0,"temp_bed":60.0,"axis_z":0.15,
    "flow":100,"speed":100,"fan_hotend":3240,"fan_print":4560,"status_connect":{"ok":true,"message":"Connect isn't
    configured"},"status_printer":{"ok":true,"message":"OK"},"target_nozzle":215.0,"target_bed":60.0},"job":{"id":3,
    "progress":50.0,"time_remaining":60}}"#;

const FIRMWARE: &str = r#"{"job":{"id":7,"progress":12.00,"time_remaining":600,"time_printing":90,
    "filament_change_in":30},"storage":{"path":"/usb/","name":"usb","read_only":false},"transfer":{"id":4,
    "time_transferring":2,"progress":3.1,"transferred":790},"printer":{"state":"PAUSED","temp_bed":60.1,
    "target_bed":60.0,"temp_nozzle":215.2,"target_nozzle":215.0,"axis_z":1.2,"flow":100,"speed":100,"fan_hotend":0,
    "fan_print":0}}"#;

fn read(json: &str, file: Option<JobFile>) -> PrinterStatus {
    let json = json.replace('\n', " ");
    status(serde_json::from_str(&json).unwrap(), file)
}

fn printer(state: &str, rest: &str) -> PrinterStatus {
    read(&format!(r#"{{"printer":{{"state":"{state}"{rest}}}}}"#), None)
}

#[test]
fn printing_pi_is_read_whole() {
    let file = JobFile { path: Some("m73.gcode".into()), size: Some(734) };
    let status = read(PI, Some(file));
    assert_eq!((status.phase, status.state_text.as_str()), (Phase::Printing, "PRINTING"));
    assert_eq!(status.tools, [Heater::new(Some(64.0), Some(215.0))]);
    assert_eq!(status.bed, Some(Heater::new(Some(60.0), Some(60.0))));
    let fans: Vec<_> = status.fans.iter().map(|fan| (fan.name.as_str(), fan.rpm)).collect();
    assert_eq!(fans, [("", Some(4560)), ("hotend", Some(3240))]);
    assert_eq!(status.position.map(|at| (at.x, at.y, at.z)), Some((None, None, Some(0.15))));
    assert_eq!((status.speed_factor, status.flow_factor), (Some(100), Some(100)));
    let job = status.job.unwrap();
    assert_eq!((job.path.as_deref(), job.size, job.progress), (Some("m73.gcode"), Some(734), Some(0.5)));
    assert_eq!((job.elapsed, job.remaining), (None, Some(Duration::from_secs(60))));
    assert_eq!((status.fault, status.chamber), (None, None));
}

#[test]
fn paused_printer_with_its_own_firmware_is_read_whole() {
    let status = read(FIRMWARE, None);
    assert_eq!(status.phase, Phase::Paused);
    let job = status.job.unwrap();
    assert_eq!((job.progress, job.elapsed), (Some(0.12), Some(Duration::from_secs(90))));
    assert_eq!((job.remaining, job.path), (Some(Duration::from_secs(600)), None));
}

#[test]
fn every_state_has_a_phase_and_an_unknown_one_keeps_its_word() {
    for (state, phase) in [
        ("IDLE", Phase::Idle),
        ("READY", Phase::Idle),
        ("BUSY", Phase::Busy),
        ("PRINTING", Phase::Printing),
        ("PAUSED", Phase::Paused),
        ("FINISHED", Phase::Finished),
        ("STOPPED", Phase::Cancelled),
        ("ATTENTION", Phase::Attention),
        ("ERROR", Phase::Faulted),
        ("DANCING", Phase::Unknown),
        ("", Phase::Unknown),
    ] {
        let status = printer(state, "");
        assert_eq!((status.phase, status.state_text.as_str()), (phase, state));
        assert!(status.job.is_none() && status.tools.is_empty() && status.bed.is_none(), "{state}");
    }
}

#[test]
fn unplugged_printer_is_offline_and_shows_nothing_of_the_past() {
    let gone =
        r#","temp_nozzle":24.0,"status_printer":{"ok":false,"message":"Serial device does not exist"}"#;
    let status = printer("ERROR", gone);
    assert_eq!((status.phase, status.tools.len()), (Phase::Offline, 0));
    assert_eq!(status.fault.as_deref(), Some("Serial device does not exist"));
    let broken = printer(
        "ERROR",
        r#","temp_nozzle":24.0,"status_printer":{"ok":false,"message":"Firmware is too old"}"#,
    );
    assert_eq!((broken.phase, broken.tools.len()), (Phase::Faulted, 1));
    assert_eq!(broken.fault.as_deref(), Some("Firmware is too old"));
}

#[test]
fn times_and_progress_that_cannot_be_are_left_out() {
    let status = read(
        r#"{"printer":{"state":"PRINTING"},"job":{"id":1,"progress":250,"time_remaining":-1,"time_printing":1e300}}"#,
        None,
    );
    let job = status.job.unwrap();
    assert_eq!((job.progress, job.remaining, job.elapsed), (Some(1.0), None, None));
    assert!(read(r#"{"printer":null,"job":{"progress":null,"time_remaining":null}}"#, None).job.is_some());
}

#[test]
fn families_are_told_apart_and_others_refused() {
    let family = |json: &str| family(&serde_json::from_str(json).unwrap());
    let pi = r#"{"api":"2.0.0","server":"0.8.1","original":"PrusaLink I3MK3S","text":"PrusaLink 0.8.1",
        "firmware":"3.14.1-8237","sdk":"0.8.1","capabilities":{"upload-by-put":true},"hostname":"vm"}"#;
    assert_eq!(family(pi), Some(Family::Pi));
    let firmware = r#"{"api":"2.0.0","server":"2.1.2","nozzle_diameter":0.40,"text":"PrusaLink","hostname":"mk4",
        "capabilities":{"upload-by-put":true}}"#;
    assert_eq!(family(firmware), Some(Family::Firmware));
    for other in [
        r#"{"api":"0.1","server":"1.11.8","text":"OctoPrint 1.11.8"}"#,
        r#"{"server":"1.5.0","api":"0.1","text":"OctoPrint (Moonraker v0.9)"}"#,
        "{}",
    ] {
        assert_eq!(family(other), None, "{other}");
    }
}

#[test]
fn storage_is_the_first_that_takes_files() {
    let chosen = |family, json: &str| {
        let Storage { path, shown } = storage(family, serde_json::from_str(json).unwrap());
        (path, shown)
    };
    let pair = |path: &str, shown: &str| (String::from(path), String::from(shown));
    let pi = r#"{"storage_list":[{"type":"SDCARD","path":"/sdcard","available":true,"read_only":true},{"type":"LOCAL",
        "path":"/local","available":true,"free_space":1,"read_only":false,"name":"My gcodes"}]}"#;
    assert_eq!(chosen(Family::Pi, pi), pair("/local", "My gcodes"));
    let usb =
        r#"{"storage_list":[{"path":"/usb/","name":"usb","type":"USB","read_only":false,"available":true}]}"#;
    assert_eq!(chosen(Family::Firmware, usb), pair("/usb", "usb"));
    let gone = r#"{"storage_list":[{"path":"/usb/","name":"usb","available":false}]}"#;
    assert_eq!(chosen(Family::Firmware, gone), pair("/usb", "usb"));
    assert_eq!(chosen(Family::Pi, "{}"), pair("/local", "PrusaLink gcodes"));
}

#[test]
fn job_has_the_path_that_listings_have() {
    let path = |storage: &Storage, json: &str| {
        job_file(storage, serde_json::from_str::<wire::Job>(json).unwrap().file).path
    };
    let pi = Storage { path: "/local".into(), shown: "PrusaLink gcodes".into() };
    for (told, ours) in [
        (r#"{"id":3,"file":{"path":"/PrusaLink gcodes/m73.gcode","display_name":"m73.gcode"}}"#, "m73.gcode"),
        (r#"{"file":{"path":"/PrusaLink gcodes/a/b c.gcode","display_name":"b c.gcode"}}"#, "a/b c.gcode"),
        (r#"{"file":{"path":"/SD Card/x.gcode","display_name":"x.gcode"}}"#, "/SD Card/x.gcode"),
    ] {
        assert_eq!(path(&pi, told).as_deref(), Some(ours));
    }
    let usb = Storage { path: "/usb".into(), shown: "usb".into() };
    let short =
        r#"{"file":{"name":"LONGNA~1.GCO","display_name":"long name.gcode","path":"/usb/LONGNA~1.GCO"}}"#;
    let folder_alone =
        r#"{"file":{"name":"LONGNA~1.GCO","display_name":"long name.gcode","path":"/usb/SUB~1"}}"#;
    let root_alone = r#"{"file":{"name":"LONGNA~1.GCO","display_name":"long name.gcode","path":"/usb"}}"#;
    assert_eq!(path(&usb, short).as_deref(), Some("long name.gcode"));
    assert_eq!(path(&usb, folder_alone).as_deref(), Some("SUB~1/long name.gcode"));
    assert_eq!(path(&usb, root_alone).as_deref(), Some("long name.gcode"));
    assert_eq!(path(&usb, "{}"), None);
}

#[test]
fn file_of_a_pi_tells_what_the_slicer_wrote() {
    let json = r#"{"type":"PRINT_FILE","name":"m73.gcode","read_only":false,"m_timestamp":1795207472,"size":734,
        "display_name":"m73.gcode","refs":{"download":"/api/files/local/PrusaLink gcodes/m73.gcode/raw","icon":null,
        "thumbnail":"/api/thumbnails/PrusaLink gcodes/m73.gcode.orig.png"},"meta":{"normal_percent_present":true,
        "estimated printing time (normal mode)":"2m 3s","filament_type":"PLA","layer_height":0.2,"filament used [g]":1.23,
        "filament used [mm]":412.5,"estimated_print_time":123}}"#;
    let info = details("m73.gcode", serde_json::from_str(json).unwrap());
    assert_eq!((info.entry.size, info.entry.modified), (Some(734), Some(1_795_207_472)));
    assert_eq!((info.print_time, info.filament), (Some(Duration::from_secs(123)), vec![412.5]));
    assert_eq!(info.thumbnails[0].source, "/api/thumbnails/PrusaLink gcodes/m73.gcode.orig.png");
}

#[test]
fn entries_have_their_long_names_and_folders_no_size() {
    let entry = |json: &str| {
        let told: wire::File = serde_json::from_str(json).unwrap();
        path_in("sub", &told).map(|path| file(path, &told))
    };
    let folder = entry(r#"{"type":"FOLDER","name":"deep","size":598,"display_name":"deep"}"#).unwrap();
    assert_eq!((folder.path.as_str(), folder.is_folder, folder.size), ("sub/deep", true, None));
    let short = r#"{"type":"PRINT_FILE","ro":false,"name":"AB~1.GCO","display_name":"a b.gcode","m_timestamp":0,"size":5}"#;
    let file = entry(short).unwrap();
    assert_eq!((file.path.as_str(), file.size, file.modified), ("sub/a b.gcode", Some(5), None));
    assert_eq!(entry("{}"), None);
}
