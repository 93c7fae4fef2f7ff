//! The ledger of the conformance suite: which case was judged where, and why another was not.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::steps::Result;
use crate::workspace;

const LEDGER: &str = "printhost-testkit/LEDGER.md";

/// What must have been judged, in the order of the table: the name of a run, and its heading.
const COLUMNS: [(&str, &str); 13] = [
    ("octoprint-sim-hyper", "simulator, hyper"),
    ("octoprint-sim-portable", "simulator, portable"),
    ("octoprint-1.11.8-hyper", "OctoPrint 1.11.8, hyper"),
    ("octoprint-1.11.8-portable", "OctoPrint 1.11.8, portable"),
    ("octoprint-2.0.0rc7-hyper", "OctoPrint 2.0.0rc7, hyper"),
    ("octoprint-2.0.0rc7-portable", "OctoPrint 2.0.0rc7, portable"),
    ("octoprint-1.11.8-qemu", "OctoPrint 1.11.8, from QEMU"),
    ("prusalink-sim-pi-hyper", "simulated PrusaLink on a Pi, key, hyper"),
    ("prusalink-sim-pi-portable", "simulated PrusaLink on a Pi, password, portable"),
    ("prusalink-sim-buddy-hyper", "simulated PrusaLink in a firmware, key, hyper"),
    ("prusalink-sim-buddy-portable", "simulated PrusaLink in a firmware, password, portable"),
    ("prusalink-0.8.1-hyper", "PrusaLink 0.8.1, key, hyper"),
    ("prusalink-0.8.1-portable", "PrusaLink 0.8.1, password, portable"),
];

const HEAD: &str = "\
# Ledger

Every case of the suite on every host, as it was judged last: **✓** passed, a number is a case that was not judged, with
the reason below. `cargo xtask test` judges all of them anew and fails when this table is not true any more;
`cargo xtask ledger` writes it from the last runs.

";

/// Where runs leave their columns.
pub(crate) fn columns() -> PathBuf {
    workspace::target_dir().join("ledger")
}

/// Forgets earlier runs.
pub(crate) fn clear() -> Result {
    match fs::remove_dir_all(columns()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("the ledger: {error}")),
        _ => Ok(()),
    }
}

/// Keeps the column of a run that is not one of cargo's tests.
pub(crate) fn keep(column: &str, text: &str) -> Result {
    let file = columns().join(format!("{column}.txt"));
    fs::create_dir_all(columns())
        .and_then(|()| fs::write(&file, text))
        .map_err(|e| format!("{}: {e}", file.display()))
}

/// Writes the table from the last runs.
pub(crate) fn write() -> bool {
    let written = table().and_then(|text| {
        fs::write(workspace::root().join(LEDGER), text)
            .map_err(|error| format!("cannot write {LEDGER}: {error}"))
    });
    if let Err(error) = &written {
        eprintln!("error: {error}");
    }
    written.is_ok()
}

/// Fails unless the table in the repository is what the last runs say.
pub(crate) fn check() -> Result {
    let kept = fs::read_to_string(workspace::root().join(LEDGER)).unwrap_or_default();
    let now = table()?;
    if kept == now {
        return Ok(());
    }
    let differs = now.lines().zip(kept.lines()).find(|(now, kept)| now != kept);
    let (now, kept) = differs.unwrap_or(("another number of lines", ""));
    Err(format!(
        "{LEDGER} is not true any more; look at it after `cargo xtask ledger`\n  is   {now}\n  kept {kept}"
    ))
}

fn table() -> Result<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut verdicts: BTreeMap<(String, &str), (String, String)> = BTreeMap::new();
    for (column, _) in COLUMNS {
        let file = columns().join(format!("{column}.txt"));
        let text = fs::read_to_string(&file).map_err(|error| format!("no run of {column} ({error})"))?;
        for line in text.lines() {
            let mut fields = line.split('\t').map(str::to_owned);
            let case = fields.next().unwrap_or_default();
            let verdict = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
            if !rows.contains(&case) {
                rows.push(case.clone());
            }
            verdicts.insert((case, column), verdict);
        }
    }
    let mut reasons: Vec<String> = Vec::new();
    let mut text = String::from(HEAD);
    let headings: Vec<&str> = COLUMNS.iter().map(|(_, heading)| *heading).collect();
    text.push_str(&format!("| case | {} |\n|---|{}\n", headings.join(" | "), ":-:|".repeat(COLUMNS.len())));
    for case in &rows {
        let mut line = format!("| {} |", case.replace('_', " "));
        for (column, _) in COLUMNS {
            let cell = match verdicts.get(&(case.clone(), column)) {
                Some((word, _)) if word == "passed" => "✓".to_owned(),
                Some((word, why)) if word == "skipped" => {
                    let known = reasons.iter().position(|reason| reason == why);
                    let number = known.unwrap_or_else(|| {
                        reasons.push(why.clone());
                        reasons.len() - 1
                    });
                    (number + 1).to_string()
                }
                Some((word, why)) => return Err(format!("{case} {word} on {column}: {why}")),
                None => return Err(format!("{case} was not judged on {column}")),
            };
            line.push_str(&format!(" {cell} |"));
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(if reasons.is_empty() {
        "\nEvery case was judged everywhere.\n"
    } else {
        "\nNot judged:\n\n"
    });
    for (i, reason) in reasons.iter().enumerate() {
        text.push_str(&format!("{}. {reason}\n", i + 1));
    }
    Ok(text)
}
