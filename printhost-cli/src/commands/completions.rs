//! `printhost completions`.

use std::io::{Write as _, stdout};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::failure::{Code, Failure};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell.
    shell: Shell,
}

/// Writes them to stdout.
pub(crate) fn run(args: &Completions) -> Result<Code, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut crate::args::Args::command(), "printhost", &mut text);
    // A reader that has gone wants no more.
    let _ = stdout().write_all(&text);
    Ok(Code::Success)
}
