//! Files, by FTP. A printer has one connection for them at a time; who comes second waits for the first to end.

use alloc::{boxed::Box, string::String};
use core::{fmt, time::Duration};

use embassy_futures::select::{Either, select};
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, mutex::MutexGuard};
use embedded_io_async::{ErrorType, Write};
use printhost_core::{Clock, Error, ErrorKind, FileEntry, FileInfo, FilePage, Page, RemotePath, Result};
use printhost_net::{
    Net,
    ftp::{EntryKind, Ftp, PARTIAL, Settings},
};

use crate::{Bambu, config::USER, quirks::Learned};

/// What there is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum There {
    Nothing,
    /// A file of so many bytes.
    File(u64),
    Folder,
}

/// A connection for files, and what is known of how to speak on it.
pub(crate) struct Files<'a, N: Net> {
    pub(crate) ftp: Ftp<'a, N>,
    learned: MutexGuard<'a, CriticalSectionRawMutex, Learned>,
    settings: Settings,
    opened: Duration,
}

impl<N: Net> Files<'_, N> {
    /// Says goodbye, and keeps what was learned.
    pub(crate) async fn close(mut self) {
        self.learned.learn(self.settings, self.ftp.is_clear(), self.opened);
        Box::pin(self.ftp.quit()).await;
    }

    /// Whether there is a file or a folder. A folder is told by what is above it: servers list one that is not there as
    /// one with nothing in it.
    pub(crate) async fn there(&mut self, path: &str) -> Result<There> {
        match Box::pin(self.ftp.size(path)).await {
            Ok(size) => return Ok(There::File(size)),
            // Where sizes are not told, the listing may.
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::Unsupported) => {}
            Err(e) => return Err(e),
        }
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut there = There::Nothing;
        let listed = self.ftp.list(folder, |entry| {
            if entry.name == name {
                there = match entry.kind {
                    EntryKind::Folder => There::Folder,
                    _ => There::File(entry.size.unwrap_or_default()),
                };
            }
            Ok(there == There::Nothing)
        });
        match Box::pin(listed).await {
            // Nor is there what is above it.
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(There::Nothing),
            listed => listed.map(|_| there),
        }
    }

    /// Makes a folder and those above it.
    pub(crate) async fn make_dirs(&mut self, path: &str) -> Result<()> {
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let folder = &path[..at];
            if Box::pin(self.there(folder)).await? == There::Folder {
                continue;
            }
            match Box::pin(self.ftp.make_dir(folder)).await {
                Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::Exists) => {
                    if Box::pin(self.there(folder)).await? != There::Folder {
                        return Err(e);
                    }
                }
                made => made?,
            }
        }
        Ok(())
    }
}

/// A writer that has to take something now and then: as long as it does not, nobody else has the connection for files.
struct Taking<'a, W: ?Sized, C> {
    to: &'a mut W,
    clock: &'a C,
    limit: Duration,
}

/// Why nothing more can be written.
#[derive(Debug)]
enum Stopped<E> {
    Failed(E),
    /// It has taken nothing for so long.
    Stuck(Duration),
}

impl<E: fmt::Display> fmt::Display for Stopped<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(error) => error.fmt(f),
            Self::Stuck(limit) => write!(f, "it takes nothing for {} s", limit.as_secs()),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Stopped<E> {}

impl<E: embedded_io_async::Error> embedded_io_async::Error for Stopped<E> {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        match self {
            Self::Failed(error) => error.kind(),
            Self::Stuck(_) => embedded_io_async::ErrorKind::TimedOut,
        }
    }
}

impl<W: ErrorType + ?Sized, C> ErrorType for Taking<'_, W, C> {
    type Error = Stopped<W::Error>;
}

impl<W: Write + ?Sized, C: Clock> Taking<'_, W, C> {
    async fn within<T>(
        &mut self,
        step: impl AsyncFnOnce(&mut W) -> Result<T, W::Error>,
    ) -> Result<T, Stopped<W::Error>> {
        match select(step(self.to), self.clock.sleep(self.limit)).await {
            Either::First(result) => result.map_err(Stopped::Failed),
            Either::Second(()) => Err(Stopped::Stuck(self.limit)),
        }
    }
}

impl<W: Write + ?Sized, C: Clock> Write for Taking<'_, W, C> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        self.within(async |to| to.write(buf).await).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.within(async |to| to.flush().await).await
    }
}

