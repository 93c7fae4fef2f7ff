use alloc::{string::String, vec::Vec};
use core::{convert::Infallible, future::poll_fn, pin::pin, task::Poll};

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};

use crate::{
    Camera, Capabilities, Command, Error, Events, FileInfo, FilePage, Outcome, Page, PrinterStatus, Result,
    Thumbnail, Upload, Uploaded,
};

/// Who answered [`PrintHost::connect`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostInfo {
    /// The software: `OctoPrint`.
    pub software: String,
    /// Its version, as it names itself. An unknown version is no error.
    pub version: String,
    /// The protocol's own version, if it has one.
    pub api: Option<String>,
}

impl HostInfo {
    /// Software and version.
    pub fn new(software: impl Into<String>, version: impl Into<String>) -> Self {
        Self { software: software.into(), version: version.into(), api: None }
    }
}

/// Heap in bytes, as declared by [`PrintHost::memory`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Memory {
    /// Of one connection to the host while it is open.
    pub connection: usize,
    /// Beside that while it is opened: of one connection, since they are opened one at a time.
    pub opening: usize,
    /// How many connections to the host there are at once, at most, while [`PrintHost::run`] and one call go on.
    pub connections: usize,
    /// Of [`PrintHost::run`], its connections not counted, and of what the driver keeps.
    pub run: usize,
    /// Of one call of `connect`, `status`, `upload`, `start`, `command`, `file_info` or `delete`, its connection and the
    /// arguments not counted.
    pub call: usize,
    /// Beside all that: what is allocated and freed again without waiting in between, such as the parts of what is being
    /// parsed. The tasks of one thread never have it at the same time, so there it counts once, however many hosts and
    /// calls there are; with several threads, once for each.
    pub transient: usize,
}

/// One printer behind one host.
///
/// All calls take `&self` and may run at the same time. Nothing spawns: [`PrintHost::run`] is polled by the caller
/// beside its work ([`beside`]) or in a task of its own.
///
/// # What holds for every call
///
/// - **Finding something out disturbs nothing.** `connect`, `status`, `events`, `run`, `files`, `file_info`,
///   `thumbnail`, `cameras`, `snapshot` and `download` never move, heat, start, stop or overwrite anything.
/// - **Dropping the future** ends the work and closes a connection that was in the middle of an exchange. An upload
///   that is dropped before its last byte was handed over is never stored. What is dropped after it was sent whole,
///   with only the answer missing, may have been carried out.
/// - **Nothing happens twice.** A request that changes something is sent once. When its answer is lost the driver
///   reads the printer; if that does not settle it, the error is [`crate::ErrorKind::Unconfirmed`] with
///   [`crate::Retry::ReadFirst`].
/// - **No total deadline.** A call fails with [`crate::ErrorKind::Timeout`] only when nothing has moved for a while.
///
/// The futures are not bound to be `Send`, since a microcontroller's are not; the futures of a concrete driver over
/// a thread-safe network are `Send`, and can be spawned.
pub trait PrintHost {
    /// What this host can do. Needs no connection; a driver that learns more from the host says so from then on.
    fn capabilities(&self) -> Capabilities;

    /// The heap that this driver takes at most, whatever the host sends, when no path that it is given has more bytes than
    /// `longest_path`; `None` when nobody has counted. Needs no connection. A program with little memory asks before it
    /// begins something.
    fn memory(&self, longest_path: usize) -> Option<Memory> {
        let _ = longest_path;
        None
    }

    /// Checks address, protocol and credentials by reading. Every other call does this first if it was not done.
    ///
    /// Where a printer takes one connection only, this and every other call need [`PrintHost::run`] to be polled, and
    /// fail with [`crate::ErrorKind::NotRunning`] otherwise; calls wait while it is connecting, and fail at once
    /// between its attempts.
    async fn connect(&self) -> Result<HostInfo>;

    /// Reads the printer's status now.
    ///
    /// A printer that is switched off while its host answers is no error: it is [`crate::Phase::Offline`].
    async fn status(&self) -> Result<PrinterStatus>;

    /// A listener for what happens from now on, fed while [`PrintHost::run`] is polled.
    /// [`crate::ErrorKind::Busy`] when there are too many ([`crate::SUBSCRIBERS`]).
    fn events(&self) -> Result<Events<'_>>;

    /// Keeps the connection that brings events: connects, follows, reconnects after a backoff, for ever.
    ///
    /// Every gap is reported as [`crate::Event::Lost`], a full read and [`crate::Event::Resynced`]. Returns only
    /// when going on makes no sense, with credentials refused for instance. Dropping the future closes the
    /// connection; it may be called again. While it runs, a second `run` fails with [`crate::ErrorKind::Busy`].
    async fn run(&self) -> Result<Infallible>;

