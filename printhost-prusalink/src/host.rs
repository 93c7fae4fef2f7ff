use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
    pin::pin,
};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    semaphore::{FairSemaphore, Semaphore, SemaphoreReleaser},
    signal::Signal,
};
use embedded_io_async::{Read, Write};
use printhost_core::{
    Camera, Capabilities, Command, Error, ErrorKind, EventBus, Events, FileInfo, FilePage, HostInfo, Memory,
    Outcome, Page, Pipe, PrintHost, PrinterStatus, Result, Thumbnail, Upload, Uploaded,
};
use printhost_net::{BaseUrl, Method, Net};

use crate::{
    Config,
    api::{DIALECT, call},
    map, wire,
};

/// Which of the two programs of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// On a Pi beside the printer.
    Pi,
    /// In the firmware of the printer itself.
    Firmware,
}

/// Where PrusaLink turned out to live, and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub base: BaseUrl,
    pub family: Family,
    pub storage: Storage,
    /// It says that it takes files the way we send them.
    pub takes_files: bool,
}

/// Where files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Storage {
    /// In addresses: `/local`, `/usb`.
    pub path: String,
    /// At the beginning of the paths that PrusaLink tells: `PrusaLink gcodes`, `usb`.
    pub shown: String,
}

/// How many requests can wait for their turn; then calls fail with [`ErrorKind::Busy`].
const WAITING: usize = 16;

/// Lets one through at a time.
pub(crate) type Gate = FairSemaphore<CriticalSectionRawMutex, WAITING>;

/// A PrusaLink and the printer behind it. See [`PrintHost`] for what its calls promise.
pub struct PrusaLink<N: Net> {
    pub(crate) net: N,
    pub(crate) config: Config,
    /// `None` until it was asked.
    settled: Mutex<CriticalSectionRawMutex, RefCell<Option<Home>>>,
    pub(crate) bus: EventBus,
    pub(crate) running: Mutex<CriticalSectionRawMutex, Cell<bool>>,
    /// Something was changed, so that waiting for the next look would be a waste.
    pub(crate) look: Signal<CriticalSectionRawMutex, ()>,
    /// Who asks.
    requests: Gate,
    /// Who sends a file.
    pub(crate) files: Gate,
}

impl<N: Net> PrusaLink<N> {
    /// A driver that has not connected yet.
    pub const fn new(net: N, config: Config) -> Self {
        Self {
            net,
            config,
            settled: Mutex::new(RefCell::new(None)),
            bus: EventBus::new(),
            running: Mutex::new(Cell::new(false)),
            look: Signal::new(),
            requests: Gate::new(1),
            files: Gate::new(1),
        }
    }

    /// The network it uses.
    pub const fn net(&self) -> &N {
        &self.net
    }

    /// Waits until nobody else asks: small hosts serve one request at a time well, and two badly. It is held until the
    /// answer is read.
    pub(crate) async fn turn(&self, operation: &'static str) -> Result<SemaphoreReleaser<'_, Gate>> {
        wait(&self.requests, operation).await
    }

    /// Where PrusaLink lives and what it is. The first time, that is found out together with whether it takes our
    /// credentials, by reading: no body is ever sent to a host that would refuse or redirect it.
    pub(crate) async fn home(&self, operation: &'static str) -> Result<Home> {
        if let Some(home) = self.settled.lock(|s| s.borrow().clone()) {
            return Ok(home);
        }
        // On the heap, since every call has it in it and hardly any needs it.
        let (home, _) = Box::pin(self.settle()).await.map_err(|e| e.in_operation(operation))?;
        Ok(home)
    }

    pub(crate) async fn settle(&self) -> Result<(Home, wire::Version)> {
        let operation = "connect";
        if self.config.is_empty {
            return Err(
                Error::new(ErrorKind::Unauthorized, operation).with_detail("there is no key or password")
            );
        }
        let _turn = self.turn(operation).await?;
        let version = call(operation, Method::Get, DIALECT.probe);
        let (base, response) = self.rest().settle(&self.config.url, version).await?;
        let bytes = self.body(operation, response).await?;
        let version: wire::Version = self.parse(operation, &bytes)?;
        let Some(family) = map::family(&version) else {
            return Err(Error::new(ErrorKind::Protocol, operation).with_detail("this is not PrusaLink"));
        };
        let storages = call(operation, Method::Get, "/api/v1/storage");
        let storages = match self.rest().exchange(&base, storages, printhost_net::NO_BODY).await {
            Ok(response) => self.parse(operation, &self.body(operation, response).await?)?,
            // Older versions do not tell.
            Err(e) if matches!(e.http_status(), Some(404 | 405)) => wire::Storages::default(),
            Err(e) => return Err(e),
        };
        let takes_files = version.capabilities.upload_by_put == Some(true);
        let home = Home { base, family, storage: map::storage(family, storages), takes_files };
        self.settled.lock(|s| *s.borrow_mut() = Some(home.clone()));
        Ok((home, version))
    }
}

impl<N: Net> PrintHost for PrusaLink<N> {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn memory(&self, longest_path: usize) -> Option<Memory> {
        Some(self.declared(longest_path))
    }

