//! `printhost start`.

use clap::Args;
use printhost::{Net, Outcome, PrintHost, RemotePath};
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
    /// Which plate of a sliced project, when it has several.
    #[arg(long, value_name = "NUMBER")]
    plate: Option<u16>,
}

/// Starts it and does not wait for its end.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Start) -> Result<Code, Failure> {
    let out = &session.out;
    RemotePath::parse(&args.path)?;
    let target = session.open(&args.printer).await?;
    begin(&target.host, &args.path, args.plate).await?;
    out.say("Started", &args.path);
    out.event(&target.name, "started", json!({ "path": args.path }));
    Ok(Code::Success)
}

/// Starts a stored file, or a plate of it.
pub(crate) async fn begin(
    host: &impl PrintHost,
    path: &str,
    plate: Option<u16>,
) -> printhost::Result<Outcome> {
    match plate {
        Some(plate) => host.start_plate(path, plate).await,
        None => host.start(path).await,
    }
}
