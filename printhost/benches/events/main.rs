//! How long it takes from a Moonraker's writing a change to a subscriber's having the status, beside a plain websocket
//! client in the same run.
//!
//! One server on loopback, in a thread of its own, pushes a change and notes when. Measured is until the bytes are a
//! message with `tokio-tungstenite`, which does nothing with them, and until [`Events::next`](printhost::Events) has the
//! status that the change makes. Fails when a bar is missed, or when one that does it wrong is not found out.

mod measure;
mod server;

use std::process::ExitCode;

/// Errors are for the person at the terminal.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    // `cargo test --benches` runs this as well, without the argument that `cargo bench` gives.
    if !std::env::args().any(|arg| arg == "--bench") {
        eprintln!("nothing measured: run it with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match measure::run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
