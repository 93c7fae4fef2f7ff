//! From the printer's words to ours; the only place where that happens.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use printhost_core::{Fan, Heater, Job, Phase, PrinterStatus};

use crate::{
    models::Model,
    stages::is_preparation,
    wire::report::{Extruder, Hms, Packed, Report, Severity, code_text},
};

/// What P1 and A1 tell as the temperature of a chamber that they do not measure, °C.
const NO_CHAMBER: f32 = 5.0;
/// A job that somebody has cancelled.
const CANCELLED: [u32; 2] = [0x0300_400c, 0x0500_400e];

/// What a printer is doing, from what it has reported. `model` tells what a chamber's temperature means; without it, what
/// the report itself tells of its model.
pub fn status(report: &Report, model: Option<Model>) -> PrinterStatus {
    let mut status = PrinterStatus::default();
    status.phase = phase(report);
    status.state_text = report.gcode_state.clone().unwrap_or_default();
    status.fault = (status.phase == Phase::Faulted).then(|| fault(report)).flatten();
    status.job = job(report, status.phase);
    status.tools = tools(report);
    status.bed = bed(report);
    status.chamber = chamber(report, model.or_else(|| report.model()));
    status.fans = fans(report);
    status.speed_factor = report.spd_mag.or_else(|| speed_of_level(report.spd_lvl?));
    status
}

/// `gcode_state`
fn phase(report: &Report) -> Phase {
    let is_own = report.print_type.as_deref() == Some("system");
    match report.gcode_state.as_deref() {
        Some("IDLE") => Phase::Idle,
        // Calibrations look like jobs.
        Some("INIT") => Phase::Busy,
        Some("PREPARE" | "SLICING" | "RUNNING") if is_own => Phase::Busy,
        Some("PREPARE" | "SLICING") => Phase::Preparing,
        Some("RUNNING") if has_not_begun(report) => Phase::Preparing,
        Some("RUNNING") => Phase::Printing,
        // Which goes on once somebody says so.
        Some("PAUSE") if is_own => Phase::Attention,
        Some("PAUSE") => Phase::Paused,
        Some("FINISH") => Phase::Finished,
        Some("FAILED") if was_cancelled(report) => Phase::Cancelled,
        // Also when it does not say why, as it does for a moment only. It stays so until the next job, which most would take
        // (some refuse), also when it was switched off and on since; so this may be long ago. But what has failed may as well
        // lie on the bed, and who prints on whatever is idle would print into it. A printer says FINISH just as long.
        Some("FAILED") => Phase::Faulted,
        Some("OFFLINE") => Phase::Offline,
        _ => Phase::Unknown,
    }
}

/// What stands in `stg_cur` before the first layer.
fn has_not_begun(report: &Report) -> bool {
    let stage = report.stg_cur.and_then(|stage| stage.try_into().ok());
    report.layer_num == Some(0) && stage.is_some_and(is_preparation)
}

fn was_cancelled(report: &Report) -> bool {
    reason(report).is_some_and(|code| CANCELLED.contains(&code))
}

/// Whether it is told why a job has failed.
pub(crate) fn has_reason(report: &Report) -> bool {
    reason(report).is_some()
}

/// Of a `print_error`, those below 0x4000 are no faults, and some others neither.
fn reason(report: &Report) -> Option<u32> {
    let is_fault = |code: &u32| {
        code & 0xffff >= 0x4000 && !matches!(*code, 0x0500_8030 | 0x0300_8012 | 0x0500_c011 | 0x07ff_8007)
    };
    report.print_error.filter(is_fault).or(report.last_error.filter(is_fault))
}

fn fault(report: &Report) -> Option<String> {
    let worst = || {
        let bad = report.hms.iter().filter(|hms| hms.severity() >= Some(Severity::Serious));
        bad.max_by_key(|hms| hms.severity()).and_then(Hms::code_text)
    };
    reason(report).map(code_text).or_else(worst)
}

fn job(report: &Report, phase: Phase) -> Option<Job> {
    let mut job = Job::default();
    job.path = path(report);
    if job.path.is_none() && !phase.has_job() {
        return None;
    }
    job.progress = report.mc_percent.map(|percent| f32::from(percent) / 100.0);
    // Before it has begun, 0 is no estimate.
    let is_estimate = |minutes: &u32| *minutes > 0 || report.mc_percent > Some(0);
    let minutes = report.mc_remaining_time.filter(is_estimate);
    job.remaining = minutes.map(|minutes| Duration::from_secs(60 * u64::from(minutes)));
    Some(job)
}

