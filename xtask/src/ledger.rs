//! The ledger of the conformance suite: which case was judged where, and why another was not.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::steps::Result;
use crate::workspace;

const LEDGER: &str = "printhost-testkit/LEDGER.md";

/// The runs of what [`Judged::Rarely`], as they were last.
const RECORDS: &str = "xtask/ledger";

/// Who judges a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judged {
    /// The gate of every change.
    Always,
    /// `cargo xtask peers`.
    Rarely,
}
use Judged::{Always, Rarely};

/// What must have been judged, in the order of the table: the name of a run, its heading, and who judges it.
const COLUMNS: [(&str, &str, Judged); 22] = [
    ("octoprint-sim-hyper", "simulator, hyper", Always),
    ("octoprint-sim-portable", "simulator, portable", Always),
    ("octoprint-1.11.8-hyper", "OctoPrint 1.11.8, hyper", Always),
    ("octoprint-1.11.8-portable", "OctoPrint 1.11.8, portable", Always),
    ("octoprint-2.0.0rc7-hyper", "OctoPrint 2.0.0rc7, hyper", Always),
    ("octoprint-2.0.0rc7-portable", "OctoPrint 2.0.0rc7, portable", Always),
    ("octoprint-1.11.8-qemu", "OctoPrint 1.11.8, from QEMU", Always),
    ("prusalink-sim-pi-hyper", "simulated PrusaLink on a Pi, key, hyper", Always),
    ("prusalink-sim-pi-portable", "simulated PrusaLink on a Pi, password, portable", Always),
    ("prusalink-sim-buddy-hyper", "simulated PrusaLink in a firmware, key, hyper", Always),
    ("prusalink-sim-buddy-portable", "simulated PrusaLink in a firmware, password, portable", Always),
    ("prusalink-0.8.1-hyper", "PrusaLink 0.8.1, key, hyper", Rarely),
    ("prusalink-0.8.1-portable", "PrusaLink 0.8.1, password, portable", Rarely),
    ("moonraker-sim-key-hyper", "simulated Moonraker, key, hyper", Always),
    ("moonraker-sim-trusted-portable", "simulated Moonraker, trusted, portable", Always),
    ("moonraker-0.11.0-key-hyper", "Moonraker 0.11.0, key, hyper", Rarely),
    ("moonraker-0.11.0-trusted-portable", "Moonraker 0.11.0, trusted, portable", Rarely),
    ("bambu-sim-p1s", "simulated P1S", Always),
    ("bambu-sim-x1c", "simulated X1C", Always),
    ("prusalink-0.8.1-qemu", "PrusaLink 0.8.1, from QEMU", Rarely),
    ("moonraker-0.11.0-qemu", "Moonraker 0.11.0, from QEMU", Rarely),
    ("bambu-sim-p1s-qemu", "simulated P1S, from QEMU", Rarely),
];

const HEAD: &str = "\
# Ledger

Every case of the suite on every host, as it was judged last: **✓** passed, a number is a case that was not judged, with
the reason below. `cargo xtask test` judges them anew and fails when this table is not true any more, but for columns with
a †: those `cargo xtask peers` judges, and they are as it was recorded then (`xtask/ledger`). `cargo xtask ledger` writes
the table from the last runs.

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

/// Writes the table from the last runs, and records those that the gate does not repeat.
pub(crate) fn write() -> bool {
    let written = record().and_then(|()| table()).and_then(|text| {
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

fn record() -> Result {
    for (column, _, _) in COLUMNS.iter().filter(|(_, _, judged)| *judged == Rarely) {
        let run = columns().join(format!("{column}.txt"));
        if run.exists() {
            let file = recorded(column);
            fs::copy(&run, &file).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
    }
    Ok(())
}

fn recorded(column: &str) -> PathBuf {
    workspace::root().join(RECORDS).join(format!("{column}.txt"))
}

fn table() -> Result<String> {
    let mut rows: Vec<String> = Vec::new();
    let mut verdicts: BTreeMap<(String, &str), (String, String)> = BTreeMap::new();
    for (column, _, judged) in COLUMNS {
        let file = match judged {
            Always => columns().join(format!("{column}.txt")),
            Rarely => recorded(column),
        };
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
    let heading = |(_, heading, judged): &(_, &str, Judged)| match judged {
        Always => (*heading).to_owned(),
        Rarely => format!("{heading} †"),
    };
    let headings: Vec<String> = COLUMNS.iter().map(heading).collect();
    text.push_str(&format!("| case | {} |\n|---|{}\n", headings.join(" | "), ":-:|".repeat(COLUMNS.len())));
    for case in &rows {
        let mut line = format!("| {} |", case.replace('_', " "));
        for (column, _, _) in COLUMNS {
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
