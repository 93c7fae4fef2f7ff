//! Our model, read from OctoPrint's JSON a second time and in another way.

use std::time::Duration;

use printhost_core::{FileEntry, Heater, Job, JobEvent, Phase, PrinterStatus};

use crate::json::{Expected, IllTyped, Json, NULL};

/// `state`, `job` and `progress`, as they stand in several answers.
pub fn status(text: &str, flags: Option<&Json>, error: Option<&str>) -> Expected<PrinterStatus> {
    let text = kept(text);
    let mut status = PrinterStatus::default();
    status.phase = phase(flags, text)?;
    status.state_text = text.into();
    status.fault = error.filter(|e| !e.is_empty()).map(|e| kept(e).into());
    Ok(status)
}

/// What is kept of a text: as many whole characters as fit into 256 bytes.
fn kept(text: &str) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 256).last();
    &text[..end.unwrap_or(0)]
}

/// The `state` object.
pub fn state(state: &Json) -> Expected<PrinterStatus> {
    let text = match state.part("text")? {
        Some(text) => text.text()?.unwrap_or_default(),
        None => "",
    };
    status(text, state.part("flags")?, state.get("error")?.text()?)
}

fn phase(flags: Option<&Json>, text: &str) -> Expected<Phase> {
    let mut set = Vec::new();
    for name in [
        "operational",
        "printing",
        "cancelling",
        "pausing",
        "resuming",
        "finishing",
        "closedOrError",
        "error",
        "paused",
    ] {
        if let Some(flag) = flags.map(|flags| flags.part(name)).transpose()?.flatten()
            && flag.bool()?
        {
            set.push(name);
        }
    }
    if set.contains(&"error") || text.starts_with("Error") || text == "Offline after error" {
        return Ok(Phase::Faulted);
    }
    if text.contains("onnecting") || text.starts_with("Opening") || text.starts_with("Detecting") {
        return Ok(Phase::Connecting);
    }
    // From what says most to what says least.
    for (name, phase) in [
        ("closedOrError", Phase::Offline),
        ("cancelling", Phase::Cancelling),
        ("finishing", Phase::Finishing),
        ("pausing", Phase::Pausing),
        ("resuming", Phase::Resuming),
        ("paused", Phase::Paused),
        ("printing", if text.starts_with("Starting") { Phase::Preparing } else { Phase::Printing }),
        ("operational", Phase::Idle),
    ] {
        if set.contains(&name) {
            return Ok(phase);
        }
    }
    Ok(Phase::Unknown)
}

/// The `job` and `progress` members of an answer.
pub fn job(answer: &Json) -> Expected<Option<Job>> {
    let file = match answer.part("job")? {
        Some(job) => job.part("file")?,
        None => None,
    };
    let file = file.unwrap_or(&EMPTY);
    let (path, size) = (file.get("path")?.text()?, file.get("size")?.whole()?);
    let progress = answer.part("progress")?.unwrap_or(&EMPTY);
    let number = |name| progress.get(name).and_then(Json::number);
    let (done, elapsed, left) = (number("completion")?, number("printTime")?, number("printTimeLeft")?);
    let seconds = |s: f64| Duration::try_from_secs_f32(s as f32).ok();
    Ok(path.map(|path| {
        let mut job = Job::default();
        job.path = Some(path.into());
        job.size = size;
        job.progress = done.map(|percent| (percent as f32 / 100.0).clamp(0.0, 1.0));
        job.elapsed = elapsed.and_then(seconds);
        job.remaining = left.and_then(seconds);
        job
    }))
}

static EMPTY: Json = Json::Object(Vec::new());

