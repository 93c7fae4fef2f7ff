//! `printhost files mkdir`.

use clap::Args;
use printhost::{Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Mkdir {
    /// The printer.
    printer: Printer,
    /// The folder's path on the printer.
    path: String,
}

/// Creates it; one that is there already is as good.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Mkdir) -> Result<Code, Failure> {
    let out = &session.out;
    let path = args.path.trim_end_matches('/');
    RemotePath::parse(path)?;
    let target = session.open(&args.printer).await?;
    let path = target.host.create_folder(path).await?;
    out.say("Created", format_args!("{path}/"));
    out.event(&target.name, "created", json!({ "path": path }));
    Ok(Code::Success)
}
