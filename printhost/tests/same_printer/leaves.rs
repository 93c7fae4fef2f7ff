//! Everything that OctoRest tells is either compared or, with a reason, not; nothing is forgotten.

use std::collections::BTreeSet;

use serde_json::Value;

/// What `octorest::fields` compares.
const COMPARED: &[&str] = &[
    "connection/current",
    "connection/options/baudrates",
    "connection/options/ports",
    "connection/options/printerProfiles/id",
    "files/date",
    "files/hash",
    "files/path",
    "files/size",
    "files/type",
    "infos/date",
    "infos/gcodeAnalysis/estimatedPrintTime",
    "infos/gcodeAnalysis/filament/*/length",
    "infos/hash",
    "infos/path",
    "infos/size",
    "job/error",
    "job/job/averagePrintTime",
    "job/job/estimatedPrintTime",
    "job/job/filament/*/length",
    "job/job/filament/*/volume",
    "job/job/file/origin",
    "job/job/file/path",
    "job/job/file/size",
    "job/job/lastPrintTime",
    "job/job/user",
    "job/progress/completion",
    "job/progress/printTime",
    "job/progress/printTimeLeft",
    "job/state",
    "printer/state/error",
    "printer/state/flags",
    "printer/state/text",
    "printer/temperature/*",
    "profiles/*/current",
    "profiles/*/default",
    "profiles/*/extruder/count",
    "profiles/*/extruder/nozzleDiameter",
    "profiles/*/extruder/sharedNozzle",
    "profiles/*/heatedBed",
    "profiles/*/heatedChamber",
    "profiles/*/id",
    "profiles/*/model",
    "profiles/*/name",
    "profiles/*/volume/depth",
    "profiles/*/volume/formFactor",
    "profiles/*/volume/height",
    "profiles/*/volume/width",
    "version/api",
    "version/server",
];

/// What only OctoRest tells, and why the driver does not.
const ONLY_OCTOREST: &[(&str, &str)] = &[
    ("connection/options", "what is preferred is not in the driver: OctoPrint itself goes by it"),
    ("files/display", "a name for people; the driver goes by paths"),
    ("files/gcodeAnalysis", "the driver tells it of a single file: see infos"),
    ("files/name", "the end of the path"),
    ("files/origin", "always local in what was asked for"),
    ("files/prints", "not in the driver"),
    ("files/refs", "routes of OctoPrint"),
    ("files/statistics", "not in the driver; of the selected file it is in the job"),
    ("files/typePath", "the type in other words"),
    ("files/user", "not in the driver"),
    ("infos/display", "see files"),
    ("infos/gcodeAnalysis", "sizes and areas are not in the driver, filament is told as length"),
    ("infos/name", "see files"),
    ("infos/origin", "see files"),
    ("infos/prints", "see files"),
    ("infos/refs", "see files"),
    ("infos/statistics", "see files"),
    ("infos/type", "see files"),
    ("infos/typePath", "see files"),
    ("infos/user", "see files"),
    ("job/job/file", "the file is told by its path; its date is that of the file"),
    ("job/progress/filepos", "the same as the progress"),
    (
        "job/progress/printTimeLeftOrigin",
        "not in the driver: how much an estimate is worth is OctoPrint's secret",
    ),
    ("name", "the instance's name is not in the driver"),
    ("printer/sd", "the card has a call of its own"),
    ("profiles/*/axes", "not in the driver"),
    ("profiles/*/color", "not in the driver"),
    ("profiles/*/extruder", "offsets and the usual length are not in the driver"),
    ("profiles/*/resource", "a route of OctoPrint"),
    ("profiles/*/volume", "an unusual origin or box is not in the driver"),
    ("version/text", "server and api in one sentence"),
];

// The other way round: connectors, thumbnails and why a printer has failed are not in OctoRest 0.4, which knows OctoPrint
// before 2.0 and before 1.11.

/// What OctoRest tells and neither list names.
pub(crate) fn forgotten(seen: &Value) -> BTreeSet<String> {
    let mut leaves = BTreeSet::new();
    collect("", seen, &mut leaves);
    let named = COMPARED.iter().copied().chain(ONLY_OCTOREST.iter().map(|(path, _)| *path));
    let named: Vec<&str> = named.collect();
    let covered = |leaf: &String| {
        let begins = |path: &&str| {
            leaf.strip_prefix(*path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        named.iter().any(begins)
    };
    leaves.into_iter().filter(|leaf| !covered(leaf)).collect()
}

/// The paths to everything that is no container and not empty; a name that is data stands as `*`.
fn collect(path: &str, value: &Value, leaves: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, leaves)),
        Value::Object(members) => {
            let is_data = matches!(path, "profiles" | "printer/temperature") || path.ends_with("/filament");
            for (name, member) in members {
                let name = if is_data { "*" } else { name };
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                collect(&path, member, leaves);
            }
        }
        _ => drop(leaves.insert(path.to_owned())),
    }
}

#[test]
fn a_forgotten_leaf_is_found() {
    let told = serde_json::json!({ "version": { "server": "1", "new": 5 }, "job": { "progress": { "x": [{ "y": 1 }] } } });
    let forgotten: Vec<String> = forgotten(&told).into_iter().collect();
    assert_eq!(forgotten, ["job/progress/x/y", "version/new"]);
}
