//! Our model, read from Moonraker's and Klipper's JSON a second time and in another way: objects are kept whole, and
//! looked at when everything has been merged.

use std::{collections::BTreeMap, time::Duration};

use printhost_core::{Fan, FileEntry, FileInfo, Heater, Job, Phase, Position, PrinterStatus, Thumbnail};

use crate::json::{Expected, IllTyped, Json, NULL};

/// The objects that Klipper has, as `printer.objects.list` names them.
pub const NAMES: [&str; 12] = [
    "webhooks",
    "print_stats",
    "virtual_sdcard",
    "toolhead",
    "gcode_move",
    "extruder",
    "extruder1",
    "heater_bed",
    "heater_generic chamber",
    "fan",
    "heater_fan hotend",
    "gcode_macro T0",
];

const PHASES: [(&str, Phase); 6] = [
    ("standby", Phase::Idle),
    ("printing", Phase::Printing),
    ("paused", Phase::Paused),
    ("complete", Phase::Finished),
    ("cancelled", Phase::Cancelled),
    ("error", Phase::Faulted),
];

/// Klipper's objects by name, and their fields.
#[derive(Clone, Debug, Default)]
pub struct Objects(BTreeMap<String, BTreeMap<String, Json>>);

impl Objects {
    /// Puts changes over what is known.
    pub fn merge(&mut self, changes: &Json) -> Expected<()> {
        let Json::Object(objects) = changes else { return Err(IllTyped) };
        for (name, fields) in objects {
            let Json::Object(fields) = fields else { return Err(IllTyped) };
            changes.get(name)?; // once
            let known = self.0.entry(name.clone()).or_default();
            for (field, value) in fields {
                changes.get(name)?.get(field)?;
                known.insert(field.clone(), value.clone());
            }
        }
        Ok(())
    }

    fn field(&self, name: &str, field: &str) -> &Json {
        self.0.get(name).and_then(|fields| fields.get(field)).unwrap_or(&NULL)
    }

    fn number(&self, name: &str, field: &str) -> Expected<Option<f64>> {
        self.field(name, field).number()
    }

    fn text(&self, name: &str, field: &str) -> Expected<&str> {
        Ok(kept(self.field(name, field).text()?.unwrap_or_default(), 256))
    }

    /// What the printer is like.
    pub fn status(&self) -> Expected<PrinterStatus> {
        let (klippy, klippy_message) =
            (self.text("webhooks", "state")?, self.text("webhooks", "state_message")?);
        let (state, message) = (self.text("print_stats", "state")?, self.text("print_stats", "message")?);
        let tools =
            (0..16).map(|n| self.heater(&if n == 0 { "extruder".into() } else { format!("extruder{n}") }));
        let tools: Vec<Option<Heating>> = tools.collect::<Expected<_>>()?;
        let (bed, chamber) = (self.heater("heater_bed")?, self.heater("heater_generic chamber")?);
        let last = tools.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let heats = tools.iter().chain([&bed, &chamber]).flatten().any(Heating::is_on_its_way);
        let at = self.position()?;
        let fans = [self.fan("fan", "")?, self.fan("heater_fan hotend", "hotend")?];
        let percent =
            |field| Ok(self.number("gcode_move", field)?.and_then(|factor| fits(factor * 100.0 + 0.5)));
        let (speed, flow) = (percent("speed_factor")?, percent("extrude_factor")?);
        let job = self.job()?;
        let begun = self.number("print_stats", "print_duration")? != Some(0.0);

        let mut status = PrinterStatus::default();
        let (phase, word, fault) = match klippy {
            "" | "startup" => (Phase::Connecting, "startup", ""),
            "error" | "shutdown" => (Phase::Faulted, klippy, klippy_message),
            "ready" => match PHASES.iter().find(|(word, _)| *word == state) {
                Some((_, Phase::Printing)) if heats && !begun => (Phase::Preparing, state, ""),
                Some((_, phase)) => (*phase, state, message),
                // There is no file to print from.
                None if state.is_empty() && self.has_no_print()? => (Phase::Idle, state, ""),
                None => (Phase::Unknown, state, ""),
            },
            _ => (Phase::Unknown, klippy, ""),
        };
        (status.phase, status.state_text) = (phase, word.into());
        if phase == Phase::Connecting {
            return Ok(status);
        }
        if phase == Phase::Faulted {
            status.fault = fault.trim().split('\n').next().map(|line| line.trim_end().to_owned());
            status.fault = status.fault.filter(|fault| !fault.is_empty());
        }
        let shown = |heating: &Option<Heating>| heating.as_ref().map(|h| h.shown());
        status.tools = tools[..last].iter().map(|tool| shown(tool).unwrap_or_default()).collect();
        (status.bed, status.chamber) = (shown(&bed), shown(&chamber));
        status.fans = fans.into_iter().flatten().collect();
        (status.speed_factor, status.flow_factor) = (speed, flow);
        (status.position, status.job) = (at, job);
        Ok(status)
    }

    /// Known as soon as it was mentioned.
    fn heater(&self, name: &str) -> Expected<Option<Heating>> {
        let (is, shall) = (self.number(name, "temperature")?, self.number(name, "target")?);
        Ok(self.0.contains_key(name).then_some(Heating { is, shall }))
    }

    fn fan(&self, object: &str, name: &str) -> Expected<Option<Fan>> {
        let (speed, rpm) = (self.number(object, "speed")?, self.number(object, "rpm")?);
        let mut fan = Fan::default();
        fan.name = name.into();
        (fan.speed, fan.rpm) = (speed.map(|s| s.clamp(0.0, 1.0) as f32), rpm.and_then(fits));
        Ok(if (speed, rpm) == (None, None) { None } else { Some(fan) })
    }

