//! Where something fetched goes: a file, whole or not at all, or stdout.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use embedded_io_async::{ErrorType, Write};
use printhost::{Error, ErrorKind, net_tokio::FromTokio};
use tokio::fs::File;

use crate::{
    failure::Failure,
    output::{Bar, Output},
};

/// How a fetch ended that did not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// So many bytes are there.
    Whole(u64),
    /// Ctrl-C; nothing was written.
    Interrupted,
}

/// Refuses to replace a file unless told to. [`ErrorKind::Exists`].
pub(crate) fn check(operation: &'static str, to: &Path, overwrite: bool) -> Result<(), Failure> {
    match !overwrite && to.symlink_metadata().is_ok() {
        true => Err(Failure::exists(operation, to)),
        false => Ok(()),
    }
}

/// A folder as target means this name in it.
pub(crate) fn file_in(to: &Path, name: &str) -> PathBuf {
    if to.is_dir() { to.join(name) } else { to.into() }
}

/// Fetches into a file, which gets its name when all of it is on the disk.
pub(crate) async fn save(
    out: &Output,
    operation: &'static str,
    to: &Path,
    overwrite: bool,
    fetch: impl AsyncFnOnce(&mut FileSink) -> printhost::Result<u64>,
) -> Result<Fetched, Failure> {
    let local = |what: &str, path: &Path, error: &io::Error| {
        let detail = format!("{what} {}: {error}", path.display());
        Failure::from(Error::new(ErrorKind::Sink, operation).with_detail(detail))
    };
    check(operation, to, overwrite)?;
    let part = Part::beside(to).map_err(|e| local("cannot write beside", to, &e))?;
    let file = part.open().await.map_err(|e| local("cannot write", &part.0, &e))?;
    let bar = out.bar(0, "Fetching", "{prefix:>10.bold.green} {binary_bytes}  {binary_bytes_per_sec}");
    let mut sink = FileSink { to: FromTokio::new(file), bar };
    let len = tokio::select! {
        result = fetch(&mut sink) => result?,
        _ = tokio::signal::ctrl_c() => return Ok(Fetched::Interrupted),
    };
    // Whole on the disk before it gets its name.
    sink.to.into_inner().sync_all().await.map_err(|e| local("cannot write", &part.0, &e))?;
    check(operation, to, overwrite)?;
    part.become_file(to).map_err(|e| local("cannot write", to, &e))?;
    Ok(Fetched::Whole(len))
}

/// A file being written, counted on a bar.
#[derive(Debug)]
pub(crate) struct FileSink {
    to: FromTokio<File>,
    bar: Option<Bar>,
}

impl ErrorType for FileSink {
    type Error = io::Error;
}

impl Write for FileSink {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.to.write(buf).await?;
        if let Some(Bar(bar)) = &self.bar {
            bar.inc(n as u64);
        }
        Ok(n)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.to.flush().await
    }
}

/// Stdout, for bytes.
#[derive(Debug)]
pub(crate) struct StdoutSink;

impl ErrorType for StdoutSink {
    type Error = io::Error;
}

impl Write for StdoutSink {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        io::stdout().write(buf)
    }

    async fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
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
