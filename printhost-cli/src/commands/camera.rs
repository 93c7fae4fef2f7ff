//! `printhost camera`.

use std::path::PathBuf;

use clap::Args;
use indicatif::HumanBytes;
use printhost::{Camera as Seen, Error, ErrorKind, Net, PrintHost as _};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    sink::{self, Fetched, StdoutSink},
    targets::{Printer, Session, Target},
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Camera {
    /// The printer.
    printer: Printer,
    /// Where to save a picture, - being stdout; without it, the stream's URL is shown.
    file: Option<PathBuf>,
    /// List the cameras.
    #[arg(long, conflicts_with = "file")]
    list: bool,
    /// The camera of this name, instead of the first.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Replace a file that exists here.
    #[arg(long)]
    overwrite: bool,
}

/// Lists, shows or saves.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Camera) -> Result<Code, Failure> {
    let out = &session.out;
    let to_stdout = args.file.as_ref().is_some_and(|file| file.as_os_str() == "-");
    if to_stdout && out.json {
        return Err(Failure::usage("a picture and JSON do not fit on one stdout", "Name a file."));
    }
    let target = session.open(&args.printer).await?;
    let cameras = target.host.cameras().await?;
    if args.list {
        for camera in &cameras {
            let what = if camera.snapshot.is_some() { "pictures" } else { "" };
            let stream = camera.stream.as_deref().unwrap_or("no stream");
            out.plain(format_args!("{:<16} {stream}  {what}", camera.name));
            tell(session, &target, camera);
        }
        return Ok(Code::Success);
    }
    let camera = choose(&cameras, args.name.as_deref())?;
    let Some(file) = &args.file else {
        let Some(stream) = &camera.stream else {
            return Err(Error::new(ErrorKind::NotFound, "camera").with_detail("it has no stream").into());
        };
        out.plain(stream);
        tell(session, &target, camera);
        return Ok(Code::Success);
    };
    if to_stdout {
        target.host.snapshot(camera, &mut StdoutSink).await?;
        return Ok(Code::Success);
    }
    let to = sink::file_in(file, "snapshot.jpg");
    let fetch = async |sink: &mut sink::FileSink| target.host.snapshot(camera, sink).await;
    match sink::save(out, "snapshot", &to, args.overwrite, fetch).await? {
        Fetched::Whole(len) => {
            out.say("Saved", format_args!("{}, {}", to.display(), HumanBytes(len)));
            let fields = json!({ "camera": camera.name, "to": to.to_string_lossy(), "size": len });
            out.event(&target.name, "snapshot", fields);
            Ok(Code::Success)
        }
        Fetched::Interrupted => Ok(Code::Interrupted),
    }
}

fn choose<'a>(cameras: &'a [Seen], name: Option<&str>) -> Result<&'a Seen, Failure> {
    let found = cameras.iter().find(|camera| name.is_none_or(|name| camera.name == name));
    found.ok_or_else(|| {
        let what = match name {
            Some(name) => format!("there is no camera {name}"),
            None => "there is no camera".into(),
        };
        Failure::from(Error::new(ErrorKind::NotFound, "camera").with_detail(what))
            .advising("See which there are with --list; the host's settings say where they are.")
    })
}

fn tell<N: Net>(session: &Session<N>, target: &Target<N>, camera: &Seen) {
    let fields =
        json!({ "name": camera.name, "stream": camera.stream, "pictures": camera.snapshot.is_some() });
    session.out.event(&target.name, "camera", fields);
}
