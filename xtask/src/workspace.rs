//! Where things are, and what cargo knows about the packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{self, Result};

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_dir.parent().map(Path::to_path_buf).unwrap_or(manifest_dir)
}

/// Cargo's target directory, which also holds the installed tools.
pub(crate) fn target_dir() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root().join(target)
}

/// Tools that are installed once and kept between runs.
pub(crate) fn tools_dir() -> PathBuf {
    target_dir().join("tools")
}

/// A command that runs in the root of the workspace.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// `cargo` with these arguments, in the root of the workspace.
pub(crate) fn cargo<const N: usize>(args: [&str; N]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(args);
    cargo
}

/// A member of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) features: Vec<String>,
}

/// The members of the workspace.
pub(crate) fn packages() -> Result<Vec<Package>> {
    let json = steps::output(&mut cargo(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&json).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata: no packages")?;
    packages
        .iter()
        .map(|package| {
            Ok(Package {
                name: package["name"].as_str().ok_or("cargo metadata: package without name")?.to_owned(),
                features: package["features"]
                    .as_object()
                    .ok_or("cargo metadata: package without features")?
                    .keys()
                    .cloned()
                    .collect(),
            })
        })
        .collect()
}