    /// Stores a file, verifies it and, if asked, starts it.
    ///
    /// On success the host has the whole file. On an error, or when the future is dropped, a partial file is never
    /// listed by the host; with [`crate::ErrorKind::Unconfirmed`] the whole file may be there. A file that is
    /// damaged on its way is [`crate::ErrorKind::Corrupted`] and is not started. A print that could not be started
    /// is no error of the upload; see [`crate::Started`].
    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        let _ = upload;
        Err(Error::unsupported("upload"))
    }

    /// Writes a stored file into `to` and returns its length in bytes.
    ///
    /// On an error `to` has received a part; the caller discards it.
    async fn download<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        let _ = (path, to);
        Err(Error::unsupported("download"))
    }

    /// Starts printing a stored file. [`crate::ErrorKind::Conflict`] when the printer is not ready.
    ///
    /// Of a project the only plate there is, whatever its number; [`crate::ErrorKind::InvalidInput`] with the numbers there
    /// are when there are others, and nothing is started.
    async fn start(&self, path: &str) -> Result<Outcome> {
        let _ = path;
        Err(Error::unsupported("start"))
    }

    /// Starts printing a plate of a stored project, counted from 1; otherwise as [`Self::start`].
    /// [`crate::ErrorKind::InvalidInput`] for a file that is no project, and when the host knows that there is no such plate.
    async fn start_plate(&self, path: &str, plate: u16) -> Result<Outcome> {
        let _ = (path, plate);
        Err(Error::unsupported("start plate"))
    }

    /// Sends a command once. [`crate::ErrorKind::InvalidInput`] for what [`Command::check`] refuses.
    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        Err(Error::unsupported(command.name()))
    }

    /// Lists a folder, the root being the empty string, one page at a time, without descending.
    async fn files(&self, folder: &str, page: Page) -> Result<FilePage> {
        let _ = (folder, page);
        Err(Error::unsupported("files"))
    }

    /// What the host knows of a stored file.
    async fn file_info(&self, path: &str) -> Result<FileInfo> {
        let _ = path;
        Err(Error::unsupported("file info"))
    }

    /// Writes a picture of a file, as told by its [`FileInfo`], into `to` and returns its length in bytes.
    /// On an error `to` has received a part; the caller discards it.
    async fn thumbnail<W: Write + ?Sized>(&self, thumbnail: &Thumbnail, to: &mut W) -> Result<u64> {
        let _ = (thumbnail, to);
        Err(Error::unsupported("thumbnail"))
    }

    /// Deletes a stored file, or a folder that is empty. [`crate::ErrorKind::Conflict`] while it is being printed, and
    /// for a folder with something in it.
    async fn delete(&self, path: &str) -> Result<()> {
        let _ = path;
        Err(Error::unsupported("delete"))
    }

    /// Moves or renames a stored file; `to` is its whole new path, and the path it really got is returned.
    /// [`crate::ErrorKind::Exists`] when there is something already: nothing is ever replaced.
    async fn move_file(&self, from: &str, to: &str) -> Result<String> {
        let _ = (from, to);
        Err(Error::unsupported("move file"))
    }

    /// Creates a folder, with the folders above it, and returns the path it really got.
    /// A folder that is there already is no error.
    async fn create_folder(&self, path: &str) -> Result<String> {
        let _ = path;
        Err(Error::unsupported("create folder"))
    }

    /// The cameras that watch the printer; none is an empty list.
    async fn cameras(&self) -> Result<Vec<Camera>> {
        Err(Error::unsupported("cameras"))
    }

    /// Writes the picture that a camera sees now, usually a JPEG, into `to` and returns its length in bytes.
    ///
    /// Credentials of the host are never sent to a camera that lives elsewhere.
    /// [`crate::ErrorKind::NotFound`] when the camera has no single pictures. On an error `to` has received a part; the
    /// caller discards it.
    async fn snapshot<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        let _ = (camera, to);
        Err(Error::unsupported("snapshot"))
    }
}

/// Runs a host's connection beside some work, without spawning: ends with the work, or with the error that ended
/// [`PrintHost::run`]. In that case the work is dropped, and what it had sent may have taken effect.
pub async fn beside<H: PrintHost + ?Sized, T>(host: &H, work: impl Future<Output = T>) -> Result<T> {
    let mut run = pin!(host.run());
    // Once before the work, so that it finds the connection being run.
    if let Poll::Ready(Err(error)) = poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))).await {
        return Err(error);
    }
    match select(work, run).await {
        Either::First(value) => Ok(value),
        Either::Second(Ok(never)) => match never {},
        Either::Second(Err(error)) => Err(error),
    }
}
