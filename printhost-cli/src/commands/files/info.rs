//! `printhost files info`.

use clap::Args;
use indicatif::HumanBytes;
use printhost::{Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    commands::files::list::entry_json,
    failure::{Code, Failure},
    output::{duration, hex},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Info {
    /// The printer.
    printer: Printer,
    /// The file's path on the printer.
    path: String,
}

/// Shows it.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Info) -> Result<Code, Failure> {
    let out = &session.out;
    RemotePath::parse(&args.path)?;
    let target = session.open(&args.printer).await?;
    let info = target.host.file_info(&args.path).await?;
    let pictures: Vec<_> = info.thumbnails.iter().map(|picture| json!({ "size": picture.size })).collect();
    let mut fields = entry_json(&info.entry);
    fields["print_time"] = json!(info.print_time.map(|time| time.as_secs()));
    fields["filament"] = json!(info.filament);
    fields["thumbnails"] = json!(pictures);
    out.event(&target.name, "info", fields);
    out.say("File", &info.entry.path);
    if let Some(size) = info.entry.size {
        out.say("Size", format_args!("{} ({size} bytes)", HumanBytes(size)));
    }
    if let Some(sha1) = info.entry.sha1 {
        out.say("SHA-1", hex(&sha1));
    }
    if let Some(time) = info.print_time {
        out.say("Takes", duration(time));
    }
    for (tool, mm) in info.filament.iter().enumerate().filter(|(_, mm)| **mm > 0.0) {
        out.say("Filament", format_args!("{:.2} m, tool {tool}", mm / 1000.0));
    }
    for picture in &info.thumbnails {
        let size = picture.size.map_or_else(|| "of unknown size".into(), |(w, h)| format!("{w} × {h}"));
        out.say("Picture", size);
    }
    Ok(Code::Success)
}
