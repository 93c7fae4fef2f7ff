//! `printhost files list`.

use clap::Args;
use indicatif::HumanBytes;
use printhost::{FileEntry, Net, Page, PrintHost as _};
use serde_json::{Value, json};

use crate::{
    failure::{Code, Failure},
    output::hex,
    targets::{Printer, Session},
};

/// Entries per page of a listing.
const PAGE: u16 = 500;

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// The printer.
    printer: Printer,
    /// The folder [default: the root].
    #[arg(default_value = "", hide_default_value = true)]
    folder: String,
}

/// Lists it, all pages.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &List) -> Result<Code, Failure> {
    let out = &session.out;
    let folder = args.folder.trim_matches('/');
    let target = session.open(&args.printer).await?;
    let mut page = Page::first(PAGE);
    loop {
        let listing = target.host.files(folder, page).await?;
        for entry in &listing.entries {
            out.event(&target.name, "file", entry_json(entry));
            let size = entry.size.map(|size| HumanBytes(size).to_string()).unwrap_or_default();
            let slash = if entry.is_folder { "/" } else { "" };
            out.plain(format_args!("{size:>12}  {}{slash}", entry.path));
        }
        match listing.more {
            true => page = page.next(),
            false => return Ok(Code::Success),
        }
    }
}

/// A file or folder, for programs.
pub(super) fn entry_json(entry: &FileEntry) -> Value {
    json!({
        "path": entry.path,
        "folder": entry.is_folder,
        "size": entry.size,
        "modified": entry.modified,
        "sha1": entry.sha1.map(|sha1| hex(&sha1)),
    })
}
