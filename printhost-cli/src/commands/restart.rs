//! `printhost restart`.

use clap::Args;
use printhost::{Command, Error, ErrorKind, Net, PrintHost as _};
use serde_json::Value;

use crate::{
    commands::send,
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Restart {
    /// The printer.
    printer: Printer,
    /// The printer's own boards, too: what most need after an emergency stop.
    #[arg(long)]
    firmware: bool,
    /// Even while it prints, which ends the print.
    #[arg(long, short)]
    yes: bool,
}

/// Restarts it, if nothing is lost by it or that was allowed.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Restart) -> Result<Code, Failure> {
    let target = session.open(&args.printer).await?;
    let command = if args.firmware { Command::RestartFirmware } else { Command::RestartHost };
    if !args.yes && target.host.status().await?.phase.has_job() {
        let error =
            Error::new(ErrorKind::Conflict, command.name()).with_detail("it has a job, which would be lost");
        return Err(Failure::from(error).advising("Wait for its end, cancel it, or lose it with --yes."));
    }
    let (text, event) = match args.firmware {
        true => ("the printer's software and boards", "firmware_restarted"),
        false => ("the printer's software", "host_restarted"),
    };
    send(&session.out, &target, command, ("Restarting", text), (event, Value::Null)).await?;
    Ok(Code::Success)
}
