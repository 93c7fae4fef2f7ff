//! Everything a change must pass.

use std::path::{Path, PathBuf};

use crate::steps::{Result, Steps, output};
use crate::workspace::{self, cargo, command};
use crate::{bench, board, features, fuzz, ledger, octorest, peers, portable, qemu, setup};

/// Where the last full run is kept.
const RECORD: &str = "docs/full-run.txt";

/// The gate of every change.
pub(crate) fn test() -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps);
    steps.summary(&result)
}

/// [`test`], and what takes too long for every change.
pub(crate) fn full() -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps)
        .and_then(|()| features::run(&mut steps))
        .and_then(|()| fuzz::long(&mut steps))
        .and_then(|()| bench::run(&mut steps))
        .and_then(|()| record(&steps));
    steps.summary(&result)
}

/// Keeps what passed, to be committed.
fn record(steps: &Steps) -> Result {
    let line = |program, args: &[&str]| output(command(program).args(args));
    let text = format!(
        "The last `cargo xtask full` that passed.\n\ncommit {}{}{}\n{}",
        line("git", &["rev-parse", "HEAD"])?,
        line("uname", &["-srm"])?,
        line("rustc", &["--version"])?,
        steps.table(),
    );
    let file = workspace::root().join(RECORD);
    std::fs::write(&file, text).map_err(|error| format!("cannot write {}: {error}", file.display()))
}

fn run(steps: &mut Steps) -> Result {
    steps.command("formatting", &mut cargo(["fmt", "--all", "--check"]))?;
    steps.command(
        "clippy",
        &mut cargo(["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"]),
    )?;
    ledger::clear()?;
    steps.command(
        "tests",
        cargo(["test", "--features=printhost/tokio", "--lib", "--bins", "--examples", "--tests"])
            .env("PRINTHOST_LEDGER", ledger::columns()),
    )?;
    steps.command("documentation tests", &mut cargo(["test", "--features=printhost/tokio", "--doc"]))?;
    // The command and the library of the same name would write to the same page.
    steps.command(
        "documentation",
        cargo(["doc", "--workspace", "--lib", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    for manifest in ["Cargo.toml", board::MANIFEST, fuzz::MANIFEST] {
        // Advisories would need a database from the network.
        let mut deny = command(setup::cargo_deny());
        deny.args(["--manifest-path", manifest, "--workspace", "--all-features", "--config", "deny.toml"]);
        deny.args(["check", "--hide-inclusion-graph", "--allow", "duplicate"]);
        // Of packages that only one of the workspaces has.
        deny.args(["--allow", "license-exception-not-encountered", "bans", "licenses", "sources"]);
        steps.command(format!("licences, bans and sources of {manifest}"), &mut deny)?;
    }
    steps.run("packaging", package)?;
    octorest::run(steps)?;
    portable::run(steps)?;
    fuzz::short(steps)?;
    peers::run(steps, &[])?;
    qemu::run(steps)?;
    steps.run("ledger of the conformance suite", ledger::check)
}

/// Builds every package from what would be published.
fn package() -> Result {
    let target = workspace::target_dir().join("packaging");
    forget(&target)?;
    // Cargo takes a published package of the same version for the same package; these are published anew every time.
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    for kind in home.iter().flat_map(|home| ["src", "cache"].map(|kind| home.join("registry").join(kind))) {
        for registry in std::fs::read_dir(kind).into_iter().flatten().flatten() {
            // Registries that are folders have no host in their name.
            if registry.file_name().to_string_lossy().starts_with('-') {
                forget(&registry.path())?;
            }
        }
    }
    let mut package = cargo(["package", "--workspace", "--target-dir"]);
    package.arg(&target);
    if std::env::var_os("CI").is_none() {
        package.arg("--allow-dirty");
    }
    crate::steps::run(&mut package).and_then(|()| forget(&target))
}

fn forget(dir: &Path) -> Result {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", dir.display()))
        }
        _ => Ok(()),
    }
}
