//! What takes too long for every change.

use crate::steps::{Result, Steps, output};
use crate::workspace::{self, command, create_dir};
use crate::{bench, board_suite, endurance, features, fuzz, peers, test};

/// Where it is kept what passed last, a file a part.
const RECORD: &str = "docs/full-run";

/// How many seconds each fuzz target has.
const FUZZED: u64 = 180;

/// The parts, which can also be run alone.
const PARTS: [Part; 8] = [
    Part { name: "test", run: test::test },
    Part { name: "features", run: features::run },
    Part { name: "peers", run: real_printers },
    Part { name: "boards", run: board_suite::further },
    Part {
        name: "endurance",
        run: |steps| endurance::run(steps, endurance::MANY, endurance::by_the_clock()),
    },
    Part { name: "planted", run: fuzz::planted },
    Part { name: "fuzz", run: |steps| fuzz::run(steps, "fuzzing, long", FUZZED) },
    Part { name: "bench", run: bench::run },
];

struct Part {
    name: &'static str,
    run: fn(&mut Steps) -> Result,
}

/// `cargo xtask full …`
pub(crate) fn full(args: &[&str]) -> Option<bool> {
    let parts: Vec<&Part> = match *args {
        [] => PARTS.iter().collect(),
        [name] => vec![PARTS.iter().find(|part| part.name == name)?],
        _ => return None,
    };
    // Each to its end, whatever became of those before it: some take an hour.
    let failed: Vec<&str> = parts.iter().filter(|part| !passes(part)).map(|part| part.name).collect();
    if !failed.is_empty() {
        println!("\nfailed: {}", failed.join(", "));
    }
    Some(failed.is_empty())
}

/// What judges every driver, on servers that are not in [`test::test`] because they print as slowly as a printer.
fn real_printers(steps: &mut Steps) -> Result {
    peers::prusalink_suite(steps, &[])?;
    peers::moonraker_suite(steps, &[])
}

fn passes(part: &Part) -> bool {
    println!("\n#### {}", part.name);
    let mut steps = Steps::new();
    // Before, since somebody may go on working meanwhile.
    let what = sources();
    let result = (part.run)(&mut steps);
    if !steps.summary(&result) {
        return false;
    }
    let recorded = what.and_then(|what| record(part, &what, &steps));
    if let Err(error) = &recorded {
        println!("the record: {error}");
    }
    recorded.is_ok()
}

/// The day, the commit, the machine and the compiler, a line each.
fn sources() -> Result<String> {
    let line = |program, args: &[&str]| output(command(program).args(args));
    Ok([
        line("date", &["-u", "+%Y-%m-%d"])?,
        line("git", &["describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=, with changes"])?,
        line("uname", &["-srm"])?,
        line("rustc", &["--version"])?,
    ]
    .concat())
}

/// Keeps what passed, to be committed.
fn record(part: &Part, what: &str, steps: &Steps) -> Result {
    let text = format!("The last `cargo xtask full {}` that passed.\n\n{what}\n{}", part.name, steps.table());
    let folder = workspace::root().join(RECORD);
    create_dir(&folder)?;
    workspace::write(&folder.join(format!("{}.txt", part.name)), text)
}