impl<N: Net> Bambu<N> {
    /// Opens the connection for files, once nobody else has it.
    pub(crate) async fn open_files(&self, operation: &'static str) -> Result<Files<'_, N>> {
        self.config.check(operation)?;
        let learned = self.files.lock().await;
        let opened = self.net.parts().clock().now();
        let settings = learned.settings(self.model(), self.config.only_encrypted, opened);
        let ftp = Ftp::connect(&self.net, self.config.ftps(), USER, &self.config.code, settings);
        let ftp = Box::pin(ftp).await.map_err(|e| e.in_operation(operation))?;
        Ok(Files { ftp, learned, settings, opened })
    }

    /// Servers send whole folders; the entries are taken one by one. What an upload has left that was broken off is no
    /// file yet, and is not shown.
    pub(crate) async fn list(&self, folder: &str, page: Page) -> Result<FilePage> {
        let operation = "files";
        if !folder.is_empty() {
            RemotePath::parse(folder).map_err(|e| e.in_operation(operation))?;
        }
        let mut files = Box::pin(self.open_files(operation)).await?;
        let mut listing = FilePage::default();
        let (mut skip, mut room, mut is_empty) = (page.offset, page.limit, true);
        let listed = files.ftp.list(folder, |entry| {
            is_empty = false;
            let is_folder = match entry.kind {
                EntryKind::Folder => true,
                EntryKind::File if !entry.name.ends_with(PARTIAL) => false,
                _ => return Ok(true),
            };
            if skip > 0 {
                skip -= 1;
            } else if room == 0 {
                listing.more = true;
            } else {
                let mut file = FileEntry::default();
                file.path = join(folder, &entry.name);
                (file.is_folder, file.size) = (is_folder, entry.size.filter(|_| !is_folder));
                listing.entries.push(file);
                room -= 1;
            }
            Ok(!listing.more)
        });
        let result = Box::pin(listed).await.map_err(|e| e.in_operation(operation));
        let is_missing = match result {
            Ok(_) if is_empty && !folder.is_empty() => files.there(folder).await? != There::Folder,
            _ => false,
        };
        files.close().await;
        result?;
        match is_missing {
            true => Err(Error::new(ErrorKind::NotFound, operation).with_detail(folder)),
            false => Ok(listing),
        }
    }

    /// The size of a file. What is in it nobody tells, and the printer's clock is often wrong.
    pub(crate) async fn details(&self, path: &str) -> Result<FileInfo> {
        let operation = "file info";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?.as_str();
        let mut files = Box::pin(self.open_files(operation)).await?;
        let there = files.there(path).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        let mut info = FileInfo::default();
        info.entry.path = path.into();
        match there? {
            There::File(size) => info.entry.size = Some(size),
            There::Folder => info.entry.is_folder = true,
            There::Nothing => return Err(Error::new(ErrorKind::NotFound, operation).with_detail(path)),
        }
        Ok(info)
    }

    pub(crate) async fn fetch<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        let operation = "download";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?.as_str();
        let mut files = Box::pin(self.open_files(operation)).await?;
        let parts = self.net.parts();
        let mut to = Taking { to, clock: parts.clock(), limit: parts.limits().stall };
        let fetched =
            Box::pin(files.ftp.retrieve(path, &mut to)).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        fetched
    }

    pub(crate) async fn remove(&self, path: &str) -> Result<()> {
        let operation = "delete";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?.as_str();
        Box::pin(self.must_not_print(operation, path)).await?;
        self.forget(path);
        let mut files = Box::pin(self.open_files(operation)).await?;
        let removed = async {
            match files.there(path).await? {
                There::Nothing => Err(Error::new(ErrorKind::NotFound, operation).with_detail(path)),
                There::File(_) => {
                    // Whoever had the connection for files may have had it for an hour.
                    Box::pin(self.must_not_print(operation, path)).await?;
                    files.ftp.delete(path).await
                }
                There::Folder => {
                    let mut has_something = false;
                    files
                        .ftp
                        .list(path, |_| {
                            has_something = true;
                            Ok(false)
                        })
                        .await?;
                    match has_something {
                        true => Err(Error::new(ErrorKind::Conflict, operation)
                            .with_detail("there is something in the folder")),
                        false => files.ftp.remove_dir(path).await,
                    }
                }
            }
        };
        let removed = Box::pin(removed).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        removed
    }

    pub(crate) async fn relocate(&self, from: &str, to: &str) -> Result<String> {
        let operation = "move file";
        let from = RemotePath::parse(from).map_err(|e| e.in_operation(operation))?.as_str();
        let to = RemotePath::parse(to).map_err(|e| e.in_operation(operation))?;
        if from.ends_with(PARTIAL) || to.name().ends_with(PARTIAL) {
            let why = "a file of such a name is not complete";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        Box::pin(self.must_not_print(operation, from)).await?;
        self.forget(from);
        let mut files = Box::pin(self.open_files(operation)).await?;
        let moved = async {
            if !matches!(files.there(from).await?, There::File(_)) {
                return Err(Error::new(ErrorKind::NotFound, operation).with_detail(from));
            }
            // Some servers would replace it.
            if files.there(to.as_str()).await? != There::Nothing {
                return Err(Error::new(ErrorKind::Exists, operation).with_detail(to.as_str()));
            }
            if !to.folder().is_empty() {
                files.make_dirs(to.folder()).await?;
            }
            // As with one that is deleted.
            Box::pin(self.must_not_print(operation, from)).await?;
            files.ftp.rename(from, to.as_str()).await
        };
        let moved = Box::pin(moved).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        moved.map(|()| to.as_str().into())
    }

    pub(crate) async fn make_folders(&self, path: &str) -> Result<String> {
        let operation = "create folder";
        let path = RemotePath::parse(path).map_err(|e| e.in_operation(operation))?.as_str();
        let mut files = Box::pin(self.open_files(operation)).await?;
        let made = files.make_dirs(path).await.map_err(|e| e.in_operation(operation));
        files.close().await;
        made.map(|()| path.into())
    }

    /// What this driver has stored there is not there any more.
    pub(crate) fn forget(&self, path: &str) {
        self.with_live(|live| live.stored.take_if(|stored| stored.path == path));
    }

    /// [`ErrorKind::Conflict`] while this file, or something in this folder, is being printed, or may be about to; the
    /// printer is asked for everything, so that what somebody has just begun at its screen is known.
    pub(crate) async fn must_not_print(&self, operation: &'static str, path: &str) -> Result<()> {
        self.refresh_all(operation).await?;
        let now = self.net.parts().clock().now();
        match self.with_live(|live| live.may_print(path, now)) {
            true => Err(Error::new(ErrorKind::Conflict, operation)
                .with_detail("it is being printed, or a file of its name")),
            false => Ok(()),
        }
    }
}

fn join(folder: &str, name: &str) -> String {
    match folder {
        "" => name.into(),
        folder => alloc::format!("{folder}/{name}"),
    }
}
