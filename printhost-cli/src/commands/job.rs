//! `printhost pause`, `resume` and `cancel`.

use clap::Args;
use printhost::{Command, Net};
use serde_json::Value;

use crate::{
    commands::send,
    failure::{Code, Failure},
    targets::{Printers, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Job {
    /// The printers.
    #[arg(required = true, value_name = "PRINTER")]
    printers: Vec<Printers>,
}

/// Pauses what they print.
pub(crate) async fn pause<N: Net + Clone>(session: &Session<N>, args: &Job) -> Result<Code, Failure> {
    order(session, args, Command::Pause, "Paused").await
}

/// Continues what they had paused.
pub(crate) async fn resume<N: Net + Clone>(session: &Session<N>, args: &Job) -> Result<Code, Failure> {
    order(session, args, Command::Resume, "Resumed").await
}

/// Ends what they print.
pub(crate) async fn cancel<N: Net + Clone>(session: &Session<N>, args: &Job) -> Result<Code, Failure> {
    order(session, args, Command::Cancel, "Cancelled").await
}

async fn order<N: Net + Clone>(
    session: &Session<N>,
    args: &Job,
    command: Command<'_>,
    verb: &str,
) -> Result<Code, Failure> {
    let event = verb.to_lowercase();
    session
        .on_each(&args.printers, async |target| {
            send(&session.out, target, command, (verb, &target.name), (&event, Value::Null)).await
        })
        .await
}
