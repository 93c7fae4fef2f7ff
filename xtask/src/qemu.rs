//! The hub on an emulated microcontroller, against a real OctoPrint.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::ledger;
use crate::octoprint::{self, OctoPrint};
use crate::portable;
use crate::sizes;
use crate::steps::{Result, Steps};
use crate::workspace;

const BOARD: &str = "hub-firmware/boards/qemu-riscv32";
/// The board is a workspace of its own.
pub(crate) const MANIFEST: &str = "hub-firmware/boards/qemu-riscv32/Cargo.toml";
const TARGET: &str = "riscv32imac-unknown-none-elf";
/// Where the board reads its configuration: the last 4 KiB of its flash.
const CONFIG_ADDRESS: &str = "0x803ff000";
/// The host's loopback, seen from QEMU's user network.
const HOST: &str = "10.0.2.2";

/// The file's size in bytes.
const FILE: usize = 16 << 20;
/// The most heap the relay may use, in bytes, network stack included.
const HEAP: u64 = 64 << 10;
/// To the file's server, to the printer's requests, to what it pushes: once each.
const DIALS: u64 = 3;

/// Builds the board and runs everything that is shown on it.
pub(crate) fn qemu() -> bool {
    let mut steps = Steps::new();
    let result = run(&mut steps);
    steps.summary(&result)
}

/// The steps of [`qemu`].
pub(crate) fn run(steps: &mut Steps) -> Result {
    let fmt = ["fmt", "--check", "--manifest-path", MANIFEST];
    steps.command("formatting of the board", &mut workspace::cargo(fmt))?;
    steps.command("firmware for QEMU", &mut build(&[]))?;
    steps.run("sizes by crate", || sizes::print(&image()))?;
    steps.run("a write past the RAM budget is stopped", || expect_exit(&[("probe", "ram-end")], 102))?;
    steps.run("an allocation past the heap is stopped", || expect_exit(&[("probe", "heap")], 103))?;
    let release = &octoprint::STABLE;
    let server = steps.run(format!("OctoPrint {} starts", release.version), || OctoPrint::start(release))?;
    steps
        .run("QEMU relays 16 MiB into OctoPrint and follows the print", || relay(&server))
        .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))?;
    drop(server);
    steps.command("firmware for QEMU with the conformance suite", &mut build(&["suite"]))?;
    // A fresh one: what it pushes grows with every print, and must fit the board.
    let server =
        steps.run(format!("OctoPrint {} starts again", release.version), || OctoPrint::start(release))?;
    steps
        .run("conformance from QEMU", || suite(&server))
        .map_err(|error| format!("{error}\nof OctoPrint {}", server.log_hint()))
}

fn build(features: &[&str]) -> Command {
    let mut cargo = portable::debian_cargo("build");
    cargo.args(["--release", "--locked", "--target", TARGET, "--features", &features.join(",")]);
    cargo.current_dir(workspace::root().join(BOARD));
    cargo
}

/// Judges the driver on the board by every case of the conformance suite.
fn suite(server: &OctoPrint) -> Result {
    let [(_, url), (_, key), ..] = server.environment();
    let oracle = OracleProcess::start(url.trim_start_matches("octoprint://"), &key)?;
    let report = run_board(&[
        ("printer", &format!("octoprint://{HOST}:{}", oracle.proxy)),
        ("oracle", &format!("http://{HOST}:{}", oracle.oracle)),
        ("key", &key),
        ("seed", &oracle.proxy.to_string()),
    ])?;
    let cases: String = report.cases.iter().map(|line| format!("{}\n", line.trim_end())).collect();
    ledger::keep(&format!("octoprint-{}-qemu", server.version()), &cases)?;
    ensure(report.code == 0, &format!("the board ended with code {}", report.code))?;
    ensure(report.value("heap peak")? <= HEAP, "the heap's peak is above its budget")
}

/// The proxy and the oracle between the board and OctoPrint; it ends with its standard input.
struct OracleProcess {
    process: Child,
    proxy: u16,
    oracle: u16,
}