    async fn connect(&self) -> Result<HostInfo> {
        let (home, version) = Box::pin(self.settle()).await?;
        Ok(map::host_info(home.family, version))
    }

    async fn status(&self) -> Result<PrinterStatus> {
        let home = self.home("status").await?;
        Ok(self.read("status", &home, None).await?.status)
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        Box::pin(self.run_forever()).await
    }

    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        let pipe = Pipe::new(self.net.parts().limits().chunk);
        let mut reader = pipe.reader();
        let (upload, from) = upload.with_body(&mut reader);
        pipe.carry(from, pin!(self.store(upload))).await
    }

    async fn download<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        self.fetch("download", path, to).await
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        self.start_file(path).await
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        Box::pin(self.order(command)).await
    }

    async fn files(&self, folder: &str, page: Page) -> Result<FilePage> {
        self.list(folder, page).await
    }

    async fn file_info(&self, path: &str) -> Result<FileInfo> {
        self.details(path).await
    }

    async fn thumbnail<W: Write + ?Sized>(&self, thumbnail: &Thumbnail, to: &mut W) -> Result<u64> {
        self.picture(&thumbnail.source, to).await
    }

    async fn cameras(&self) -> Result<Vec<Camera>> {
        self.webcams().await
    }

    async fn snapshot<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        self.photo(camera, to).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.delete_entry(path).await
    }

    async fn create_folder(&self, path: &str) -> Result<String> {
        self.make_folder(path).await
    }
}

impl<N: Net> core::fmt::Debug for PrusaLink<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PrusaLink").field("config", &self.config).finish_non_exhaustive()
    }
}

pub(crate) async fn wait<'a>(gate: &'a Gate, operation: &'static str) -> Result<SemaphoreReleaser<'a, Gate>> {
    let full =
        |_| Error::new(ErrorKind::Busy, operation).with_detail("too many calls are waiting for this host");
    gate.acquire(1).await.map_err(full)
}

const fn capabilities() -> Capabilities {
    let mut can = Capabilities::NONE;
    can.upload = true;
    can.upload_and_print = true;
    can.folders = true;
    can.download = true;
    can.files = true;
    can.file_info = true;
    can.thumbnails = true;
    can.delete = true;
    can.create_folder = true;
    can.start = true;
    can.pause = true;
    can.resume = true;
    can.cancel = true;
    can.cameras = true;
    can
}

#[cfg(test)]
mod tests {
    #[test]
    fn capabilities_file_says_what_the_driver_says() {
        let table = include_str!("../CAPABILITIES.md");
        for (name, can) in super::capabilities().iter() {
            let row = table.lines().find(|l| l.starts_with(&alloc::format!("| {name} |"))).expect(name);
            assert_eq!(row.split('|').nth(2).unwrap().trim() == "yes", can, "{name}");
        }
    }
}
