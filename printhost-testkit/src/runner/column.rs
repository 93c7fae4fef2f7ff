use std::{
    format,
    path::Path,
    println,
    string::{String, ToString as _},
    vec::Vec,
};

use printhost_core::Clock as _;

use crate::{Bench, CASES, Verdict, run};

/// One run of all cases, as it goes into a ledger.
#[derive(Clone, Debug, Default)]
pub struct Column {
    rows: Vec<(&'static str, Verdict)>,
}

impl Column {
    /// Judges every case whose name contains `filter`, telling each as it ends.
    pub async fn run<B: Bench>(bench: &B, filter: &str) -> Self {
        let mut column = Self::default();
        for case in CASES.iter().filter(|case| case.name.contains(filter)) {
            let begun = bench.clock().now();
            let verdict = run(case, bench).await;
            let seconds = bench.clock().now().saturating_sub(begun).as_secs_f32();
            println!("{:<7} {seconds:>5.1} s  {}", word(&verdict), case.name);
            if let Verdict::Failed(why) | Verdict::Skipped(why) = &verdict {
                println!("                 {why}");
            }
            column.rows.push((case.name, verdict));
        }
        column
    }

    /// What failed, and how.
    pub fn failures(&self) -> Vec<String> {
        let failed = |(name, verdict): &(&'static str, Verdict)| match verdict {
            Verdict::Failed(why) => Some(format!("{name}: {why}")),
            _ => None,
        };
        self.rows.iter().filter_map(failed).collect()
    }

    /// How many cases passed, and how many could not be judged.
    pub fn counts(&self) -> (usize, usize) {
        let of = |wanted: &str| self.rows.iter().filter(|(_, verdict)| word(verdict) == wanted).count();
        (of("passed"), of("skipped"))
    }

    /// How a case ended, if it was judged.
    pub fn verdict(&self, name: &str) -> Option<&Verdict> {
        self.rows.iter().find(|(n, _)| *n == name).map(|(_, verdict)| verdict)
    }

    /// One line per case: its name, how it ended, and why if it was skipped or failed.
    pub fn to_text(&self) -> String {
        let line = |(name, verdict): &(&'static str, Verdict)| {
            let why = match verdict {
                Verdict::Failed(why) | Verdict::Skipped(why) => why.replace(['\n', '\r', '\t'], " "),
                _ => String::new(),
            };
            format!("{name}\t{}\t{why}", word(verdict)).trim_end().to_string() + "\n"
        };
        self.rows.iter().map(line).collect()
    }

    /// Writes [`Column::to_text`] to a file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        std::fs::write(file, self.to_text())
    }
}

const fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Skipped(_) => "skipped",
        Verdict::Failed(_) => "failed",
    }
}