impl OracleProcess {
    fn start(address: &str, key: &str) -> Result<Self> {
        let example = ["--package=printhost-testkit", "--features=runner", "--example=octoprint_oracle"];
        crate::steps::run(workspace::cargo(["build", "--quiet"]).args(example))?;
        let mut process = workspace::cargo(["run", "--quiet"])
            .args(example)
            .args(["--", address, key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the oracle: {error}"))?;
        let mut lines = BufReader::new(process.stdout.take().ok_or("the oracle: no output")?).lines();
        let mut port = |name: &str| -> Result<u16> {
            let line = lines.next().and_then(std::result::Result::ok).unwrap_or_default();
            let port = line.strip_prefix(name).and_then(|rest| rest.trim().parse().ok());
            port.ok_or_else(|| format!("the oracle printed {line:?} instead of its {name} port"))
        };
        let (proxy, oracle) = (port("proxy")?, port("oracle")?);
        Ok(Self { process, proxy, oracle })
    }
}

impl Drop for OracleProcess {
    fn drop(&mut self) {
        // Its end of input is its end.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn relay(server: &OctoPrint) -> Result {
    let file = Arc::new(gcode(FILE));
    let sha1 = sha1_of(&file)?;
    let source = serve(file)?;
    let path = "relay/part.gcode";
    let [(_, url), (_, key), ..] = server.environment();
    let report = run_board(&[
        ("source", &format!("http://{HOST}:{source}/part.gcode")),
        ("printer", &url.replace("127.0.0.1", HOST)),
        ("key", &key),
        ("path", path),
    ])?;
    if report.code != 0 {
        return Err(format!("the board ended with code {}", report.code));
    }

    // The oracle is OctoPrint, asked without our driver.
    let stored = server.get(&format!("/api/files/local/{path}")).ok_or("OctoPrint does not have the file")?;
    let prints = &stored["prints"]["success"];
    println!("  OctoPrint: size {}, SHA-1 {}, successful prints {prints}", stored["size"], stored["hash"]);
    ensure(stored["size"] == FILE, "the stored file has another size")?;
    ensure(stored["hash"] == sha1, &format!("the stored file has another SHA-1 than ours, {sha1}"))?;
    ensure(prints == 1, "OctoPrint has not counted one successful print")?;
    ensure(report.value("heap peak")? <= HEAP, "the heap's peak is above its budget")?;
    ensure(
        report.value("heap after")? == report.value("heap before")?,
        "the relay has not given all memory back",
    )?;
    ensure(report.value("dials")? == DIALS, "there was more than one dial for each kind of connection")
}

fn expect_exit(config: &[(&str, &str)], code: i32) -> Result {
    let report = run_board(config)?;
    ensure(report.code == code, &format!("ended with {} instead of {code}", report.code))
}

/// What a run printed as `name: number`, and how it ended.
struct Report {
    code: i32,
    /// What the conformance suite printed of its cases, tab-separated.
    cases: Vec<String>,
    values: BTreeMap<String, u64>,
}

impl Report {
    fn value(&self, name: &str) -> Result<u64> {
        self.values.get(name).copied().ok_or_else(|| format!("the board did not print {name:?}"))
    }
}

fn run_board(config: &[(&str, &str)]) -> Result<Report> {
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
fn image() -> PathBuf {
    workspace::target_dir().join("portable").join(TARGET).join("release/hub-qemu-riscv32")
}

/// A print of a few seconds, padded with comments to a size.
fn gcode(size: usize) -> Vec<u8> {
    let mut text = String::from("G28\n");
    for i in 0..20 {
        text.push_str(&format!("G1 X{} Y{} F6000\nG4 P200\n", i % 20, i % 7));
    }
    let mut line: u64 = 0;
    while text.len() < size {
        line += 1;
        // Lines that differ, so that a lost or swapped piece changes the hash.
        text.push_str(&format!("; {line} {:016x}\n", line.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    }
    text.truncate(size);
    text.into_bytes()
}

fn sha1_of(bytes: &[u8]) -> Result<String> {
    let mut sum = Command::new("sha1sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sha1sum: {error}"))?;
    sum.stdin
        .take()
        .ok_or("sha1sum: no input")?
        .write_all(bytes)
        .map_err(|error| format!("sha1sum: {error}"))?;
    let output = sum.wait_with_output().map_err(|error| format!("sha1sum: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).chars().take_while(|c| *c != ' ').collect())
}

/// Serves one file over HTTP on a free port, as long as this program runs.
fn serve(file: Arc<Vec<u8>>) -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("file server: {error}"))?;
    let port = listener.local_addr().map_err(|error| format!("file server: {error}"))?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let file = file.clone();
            std::thread::spawn(move || answer(stream, &file));
        }
    });
    Ok(port)
}

fn answer(mut stream: TcpStream, file: &[u8]) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len()).ok()?;
    stream.write_all(file).ok()
}

fn ensure(condition: bool, otherwise: &str) -> Result {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}
