//! The live screen in a real terminal, which `script` of util-linux makes.
#![cfg(target_os = "linux")]

mod common;

use std::process::Stdio;

use common::{PATIENCE, Scratch, gcode, run, simulator, wait_until};
use printhost_sim::{Fault, OctoPrintSim, On, SimConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// The program in a terminal of its own.
struct Session {
    child: Child,
    keys: ChildStdin,
    screen: ChildStdout,
    seen: String,
    scratch: Scratch,
}

impl Session {
    fn start(key: &str, args: &[&str]) -> Self {
        let scratch = Scratch::new();
        let program = [&[env!("CARGO_BIN_EXE_printhost")], args].concat().join(" ");
        // What the terminal is like before and after, and who runs in it, is noted in files.
        let inside = format!(
            "stty rows 24 cols 100; stty -a >before; tty >tty; sh -c 'echo $$ >pid; exec {program}'; echo $? >code; stty -a >after"
        );
        let mut command = Command::new("script");
        command
            .args(["-qec", &inside, "/dev/null"])
            .current_dir(scratch.path())
            .env("TERM", "xterm-256color");
        command
            .env("PRINTHOST_KEY", key)
            .env("PRINTHOST_CONFIG", "/nonexistent/config.toml")
            .env_remove("NO_COLOR");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("script of util-linux");
        let keys = child.stdin.take().expect("a pipe");
        let screen = child.stdout.take().expect("a pipe");
        Self { child, keys, screen, seen: String::new(), scratch }
    }

    /// Reads on until this is drawn.
    async fn until(&mut self, what: &str) {
        let found = async {
            let mut buffer = [0; 4096];
            while !self.seen.contains(what) {
                let n = self.screen.read(&mut buffer).await.expect("a terminal");
                assert_ne!(n, 0, "it ended without {what:?}: {:?}", self.seen);
                self.seen += &String::from_utf8_lossy(&buffer[..n]);
            }
        };
        if timeout(PATIENCE, found).await.is_err() {
            panic!("never: {what:?}, but {:?}", self.seen);
        }
    }

    async fn press(&mut self, keys: &str) {
        self.seen.clear();
        self.keys.write_all(keys.as_bytes()).await.expect("a terminal");
        self.keys.flush().await.expect("a terminal");
    }

    /// Waits for the end; the exit code, if the terminal is as it was.
    async fn restored(mut self) -> i32 {
        let rest = async {
            let mut rest = Vec::new();
            self.screen.read_to_end(&mut rest).await.expect("a terminal");
            self.child.wait().await.expect("script ends");
            self.seen += &String::from_utf8_lossy(&rest);
        };
        timeout(PATIENCE, rest).await.expect("the program ends");
        let left = self.seen.rfind(LEAVE).unwrap_or_else(|| panic!("it was not left: {:?}", self.seen));
        assert!(!self.seen[left..].contains(ENTER), "{:?}", self.seen);
        assert!(self.seen[left..].contains("\x1b[?25h"), "the cursor is hidden: {:?}", self.seen);
        let read = |name: &str| std::fs::read_to_string(self.scratch.path().join(name)).expect(name);
        // All but the size, which only its owner changes.
        let modes = |name: &str| read(name).split_once("line =").expect("modes").1.to_owned();
        assert_eq!(modes("before"), modes("after"));
        read("code").trim().parse().expect("a code")
    }
}

#[tokio::test]
async fn terminal_is_restored_after_q_ctrl_c_and_a_signal() {
    let sim = simulator().await;
    let url = sim.url();
    for (how, code) in [("q", 0), ("\x03", 130), ("signal", 130)] {
        let mut session = Session::start(sim.api_key(), &["watch", &url]);
        session.until("Idle").await;
        assert!(session.seen.contains(ENTER), "{:?}", session.seen);
        assert!(!session.seen.contains(sim.api_key()));
        match how {
            "signal" => {
                let pid = std::fs::read_to_string(session.scratch.path().join("pid")).expect("a pid");
                let kill = Command::new("kill").args(["-TERM", pid.trim()]).status().await;
                assert!(kill.expect("kill runs").success());
            }
            key => session.press(key).await,
        }
        assert_eq!(session.restored().await, code, "{how:?}");
    }
}

#[tokio::test]
async fn screen_is_drawn_anew_when_the_terminal_gets_another_size() {
    let sim = simulator().await;
    let url = sim.url();
    let mut session = Session::start(sim.api_key(), &["watch", &url]);
    session.until("Idle").await;
    session.seen.clear();
    let tty = std::fs::read_to_string(session.scratch.path().join("tty")).expect("its name");
    let resized = Command::new("stty").args(["-F", tty.trim(), "rows", "9", "cols", "40"]).status().await;
    assert!(resized.expect("stty runs").success());
    // The new last line begins with the keys, and everything is drawn again.
    session.until("\x1b[9;1H").await;
    session.until("select").await;
    session.press("q").await;
    assert_eq!(session.restored().await, 0);
}

#[tokio::test]
async fn print_is_paused_and_resumed_and_cancelled_by_keys_after_a_yes() {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(5.0)).await.expect("a free port");
    let (url, key, scratch) = (sim.url(), sim.api_key(), Scratch::new());
    let file = scratch.file("part.gcode", &gcode(6000));
    let ran = run(key, &["print", &file, &url, "--no-wait"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mut session = Session::start(key, &["watch", &url]);
    session.until("part.gcode").await;
    for (order, question, state) in
        [("p", "Pause", "Paused"), ("r", "Resume", "Printing"), ("c", "Cancel", "Operational")]
    {
        let before = sim.state_text();
        session.press(order).await;
        session.until(question).await;
        assert_eq!(sim.state_text(), before, "nobody said yes");
        session.press("y").await;
        wait_until(|| sim.state_text() == state).await;
    }
    session.press("q").await;
    assert_eq!(session.restored().await, 0);
}

#[tokio::test]
async fn order_that_was_not_answered_before_the_end_is_told_as_unconfirmed() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.expect("a free port");
    let (url, key, scratch) = (sim.url(), sim.api_key(), Scratch::new());
    let file = scratch.file("part.gcode", &gcode(6000));
    assert_eq!(run(key, &["print", &file, &url, "--no-wait"]).await.code, Some(0));
    sim.inject(Fault::StallAfterSending(0), On::request("POST", "/api/job"));
    let mut session = Session::start(key, &["watch", &url]);
    session.until("part.gcode").await;
    session.press("p").await;
    session.until("Pause part.gcode").await;
    session.press("y").await;
    wait_until(|| sim.state_text() == "Paused").await;
    session.press("q").await;
    assert_eq!(session.restored().await, 6);
}

#[tokio::test]
async fn emergency_stop_does_not_wait_for_the_key_of_another_printer_to_be_typed() {
    let (known, unknown, scratch) = (simulator().await, simulator().await, Scratch::new());
    let keys = scratch.file("keys", format!("{} {}\n", known.url(), known.api_key()).as_bytes());
    let args = ["emergency-stop", &known.url(), &unknown.url(), "--key-file", &keys];
    let mut session = Session::start("", &args);
    session.until("Key for").await;
    wait_until(|| known.terminal().iter().any(|line| line.contains("M112"))).await;
    session.press(&format!("{}\n", unknown.api_key())).await;
    wait_until(|| unknown.terminal().iter().any(|line| line.contains("M112"))).await;
    timeout(PATIENCE, session.child.wait()).await.expect("it ends").expect("script ends");
}

#[tokio::test]
async fn printer_that_refuses_the_key_is_shown_and_told_again_after_the_end() {
    let (good, sim) = (simulator().await, simulator().await);
    let scratch = Scratch::new();
    let keys = format!("{} {}\n{} WRONGKEYWRONGKEY\n", good.url(), good.api_key(), sim.url());
    let keys = scratch.file("keys", keys.as_bytes());
    let mut session = Session::start("", &["watch", &good.url(), &sim.url(), "--key-file", &keys]);
    session.until("Idle").await;
    session.until("given up").await;
    session.press("q").await;
    assert_eq!(session.restored().await, 4);
}
