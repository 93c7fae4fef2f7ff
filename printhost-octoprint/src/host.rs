use alloc::{boxed::Box, string::String, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
    pin::pin,
};

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use embedded_io_async::{Read, Write};
use printhost_core::{
    Camera, Capabilities, Command, Error, ErrorKind, EventBus, Events, FileInfo, FilePage, HostInfo, Memory,
    Outcome, Page, Pipe, PrintHost, PrinterStatus, Result, Thumbnail, Upload, Uploaded,
};
use printhost_net::{BaseUrl, Login, Net};

use crate::{
    Config,
    api::{Call, DIALECT},
    console::Console,
    events::Live,
    folders::Relocation,
    map, wire,
};

/// Where OctoPrint turned out to live, and which of the two families of versions it is of.
#[derive(Clone)]
pub(crate) struct Home {
    pub base: BaseUrl,
    /// 2.0 or later, which calls some things by other names.
    pub is_second: bool,
}

/// An OctoPrint and the printer behind it. See [`PrintHost`] for what its calls promise.
pub struct OctoPrint<N: Net> {
    pub(crate) net: N,
    pub(crate) config: Config,
    pub(crate) login: Login,
    /// `None` until it was asked.
    settled: Mutex<CriticalSectionRawMutex, RefCell<Option<Home>>>,
    pub(crate) bus: EventBus,
    pub(crate) live: Mutex<CriticalSectionRawMutex, RefCell<Live>>,
    pub(crate) running: Mutex<CriticalSectionRawMutex, Cell<bool>>,
    pub(crate) console: Console,
}

impl<N: Net> OctoPrint<N> {
    /// A driver that has not connected yet.
    pub fn new(net: N, config: Config) -> Self {
        Self {
            login: Login::key("X-Api-Key", config.api_key.clone()),
            net,
            config,
            settled: Mutex::new(RefCell::new(None)),
            bus: EventBus::new(),
            live: Mutex::new(RefCell::new(Live::new())),
            running: Mutex::new(Cell::new(false)),
            console: Console::new(),
        }
    }

    /// The network it uses.
    pub const fn net(&self) -> &N {
        &self.net
    }

    /// Where OctoPrint lives. The first time, that is found out together with whether it takes our key, by reading:
    /// no body is ever sent to a host that would refuse or redirect it.
    pub(crate) async fn base(&self, operation: &'static str) -> Result<BaseUrl> {
        Ok(self.home(operation).await?.base)
    }

    /// As [`Self::base`], with what is known of the version.
    pub(crate) async fn home(&self, operation: &'static str) -> Result<Home> {
        if let Some(home) = self.settled.lock(|s| s.borrow().clone()) {
            return Ok(home);
        }
        // On the heap, since every call has it in it and hardly any needs it.
        let (home, _) = Box::pin(self.settle()).await.map_err(|e| e.in_operation(operation))?;
        Ok(home)
    }

    pub(crate) async fn settle(&self) -> Result<(Home, wire::Version)> {
        if self.config.api_key.is_empty() {
            return Err(Error::new(ErrorKind::Unauthorized, "connect").with_detail("there is no API key"));
        }
        let call = Call::get("connect", DIALECT.probe);
        let (base, response) = self.rest().settle(&self.config.url, call).await?;
        let version: wire::Version = self.parse("connect", &self.body("connect", response).await?)?;
        if version.server.is_none() && version.text.is_none() {
            return Err(Error::new(ErrorKind::Protocol, "connect").with_detail("this is not OctoPrint"));
        }
        let home = Home { base, is_second: map::is_second(version.server.as_deref()) };
        self.settled.lock(|s| *s.borrow_mut() = Some(home.clone()));
        Ok((home, version))
    }
}

impl<N: Net> PrintHost for OctoPrint<N> {
    fn capabilities(&self) -> Capabilities {
        let is_first = self.settled.lock(|s| s.borrow().as_ref().is_some_and(|home| !home.is_second));
        let mut can = capabilities();
        // Only 1.x tells hashes, so nothing is promised before the version is known.
        can.hash_verification &= is_first;
        can
    }

    fn memory(&self, longest_path: usize) -> Option<Memory> {
        Some(self.declared(longest_path))
    }

    async fn connect(&self) -> Result<HostInfo> {
        let (_, version) = Box::pin(self.settle()).await?;
        let mut info = HostInfo::new("OctoPrint", version.server.unwrap_or_default());
        info.api = version.api;
        Ok(info)
    }

    async fn status(&self) -> Result<PrinterStatus> {
        let printer: Result<wire::Printer> = self.get("status", "/api/printer?exclude=sd").await;
        let mut status = match printer {
            Ok(printer) => map::status(printer, self.get("status", "/api/job").await?),
            Err(e) if e.kind() == ErrorKind::Conflict => {
                map::status_not_operational(self.get("status", "/api/job").await?)
            }
            Err(e) => return Err(e),
        };
        self.live.lock(|l| l.borrow_mut().explain(&mut status));
        Ok(status)
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
        self.fetch(path, to).await
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
        self.picture("thumbnail", &thumbnail.source, to).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.delete_entry(path).await
    }

    async fn move_file(&self, from: &str, to: &str) -> Result<String> {
        self.relocate(Relocation::Move, from, to).await
    }

    async fn create_folder(&self, path: &str) -> Result<String> {
        self.make_folders(path).await
    }

    async fn cameras(&self) -> Result<Vec<Camera>> {
        self.webcams().await
    }

    async fn snapshot<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        match camera.snapshot.as_deref() {
            Some(source) => self.picture("snapshot", source, to).await,
            None => {
                Err(Error::new(ErrorKind::NotFound, "snapshot").with_detail("the camera has no pictures"))
            }
        }
    }
}

impl<N: Net> core::fmt::Debug for OctoPrint<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OctoPrint").field("config", &self.config).finish_non_exhaustive()
    }
}

/// What one version or the other can do.
fn capabilities() -> Capabilities {
    let mut can = Capabilities::NONE;
    can.upload = true;
    can.upload_and_print = true;
    can.folders = true;
    can.hash_verification = true;
    can.download = true;
    can.files = true;
    can.file_info = true;
    can.thumbnails = true;
    can.delete = true;
    can.move_file = true;
    can.create_folder = true;
    can.start = true;
    can.pause = true;
    can.resume = true;
    can.cancel = true;
    can.gcode = true;
    can.gcode_replies = true;
    can.set_temperature = true;
    can.home = true;
    can.jog = true;
    can.extrude = true;
    can.select_tool = true;
    can.speed_factor = true;
    can.flow_factor = true;
    can.emergency_stop = true;
    can.printer_connection = true;
    can.cameras = true;
    can.push = true;
    can
}

#[cfg(test)]
mod tests {
    use alloc::format;

    #[test]
    fn capabilities_file_says_what_the_driver_says() {
        let claimed = format!("{:?}", super::capabilities());
        let table = include_str!("../CAPABILITIES.md");
        for flag in claimed.trim_start_matches("Capabilities { ").trim_end_matches(" }").split(", ") {
            let (name, value) = flag.split_once(": ").unwrap();
            let row = table.lines().find(|l| l.starts_with(&format!("| {name} |"))).expect(name);
            assert_eq!(row.split('|').nth(2).unwrap().trim() == "yes", value == "true", "{name}");
        }
    }
}
