//! What the printer is doing.

use alloc::string::String;

use printhost_core::{Fan, Heater, Job, Phase, Position, PrinterStatus};

use super::numbers::{count, measured, percent, seconds};
use crate::wire::{self, Objects};

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

#[cfg(test)]
mod tests {
    use alloc::format;

    use core::time::Duration;

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
        let status = status_of(include_str!("../../tests/data/printing.json"));
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
}
