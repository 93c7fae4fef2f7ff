use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{ByTool, put, some_path, some_text, text, tool_number};

/// `GET /api/printer`
#[derive(Deserialize)]
pub(crate) struct Printer {
    pub state: State,
    #[serde(default)]
    pub temperature: Temperatures,
}

/// `GET /api/printer?exclude=sd,state`
#[derive(Deserialize)]
pub(crate) struct PrinterTemperatures {
    #[serde(default)]
    pub temperature: Temperatures,
}

#[derive(Deserialize, Default)]
pub(crate) struct State {
    #[serde(default, deserialize_with = "text")]
    pub text: String,
    #[serde(default)]
    pub flags: Flags,
    #[serde(default, deserialize_with = "some_text")]
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
    #[serde(default)]
    pub offset: Option<f32>,
}

/// `GET /api/job`
#[derive(Deserialize, Default)]
pub(crate) struct Job {
    #[serde(default)]
    pub job: JobInformation,
    #[serde(default)]
    pub progress: Progress,
    #[serde(default, deserialize_with = "text")]
    pub state: String,
    #[serde(default, deserialize_with = "some_text")]
    pub error: Option<String>,
}

#[derive(Deserialize, Default)]
pub(crate) struct JobInformation {
    #[serde(default)]
    pub file: JobFile,
}

/// `GET /api/job` once more, with what a status has no use for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct JobMore {
    pub job: JobEstimates,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct JobEstimates {
    pub file: JobFile,
    pub estimated_print_time: Option<f32>,
    pub average_print_time: Option<f32>,
    pub last_print_time: Option<f32>,
    pub filament: Option<ByTool<FilamentUse>>,
    pub user: Option<String>,
}

/// mm and cm³.
#[derive(Deserialize, Default, Clone, Copy, Debug, PartialEq)]
#[serde(default)]
pub(crate) struct FilamentUse {
    pub length: Option<f32>,
    pub volume: Option<f32>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct JobFile {
    #[serde(deserialize_with = "some_path")]
    pub path: Option<String>,
    pub size: Option<u64>,
    #[serde(deserialize_with = "some_text")]
    pub origin: Option<String>,
}

/// Times in seconds, `completion` in percent.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Progress {
    pub completion: Option<f32>,
    pub print_time: Option<f32>,
    pub print_time_left: Option<f32>,
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
                        _ => match tool_number(&key) {
                            Some(n) => put(&mut all.tools, n, map.next_value()?),
                            None => drop(map.next_value::<IgnoredAny>()?),
                        },
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}
