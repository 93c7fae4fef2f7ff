use alloc::{string::String, vec::Vec};

use printhost_net::proto::json_events::JsonEvent;
use serde::Deserialize;

use super::{Cut, Members, Path, TEXT, Text, tool};

/// `server.info`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct ServerInfo {
    #[serde(deserialize_with = "super::told")]
    pub klippy_connected: Option<bool>,
    pub klippy_state: Text,
    pub moonraker_version: Option<Text>,
    pub api_version_string: Option<Text>,
}

impl ServerInfo {
    /// The members that matter. Beside them there are lists of everything, and warnings of any number.
    pub(crate) const MEMBERS: Members =
        Members::new(&["klippy_connected", "klippy_state", "moonraker_version", "api_version_string"], TEXT);

    /// Takes one of them.
    pub(crate) fn take(&mut self, member: usize, value: JsonEvent<'_>) {
        match (member, value) {
            (0, JsonEvent::Bool(is)) => self.klippy_connected = Some(is),
            (1, JsonEvent::String(text)) => self.klippy_state = Cut::of(text),
            (2, JsonEvent::String(text)) => self.moonraker_version = Some(Cut::of(text)),
            (3, JsonEvent::String(text)) => self.api_version_string = Some(Cut::of(text)),
            _ => {}
        }
    }
}

/// `GET /access/info`, which needs no login.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct AccessInfo {
    #[serde(deserialize_with = "super::told")]
    pub login_required: Option<bool>,
    #[serde(deserialize_with = "super::few")]
    pub available_sources: Vec<Cut<32>>,
}

/// `POST /access/login` and `/access/refresh_jwt`. A refreshed login has no new refresh token.
#[derive(Deserialize)]
pub(crate) struct Tokens {
    pub token: String,
    pub refresh_token: Option<String>,
}

/// Which objects there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Which hot ends, a bit for each.
    pub tools: u16,
    pub bed: bool,
    /// By their whole names, the one that cools the print first.
    pub fans: Vec<String>,
    pub chamber: Option<String>,
    /// Which macros `T0`, `T1`, … there are, a bit for each.
    pub tool_macros: u16,
}

impl Known {
    /// The members of `printer.objects.list` that matter. There are hundreds of names where there are many macros.
    pub(crate) const MEMBERS: Members = Members::new(&["objects"], MAX_NAME);

    /// Takes one of them.
    pub(crate) fn take(&mut self, _: usize, value: JsonEvent<'_>) {
        if let JsonEvent::String(name) = value
            && name.is_whole()
            && let Some(name) = name.as_str()
        {
            self.add(name);
        }
    }

    fn add(&mut self, name: &str) {
        // It would be longer in JSON.
        if name.bytes().any(|b| b < b' ' || b == b'"' || b == b'\\') {
            return;
        }
        let macro_number = || {
            let name = name.strip_prefix("gcode_macro ")?.strip_prefix(['T', 't'])?;
            name.parse::<u8>().ok().filter(|n| *n < 16)
        };
        match name {
            "heater_bed" => self.bed = true,
            "fan" if self.fans.first().is_some_and(|first| first == name) => {}
            "fan" => self.fans.insert(0, name.into()),
            _ if is_fan(name) => {
                if name.len() < MAX_NAME && self.fans.len() < MAX_FANS {
                    self.fans.push(name.into());
                }
            }
            _ if is_chamber(name) => {
                // One that heats is the chamber before one that only measures.
                let heats = name.starts_with("heater_generic ");
                if name.len() < MAX_NAME && (heats || self.chamber.is_none()) {
                    self.chamber = Some(name.into());
                }
            }
            _ => {
                if let Some(n) = tool(name.as_bytes()) {
                    self.tools |= 1 << n;
                }
                if let Some(n) = macro_number() {
                    self.tool_macros |= 1 << n;
                }
            }
        }
    }

    /// The heaters' names, the hot ends first.
    pub(crate) fn tool_names(&self) -> impl Iterator<Item = String> + use<'_> {
        (0..16).filter(|n| self.tools & (1 << n) != 0).map(tool_name)
    }
}

/// How Klipper calls a hot end.
pub(crate) fn tool_name(n: u8) -> String {
    match n {
        0 => "extruder".into(),
        n => alloc::format!("extruder{n}"),
    }
}

/// More fans than this are not listed, besides the one that cools the print.
pub(crate) const MAX_FANS: usize = 6;
/// Objects with longer names are passed over, in bytes.
pub(crate) const MAX_NAME: usize = 64;

fn is_fan(name: &str) -> bool {
    let kinds = ["fan_generic ", "heater_fan ", "controller_fan "];
    kinds.iter().any(|kind| name.starts_with(kind))
}

/// Klipper knows no chamber; those who have one call it that.
fn is_chamber(name: &str) -> bool {
    let kinds = ["heater_generic ", "temperature_fan ", "temperature_sensor "];
    let named = kinds.iter().find_map(|kind| name.strip_prefix(kind));
    named.is_some_and(|name| name.to_ascii_lowercase().contains("chamber"))
}

/// `server.webcams.list`
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Webcams {
    #[serde(deserialize_with = "super::list")]
    pub webcams: Vec<Webcam>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Webcam {
    pub name: Text,
    #[serde(deserialize_with = "super::told")]
    pub enabled: Option<bool>,
    pub stream_url: Cut<1024>,
    pub snapshot_url: Cut<1024>,
}

/// `server.job_queue.status`, and every answer that changes the queue.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct QueueStatus {
    #[serde(deserialize_with = "super::list")]
    pub queued_jobs: Vec<QueuedJob>,
    pub queue_state: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct QueuedJob {
    pub filename: Path,
    pub job_id: Text,
    #[serde(deserialize_with = "super::number")]
    pub time_added: Option<f64>,
}
