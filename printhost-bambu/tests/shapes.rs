//! Invented reports of several models (`invented`), against what a person reads in them.

mod invented;

use std::time::Duration;

use printhost_bambu::{
    Model,
    report::{Feed, Report, SdCard, Severity, status},
};
use printhost_core::{Heater, Phase, PrinterStatus};
use serde_json::Value;

fn report_of(message: &Value) -> Report {
    let mut report = Report::default();
    Feed::new().message(message.to_string().as_bytes(), &mut report).unwrap();
    report
}

fn status_of(members: &str) -> PrinterStatus {
    let mut report = Report::default();
    Feed::new().message(format!("{{\"print\":{{{members}}}}}").as_bytes(), &mut report).unwrap();
    status(&report, None)
}

fn fans(status: &PrinterStatus) -> Vec<(&str, f32)> {
    status.fans.iter().map(|fan| (fan.name.as_str(), fan.speed.unwrap())).collect()
}

#[test]
fn p1s_in_a_print() {
    let report = report_of(&invented::p1s());
    let status = status(&report, Model::of_serial("01P00A000000000"));
    assert_eq!(status.phase, Phase::Printing);
    let job = status.job.as_ref().unwrap();
    assert_eq!((job.path.as_deref(), job.progress), (Some("cube.gcode.3mf"), Some(0.42)));
    assert_eq!((job.remaining, job.elapsed), (Some(Duration::from_secs(31 * 60)), None));
    assert_eq!(status.tools, [Heater::new(Some(219.6875), Some(220.0))]);
    assert_eq!(status.bed, Some(Heater::new(Some(59.84375), Some(60.0))));
    assert_eq!((status.chamber, status.speed_factor), (None, Some(100)));
    assert_eq!(fans(&status), [("", 1.0), ("aux", 0.0), ("chamber", 1.0 / 3.0), ("heatbreak", 1.0)]);
    assert_eq!((report.wifi_signal, report.net.is_wired()), (Some(-53), Some(false)));
    assert_eq!(report.net.info[0].address().unwrap().to_string(), "10.10.10.81");
    assert_eq!(report.stg, [2, 14, 13]);
}

#[test]
fn x1_carbon_measures_its_chamber_and_prints_what_it_has_unpacked() {
    let report = report_of(&invented::x1c(3));
    let status = status(&report, None);
    assert_eq!(status.chamber, Some(Heater::new(Some(38.0), None)));
    assert_eq!(status.job.unwrap().path.as_deref(), Some("cube.gcode.3mf"));
    assert_eq!((report.ams.ams.len(), report.ams.has_spool(2, 3)), (3, Some(true)));
    assert_eq!(report.ipcam.rtsp_url.as_deref(), Some("rtsps://192.0.2.5:322/streaming/live/1"));
    let [hms] = &report.hms[..] else { panic!("{:?}", report.hms) };
    assert_eq!(hms.code_text().as_deref(), Some("HMS_0300_0100_0001_0007"));
    assert_eq!((hms.severity(), hms.module()), (Some(Severity::Fatal), Some("motion")));
}

#[test]
fn p2s_tells_its_temperatures_in_its_parts() {
    let report = report_of(&invented::p2s());
    let status = status(&report, None);
    assert_eq!(status.bed, Some(Heater::new(Some(48.0), Some(60.0))));
    assert_eq!(status.chamber, Some(Heater::new(Some(31.0), Some(0.0))));
    assert_eq!(status.tools, [Heater::new(Some(219.6875), Some(220.0))]);
    assert_eq!(fans(&status)[0], ("", 0.7));
    assert_eq!((report.needs_signature(), report.sd_card()), (Some(false), Some(SdCard::Present)));
    assert_eq!(report.external_trays().map(|tray| tray.id).collect::<Vec<_>>(), [Some(255)]);
}

#[test]
fn h2d_has_two_hot_ends() {
    let report = report_of(&invented::h2d(4));
    let status = status(&report, None);
    assert_eq!(status.tools, [Heater::new(Some(245.0), Some(245.0)), Heater::new(Some(47.0), Some(0.0))]);
    assert_eq!(status.bed, Some(Heater::new(Some(70.0), Some(70.0))));
    assert_eq!(status.chamber, Some(Heater::new(Some(43.0), Some(45.0))));
    assert_eq!(
        fans(&status),
        [("", 0.7), ("aux", 0.0), ("chamber", 0.3), ("heatbreak", 1.0), ("aux2", 0.05)]
    );
    assert_eq!((report.needs_signature(), report.mapping.as_slice()), (Some(true), &[0, 257, 65535][..]));
    assert_eq!(report.device.extruder_state, Some(274));
    assert_eq!(report.hms[0].severity(), Some(Severity::Fatal));
}

