//! `printhost files move`.

use clap::Args;
use printhost::{ErrorKind, Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Move {
    /// The printer.
    printer: Printer,
    /// The file's path on the printer.
    from: String,
    /// Its new path; ending with / it is the folder to put it into.
    to: String,
}

/// Moves it; nothing is ever replaced.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Move) -> Result<Code, Failure> {
    let out = &session.out;
    let from = RemotePath::parse(&args.from)?;
    let to = match args.to.strip_suffix('/') {
        Some("") => from.name().to_owned(),
        Some(folder) => format!("{folder}/{}", from.name()),
        None => args.to.clone(),
    };
    RemotePath::parse(&to)?;
    let target = session.open(&args.printer).await?;
    let path = target.host.move_file(&args.from, &to).await.map_err(|error| match error.kind() {
        ErrorKind::Exists => Failure::from(error).advising("Delete what is there, or choose another name."),
        _ => error.into(),
    })?;
    out.say("Moved", format_args!("{} to {path}", args.from));
    out.event(&target.name, "moved", json!({ "from": args.from, "path": path }));
    Ok(Code::Success)
}
