//! `printhost start`.

use clap::Args;
use printhost::{Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Start {
    /// The printer.
    printer: Printer,
    /// The file's path on the printer.
    path: String,
}

/// Starts it and does not wait for its end.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Start) -> Result<Code, Failure> {
    let out = &session.out;
    RemotePath::parse(&args.path)?;
    let target = session.open(&args.printer).await?;
    target.host.start(&args.path).await?;
    out.say("Started", &args.path);
    out.event(&target.name, "started", json!({ "path": args.path }));
    Ok(Code::Success)
}
