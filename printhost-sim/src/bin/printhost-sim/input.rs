//! Printers that are told on standard input what happens to them.

use std::io::BufRead as _;

use serde_json::Value;
use tokio::sync::mpsc;

/// Obeys line after line, and prints each answer, until the input ends.
pub(crate) async fn serve(obey: impl Fn(&str) -> Value) -> Result<(), String> {
    let mut lines = lines();
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => println!("{}", obey(line.trim())),
                None => return Ok(()),
            },
            interrupted = tokio::signal::ctrl_c() => {
                return interrupted.map_err(|error| format!("cannot wait for Ctrl-C: {error}"));
            }
        }
    }
}

/// The lines of the input. A thread reads them, which the program's end does not wait for.
fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
