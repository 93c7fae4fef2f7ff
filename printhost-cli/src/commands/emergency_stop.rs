//! `printhost emergency-stop`.

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
pub(crate) struct EmergencyStop {
    /// The printers.
    #[arg(required = true, value_name = "PRINTER")]
    printers: Vec<Printers>,
}

/// Stops them all at the same time. Asks nothing: whoever types this has no time.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &EmergencyStop) -> Result<Code, Failure> {
    session
        .on_each(&args.printers, async |target| {
            let said = ("Stopped", &*target.name);
            send(&session.out, target, Command::EmergencyStop, said, ("emergency_stopped", Value::Null)).await
        })
        .await
}
