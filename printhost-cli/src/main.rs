#![doc = include_str!("../README.md")]

mod args;
mod failure;
mod files;
mod key;
mod net;
mod output;
mod print;
mod status;
mod upload;
mod watch;

use std::{process::ExitCode, sync::Arc};

use clap::Parser as _;
use printhost::{Error, ErrorKind, HyperNet, Net, net_tokio::PortableNet};
use rustls::crypto::ring;

use crate::{
    args::{Args, Client, Command},
    failure::{Code, Failure},
    net::Session,
    output::Output,
};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return not_understood(&error),
    };
    let out = Output::new(args.global.json);
    let code = start(&args, out).unwrap_or_else(|failure| {
        out.failure(None, &failure);
        failure.code
    });
    ExitCode::from(code as u8)
}

fn start(args: &Args, out: Output) -> Result<Code, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::new(ErrorKind::Unreachable, "start").with_detail(e))?;
    let crypto = Arc::new(ring::default_provider());
    let result = runtime.block_on(async {
        match args.global.client {
            Client::Hyper => run(HyperNet::with_tls(crypto), args, out).await,
            Client::Portable => run(PortableNet::with_tls(crypto), args, out).await,
        }
    });
    // Not waiting for a read of a file that hangs.
    runtime.shutdown_background();
    result
}

async fn run<N: Net + Clone>(net: N, args: &Args, out: Output) -> Result<Code, Failure> {
    let session = Session::new(net, &args.global, out)?;
    match &args.command {
        Command::Print(args) => print::run(&session, args).await,
        Command::Status { printer } => status::run(&session, printer).await,
        Command::Watch { printers } => watch::run(&session, printers).await,
        Command::Files(files) => files::run(&session, files).await,
    }
}

/// Help, the version, or a mistake in the arguments.
fn not_understood(error: &clap::Error) -> ExitCode {
    if error.use_stderr() && std::env::args_os().any(|arg| arg == "--json") {
        let text = error.to_string();
        let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let failure = Failure::usage(what, "See printhost --help.");
        Output::new(true).failure(None, &failure);
        return ExitCode::from(failure.code as u8);
    }
    // Nobody is left to be told when the terminal is gone.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { Code::Usage } else { Code::Success } as u8)
}
