//! `printhost files delete`.

use clap::Args;
use printhost::{Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    commands::confirmed,
    failure::{Code, Failure},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The printer.
    printer: Printer,
    /// Paths on the printer, of files or of folders that are empty.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
}

/// Deletes one after the other, up to the first that cannot be deleted.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Delete) -> Result<Code, Failure> {
    let out = &session.out;
    let paths: Vec<&str> = args.paths.iter().map(|path| path.trim_end_matches('/')).collect();
    for path in &paths {
        RemotePath::parse(path)?;
    }
    let target = session.open(&args.printer).await?;
    if !args.yes && !confirmed(out, &format!("Delete {} on {}?", paths.join(", "), target.name))? {
        out.warn("Cancelled", "nothing was deleted.");
        return Ok(Code::Failed);
    }
    for path in paths {
        target.host.delete(path).await?;
        out.say("Deleted", path);
        out.event(&target.name, "deleted", json!({ "path": path }));
    }
    Ok(Code::Success)
}
