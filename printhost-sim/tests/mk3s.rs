//! The simulated MK3S, met as hosts meet it: over a serial port that is opened by its path.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use printhost_sim::{Mk3sButton, Mk3sConfig, Mk3sSim};
use serde_json::Value;

/// Longest wait for anything a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open port, read by a thread.
struct Host {
    port: File,
    lines: Receiver<String>,
}

impl Host {
    fn open(port: &Path) -> Self {
        let port = File::options().read(true).write(true).open(port).expect("the port opens");
        let (sender, lines) = channel();
        let reader = BufReader::new(port.try_clone().expect("a second handle"));
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { port, lines }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.port, "{line}").expect("the port takes a line");
    }

    /// The next lines up to `ok`.
    fn answer(&self) -> Vec<String> {
        let next = || self.lines.recv_timeout(PATIENCE).expect("a line in time");
        let mut lines = vec![next()];
        while lines.last().is_some_and(|line| line != "ok") {
            lines.push(next());
        }
        lines
    }

    fn ask(&mut self, line: &str) -> Vec<String> {
        self.send(line);
        self.answer()
    }

    /// Reads to the port's end.
    fn until_gone(&self) {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("the port never ends"),
            }
        }
    }
}

fn a_port() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("printhost-mk3s-{}-{number}", std::process::id()))
}

fn start() -> Mk3sSim {
    Mk3sSim::start(Mk3sConfig::at(a_port()).time_scale(100.0)).expect("a terminal")
}

#[test]
fn a_host_prints_over_the_port_and_the_printer_tells_what_it_did() {
    let sim = start();
    let mut host = Host::open(sim.port());
    assert_eq!(host.ask("M862.2 Q"), ["302", "ok"]);
    assert_eq!(host.ask("M75"), ["ok"]);
    assert!(sim.report().is_printing);
    host.ask("M73 P50 R1");
    host.ask("M117 \u{7e}halfway");
    assert_eq!(host.ask("M109 S200").last().map(String::as_str), Some("ok"));
    for mm in 0..40 {
        host.ask(&format!("G1 X{mm} E{mm} F3000"));
    }
    assert_eq!(host.ask("M400"), ["ok"]);
    let report = sim.report();
    assert_eq!((report.percent, report.nozzle, report.message.as_str()), (Some(50), 200.0, "~halfway"));
    sim.press(Mk3sButton::Stop);
    assert_eq!(host.lines.recv_timeout(PATIENCE).as_deref(), Ok("// action:cancel"));
    assert_eq!(sim.commands().len(), 46);
}

#[test]
fn a_pulled_cable_ends_the_port_and_a_plugged_one_is_a_printer_that_does_nothing_by_itself() {
    let sim = start();
    let mut host = Host::open(sim.port());
    host.ask("M75");
    host.ask("M104 S200");
    sim.unplug();
    assert!(!sim.port().exists());
    host.until_gone();
    assert!(sim.report().is_printing, "nobody has told the printer");
    sim.plug_in().expect("a terminal");
    let mut host = Host::open(sim.port());
    assert_eq!(host.lines.recv_timeout(PATIENCE).as_deref(), Ok("start"));
    host.send("M105");
    assert!(host.answer().iter().any(|line| line.contains("/0.0")));
    assert!(!sim.report().is_printing);
    let port = sim.port().to_owned();
    drop(sim);
    host.until_gone();
    assert!(!port.exists());
}

#[test]
fn a_file_in_the_ports_place_is_left_alone() {
    let port = a_port();
    std::fs::write(&port, "mine").expect("a file");
    let error = Mk3sSim::start(Mk3sConfig::at(&port)).expect_err("the place is taken");
    assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&port).expect("a file"), "mine");
    std::fs::remove_file(&port).expect("a file");
}

/// The command, ended on drop.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        line
    }

    fn tell(&mut self, command: &str) -> Value {
        writeln!(self.input.as_ref().expect("open"), "{command}").expect("a pipe");
        serde_json::from_str(&self.line()).expect("JSON")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_command_obeys_its_input_and_ends_with_it() {
    let port = a_port();
    let mut child = Command::new(env!("CARGO_BIN_EXE_printhost-sim"))
        .arg("mk3s")
        .arg("--port")
        .arg(&port)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let input = child.stdin.take();
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut running = Running { child, input, output };
    assert_eq!(running.line().trim_end(), port.to_str().expect("UTF-8"));
    let mut host = Host::open(&port);
    host.ask("M75");
    assert_eq!(running.tell("report")["printing"], true);
    assert_eq!(running.tell("commands")["commands"][0], "M75");
    assert!(running.tell("dance")["error"].is_string());
    assert_eq!(running.tell("unplug")["printing"], true);
    assert!(!port.exists());
    assert_eq!(running.tell("plug-in")["printing"], false);
    assert!(port.exists());
    drop(running.input.take());
    assert!(running.child.wait().expect("a status").success());
    assert!(!port.exists());
}
