//! `printhost man`.

use std::{
    fs,
    io::{self, Write as _, stdout},
    path::{Path, PathBuf},
};

use clap::{Args, CommandFactory as _};
use clap_mangen::Man as Page;
use printhost::{Error, ErrorKind};
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    output::Output,
};

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder for a page per command; it is created. Without it, the main page goes to stdout.
    folder: Option<PathBuf>,
}

/// Writes them.
pub(crate) fn run(args: &Man, out: &Output) -> Result<Code, Failure> {
    let mut command = crate::args::Args::command().disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.folder else {
        let mut page = Vec::new();
        Page::new(command).render(&mut page).map_err(|e| failed(Path::new("stdout"), &e))?;
        // A reader that has gone wants no more.
        let _ = stdout().write_all(&page);
        return Ok(Code::Success);
    };
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    let pages = write(&command, folder)?;
    out.say("Written", format_args!("{pages} pages into {}", folder.display()));
    out.record("man", json!({ "folder": folder.to_string_lossy(), "pages": pages }));
    Ok(Code::Success)
}

/// A page for this command and each below it; how many there are.
fn write(command: &clap::Command, folder: &Path) -> Result<usize, Failure> {
    let page = Page::new(command.clone());
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    page.render(&mut text).and_then(|()| fs::write(&path, text)).map_err(|e| failed(&path, &e))?;
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    below.map(|below| write(below, folder)).sum::<Result<usize, _>>().map(|pages| pages + 1)
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Error::new(ErrorKind::Sink, "man").with_detail(format_args!("{}: {error}", path.display())).into()
}
