#![doc = include_str!("../README.md")]

mod args;
mod commands;
mod config;
mod failure;
mod keys;
mod live;
mod output;
mod private_file;
mod sink;
mod targets;
mod transfer;

use std::{process::ExitCode, sync::Arc};

use clap::Parser as _;
use printhost::{
    Error, ErrorKind, HyperNet, Net,
    net_tokio::{PortableNet, TokioDial},
};
use rustls::crypto::ring;

use crate::{
    args::{Args, Client, Command},
    commands::{
        camera, completions, config as config_command, connection, discover, emergency_stop, factor, files,
        gcode, job, login, man, motion, print, restart, start as start_command, status, temp, trust, upload,
        watch,
    },
    failure::{Code, Failure},
    output::Output,
    targets::Session,
};

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return not_understood(&error),
    };
    let out = Output::new(args.global.json);
    let code = start(&args, &out).unwrap_or_else(|failure| {
        out.failure(None, &failure);
        failure.code
    });
    ExitCode::from(code as u8)
}

fn start(args: &Args, out: &Output) -> Result<Code, Failure> {
    match &args.command {
        Command::Config(command) => return config_command::run(&args.global, command, out),
        Command::Completions(completions) => return completions::run(completions),
        Command::Man(man) => return man::run(man, out),
        _ => {}
    }
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

async fn run<N: Net<Dial = TokioDial> + Clone>(net: N, args: &Args, out: &Output) -> Result<Code, Failure> {
    let session = &Session::new(net, &args.global, out.clone())?;
    match &args.command {
        Command::Print(args) => print::run(session, args).await,
        Command::Upload(args) => upload::run(session, args).await,
        Command::Watch(args) => watch::run(session, args).await,
        Command::Status(args) => status::run(session, args).await,
        Command::Start(args) => start_command::run(session, args).await,
        Command::Pause(args) => job::pause(session, args).await,
        Command::Resume(args) => job::resume(session, args).await,
        Command::Cancel(args) => job::cancel(session, args).await,
        Command::Files(args) => files::run(session, args).await,
        Command::Temp(args) => temp::run(session, args).await,
        Command::Gcode(args) => gcode::run(session, args).await,
        Command::Home(args) => motion::home(session, args).await,
        Command::Jog(args) => motion::jog(session, args).await,
        Command::Extrude(args) => motion::extrude(session, args).await,
        Command::Tool(args) => motion::tool(session, args).await,
        Command::Speed(args) => factor::speed(session, args).await,
        Command::Flow(args) => factor::flow(session, args).await,
        Command::Camera(args) => camera::run(session, args).await,
        Command::Connect(args) => connection::connect(session, args).await,
        Command::Disconnect(args) => connection::disconnect(session, args).await,
        Command::EmergencyStop(args) => emergency_stop::run(session, args).await,
        Command::Restart(args) => restart::run(session, args).await,
        Command::Discover(args) => discover::run(session, args).await,
        Command::Login(args) => login::run(session, args).await,
        Command::Trust(args) => trust::run(session, args).await,
        // They need no network and were run before.
        Command::Config(_) | Command::Completions(_) | Command::Man(_) => Ok(Code::Success),
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