/// Some tell the file that was sent to them, others one that they have unpacked from it, or none in the end; then it
/// follows from the job's name, if that was not too long for the printer.
fn path(report: &Report) -> Option<String> {
    let file = report.gcode_file.as_deref().unwrap_or_default();
    let file = file.split_once("://").map_or(file, |(_, path)| path).trim_start_matches('/');
    let file = file.strip_prefix("mnt/").unwrap_or(file);
    let file = file.strip_prefix("sdcard/").unwrap_or(file);
    let is_one = file.ends_with(".3mf") || file.ends_with(".gcode");
    if is_one && !file.starts_with("data/Metadata/") {
        return Some(file.into());
    }
    let name = report.subtask_name.as_deref().filter(|name| !name.is_empty() && !name.ends_with("..."))?;
    Some(format!("{name}.gcode.3mf"))
}

/// On printers with two, what stands outside of `device` is one of them.
fn tools(report: &Report) -> Vec<Heater> {
    let mut tools = Vec::new();
    let told = |extruder: &Extruder| extruder.id.zip(extruder.temp).filter(|(id, _)| *id < 4);
    for (id, temp) in report.device.extruders.iter().filter_map(told) {
        let id = usize::from(id);
        if tools.len() <= id {
            tools.resize(id + 1, Heater::default());
        }
        tools[id] = of_packed(temp);
    }
    if tools.len() < 2
        && let Some(flat) = heater(report.nozzle_temper, report.nozzle_target_temper)
    {
        // Of one, it is told with its fractions.
        tools = [flat].into();
    }
    tools
}

fn bed(report: &Report) -> Option<Heater> {
    let packed = report.device.bed_info_temp.or(report.device.bed_temp).map(of_packed);
    packed.or_else(|| heater(report.bed_temper, report.bed_target_temper))
}

fn chamber(report: &Report, model: Option<Model>) -> Option<Heater> {
    if let Some(packed) = report.device.ctc_info_temp {
        return Some(of_packed(packed));
    }
    let celsius = report.chamber_temper?;
    match model {
        Some(model) if !model.measures_chamber() => return None,
        None if celsius == NO_CHAMBER => return None,
        _ => {}
    }
    if celsius >= 65536.0 {
        return Some(of_packed(Packed(celsius as u32)));
    }
    heater(Some(celsius), None)
}

fn of_packed(packed: Packed) -> Heater {
    Heater::new(measured(packed.actual().into()), measured(packed.target().into()))
}

fn heater(actual: Option<f32>, target: Option<f32>) -> Option<Heater> {
    let heater = Heater::new(actual.and_then(measured), target.and_then(measured).filter(|t| *t >= 0.0));
    (heater != Heater::default()).then_some(heater)
}

/// What no heater can have is nothing that was measured.
fn measured(celsius: f32) -> Option<f32> {
    (-100.0..1000.0).contains(&celsius).then_some(celsius)
}

/// The one that cools the print first. What stands in `airduct` is told in percent, the rest in fifteenths.
fn fans(report: &Report) -> Vec<Fan> {
    let of_airduct = |number: u32| {
        let part = report.device.airduct.parts.iter().find(|part| part.id == Some(number))?;
        part.state.map(|percent| f32::from(percent) / 100.0)
    };
    let fifteenths = |speed: Option<u8>| speed.filter(|speed| *speed <= 15).map(|s| f32::from(s) / 15.0);
    let all = [
        ("", of_airduct(16).or_else(|| fifteenths(report.cooling_fan_speed))),
        ("aux", of_airduct(32).or_else(|| fifteenths(report.big_fan1_speed))),
        ("chamber", of_airduct(48).or_else(|| fifteenths(report.big_fan2_speed))),
        ("heatbreak", fifteenths(report.heatbreak_fan_speed)),
        ("aux2", of_airduct(160)),
    ];
    let told = all.into_iter().filter(|(_, speed)| speed.is_some());
    told.map(|(name, speed)| {
        let mut fan = Fan::default();
        (fan.name, fan.speed) = (name.into(), speed);
        fan
    })
    .collect()
}

/// `spd_lvl`
fn speed_of_level(level: u8) -> Option<u16> {
    Some(match level {
        1 => 50,
        2 => 100,
        3 => 124,
        4 => 166,
        _ => return None,
    })
}
