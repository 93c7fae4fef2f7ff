//! The emulated microcontroller: building its firmware and running it in QEMU.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::portable;
use crate::steps::Result;
use crate::workspace;

const BOARD: &str = "hub-firmware/boards/qemu-riscv32";
/// The board is a workspace of its own.
pub(crate) const MANIFEST: &str = "hub-firmware/boards/qemu-riscv32/Cargo.toml";
const TARGET: &str = "riscv32imac-unknown-none-elf";
/// Where the board reads its configuration: the last 4 KiB of its flash.
const CONFIG_ADDRESS: &str = "0x803ff000";
/// The host's loopback, seen from QEMU's user network.
pub(crate) const HOST: &str = "10.0.2.2";

/// The command that builds the firmware.
pub(crate) fn build(features: &[&str]) -> Command {
    let mut cargo = portable::debian_cargo("build");
    cargo.args(["--release", "--locked", "--target", TARGET, "--features", &features.join(",")]);
    cargo.current_dir(workspace::root().join(BOARD));
    cargo
}

/// What a run printed as `name: number`, and how it ended.
pub(crate) struct Report {
    pub(crate) code: i32,
    /// What the conformance suite printed of its cases, tab-separated.
    pub(crate) cases: Vec<String>,
    values: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn value(&self, name: &str) -> Result<u64> {
        self.values.get(name).copied().ok_or_else(|| format!("the board did not print {name:?}"))
    }
}

/// Runs the firmware with a configuration to its end, which must come within five minutes.
pub(crate) fn run(config: &[(&str, &str)]) -> Result<Report> {
    let config: String = config.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let file = workspace::target_dir().join(format!("hub-{}.conf", std::process::id()));
    fs::write(&file, config).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    let mut qemu = workspace::command("timeout");
    qemu.args([
        "--signal=KILL",
        "300",
        "qemu-system-riscv32",
        "-machine",
        "virt",
        "-m",
        "8M",
        "-bios",
        "none",
    ])
    .args(["-nographic", "-global", "virtio-mmio.force-legacy=false"])
    .args(["-netdev", "user,id=n0", "-device", "virtio-net-device,netdev=n0"])
    .args(["-device", &format!("loader,file={},addr={CONFIG_ADDRESS},force-raw=on", file.display())])
    .arg("-kernel")
    .arg(image());
    let output = qemu
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run QEMU: {error}"))?;
    let _ = fs::remove_file(&file);
    let text = String::from_utf8_lossy(&output.stdout);
    let (mut values, mut cases) = (BTreeMap::new(), Vec::new());
    for line in text.lines() {
        println!("  {line}");
        if let Some(case) = line.strip_prefix("case\t") {
            cases.push(case.to_owned());
        } else if let Some((name, value)) = line.split_once(": ")
            && let Ok(value) = value.trim().parse()
        {
            values.insert(name.to_owned(), value);
        }
    }
    Ok(Report { code: output.status.code().unwrap_or(-1), cases, values })
}

/// The firmware.
pub(crate) fn image() -> PathBuf {
    workspace::target_dir().join("portable").join(TARGET).join("release/hub-qemu-riscv32")
}
