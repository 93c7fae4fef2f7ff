use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{ByTool, FilamentUse, or_default};

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
    /// Not told by 2.0.
    pub hash: Option<String>,
    #[serde(rename = "gcodeAnalysis")]
    pub analysis: Option<Analysis>,
    /// Of a plugin for 1.x: where the picture is, from OctoPrint's root.
    pub thumbnail: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub refs: Refs,
    /// Of a folder: whether there is something in it, if that is told.
    #[serde(default, deserialize_with = "is_filled")]
    pub children: Option<bool>,
}

impl File {
    /// The bytes of its texts.
    pub(crate) fn text_len(&self) -> usize {
        let some = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.path.len() + some(&self.kind) + some(&self.hash) + some(&self.thumbnail)
    }
}

/// What OctoPrint found out by reading the file.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Analysis {
    pub estimated_print_time: Option<f32>,
    pub filament: Option<ByTool<FilamentUse>>,
}

/// The sizes in `thumbnail_32x32`, …, and whether there is a `thumbnail`: 2.0.
#[derive(Default)]
pub(crate) struct Refs {
    pub thumbnail: bool,
    pub sizes: Vec<String>,
}

/// `POST /api/files/local/{path}`: uploadSd, by 1.x and by 2.0.
#[derive(Deserialize)]
pub(crate) struct SdStored {
    pub file: Option<UploadedFile>,
    pub path: Option<String>,
}

/// `POST /api/files/local` with `foldername`.
#[derive(Deserialize)]
pub(crate) struct FolderDone {
    pub folder: UploadedFile,
}

/// `POST /api/files/test`
#[derive(Deserialize)]
pub(crate) struct Sanitized {
    pub sanitized: String,
}

/// More pictures than this are not listed.
pub(crate) const MAX_THUMBNAILS: usize = 8;
/// `1024x1024` and the like, in bytes.
pub(crate) const MAX_SIZE: usize = 32;

impl<'de> Deserialize<'de> for Refs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Refs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of addresses")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Refs, M::Error> {
                let mut refs = Refs::default();
                while let Some(key) = map.next_key::<String>()? {
                    map.next_value::<IgnoredAny>()?;
                    match key.strip_prefix("thumbnail_") {
                        Some(size) if refs.sizes.len() < MAX_THUMBNAILS && size.len() <= MAX_SIZE => {
                            refs.sizes.push(size.into())
                        }
                        _ => refs.thumbnail |= key == "thumbnail",
                    }
                }
                Ok(refs)
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// Whether a list has something in it.
fn is_filled<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(Option::<Vec<IgnoredAny>>::deserialize(deserializer)?.map(|list| !list.is_empty()))
}
