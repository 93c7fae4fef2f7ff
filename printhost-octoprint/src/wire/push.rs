use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{IgnoredAny, SeqAccess, Visitor},
};

use super::{JobInformation, Needs, Progress, State, Temperatures};

/// `POST /api/login` with a passive login.
#[derive(Deserialize)]
pub(crate) struct Login {
    pub name: String,
    pub session: String,
    /// What the user may do; not told by old versions.
    pub needs: Option<Needs>,
}

/// The login to the push connection: a user's name (which may have quotes in it) and session.
#[derive(Serialize)]
pub(crate) struct Auth {
    pub auth: String,
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

/// The same message again, while somebody listens to the printer's console.
#[derive(Deserialize)]
pub(crate) struct PushLogs {
    pub current: Logs,
}

#[derive(Deserialize)]
pub(crate) struct Logs {
    #[serde(default)]
    pub logs: Vec<String>,
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
    pub error: Option<String>,
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
