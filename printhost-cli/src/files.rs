//! `printhost files`.

use std::{
    cell::Cell,
    fs, io,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use embedded_io_async::{ErrorType, Write};
use indicatif::HumanBytes;
use printhost::{Error, ErrorKind, FileEntry, Net, Page, PrintHost as _, RemotePath, net_tokio::FromTokio};
use serde_json::json;
use tokio::fs::File;

use crate::{
    args::{Files, Printer, UploadOptions},
    failure::{Code, Failure},
    net::{Session, Target},
    output::{Bar, hex},
    print::cancelled,
    upload::{LocalFile, store},
};

/// Entries per page of a listing.
const PAGE: u16 = 500;

/// Runs the command.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, files: &Files) -> Result<Code, Failure> {
    match files {
        Files::List { printer, folder } => list(session, printer, folder.trim_matches('/')).await,
        Files::Upload { printer, file, upload } => send(session, printer, file, upload).await,
        Files::Download { printer, path, to, overwrite } => {
            let name = RemotePath::parse(path)?.name();
            let to = to.clone().unwrap_or_else(|| name.into());
            // A folder as target means the file's own name in it.
            let to = if to.is_dir() { to.join(name) } else { to };
            download(session, printer, path, &to, *overwrite).await
        }
        Files::Delete { printer, paths, yes } => delete(session, printer, paths, *yes).await,
    }
}

async fn list<N: Net + Clone>(
    session: &Session<N>,
    printer: &Printer,
    folder: &str,
) -> Result<Code, Failure> {
    let target = session.open(printer).await?;
    let mut page = Page::first(PAGE);
    loop {
        let listing = target.host.files(folder, page).await?;
        for entry in &listing.entries {
            show(session, &target, entry);
        }
        match listing.more {
            true => page = page.next(),
            false => return Ok(Code::Success),
        }
    }
}

fn show<N: Net>(session: &Session<N>, target: &Target<N>, entry: &FileEntry) {
    let sha1 = entry.sha1.map(|sha1| hex(&sha1));
    let fields = json!({
        "path": entry.path,
        "folder": entry.is_folder,
        "size": entry.size,
        "modified": entry.modified,
        "sha1": sha1,
    });
    session.out.event(&target.name, "file", fields);
    let size = entry.size.map(|size| HumanBytes(size).to_string()).unwrap_or_default();
    let slash = if entry.is_folder { "/" } else { "" };
    session.out.plain(format_args!("{size:>12}  {}{slash}", entry.path));
}

async fn send<N: Net + Clone>(
    session: &Session<N>,
    printer: &Printer,
    file: &Path,
    options: &UploadOptions,
) -> Result<Code, Failure> {
    let file = LocalFile::open(file).await?;
    let (len, sent) = (file.len, Cell::new(0));
    let target = session.open(printer).await?;
    tokio::select! {
        result = store(&session.out, &target, file, options, &sent) => result.map(|_| Code::Success),
        _ = tokio::signal::ctrl_c() => {
            cancelled(&session.out, &target.name, sent.get() > 0 && sent.get() >= len);
            Ok(Code::Interrupted)
        }
    }
}

async fn download<N: Net + Clone>(
    session: &Session<N>,
    printer: &Printer,
    path: &str,
    to: &Path,
    overwrite: bool,
) -> Result<Code, Failure> {
    let out = &session.out;
    let refuse_existing = || match !overwrite && to.symlink_metadata().is_ok() {
        true => Err(Failure::from(Error::new(ErrorKind::Exists, "download").with_detail(to.display()))
            .advising("Replace it with --overwrite, or name another file after the path.")),
        false => Ok(()),
    };
    refuse_existing()?;
    let target = session.open(printer).await?;
    let part = Part::beside(to).map_err(|e| local("cannot write beside", to, &e))?;
    let bar = out.bar(0, "Fetching", "{prefix:>10.bold.green} {binary_bytes}  {binary_bytes_per_sec}");
    let file = part.open().await.map_err(|e| local("cannot write", &part.0, &e))?;
    let mut sink = Counting { to: FromTokio::new(file), bar: bar.as_ref() };
    let len = tokio::select! {
        result = target.host.download(path, &mut sink) => result?,
        _ = tokio::signal::ctrl_c() => {
            drop(bar);
            out.warn("Cancelled", format_args!("{} was not written.", to.display()));
            out.event(&target.name, "interrupted", json!({ "stored": false }));
            return Ok(Code::Interrupted);
        }
    };
    // Whole on the disk before it gets its name.
    sink.to.into_inner().sync_all().await.map_err(|e| local("cannot write", &part.0, &e))?;
    drop(bar);
    refuse_existing()?;
    part.become_file(to).map_err(|e| local("cannot write", to, &e))?;
    out.say("Fetched", format_args!("{}, {}", to.display(), HumanBytes(len)));
    out.event(&target.name, "downloaded", json!({ "path": path, "to": to.to_string_lossy(), "size": len }));
    Ok(Code::Success)
}

fn local(what: &str, path: &Path, error: &io::Error) -> Failure {
    Error::new(ErrorKind::Sink, "download")
        .with_detail(format_args!("{what} {}: {error}", path.display()))
        .into()
}

/// A file under a temporary name, removed unless it becomes the real one.
struct Part(PathBuf);

impl Part {
    fn beside(to: &Path) -> io::Result<Self> {
        let name = to.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
        let part = to.with_file_name(format!(".{name}.{}.part", std::process::id()));
        fs::File::create_new(&part)?;
        Ok(Self(part))
    }

    async fn open(&self) -> io::Result<File> {
        File::options().write(true).open(&self.0).await
    }

    fn become_file(self, to: &Path) -> io::Result<()> {
        fs::rename(&self.0, to)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the renaming there is nothing of this name.
        let _ = fs::remove_file(&self.0);
    }
}

/// Counts on a bar what is written.
struct Counting<'a> {
    to: FromTokio<File>,
    bar: Option<&'a Bar>,
}

impl ErrorType for Counting<'_> {
    type Error = io::Error;
}

impl Write for Counting<'_> {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.to.write(buf).await?;
        if let Some(Bar(bar)) = self.bar {
            bar.inc(n as u64);
        }
        Ok(n)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.to.flush().await
    }
}

async fn delete<N: Net + Clone>(
    session: &Session<N>,
    printer: &Printer,
    paths: &[String],
    yes: bool,
) -> Result<Code, Failure> {
    let out = &session.out;
    for path in paths {
        RemotePath::parse(path)?;
    }
    let target = session.open(printer).await?;
    if !yes && !confirmed(out.json, &target.name, paths)? {
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

fn confirmed(json: bool, printer: &str, paths: &[String]) -> Result<bool, Failure> {
    if json || !io::stdin().is_terminal() {
        return Err(Failure::usage("nobody is there to confirm the deletion", "Confirm it with --yes."));
    }
    eprint!("Delete {} on {printer}? [y/N] ", paths.join(", "));
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
