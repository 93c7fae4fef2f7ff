//! Checks that the portable packages build for microcontrollers.

use std::process::Command;

use crate::steps::{Result, Steps};
use crate::workspace;

/// Packages that need nothing but `core` and `alloc`.
const PACKAGES: [&str; 12] = [
    "printhost-core",
    "printhost-net",
    "printhost-net-embassy",
    "printhost-bambu",
    "printhost-moonraker",
    "printhost-octoprint",
    "printhost-prusalink",
    "printhost",
    "hub-firmware",
    "printhost-testkit",
    "tutorial-driver",
    "printhost-examples",
];

/// ESP32-C6 and C5, then ESP32-C3, for which firmware can be made.
pub(crate) const TARGETS: [&str; 2] = ["riscv32imac-unknown-none-elf", "riscv32imc-unknown-none-elf"];

/// ESP32-S3, as far as its types go: Debian's compiler knows the target and cannot make code for it.
const TYPES_ONLY: &str = "xtensa-esp32s3-none-elf";

/// Each package alone, since features unify when packages build together.
pub(crate) fn run(steps: &mut Steps) -> Result {
    for target in TARGETS.into_iter().chain([TYPES_ONLY]) {
        for package in PACKAGES {
            let mut check = check(package, target);
            match package {
                "printhost" => check.args(["--features", "bambu,moonraker,octoprint,prusalink"]),
                "printhost-examples" => check.args(["--features", "embassy"]), // what a firmware calls
                _ => &mut check,
            };
            steps.command(format!("{package} alone for {target}"), &mut check)?;
        }
        let tls = "printhost-net-embassy";
        steps.command(
            format!("{tls} with TLS for {target}"),
            check(tls, target).args(["--features", "tls"]),
        )?;
    }
    Ok(())
}

fn check(package: &str, target: &str) -> Command {
    let mut check = debian_cargo("check", "portable");
    check.args(["--package", package, "--no-default-features", "--target", target]);
    if target == TYPES_ONLY {
        // For this target alone: build scripts and macros must run. LLVM does not know the usual processor.
        check.env("CARGO_TARGET_XTENSA_ESP32S3_NONE_ELF_RUSTFLAGS", "-Zno-codegen -Ctarget-cpu=esp32");
    }
    check
}

/// Debian's compiler can build `core` for these targets from its own package of sources. What it builds is in a folder of
/// the target directory.
pub(crate) fn debian_cargo(subcommand: &str, folder: &str) -> Command {
    let mut cargo = workspace::command("/usr/bin/cargo");
    cargo
        // Else /usr/bin/cargo takes the first rustc in PATH, for which the sources do not fit.
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        // Set by the cargo that runs this program, for its own compiler.
        .env_remove("LD_LIBRARY_PATH")
        .env_remove("RUSTFLAGS")
        .args([subcommand, "-Zbuild-std=core,alloc", "--target-dir"])
        .arg(workspace::target_dir().join(folder));
    cargo
}
