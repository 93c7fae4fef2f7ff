//! What would be published.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::steps::{self, Result};
use crate::workspace::{self, cargo, command, create_dir, remove_dir};

/// Packs every package that is for others, and checks each alone, from what was packed and nothing else.
///
/// They find each other as a registry would give them. Dependencies are those of the workspace's lock file, and what
/// clippy has made of them is used again: that what compiles also links is shown by the tests.
pub(crate) fn run() -> Result {
    let target = workspace::target_dir().join("packaging");
    remove_dir(&target)?;
    let (published, kept): (Vec<_>, Vec<_>) =
        workspace::packages()?.into_iter().partition(|package| package.is_published);
    let mut pack = cargo(["package", "--workspace", "--no-verify", "--target-dir"]);
    pack.arg(&target);
    for package in &kept {
        pack.args(["--exclude", &package.name]);
    }
    if std::env::var_os("CI").is_none() {
        pack.arg("--allow-dirty");
    }
    steps::run(&mut pack)?;

    let unpacked = target.join("unpacked");
    create_dir(&unpacked)?;
    let mut manifest = String::from("[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n");
    // As in the workspace, or nothing could be used again.
    manifest += "[profile.dev]\ndebug = \"line-tables-only\"\n[patch.crates-io]\n";
    for package in &published {
        let folder = format!("{}-{}", package.name, package.version);
        let archive = target.join("package").join(format!("{folder}.crate"));
        // As new: the times in an archive are always the same, and cargo would find nothing changed since the last run.
        steps::run(command("tar").arg("-xmzf").arg(archive).arg("-C").arg(&unpacked))?;
        let _ = writeln!(manifest, "{} = {{ path = \"{folder}\" }}", package.name);
    }
    let lock = workspace::root().join("Cargo.lock");
    fs::write(unpacked.join("Cargo.toml"), manifest)
        .and_then(|()| fs::copy(lock, unpacked.join("Cargo.lock")))
        .map_err(|error| format!("{}: {error}", unpacked.display()))?;
    for package in &published {
        steps::run(&mut check(&unpacked, &package.name))?;
    }
    remove_dir(&target)
}

/// By itself, since features unify when packages build together.
fn check(unpacked: &Path, package: &str) -> Command {
    let mut check = cargo(["check", "--quiet", "--offline", "--package", package, "--manifest-path"]);
    check.arg(unpacked.join("Cargo.toml")).arg("--target-dir").arg(workspace::target_dir());
    check
}
