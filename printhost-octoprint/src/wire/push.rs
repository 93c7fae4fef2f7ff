use alloc::{string::String, vec::Vec};
use core::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{Cut, JobInformation, Progress, State, TEXT, Temperatures, some_path, some_text, text};
use printhost_net::json::Short;

/// `POST /api/login` with a passive login.
#[derive(Deserialize)]
pub(crate) struct Login {
    pub name: String,
    pub session: String,
    /// What the user may do; not told by old versions.
    pub needs: Option<LoginNeeds>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct LoginNeeds {
    /// Among them is the permission to see the terminal.
    #[serde(rename = "role", deserialize_with = "has_terminal")]
    pub terminal: bool,
}

fn has_terminal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Roles;
    impl<'de> Visitor<'de> for Roles {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of permissions")
        }

        fn visit_unit<E>(self) -> Result<bool, E> {
            Ok(false)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
            let mut has = false;
            while let Some(role) = list.next_element::<Cut<TEXT>>()? {
                has |= role.0 == "monitor_terminal";
            }
            Ok(has)
        }
    }
    deserializer.deserialize_any(Roles)
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

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Current {
    pub state: State,
    pub job: JobInformation,
    pub progress: Progress,
    /// The last of them, which is the newest.
    #[serde(deserialize_with = "last")]
    pub temps: Option<Temperatures>,
}

/// The beginning of a `current` or `history` message that was too large to be kept. With 1.11.8 and 2.0.0rc7 state, job
/// and progress come first; what makes it large are the markings of the temperature graph, of which every print since
/// the start of the server adds some.
pub(crate) fn beginning_of_current(message: &[u8]) -> Option<Current> {
    let mut so_far = CurrentSoFar::default();
    let mut json = serde_json::Deserializer::from_slice(message);
    // It ends in the middle, which is an error, after all that matters.
    let _ = InMessage(&mut so_far).deserialize(Short::new(&mut json));
    Some(Current { state: so_far.state?, job: so_far.job?, progress: so_far.progress?, temps: so_far.temps })
}

#[derive(Default)]
struct CurrentSoFar {
    state: Option<State>,
    job: Option<JobInformation>,
    progress: Option<Progress>,
    temps: Option<Temperatures>,
}

/// `{"current": {…}}`, kept as far as it comes.
struct InMessage<'a>(&'a mut CurrentSoFar);
/// What is in it.
struct InCurrent<'a>(&'a mut CurrentSoFar);

impl<'de> DeserializeSeed<'de> for InMessage<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InMessage<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "current" | "history" => map.next_value_seed(InCurrent(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for InCurrent<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for InCurrent<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a status")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "state" => self.0.state = Some(map.next_value()?),
                "job" => self.0.job = Some(map.next_value()?),
                "progress" => self.0.progress = Some(map.next_value()?),
                "temps" => self.0.temps = map.next_value::<Newest>()?.0,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Newest(#[serde(deserialize_with = "last")] Option<Temperatures>);

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
    #[serde(rename = "type", deserialize_with = "text")]
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
#[serde(default)]
pub(crate) struct EventPayload {
    #[serde(deserialize_with = "some_path")]
    pub path: Option<String>,
    #[serde(deserialize_with = "some_text")]
    pub reason: Option<String>,
    #[serde(deserialize_with = "some_text")]
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Shortened from what OctoPrint 1.11.8 sent after some prints.
    const LARGE: &[u8] = br#"{"current": {"state": {"text": "Printing", "flags": {"operational": true, "printing": true},
        "error": ""}, "job": {"file": {"path": "a.gcode", "size": 1008}}, "currentZ": null, "progress": {"completion":
        18.35, "printTime": 3}, "offsets": {}, "temps": [{"time": 1795206349, "tool0": {"actual": 30.0, "target": 31.0}}],
        "busyFiles": [], "markings": [{"type": "print", "label": "Start", "time": 1795206349.1}, {"type": "print""#;

    #[test]
    fn beginning_of_a_status_is_enough_if_state_job_and_progress_are_in_it() {
        let progress = LARGE.windows(9).position(|w| w == b"\"offsets\"").unwrap();
        let temps = LARGE.windows(6).position(|w| w == b"\"busyF").unwrap();
        for end in 0..=LARGE.len() {
            match beginning_of_current(&LARGE[..end]) {
                None => assert!(end < progress, "cut at {end}"),
                Some(current) => {
                    assert_eq!(
                        (current.state.text.as_str(), current.progress.completion),
                        ("Printing", Some(18.35))
                    );
                    assert_eq!(current.job.file.path.as_deref(), Some("a.gcode"));
                    assert!(current.temps.is_some() || end < temps, "cut at {end}");
                }
            }
        }
    }
}
