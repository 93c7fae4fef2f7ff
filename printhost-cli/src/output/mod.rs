//! Everything that is written to stdout and stderr, for people and as JSON.

mod json;
mod text;

use std::{
    fmt::Display,
    io::{IsTerminal as _, Write as _, stderr, stdout},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

pub(crate) use json::{error_json, event_json, status_json};
pub(crate) use text::{duration, heaters, hex, percent, phase, printable, progress_text, temperature};

const GREEN: &str = "1;32";
const RED: &str = "1;31";

/// Who reads stdout.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
    /// A person at a terminal: colours, and the bars that are being drawn.
    bars: Option<MultiProgress>,
}

impl Output {
    pub(crate) fn new(json: bool) -> Self {
        let bars = (!json && stdout().is_terminal())
            .then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        Self { json, bars }
    }

    /// Whether a person sees stdout at a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.bars.is_some()
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
            let text = printable(&text.to_string());
            match self.is_terminal() && coloured() {
                true => self.line(format_args!("\x1b[{colour}m{verb:>10}\x1b[0m {text}")),
                false => self.line(format_args!("{verb:>10} {text}")),
            }
        }
    }

    /// A line for people without anything before it.
    pub(crate) fn plain(&self, text: impl Display) {
        if !self.json {
            self.line(printable(&text.to_string()));
        }
    }

    /// A line for programs about a printer.
    pub(crate) fn event(&self, printer: &str, name: &str, fields: Value) {
        self.object(name, Some(printer), fields);
    }

    /// A line for programs about no printer in particular.
    pub(crate) fn record(&self, name: &str, fields: Value) {
        self.object(name, None, fields);
    }

    fn object(&self, name: &str, printer: Option<&str>, fields: Value) {
        if self.json {
            let mut object = Map::new();
            object.insert("event".into(), name.into());
            if let Some(printer) = printer {
                object.insert("printer".into(), printer.into());
            }
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
        let at = printer.map(|p| format!("{p}: ")).unwrap_or_default();
        let what = printable(&format!("{at}{}", failure.error));
        self.aside("error", format_args!("{what}\n       {}", failure.advice));
    }

    /// Something to know that is no failure, on stderr.
    pub(crate) fn note(&self, text: impl Display) {
        self.aside("note", printable(&text.to_string()));
    }

    fn aside(&self, word: &str, text: impl Display) {
        let (on, off) = match stderr().is_terminal() && coloured() {
            true => ("\x1b[1;31m", "\x1b[0m"),
            false => ("", ""),
        };
        // Nobody is left to be told when stderr is gone.
        self.beside_bars(|| drop(writeln!(stderr(), "{on}{word}{off}: {text}")));
    }

    /// A progress bar, if there is a terminal to draw it on. It clears itself when dropped.
    pub(crate) fn bar(&self, length: u64, verb: impl Into<String>, template: &str) -> Option<Bar> {
        let style = ProgressStyle::with_template(template).ok()?.progress_chars("━╸─");
        let bar = self.bars.as_ref()?.add(ProgressBar::new(length));
        bar.set_style(style);
        bar.set_prefix(verb.into());
        bar.enable_steady_tick(Duration::from_millis(200));
        Some(Bar(bar))
    }

    fn line(&self, text: impl Display) {
        // One write, so that lines of several programs on one file do not mix. A reader that has gone (`| head`)
        // ends the program as the signal would.
        let text = format!("{text}\n");
        self.beside_bars(|| {
            if stdout().lock().write_all(text.as_bytes()).is_err() {
                std::process::exit(141);
            }
        });
    }

    fn beside_bars(&self, write: impl FnOnce()) {
        match &self.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }
}

/// Whether colours are wanted; see <https://no-color.org>.
pub(crate) fn coloured() -> bool {
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
