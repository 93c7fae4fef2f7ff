//! `printhost files thumbnail`.

use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use printhost::{Error, ErrorKind, Net, PrintHost as _, RemotePath};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    sink::{self, Fetched, StdoutSink},
    targets::{Printer, Session},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Thumbnail {
    /// The printer.
    printer: Printer,
    /// The file's path on the printer.
    path: String,
    /// Where to write the picture, - being stdout [default: the file's name with .png, here].
    to: Option<PathBuf>,
    /// Replace a file that exists here.
    #[arg(long)]
    overwrite: bool,
}

/// Fetches the largest one.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Thumbnail) -> Result<Code, Failure> {
    let (out, path) = (&session.out, &args.path);
    let to_stdout = args.to.as_ref().is_some_and(|to| to.as_os_str() == "-");
    if to_stdout && out.json {
        return Err(Failure::usage("a picture and JSON do not fit on one stdout", "Name a file."));
    }
    let name = format!("{}.png", RemotePath::parse(path)?.name().trim_end_matches(".gcode"));
    let to = sink::file_in(args.to.as_deref().unwrap_or(name.as_ref()), &name);
    if !to_stdout {
        sink::check("thumbnail", &to, args.overwrite)?;
    }
    let target = session.open(&args.printer).await?;
    let info = target.host.file_info(path).await?;
    let Some(picture) = info.thumbnails.iter().max_by_key(|picture| picture.size) else {
        let error = Error::new(ErrorKind::NotFound, "thumbnail").with_detail("the file has no picture");
        return Err(Failure::from(error).advising("The slicer puts pictures into files when told to."));
    };
    if to_stdout {
        target.host.thumbnail(picture, &mut StdoutSink).await?;
        return Ok(Code::Success);
    }
    let fetch = async |sink: &mut sink::FileSink| target.host.thumbnail(picture, sink).await;
    match sink::save(out, "thumbnail", &to, args.overwrite, fetch).await? {
        Fetched::Whole(len) => {
            out.say("Fetched", format_args!("{}, {}", to.display(), HumanBytes(len)));
            let fields = json!({ "path": path, "to": to.to_string_lossy(), "size": len });
            out.event(&target.name, "thumbnail", fields);
            Ok(Code::Success)
        }
        Fetched::Interrupted => Ok(Code::Interrupted),
    }
}