#[test]
fn every_state_has_a_phase_and_keeps_its_word() {
    for (word, phase) in [
        ("IDLE", Phase::Idle),
        ("INIT", Phase::Busy),
        ("PREPARE", Phase::Preparing),
        ("SLICING", Phase::Preparing),
        ("RUNNING", Phase::Printing),
        ("PAUSE", Phase::Paused),
        ("FINISH", Phase::Finished),
        ("FAILED", Phase::Faulted),
        ("OFFLINE", Phase::Offline),
        ("LEVITATING", Phase::Unknown),
        ("running", Phase::Unknown),
    ] {
        let status = status_of(&format!("\"gcode_state\":\"{word}\""));
        assert_eq!((status.phase, status.state_text.as_str(), status.fault), (phase, word, None));
    }
    assert_eq!(status_of("\"mc_percent\":5").phase, Phase::Unknown);
    for (word, phase) in [("RUNNING", Phase::Busy), ("PREPARE", Phase::Busy), ("PAUSE", Phase::Attention)] {
        let own = format!(r#""gcode_state":"{word}","print_type":"system","stg_cur":1"#);
        assert_eq!(status_of(&own).phase, phase, "{word}");
    }
}

#[test]
fn stage_counts_before_the_first_layer_only() {
    let running = |stage: i32, layer: u32| {
        status_of(&format!(r#""gcode_state":"RUNNING","stg_cur":{stage},"layer_num":{layer}"#)).phase
    };
    assert_eq!(running(1, 0), Phase::Preparing);
    // Changing filament, and what stands there when nothing does.
    for stage in [0, 4, 255, -1, 200] {
        assert_eq!(running(stage, 0), Phase::Printing, "{stage}");
    }
    assert_eq!(running(1, 3), Phase::Printing);
}

#[test]
fn why_a_job_was_stopped_is_remembered_while_it_has_failed() {
    let (mut feed, mut report) = (Feed::new(), Report::default());
    let mut hears = |members: &str| {
        feed.message(format!("{{\"print\":{{\"msg\":1,{members}}}}}").as_bytes(), &mut report).unwrap();
        let status = status(&report, None);
        (status.phase, status.fault)
    };
    let fault = |code: &str| (Phase::Faulted, Some(code.to_owned()));
    assert_eq!(hears(r#""gcode_state":"RUNNING""#).0, Phase::Printing);
    assert_eq!(hears(r#""gcode_state":"FAILED","print_error":50348044"#), (Phase::Cancelled, None));
    assert_eq!(hears(r#""print_error":0"#), (Phase::Cancelled, None));
    assert_eq!(hears(r#""gcode_state":"PREPARE""#), (Phase::Preparing, None));
    assert_eq!(hears(r#""gcode_state":"FAILED","print_error":"83935248""#), fault("0500_C010"));
    assert_eq!(hears(r#""print_error":0"#), fault("0500_C010"));
    // An error that was got over is not why a later job ended.
    hears(r#""gcode_state":"RUNNING""#);
    hears(r#""print_error":83935248"#);
    hears(r#""print_error":0"#);
    assert_eq!(hears(r#""gcode_state":"FAILED""#), (Phase::Faulted, None));
    // What is no fault by its number.
    assert_eq!(hears(r#""print_error":50331649"#), (Phase::Faulted, None));
    let fatal = hears(r#""hms":[{"attr":50331904,"code":65543}]"#);
    assert_eq!(fatal, fault("HMS_0300_0100_0001_0007"));
}

#[test]
fn path_of_a_job_is_that_of_its_file_where_it_is_told() {
    for (file, name, path) in [
        ("cube.gcode.3mf", "x", Some("cube.gcode.3mf")),
        ("/sdcard/model/a b.gcode", "x", Some("model/a b.gcode")),
        ("/mnt/sdcard/a.3mf", "x", Some("a.3mf")),
        ("ftp:///model/a.gcode.3mf", "", Some("model/a.gcode.3mf")),
        ("/data/Metadata/plate_1.gcode", "cube", Some("cube.gcode.3mf")),
        ("", "cube", Some("cube.gcode.3mf")),
        ("", "a_very_long_name...", None),
        ("", "", None),
    ] {
        let status = status_of(&format!(
            r#""gcode_state":"RUNNING","gcode_file":"{file}","subtask_name":"{name}","mc_remaining_time":0,"mc_percent":0"#
        ));
        let job = status.job.unwrap();
        assert_eq!((job.path.as_deref(), job.remaining), (path, None), "{file} {name}");
    }
    assert_eq!(status_of(r#""gcode_state":"IDLE","mc_percent":100"#).job, None);
}
