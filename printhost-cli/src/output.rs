//! Everything that is written to stdout and stderr, for people and as JSON.

use std::{
    fmt::{Debug, Display, Write as _},
    io::{IsTerminal as _, Write as _, stderr, stdout},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use printhost::{Error, Event, Heater, JobEvent, PrinterStatus, Retry};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

const GREEN: &str = "1;32";
const RED: &str = "1;31";

/// Who reads stdout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    /// A person at a terminal: bars and colours.
    terminal: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, terminal: !json && stdout().is_terminal() }
    }

    /// A line for people: what happened, and to what.
    pub(crate) fn say(&self, verb: &str, text: impl Display) {
        self.say_in(GREEN, verb, text);
    }

    /// A line for people about something bad that is no error of this program.
    pub(crate) fn warn(&self, verb: &str, text: impl Display) {
        self.say_in(RED, verb, text);
    }

    fn say_in(&self, colour: &str, verb: &str, text: impl Display) {
        if !self.json {
            match self.terminal && coloured() {
                true => self.line(format_args!("\x1b[{colour}m{verb:>10}\x1b[0m {text}")),
                false => self.line(format_args!("{verb:>10} {text}")),
            }
        }
    }

    /// A line for people, as it is.
    pub(crate) fn plain(&self, text: impl Display) {
        if !self.json {
            self.line(text);
        }
    }

    /// A line for programs.
    pub(crate) fn event(&self, printer: &str, name: &str, fields: Value) {
        if self.json {
            let mut object = Map::new();
            object.insert("event".into(), name.into());
            object.insert("printer".into(), printer.into());
            if let Value::Object(fields) = fields {
                object.extend(fields);
            }
            self.line(Value::Object(object));
        }
    }

    /// Why it did not work: two lines on stderr, or one of JSON on stdout.
    pub(crate) fn failure(&self, printer: Option<&str>, failure: &Failure) {
        if self.json {
            let mut object = json!({ "error": error_json(&failure.error, &failure.advice) });
            if let Some(printer) = printer {
                object["printer"] = printer.into();
            }
            return self.line(object);
        }
        let (on, off) = match stderr().is_terminal() && coloured() {
            true => ("\x1b[1;31m", "\x1b[0m"),
            false => ("", ""),
        };
        let at = printer.map(|p| format!("{p}: ")).unwrap_or_default();
        // Nobody is left to be told when stderr is gone.
        let _ = writeln!(stderr(), "{on}error{off}: {at}{}\n       {}", failure.error, failure.advice);
    }

    /// A progress bar, if there is a terminal to draw it on. It clears itself when dropped.
    pub(crate) fn bar(&self, length: u64, verb: &'static str, template: &str) -> Option<Bar> {
        let style = ProgressStyle::with_template(template).ok()?.progress_chars("━╸─");
        let bar = self.terminal.then(|| {
            ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stdout())
                .with_style(style)
                .with_prefix(verb)
        })?;
        bar.enable_steady_tick(Duration::from_millis(200));
        Some(Bar(bar))
    }

    fn line(&self, text: impl Display) {
        // One write, so that lines of several programs on one file do not mix. A reader that has gone (`| head`)
        // ends the program as the signal would.
        if stdout().lock().write_all(format!("{text}\n").as_bytes()).is_err() {
            std::process::exit(141);
        }
    }
}

fn coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A bar that leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Bar(pub(crate) ProgressBar);

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `1:02:05` or `2:05`.
pub(crate) fn duration(duration: Duration) -> String {
    let (minutes, seconds) = (duration.as_secs() / 60, duration.as_secs() % 60);
    match minutes / 60 {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{:02}:{seconds:02}", minutes % 60),
    }
}

/// Whole percent, 100 only at the end.
pub(crate) fn percent(progress: f32) -> u8 {
    (progress * 100.0) as u8
}

/// How far a job is and how warm it is, in one line.
pub(crate) fn progress_text(status: &PrinterStatus) -> String {
    let mut parts = Vec::new();
    if let Some(job) = &status.job {
        parts.extend(job.progress.map(|p| format!("{:>3} %", percent(p))));
        parts.extend(job.elapsed.map(duration));
        parts.extend(job.remaining.map(|left| format!("{} left", duration(left))));
    }
    parts.extend(heaters(status).map(|(name, heater)| format!("{name} {}", temperature(&heater))));
    parts.join("  ")
}

