//! The emulated microcontroller: building its firmware and running it in QEMU.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::expect::poll;
use crate::portable;
use crate::process::{Dialogue, tied};
use crate::server::{free_port, fresh_dir};
use crate::steps::{Result, ensure};
use crate::workspace;

const BOARD: &str = "hub-firmware/boards/qemu-riscv32";
/// The board is a workspace of its own.
pub(crate) const MANIFEST: &str = "hub-firmware/boards/qemu-riscv32/Cargo.toml";
/// Its name in the budgets.
pub(crate) const BUDGET: &str = "qemu-riscv32";
const TARGET: &str = "riscv32imac-unknown-none-elf";
const QEMU: &str = "qemu-system-riscv32";
/// Where the board reads its configuration: the last 4 KiB of its flash.
const CONFIG_ADDRESS: &str = "0x803ff000";
/// The host's loopback, seen from QEMU's user network.
pub(crate) const HOST: &str = "10.0.2.2";

/// The command that builds the firmware with every driver.
pub(crate) fn build() -> Command {
    let mut cargo = portable::debian_cargo("build", "portable");
    cargo.args(["--release", "--locked", "--target", TARGET]).current_dir(workspace::root().join(BOARD));
    cargo
}

/// The command that builds the firmware that judges one driver.
pub(crate) fn build_suite(driver: &str) -> Command {
    let mut cargo = build();
    cargo.args(["--no-default-features", "--features", &format!("suite,{driver}")]);
    cargo
}

/// What a run printed as `name: number`, and how it ended.
pub(crate) struct Report {
    pub(crate) code: i32,
    /// What the conformance suite printed of its cases, tab-separated.
    pub(crate) cases: Vec<String>,
    values: BTreeMap<String, u64>,
    lines: Vec<String>,
}

impl Report {
    pub(crate) fn value(&self, name: &str) -> Result<u64> {
        self.values.get(name).copied().ok_or_else(|| format!("the board did not print {name:?}"))
    }

    /// An error unless the board ended well.
    pub(crate) fn succeeded(&self) -> Result {
        self.ended_with(0)
    }

    /// An error unless the board ended with this code.
    pub(crate) fn ended_with(&self, code: i32) -> Result {
        ensure(self.code == code, &format!("the board ended with {} instead of {code}", self.code))
    }

    /// An error unless a case of this name ended so, or in words that begin so.
    pub(crate) fn case(&self, name: &str, end: &str) -> Result {
        let told = self.cases.iter().any(|case| case.starts_with(&format!("{name}\t{end}")));
        ensure(told, &format!("{name} is not {end}"))
    }

    /// Whether it printed a line that begins like this.
    pub(crate) fn said(&self, beginning: &str) -> bool {
        self.lines.iter().any(|line| line.starts_with(beginning))
    }

    fn new(code: i32) -> Self {
        Self { code, cases: Vec::new(), values: BTreeMap::new(), lines: Vec::new() }
    }

    fn take(&mut self, line: &str) {
        self.lines.push(line.trim_end().to_owned());
        if let Some(case) = line.strip_prefix("case\t") {
            self.cases.push(case.to_owned());
        } else if let Some((name, value)) = line.split_once(": ")
            && let Ok(value) = value.trim().parse()
        {
            self.values.insert(name.to_owned(), value);
        }
    }
}

/// Runs the firmware with a configuration to its end, which must come within five minutes.
pub(crate) fn run(config: &[(&str, &str)]) -> Result<Report> {
    run_within(300, config)
}

/// As [`run`], within so many seconds.
pub(crate) fn run_within(seconds: u32, config: &[(&str, &str)]) -> Result<Report> {
    let file = write(config)?;
    let mut timeout = workspace::command("timeout");
    timeout.args(["--signal=KILL", &seconds.to_string(), QEMU]);
    let output = machine(&mut timeout, &file)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run QEMU: {error}"))?;
    let mut report = Report::new(output.status.code().unwrap_or(-1));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        println!("  {line}");
        report.take(line);
    }
    Ok(report)
}

/// The firmware while it runs: its console, and a network that can be taken away. It ends when dropped.
pub(crate) struct Running {
    pub(crate) console: Dialogue,
    monitor: u16,
}

impl Running {
    /// Starts the firmware with a configuration.
    pub(crate) fn start(config: &[(&str, &str)]) -> Result<Self> {
        let file = write(config)?;
        let monitor = free_port()?;
        let mut command = tied(QEMU);
        machine(&mut command, &file);
        command.args(["-monitor", &format!("tcp:127.0.0.1:{monitor},server=on,wait=off")]);
        Ok(Self { console: Dialogue::start("the board", &mut command)?, monitor })
    }

    /// Takes the network away or gives it back, from any thread.
    pub(crate) fn link(&self) -> impl Fn(bool) -> Result + Send + 'static {
        let monitor = self.monitor;
        move |on| {
            let order = format!("set_link n0 {}\n", if on { "on" } else { "off" });
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, monitor))
                .map_err(|error| format!("QEMU's monitor: {error}"))?;
            let mut read = BufReader::new(stream.try_clone().map_err(|error| error.to_string())?);
            let mut answer = Vec::new();
            // Its prompt, before and behind what it echoes.
            for order in [order.as_bytes(), b""] {
                while !answer.ends_with(b"(qemu) ") {
                    let n = read.read_until(b' ', &mut answer).map_err(|error| error.to_string())?;
                    if n == 0 {
                        return Err("QEMU's monitor has closed".into());
                    }
                }
                answer.clear();
                stream.write_all(order).map_err(|error| error.to_string())?;
            }
            Ok(())
        }
    }

    /// Reads the console to its end, which must come soon; what it printed and how it ended.
    pub(crate) fn finish(mut self) -> Result<Report> {
        let mut report = Report::new(-1);
        while let Ok(line) = self.console.line_within(Duration::from_secs(30)) {
            println!("  {line}");
            report.take(&line);
        }
        let process = &mut self.console.process;
        let status = poll(|| Ok(process.status()?.ok_or_else(|| "the board does not end".to_owned())))?;
        report.code = status.code().unwrap_or(-1);
        Ok(report)
    }
}

fn write(config: &[(&str, &str)]) -> Result<PathBuf> {
    let config: String = config.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let file = fresh_dir("board")?.join("hub.conf");
    workspace::write(&file, config)?;
    Ok(file)
}

/// Gives [`QEMU`] its machine, with the firmware and a configuration.
fn machine<'a>(command: &'a mut Command, config: &Path) -> &'a mut Command {
    command
        .args(["-machine", "virt", "-m", "8M", "-bios", "none"])
        .args(["-nographic", "-global", "virtio-mmio.force-legacy=false"])
        .args(["-netdev", "user,id=n0", "-device", "virtio-net-device,netdev=n0"])
        .args(["-device", "virtio-rng-device"])
        .args(["-device", &format!("loader,file={},addr={CONFIG_ADDRESS},force-raw=on", config.display())])
        .arg("-kernel")
        .arg(image())
}

/// The firmware.
pub(crate) fn image() -> PathBuf {
    workspace::target_dir().join("portable").join(TARGET).join("release/hub-qemu-riscv32")
}