/// The heaters of a `temperature` object or of the newest of `temps`.
pub fn temperatures(status: &mut PrinterStatus, all: &Json) -> Expected<()> {
    let heater = |value: &Json| -> Expected<Heater> {
        let number = |name| value.get(name).and_then(Json::number).map(|n| n.map(|n| n as f32));
        Ok(Heater::new(number("actual")?, number("target")?))
    };
    let Json::Object(members) = all else { return Err(IllTyped) };
    let mut tools = Vec::new();
    for (name, value) in members {
        let Some(number) = name.strip_prefix("tool") else { continue };
        let Ok(number) = number.parse::<usize>() else { continue };
        if name != &format!("tool{number}") || members.iter().filter(|(other, _)| other == name).count() > 1 {
            return Err(IllTyped); // "tool01"
        }
        if number < 16 {
            tools.resize(tools.len().max(number + 1), Heater::default());
            tools[number] = heater(value)?;
        }
    }
    status.tools = tools;
    for (name, place) in [("bed", &mut status.bed), ("chamber", &mut status.chamber)] {
        *place = match all.get(name)? {
            value if *value == NULL => None,
            value => Some(heater(value)?).filter(|h| h.actual.is_some()),
        };
    }
    Ok(())
}

/// An entry of a listing.
pub fn file(file: &Json) -> Expected<FileEntry> {
    let mut entry = FileEntry::default();
    entry.path = file.get("path")?.text()?.ok_or(IllTyped)?.into();
    entry.is_folder = file.get("type")?.text()? == Some("folder");
    let size = file.get("size")?.whole()?;
    entry.size = if entry.is_folder { None } else { size };
    entry.modified = file.get("date")?.number()?.map(|seconds| seconds as u64);
    entry.sha1 = file.get("hash")?.text()?.and_then(sha1);
    Ok(entry)
}

fn sha1(hex: &str) -> Option<[u8; 20]> {
    let digits: Option<Vec<u32>> = hex.chars().map(|c| c.to_digit(16)).collect();
    let bytes: Vec<u8> =
        digits?.chunks(2).filter(|c| c.len() == 2).map(|c| (c[0] * 16 + c[1]) as u8).collect();
    if hex.len() == 40 { bytes.try_into().ok() } else { None }
}

/// A `current` or `history` object, after the status before it.
pub fn current(current: &Json, last: &PrinterStatus) -> Expected<PrinterStatus> {
    let mut status = match current.part("state")? {
        Some(value) => state(value)?,
        None => self::status("", None, None)?,
    };
    status.job = job(current)?;
    let temps = match current.part("temps")? {
        Some(Json::List(all)) => {
            // Each of them is read, so each has to be well-typed.
            for temps in all {
                temperatures(&mut PrinterStatus::default(), temps)?;
            }
            all.last()
        }
        Some(_) => return Err(IllTyped),
        None => None,
    };
    match temps {
        _ if matches!(status.phase, Phase::Offline | Phase::Faulted) => {}
        Some(newest) => temperatures(&mut status, newest)?,
        None => (status.tools, status.bed, status.chamber) = (last.tools.clone(), last.bed, last.chamber),
    }
    Ok(status)
}

/// What an `event` object tells of a job.
pub fn event(event: &Json) -> Expected<Option<JobEvent>> {
    let kind = event.get("type")?.text()?.ok_or(IllTyped)?;
    let payload = event.get("payload")?;
    let text = |name: &str| -> Expected<Option<String>> {
        let payload = if *payload == NULL { &EMPTY } else { payload };
        // All that is read of it has to be well-typed.
        payload.get("path")?.text()?;
        payload.get("reason")?.text()?;
        Ok(payload.get(name)?.text()?.map(Into::into))
    };
    Ok(Some(match kind {
        "PrintStarted" if *payload == NULL => return Ok(None),
        "PrintStarted" => JobEvent::Started { path: text("path")? },
        "PrintPaused" => JobEvent::Paused,
        "PrintResumed" => JobEvent::Resumed,
        "PrintDone" => JobEvent::Finished,
        "PrintCancelled" => JobEvent::Cancelled,
        "PrintFailed" => JobEvent::Failed { reason: text("reason")? },
        _ => return Ok(None),
    }))
}