/// The heaters by name.
pub(crate) fn heaters(status: &PrinterStatus) -> impl Iterator<Item = (String, Heater)> {
    let several = status.tools.len() > 1;
    let tool = move |n| if several { format!("tool {n}") } else { "tool".into() };
    let tools = status.tools.iter().enumerate().map(move |(n, heater)| (tool(n), *heater));
    let bed = status.bed.map(|heater| ("bed".into(), heater));
    tools.chain(bed).chain(status.chamber.map(|heater| ("chamber".into(), heater)))
}

/// `205/210 °C`, or `21 °C` when it is off.
pub(crate) fn temperature(heater: &Heater) -> String {
    let mut text = heater.actual.map_or_else(|| "?".into(), |celsius| format!("{celsius:.0}"));
    if let Some(target) = heater.target.filter(|target| *target > 0.0) {
        let _ = write!(text, "/{target:.0}");
    }
    text + " °C"
}

/// The variant of an enum as JSON has it: `NotFound` is `not_found`.
pub(crate) fn word(variant: &impl Debug) -> String {
    let text = format!("{variant:?}");
    let mut word = String::new();
    for c in text.chars().take_while(char::is_ascii_alphanumeric) {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An event's name and fields.
pub(crate) fn event_json(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Status(status) => ("status", status_json(status)),
        Event::Job(job) => {
            let mut fields = json!({ "job": word(job) });
            match job {
                JobEvent::Started { path } => fields["path"] = json!(path),
                JobEvent::Failed { reason } => fields["reason"] = json!(reason),
                _ => {}
            }
            ("job", fields)
        }
        Event::Lost(error) => ("lost", json!({ "error": error_json(error, error.kind().advice()) })),
        Event::Resynced => ("resynced", Value::Null),
        Event::Skipped(missed) => ("skipped", json!({ "missed": missed })),
        _ => ("unknown", Value::Null),
    }
}

/// A status.
pub(crate) fn status_json(status: &PrinterStatus) -> Value {
    let heater = |h: &Heater| json!({ "actual": h.actual.map(rounded), "target": h.target.map(rounded) });
    let job = status.job.as_ref().map(|job| {
        json!({
            "path": job.path,
            "size": job.size,
            "progress": job.progress.map(rounded),
            "elapsed": job.elapsed.map(|d| d.as_secs()),
            "remaining": job.remaining.map(|d| d.as_secs()),
        })
    });
    json!({
        "phase": word(&status.phase),
        "state": status.state_text,
        "job": job,
        "tools": status.tools.iter().map(heater).collect::<Vec<_>>(),
        "bed": status.bed.as_ref().map(heater),
        "chamber": status.chamber.as_ref().map(heater),
        "fault": status.fault,
    })
}

fn error_json(error: &Error, advice: &str) -> Value {
    let after = match error.retry() {
        Retry::After(wait) => Some(wait.as_secs()),
        _ => None,
    };
    json!({
        "kind": word(&error.kind()),
        "operation": error.operation(),
        "http": error.http_status(),
        "detail": error.detail(),
        "advice": advice,
        "retry": word(&error.retry()),
        "retry_after": after,
    })
}

/// Without the digits that an `f32` does not have.
fn rounded(number: f32) -> f64 {
    (f64::from(number) * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use printhost::{ErrorKind, Phase};

    use super::*;

    #[test]
    fn words_are_the_variants_in_snake_case() {
        assert_eq!(word(&ErrorKind::NotFound), "not_found");
        assert_eq!(word(&JobEvent::Failed { reason: Some("Oh".into()) }), "failed");
        assert_eq!(word(&Phase::Idle), "idle");
    }

    #[test]
    fn hundred_percent_is_only_the_end() {
        assert_eq!((percent(0.999), percent(1.0)), (99, 100));
    }

    #[test]
    fn times_and_temperatures_read_naturally() {
        assert_eq!(duration(Duration::from_secs(125)), "2:05");
        assert_eq!(duration(Duration::from_secs(3725)), "1:02:05");
        assert_eq!(temperature(&Heater::new(Some(204.6), Some(210.0))), "205/210 °C");
        assert_eq!(temperature(&Heater::new(Some(21.2), Some(0.0))), "21 °C");
    }
}
