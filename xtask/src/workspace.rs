//! Where things are, and what cargo knows about the packages.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::debian_servers;
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

/// Removes a folder with everything in it, if it is there.
pub(crate) fn remove_dir(dir: &Path) -> Result {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Makes a folder, and those above it, unless it is there.
pub(crate) fn create_dir(dir: &Path) -> Result {
    std::fs::create_dir_all(dir).map_err(|error| format!("cannot create {}: {error}", dir.display()))
}

/// Writes a whole file.
pub(crate) fn write(path: &Path, text: impl AsRef<[u8]>) -> Result {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
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

/// `cargo test` of the default members, always with the same features: other ones, or one package alone, would have
/// other features of the dependencies, and build them anew.
pub(crate) fn cargo_test<const N: usize>(args: [&str; N]) -> Command {
    let features = "--features=printhost/tokio,printhost-sim/bambu,printhost-sim/cli,printhost-sim/klipper-mcu,printhost-sim/mk3s";
    let mut test = cargo(["test", features]);
    test.args(args);
    test
}

/// As [`cargo_test`], with the tests that need servers.
pub(crate) fn cargo_test_peers<const N: usize>(args: [&str; N]) -> Command {
    let mut test = cargo_test([
        "--features=printhost/real-peers,printhost-discovery/real-peers,printhost-sim/real-peers,tutorial-driver/real-peers",
    ]);
    let (name, value) = debian_servers::environment();
    test.args(args).env(name, value);
    test
}

/// A member of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) features: Vec<String>,
    /// It is for others, not for this workspace alone.
    pub(crate) is_published: bool,
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
            let text = |field: &str| {
                package[field]
                    .as_str()
                    .map(str::to_owned)
                    .ok_or(format!("cargo metadata: package without {field}"))
            };
            Ok(Package {
                name: text("name")?,
                version: text("version")?,
                features: package["features"]
                    .as_object()
                    .ok_or("cargo metadata: package without features")?
                    .keys()
                    .cloned()
                    .collect(),
                // A list of no registries.
                is_published: package["publish"].as_array().is_none_or(|registries| !registries.is_empty()),
            })
        })
        .collect()
}
