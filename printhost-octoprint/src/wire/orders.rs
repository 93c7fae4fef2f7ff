use alloc::vec::Vec;

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::value::RawValue;

/// Every request that is a command with arguments: one type, so that its code exists once.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Order<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    pub command: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub print: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filename: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub axes: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub z: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<OfTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offsets: Option<OfTool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baudrate: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printer_profile: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passive: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
}

impl<'a> Order<'a> {
    /// A command without arguments.
    pub(crate) fn new(command: &'a str) -> Self {
        Self { command, ..Self::default() }
    }

    /// The body of a request. By value, so that no future holds an order, which is large.
    pub(crate) fn json(self) -> Vec<u8> {
        // Nothing in it can fail: no map without strings for keys, and a number that is none becomes null.
        serde_json::to_vec(&self).unwrap_or_default()
    }
}

/// `{"tool0": 210.0}`
pub(crate) struct OfTool<'a>(pub &'a str, pub f32);

impl Serialize for OfTool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, &self.1)?;
        map.end()
    }
}

/// `POST /api/printer/command`
#[derive(Serialize)]
pub(crate) struct GcodeBody<'a> {
    pub commands: &'a [&'a str],
}
