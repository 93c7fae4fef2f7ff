//! The simulated micro-controller of a Klipper, met over its port. `cargo xtask moonraker` has a real Klipper drive it.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use printhost_sim::KlipperMcuSim;
use serde_json::Value;

/// A host's first question, which is for the dictionary.
const IDENTIFY: [u8; 8] = [0x08, 0x10, 0x01, 0x00, 0x28, 0x5e, 0x9f, 0x7e];

fn a_port() -> PathBuf {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("printhost-klipper-mcu-{}-{number}", std::process::id()))
}

fn open(port: &Path) -> File {
    File::options().read(true).write(true).open(port).expect("the port opens")
}

/// The next block.
fn block(port: &mut File) -> Vec<u8> {
    let mut block = vec![0; 1];
    port.read_exact(&mut block).expect("a length");
    block.resize(block[0].into(), 0);
    port.read_exact(&mut block[1..]).expect("a block");
    block
}

#[test]
fn a_host_is_told_the_dictionary_and_gets_an_acknowledgement() {
    let sim = KlipperMcuSim::start(a_port()).expect("a terminal");
    let mut port = open(sim.port());
    port.write_all(&IDENTIFY).expect("a port");
    let answer = block(&mut port);
    // identify_response, offset 0, 40 bytes of zlib.
    assert_eq!((answer.len(), &answer[1..7]), (48, &[0x11, 0x00, 0x00, 0x28, 0x78, 0x01][..]));
    assert_eq!(block(&mut port)[..2], [5, 0x11]);
}

#[test]
fn a_pulled_cable_ends_the_port_and_a_plugged_one_is_a_micro_controller_that_knows_nothing() {
    let sim = KlipperMcuSim::start(a_port()).expect("a terminal");
    let mut host = open(sim.port());
    sim.unplug();
    assert!(!sim.port().exists());
    assert!(!matches!(host.read(&mut [0; 8]), Ok(1..)));
    sim.plug_in().expect("a terminal");
    let mut host = open(sim.port());
    host.write_all(&IDENTIFY).expect("a port");
    assert_eq!(block(&mut host)[1], 0x11, "numbers begin anew");
    assert_eq!(sim.report().resets, 1);
    let port = sim.port().to_owned();
    drop(sim);
    assert!(!port.exists());
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
        .arg("klipper-mcu")
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
    let report = running.tell("report");
    assert_eq!((&report["steps"]["x"], &report["shutdown"]), (&0.into(), &Value::Null));
    assert!(running.tell("dance")["error"].is_string());
    assert_eq!(running.tell("unplug")["resets"], 0);
    assert!(!port.exists());
    assert_eq!(running.tell("plug-in")["resets"], 1);
    assert!(port.exists());
    drop(running.input.take());
    assert!(running.child.wait().expect("a status").success());
    assert!(!port.exists());
}