    fn position(&self) -> Expected<Option<Position>> {
        let homed = self.text("toolhead", "homed_axes")?;
        let mut at = [None; 3];
        match self.field("gcode_move", "gcode_position") {
            Json::Null => {}
            Json::List(list) if list.len() >= 3 => {
                for (place, (axis, mm)) in at.iter_mut().zip("xyz".chars().zip(list)) {
                    *place = mm.number()?.filter(|_| homed.contains(axis)).and_then(short);
                }
            }
            // A shorter list leaves what it does not reach.
            _ => return Err(IllTyped),
        }
        let mut position = Position::default();
        [position.x, position.y, position.z] = at;
        Ok(if at == [None; 3] { None } else { Some(position) })
    }

    fn has_no_print(&self) -> Expected<bool> {
        let fields = [
            ("print_stats", "total_duration"),
            ("print_stats", "print_duration"),
            ("virtual_sdcard", "progress"),
            ("virtual_sdcard", "file_size"),
        ];
        for (object, field) in fields {
            if self.number(object, field)?.is_some() {
                return Ok(false);
            }
        }
        let path = self.field("print_stats", "filename").text()?.unwrap_or_default();
        Ok((path.is_empty() || path.len() > 512) && self.text("print_stats", "message")?.is_empty())
    }

    fn job(&self) -> Expected<Option<Job>> {
        let path = self.field("print_stats", "filename").text()?.filter(|path| path.len() <= 512);
        let mut job = Job::default();
        job.path = path.map(str::to_owned);
        let size = self.number("virtual_sdcard", "file_size")?;
        job.size = size.and_then(fits).filter(|size| *size != 0_u64);
        job.progress = self.number("virtual_sdcard", "progress")?.map(|done| done.clamp(0.0, 1.0) as f32);
        job.elapsed = self.number("print_stats", "total_duration")?.and_then(seconds);
        Ok(path.filter(|path| !path.is_empty()).map(|_| job))
    }
}

struct Heating {
    is: Option<f64>,
    shall: Option<f64>,
}

impl Heating {
    fn is_on_its_way(&self) -> bool {
        matches!((self.is, self.shall), (Some(is), Some(shall)) if shall > 0.0 && is < shall - 3.0)
    }

    /// Nothing has exactly 0 °C but what was not measured yet.
    fn shown(&self) -> Heater {
        Heater::new(self.is.filter(|is| *is != 0.0).and_then(short), self.shall.and_then(short))
    }
}

/// A time of at most a century.
fn seconds(seconds: f64) -> Option<Duration> {
    if (0.0..3.2e9).contains(&seconds) { Some(Duration::from_secs_f64(seconds)) } else { None }
}

/// A number to count with, if it is one; nothing is counted up to 9e15.
fn fits<T: TryFrom<u64>>(number: f64) -> Option<T> {
    let is_one = (0.0..9e15).contains(&number);
    T::try_from(number.trunc() as u64).ok().filter(|_| is_one)
}

/// A number as it is kept, if there is such a one.
fn short(number: f64) -> Option<f32> {
    Some(number as f32).filter(|short| !short.is_infinite())
}

/// What is kept of a text: as many whole characters as fit into so many bytes.
fn kept(text: &str, most: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= most).last();
    &text[..end.unwrap_or(0)]
}

/// An entry of a folder's listing; none for what is not shown.
pub fn entry(item: &Json) -> Expected<Option<FileEntry>> {
    let (folder, file) = (item.get("dirname")?.text()?, item.get("filename")?.text()?);
    let (size, modified) = (item.get("size")?.number()?, item.get("modified")?.number()?);
    let Some(name) = folder.or(file) else { return Ok(None) };
    if name.len() > 255 {
        return Err(IllTyped);
    }
    let mut entry = FileEntry::default();
    (entry.path, entry.is_folder) = (name.into(), folder.is_some());
    entry.size = if entry.is_folder { None } else { size.and_then(fits) };
    entry.modified = modified.and_then(fits);
    Ok(Some(entry).filter(|_| !name.is_empty() && name != ".thumbs"))
}

/// `server.files.metadata` of a file in a folder.
pub fn details(folder: &str, name: &str, told: &Json) -> Expected<FileInfo> {
    let number = |key: &str| told.get(key).and_then(Json::number);
    let mut info = FileInfo::default();
    info.entry.path = format!("{folder}/{name}");
    info.entry.size = number("size")?.and_then(fits);
    info.entry.modified = number("modified")?.and_then(fits);
    info.print_time = number("estimated_time")?.and_then(seconds).filter(|time| *time > Duration::ZERO);
    info.filament = number("filament_total")?.into_iter().filter(|mm| *mm > 0.0).filter_map(short).collect();
    if let Some(processors) = told.part("file_processors")? {
        let Json::List(processors) = processors else { return Err(IllTyped) };
        processors.iter().try_for_each(|name| name.text().map(drop))?;
    }
    let pictures = match told.part("thumbnails")? {
        None => &[][..],
        Some(Json::List(pictures)) => pictures,
        Some(_) => return Err(IllTyped),
    };
    for picture in pictures {
        let (wide, high) = (picture.get("width")?.number()?, picture.get("height")?.number()?);
        let path = picture.get("relative_path")?.text()?.unwrap_or_default();
        if path.is_empty() || path.len() > 512 {
            continue;
        }
        let mut thumbnail = Thumbnail::default();
        thumbnail.source = format!("{folder}/{path}");
        thumbnail.size = wide.and_then(fits).zip(high.and_then(fits));
        info.thumbnails.push(thumbnail);
    }
    Ok(info)
}
