//! Our model, read from PrusaLink's JSON a second time and in another way.

use std::time::Duration;

use printhost_core::{Fan, FileEntry, Heater, Job, Phase, Position, PrinterStatus};

use crate::json::{Expected, IllTyped, Json, NULL};

const PHASES: [(&str, Phase); 8] = [
    ("IDLE", Phase::Idle),
    ("READY", Phase::Idle),
    ("PRINTING", Phase::Printing),
    ("PAUSED", Phase::Paused),
    ("FINISHED", Phase::Finished),
    ("STOPPED", Phase::Cancelled),
    ("BUSY", Phase::Busy),
    ("ATTENTION", Phase::Attention),
];

/// What is kept of a text: as many whole characters as fit into so many bytes.
fn kept(text: &str, most: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= most).last();
    &text[..end.unwrap_or(0)]
}

fn member<'a>(object: &'a Json, key: &str) -> Expected<&'a Json> {
    if *object == NULL { Ok(&NULL) } else { object.get(key) }
}

fn word(object: &Json, key: &str) -> Expected<Option<String>> {
    Ok(member(object, key)?.text()?.map(|text| kept(text, 256).to_owned()))
}

fn number(object: &Json, key: &str) -> Expected<Option<f32>> {
    Ok(member(object, key)?.number()?.map(|number| number as f32))
}

/// `GET /api/v1/status` of a Pi whose job nobody can tell more of.
pub fn status(told: &Json) -> Expected<PrinterStatus> {
    let printer = told.part("printer")?.unwrap_or(&NULL);
    let line = member(printer, "status_printer")?;
    let (ok, message) = match line {
        line if *line == NULL => (None, None),
        line => (line.part("ok")?.map(Json::bool).transpose()?, word(line, "message")?),
    };
    let state = word(printer, "state")?.unwrap_or_default();
    let mut status = PrinterStatus::default();
    let is_gone = ok == Some(false)
        && message.as_deref().is_some_and(|m| m.starts_with("Serial device") || m.starts_with("RPi port"));
    status.phase = match PHASES.iter().find(|(word, _)| *word == state) {
        Some((_, phase)) => *phase,
        None if state == "ERROR" && is_gone => Phase::Offline,
        None if state == "ERROR" => Phase::Faulted,
        None => Phase::Unknown,
    };
    status.state_text = state;
    let failed = matches!(status.phase, Phase::Faulted | Phase::Offline);
    status.fault = message.filter(|message| failed && ok == Some(false) && !message.is_empty());
    let heater = |actual: &str, target: &str| -> Expected<Option<Heater>> {
        let (actual, target) = (number(printer, actual)?, number(printer, target)?);
        Ok(if (actual, target) == (None, None) { None } else { Some(Heater::new(actual, target)) })
    };
    let (tool, bed) = (heater("temp_nozzle", "target_nozzle")?, heater("temp_bed", "target_bed")?);
    let mut at = Position::default();
    (at.x, at.y, at.z) = (number(printer, "axis_x")?, number(printer, "axis_y")?, number(printer, "axis_z")?);
    let mut fans = Vec::new();
    for (key, name) in [("fan_print", ""), ("fan_hotend", "hotend")] {
        if let Some(rpm) = number(printer, key)?.filter(|rpm| (0.0..1e6).contains(rpm)) {
            let mut fan = Fan::default();
            (fan.name, fan.rpm) = (name.into(), Some(rpm as u32));
            fans.push(fan);
        }
    }
    let percent = |key| -> Expected<Option<u16>> {
        Ok(number(printer, key)?.filter(|told| *told >= 0.0 && *told <= 9999.0).map(|told| told as u16))
    };
    let (speed, flow) = (percent("speed")?, percent("flow")?);
    if status.phase != Phase::Offline {
        (status.tools, status.bed) = (tool.into_iter().collect(), bed);
        status.position = if at == Position::default() { None } else { Some(at) };
        (status.fans, status.speed_factor, status.flow_factor) = (fans, speed, flow);
    }
    if let Some(told) = told.part("job")? {
        if *told == NULL {
            return Ok(status);
        }
        told.get("id")?.whole()?;
        let seconds = |key| -> Expected<Option<Duration>> {
            let told = told.get(key)?.number()?;
            Ok(told.filter(|told| *told >= 0.0 && *told < 3.2e9).map(Duration::from_secs_f64))
        };
        let mut job = Job::default();
        job.progress = number(told, "progress")?.map(|percent| (percent / 100.0).clamp(0.0, 1.0));
        (job.elapsed, job.remaining) = (seconds("time_printing")?, seconds("time_remaining")?);
        status.job = Some(job);
    }
    Ok(status)
}

/// An entry of a folder; none for one without a name.
pub fn entry(file: &Json) -> Expected<Option<FileEntry>> {
    let name = |key: &str| -> Expected<Option<String>> {
        Ok(file.get(key)?.text()?.filter(|name| name.len() <= 512).map(str::to_owned))
    };
    let (short, long, kind) = (name("name")?, name("display_name")?, word(file, "type")?);
    let (size, modified) = (file.get("size")?.whole()?, file.get("m_timestamp")?.whole()?);
    for part in ["refs", "meta"] {
        // They are read too, and have types of their own.
        if *member(file, part)? != NULL {
            return Err(IllTyped);
        }
    }
    let Some(path) = long.or(short).filter(|name| !name.is_empty()) else { return Ok(None) };
    let mut entry = FileEntry::default();
    entry.path = path;
    entry.is_folder = kind.as_deref() == Some("FOLDER");
    entry.size = if entry.is_folder { None } else { size };
    entry.modified = modified.filter(|at| *at > 0);
    Ok(Some(entry))
}
