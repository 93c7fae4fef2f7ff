//! `printhost connect` and `disconnect`: the line between a host and its printer.

use clap::Args;
use printhost::{Command, Error, ErrorKind, Net, PrintHost as _};
use serde_json::Value;

use crate::{
    commands::{send, send_to},
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments of `connect`.
#[derive(Debug, Args)]
pub(crate) struct Connect {
    /// The printer.
    printer: Printer,
}

/// The arguments of `disconnect`.
#[derive(Debug, Args)]
pub(crate) struct Disconnect {
    /// The printer.
    printer: Printer,
    /// Even while it prints, which ends the print.
    #[arg(long, short)]
    yes: bool,
}

/// Opens the line.
pub(crate) async fn connect<N: Net + Clone>(session: &Session<N>, args: &Connect) -> Result<Code, Failure> {
    let said = ("Connected", "the host to its printer");
    let told = ("printer_connected", Value::Null);
    send_to(session, &args.printer, Command::ConnectPrinter, said, told).await
}

/// Closes the line, if nothing is lost by it or that was allowed.
pub(crate) async fn disconnect<N: Net + Clone>(
    session: &Session<N>,
    args: &Disconnect,
) -> Result<Code, Failure> {
    let target = session.open(&args.printer).await?;
    if !args.yes && target.host.status().await?.phase.has_job() {
        let error = Error::new(ErrorKind::Conflict, "disconnect printer")
            .with_detail("it has a job, which would be lost");
        return Err(Failure::from(error).advising("Wait for its end, cancel it, or lose it with --yes."));
    }
    let said = ("Closed", "the line between the host and its printer");
    let told = ("printer_disconnected", Value::Null);
    send(&session.out, &target, Command::DisconnectPrinter, said, told).await?;
    Ok(Code::Success)
}
