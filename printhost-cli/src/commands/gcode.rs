//! `printhost gcode`.

use std::{future::pending, time::Duration};

use clap::Args;
use printhost::{Command, Net, PrintHost as _};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};

use crate::{
    commands::is_confirmed,
    failure::{Code, Failure},
    output::Output,
    targets::{Printer, Session, Target},
};

/// How long to wait for the push connection, which brings the replies, before sending without it.
const TO_CONNECT: Duration = Duration::from_secs(5);

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Gcode {
    /// The printer.
    printer: Printer,
    /// Lines of G-code, each an argument; - reads them from stdin.
    #[arg(required = true, value_name = "LINE")]
    lines: Vec<String>,
}

/// Sends line by line, and stops at the first that is refused.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Gcode) -> Result<Code, Failure> {
    let out = &session.out;
    let target = session.open(&args.printer).await?;
    target.host.connect().await?;
    let mut events = target.host.events()?;
    let sending = async {
        // The first event says that the connection is there; without it the lines are sent all the same.
        let _ = tokio::time::timeout(TO_CONNECT, events.next()).await;
        for line in &args.lines {
            match line.as_str() {
                "-" => from_stdin(out, &target).await?,
                lines => {
                    for line in lines.lines() {
                        one(out, &target, line).await?;
                    }
                }
            }
        }
        Ok(Code::Success)
    };
    // Without the connection there are no replies. A line that is on its way must not be given up for that.
    let listening = async {
        let _ = target.host.run().await;
        pending().await
    };
    tokio::select! {
        biased;
        () = listening => Ok(Code::Success),
        sent = sending => sent,
    }
}

async fn from_stdin<N: Net>(out: &Output, target: &Target<N>) -> Result<(), Failure> {
    let mut lines = BufReader::new(stdin()).lines();
    let unreadable = |e| Failure::usage(format_args!("stdin: {e}"), "Check where the lines come from.");
    while let Some(line) = lines.next_line().await.map_err(unreadable)? {
        one(out, target, &line).await?;
    }
    Ok(())
}

async fn one<N: Net>(out: &Output, target: &Target<N>, line: &str) -> Result<(), Failure> {
    let line = line.split_once(';').map_or(line, |(before, _)| before).trim();
    if line.is_empty() {
        return Ok(());
    }
    let outcome = target.host.command(Command::Gcode(line)).await?;
    if out.is_terminal() {
        out.say("Sent", line);
    }
    for reply in &outcome.replies {
        out.plain(reply);
    }
    let confirmed = is_confirmed(&outcome);
    out.event(
        &target.name,
        "gcode",
        json!({ "line": line, "replies": outcome.replies, "confirmed": confirmed }),
    );
    Ok(())
}
