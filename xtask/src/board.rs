//! The emulated microcontroller: building its firmware and running it in QEMU.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::portable;
use crate::steps::Result;
use crate::workspace;

const BOARD: &str = "hub-firmware/boards/qemu-riscv32";
/// The board is a workspace of its own.
pub(crate) const MANIFEST: &str = "hub-firmware/boards/qemu-riscv32/Cargo.toml";
/// Its name in the budgets.
pub(crate) const BUDGET: &str = "qemu-riscv32";
const TARGET: &str = "riscv32imac-unknown-none-elf";
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
    let output = qemu(timeout.arg("--signal=KILL").arg(seconds.to_string()), &file)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run QEMU: {error}"))?;
    let _ = fs::remove_file(&file);
    let mut report = Report::new(output.status.code().unwrap_or(-1));
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        println!("  {line}");
        report.take(line);
    }
    Ok(report)
}

/// The firmware while it runs: its console, and a network that can be taken away. It ends when dropped.
pub(crate) struct Running {
    qemu: Child,
    console: Receiver<String>,
    monitor: u16,
}

impl Running {
    /// Starts the firmware with a configuration.
    pub(crate) fn start(config: &[(&str, &str)]) -> Result<Self> {
        let file = write(config)?;
        let monitor = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|free| free.local_addr())
            .map_err(|error| format!("no free port: {error}"))?
            .port();
        let mut setpriv = workspace::command("setpriv");
        let mut qemu = qemu(setpriv.args(["--pdeathsig", "KILL", "--"]), &file)
            .args(["-monitor", &format!("tcp:127.0.0.1:{monitor},server=on,wait=off")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot run QEMU: {error}"))?;
        let lines = BufReader::new(qemu.stdout.take().ok_or("QEMU: no output")?).lines();
        let (sender, console) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(std::result::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { qemu, console, monitor })
    }

    /// The next line of the console.
    pub(crate) fn line(&self, within: Duration) -> Result<String> {
        self.console
            .recv_timeout(within)
            .map_err(|_| format!("the board has ended, or is silent for {} s", within.as_secs()))
    }

    /// Sends a line to the console.
    pub(crate) fn send(&mut self, line: &str) -> Result {
        let console = self.qemu.stdin.as_mut().ok_or("QEMU: no input")?;
        writeln!(console, "{line}").and_then(|()| console.flush()).map_err(|error| format!("QEMU: {error}"))
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
        while let Ok(line) = self.console.recv_timeout(Duration::from_secs(30)) {
            println!("  {line}");
            report.take(&line);
        }
        let status = self.qemu.wait().map_err(|error| format!("QEMU: {error}"))?;
        report.code = status.code().unwrap_or(-1);
        Ok(report)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}

fn write(config: &[(&str, &str)]) -> Result<PathBuf> {
    let config: String = config.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let file = workspace::target_dir().join(format!("hub-{}.conf", std::process::id()));
    fs::write(&file, config).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(file)
}

/// QEMU with the firmware and a configuration, behind a command that runs others.
fn qemu<'a>(command: &'a mut Command, config: &Path) -> &'a mut Command {
    command
        .args(["qemu-system-riscv32", "-machine", "virt", "-m", "8M", "-bios", "none"])
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
