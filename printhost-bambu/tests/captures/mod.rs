//! Two reports that a real A1 mini has sent. Others have recorded them; they are compared with and not passed on, so
//! that they lie in a folder outside of the project (`README.md` says how to come by them).

use std::{env, fs, path::Path};

use serde_json::Value;

const VARIABLE: &str = "PRINTHOST_BAMBU_CAPTURES";

pub(crate) struct Captures {
    /// Of an idle printer, whole.
    pub(crate) report: Value,
    /// The answer to `get_version`.
    pub(crate) versions: Value,
}

/// Those in the folder that the environment variable names, whatever their files are called; `None` when it is not set.
pub(crate) fn load() -> Option<Captures> {
    let folder = env::var_os(VARIABLE)?;
    let messages = messages(Path::new(&folder));
    let of = |category: &str, command: &str| {
        messages
            .iter()
            .find(|message| message[category]["command"] == command)
            .cloned()
            .unwrap_or_else(|| panic!("{VARIABLE}: no {command} in {}", folder.display()))
    };
    Some(Captures { report: of("print", "push_status"), versions: of("info", "get_version") })
}

/// The messages in a folder; notes may stand around them.
fn messages(folder: &Path) -> Vec<Value> {
    let files = fs::read_dir(folder).unwrap_or_else(|why| panic!("{VARIABLE}: {}: {why}", folder.display()));
    let texts = files.filter_map(|file| fs::read_to_string(file.ok()?.path()).ok());
    texts
        .filter_map(|text| serde_json::from_str::<Value>(&text).ok())
        .map(|mut file| match file["message"].take() {
            Value::Null => file,
            message => message,
        })
        .collect()
}
