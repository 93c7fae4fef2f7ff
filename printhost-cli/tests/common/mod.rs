//! The built program, run against a simulator in this process.
#![allow(dead_code, reason = "every test binary uses another part")]

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::Value;
use tokio::{process::Command, time::timeout};

/// Longest wait for anything a test waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Every line of stdout as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// A simulator whose prints take no time worth mentioning.
pub(crate) async fn simulator() -> OctoPrintSim {
    OctoPrintSim::start(SimConfig::default().time_scale(300.0)).await.expect("a free port")
}

/// The program with a key, ready to be run.
pub(crate) fn printhost(key: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_printhost"));
    command.args(args).env("PRINTHOST_KEY", key).kill_on_drop(true);
    // Whoever runs the tests may have a configuration, and it is none of theirs.
    command.env("PRINTHOST_CONFIG", std::env::temp_dir().join("printhost-cli-none").join("config.toml"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program to its end with this configuration, and this on its stdin.
pub(crate) async fn run_with(config: &Path, stdin: &str, args: &[&str]) -> Ran {
    use tokio::io::AsyncWriteExt as _;

    let mut command = printhost("", args);
    command.env("PRINTHOST_CONFIG", config).stdin(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut pipe = child.stdin.take().expect("a pipe");
    // A program that does not read it may be gone already.
    let _ = pipe.write_all(stdin.as_bytes()).await;
    drop(pipe);
    let output = timeout(PATIENCE, child.wait_with_output()).await;
    output.expect("the program ends").expect("its output").into()
}

/// Runs the program to its end.
pub(crate) async fn run(key: &str, args: &[&str]) -> Ran {
    let output = timeout(PATIENCE, printhost(key, args).output()).await;
    output.expect("the program ends").expect("the program starts").into()
}

/// Waits for something that is about to become true.
pub(crate) async fn wait_until(mut is_so: impl FnMut() -> bool) {
    let waited = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, waited).await.expect("it becomes true");
}

/// A directory that is removed with its content.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("printhost-cli-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("the temporary directory is writable");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file of this content in it.
    pub(crate) fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("the temporary directory is writable");
        path.to_str().expect("UTF-8").to_owned()
    }

    /// The names of everything in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("it exists");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A file that takes `seconds` of the printer's time.
pub(crate) fn gcode(seconds: usize) -> Vec<u8> {
    let mut text = String::from("G28\nM104 S50\n");
    for second in 0..seconds {
        text += &format!("G1 X{} Y{} F6000\nG4 P1000 ; a second\n", second % 20, second % 7);
    }
    text.into_bytes()
}
