//! `printhost files download`.

use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use printhost::{Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    sink::{self, Fetched},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Download {
    /// The printer.
    printer: Printer,
    /// The file's path on the printer.
    path: String,
    /// Where to write it [default: its own name, here].
    to: Option<PathBuf>,
    /// Replace a file that exists here.
    #[arg(long)]
    overwrite: bool,
}

/// Fetches it.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Download) -> Result<Code, Failure> {
    let (out, path) = (&session.out, &args.path);
    let name = RemotePath::parse(path)?.name();
    let to = sink::file_in(args.to.as_deref().unwrap_or(name.as_ref()), name);
    sink::check("download", &to, args.overwrite)?;
    let target = session.open(&args.printer).await?;
    let fetch = async |sink: &mut sink::FileSink| target.host.download(path, sink).await;
    match sink::save(out, "download", &to, args.overwrite, fetch).await? {
        Fetched::Whole(len) => {
            out.say("Fetched", format_args!("{}, {}", to.display(), HumanBytes(len)));
            let fields = json!({ "path": path, "to": to.to_string_lossy(), "size": len });
            out.event(&target.name, "downloaded", fields);
            Ok(Code::Success)
        }
        Fetched::Interrupted => {
            out.warn("Cancelled", format_args!("{} was not written.", to.display()));
            out.event(&target.name, "interrupted", json!({ "stored": false }));
            Ok(Code::Interrupted)
        }
    }
}
