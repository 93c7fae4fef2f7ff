//! `printhost files upload`.

use std::{cell::Cell, path::PathBuf};

use clap::Args;
use printhost::Net;

use crate::{
    commands::print::cancelled,
    failure::{Code, Failure},
    targets::{Printer, Session},
    transfer::{LocalFile, UploadOptions, store},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Upload {
    /// The printer.
    printer: Printer,
    /// The file to store.
    file: PathBuf,
    #[command(flatten)]
    upload: UploadOptions,
}

/// Stores it.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Upload) -> Result<Code, Failure> {
    let file = LocalFile::open(&args.file).await?;
    let (len, sent) = (file.len, Cell::new(0));
    let target = session.open(&args.printer).await?;
    tokio::select! {
        result = store(&session.out, &target, file, &args.upload, &sent, None) => result.map(|_| Code::Success),
        _ = tokio::signal::ctrl_c() => {
            cancelled(&session.out, &target.name, sent.get() > 0 && sent.get() >= len);
            Ok(Code::Interrupted)
        }
    }
}
