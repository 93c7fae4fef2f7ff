//! JSON exactly as OctoPrint 1.11.8 sends it; what this driver does not use is left out.

use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// `GET /api/version`
#[derive(Deserialize)]
pub(crate) struct Version {
    pub api: Option<String>,
    pub server: Option<String>,
    pub text: Option<String>,
}

/// The body of an error answer.
#[derive(Deserialize)]
pub(crate) struct Failure {
    pub error: String,
}

/// `GET /api/printer`
#[derive(Deserialize)]
pub(crate) struct Printer {
    pub state: State,
    #[serde(default)]
    pub temperature: Temperatures,
}

#[derive(Deserialize, Default)]
pub(crate) struct State {
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub flags: Flags,
    #[serde(default)]
    pub error: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Flags {
    pub operational: bool,
    pub printing: bool,
    pub cancelling: bool,
    pub pausing: bool,
    pub resuming: bool,
    pub finishing: bool,
    pub closed_or_error: bool,
    pub error: bool,
    pub paused: bool,
}

/// More hot ends than this are not believed.
const MAX_TOOLS: u8 = 16;

/// `tool0`, `tool1`, …, `bed`, `chamber`; anything else (`time`, `history`) is passed over.
#[derive(Default, Clone, PartialEq, Debug)]
pub(crate) struct Temperatures {
    pub tools: Vec<Temperature>,
    pub bed: Option<Temperature>,
    pub chamber: Option<Temperature>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Debug)]
pub(crate) struct Temperature {
    pub actual: Option<f32>,
    pub target: Option<f32>,
}

/// `GET /api/job`
#[derive(Deserialize, Default)]
pub(crate) struct Job {
    #[serde(default)]
    pub job: JobInformation,
    #[serde(default)]
    pub progress: Progress,
    #[serde(default)]
    pub state: String,
    pub error: Option<String>,
}

#[derive(Deserialize, Default)]
pub(crate) struct JobInformation {
    #[serde(default)]
    pub file: JobFile,
}

#[derive(Deserialize, Default)]
pub(crate) struct JobFile {
    pub path: Option<String>,
    pub size: Option<u64>,
}

/// Times in seconds, `completion` in percent.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    pub completion: Option<f32>,
    pub print_time: Option<f32>,
    pub print_time_left: Option<f32>,
}

/// `POST /api/files/local`
#[derive(Deserialize)]
pub(crate) struct UploadDone {
    #[serde(default)]
    pub done: bool,
    pub files: UploadedFiles,
}

#[derive(Deserialize)]
pub(crate) struct UploadedFiles {
    pub local: UploadedFile,
}

#[derive(Deserialize)]
pub(crate) struct UploadedFile {
    pub path: String,
}

/// An entry of `GET /api/files/local`, and `GET /api/files/local/{path}`.
#[derive(Deserialize)]
pub(crate) struct File {
    pub path: String,
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub size: Option<u64>,
    /// Seconds, whole or not.
    pub date: Option<f64>,
    pub hash: Option<String>,
}

/// `POST /api/login` with a passive login.
#[derive(Deserialize)]
pub(crate) struct Login {
    pub name: String,
    pub session: String,
}

/// The login to the push connection: a user's name (which may have quotes in it) and session.
#[derive(Serialize)]
pub(crate) struct Auth {
    pub auth: String,
}

/// `POST /api/files/local/{path}`, `/api/job`, `/api/connection`
#[derive(Serialize)]
pub(crate) struct CommandBody<'a> {
    pub command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub print: Option<bool>,
}

/// `POST /api/printer/command`
#[derive(Serialize)]
pub(crate) struct GcodeBody<'a> {
    pub commands: Vec<&'a str>,
}

/// A message of the push connection: one key each.
#[derive(Deserialize)]
pub(crate) struct Push {
    pub current: Option<Current>,
    pub history: Option<Current>,
    pub event: Option<EventHead>,
    #[serde(rename = "reauthRequired")]
    pub reauth_required: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(crate) struct Current {
    #[serde(default)]
    pub state: State,
    #[serde(default)]
    pub job: JobInformation,
    #[serde(default)]
    pub progress: Progress,
    /// The last of them, which is the newest.
    #[serde(default, deserialize_with = "last")]
    pub temps: Option<Temperatures>,
}

#[derive(Deserialize)]
pub(crate) struct EventHead {
    #[serde(rename = "type")]
    pub kind: String,
}

/// The same message again, for events whose payload is known.
#[derive(Deserialize)]
pub(crate) struct PushEvent {
    pub event: Event,
}

#[derive(Deserialize)]
pub(crate) struct Event {
    #[serde(default)]
    pub payload: Option<EventPayload>,
}

#[derive(Deserialize, Default)]
pub(crate) struct EventPayload {
    pub path: Option<String>,
    pub reason: Option<String>,
}

impl<'de> Deserialize<'de> for Temperatures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Temperatures;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of temperatures")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Temperatures, M::Error> {
                let mut all = Temperatures::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "bed" => all.bed = map.next_value()?,
                        "chamber" => all.chamber = map.next_value()?,
                        _ => match key.strip_prefix("tool").and_then(|n| n.parse::<u8>().ok()) {
                            Some(n) if n < MAX_TOOLS => {
                                let n = usize::from(n);
                                if all.tools.len() <= n {
                                    all.tools.resize(n + 1, Temperature::default());
                                }
                                all.tools[n] = map.next_value()?;
                            }
                            _ => {
                                map.next_value::<IgnoredAny>()?;
                            }
                        },
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// The last element of a list, without holding the others.
fn last<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    struct Last<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for Last<T> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Option<T>, S::Error> {
            let mut last = None;
            while let Some(next) = list.next_element()? {
                last = Some(next);
            }
            Ok(last)
        }
    }
    deserializer.deserialize_seq(Last(PhantomData))
}
