//! How fast, and in how much memory, a host uploads 1 GiB, beside curl in the same run.
//!
//! Linux only. Every upload is one process, so that its memory and its processor time are those of one upload; for
//! that this program starts itself as `sink` and as `client`. Fails when a bar is missed.

mod client;
mod measure;
mod sink;

use std::process::ExitCode;

/// Errors are for the person at the terminal.
type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["sink"] => sink::run().map(|()| true),
        ["client", kind, len, url, name, file] => client::run(kind, len, url, name, file).map(|()| true),
        // `cargo test --benches` runs this as well, without the argument that `cargo bench` gives.
        args if !args.contains(&"--bench") => {
            eprintln!("nothing measured: run it with `cargo bench`");
            return ExitCode::SUCCESS;
        }
        _ => measure::run(),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
