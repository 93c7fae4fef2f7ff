use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cell::RefCell, convert::Infallible, pin::pin};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    mutex::Mutex as AsyncMutex,
    signal::Signal,
};
use embedded_io_async::{Read, Write};
use printhost_core::{
    Camera, Capabilities, Command, Error, ErrorKind, EventBus, Events, FileInfo, FilePage, HostInfo, Memory,
    Outcome, Page, Pipe, PrintHost, PrinterStatus, Result, Thumbnail, Upload, Uploaded,
};
use printhost_net::{BaseUrl, Net, link::Link};

use crate::{
    Config,
    access::Renewal,
    api::{Call, DIALECT},
    console::Console,
    live::Live,
    wire,
};

/// A Moonraker and the printer behind it. See [`PrintHost`] for what its calls promise.
pub struct Moonraker<N: Net> {
    pub(crate) net: N,
    pub(crate) config: Config,
    /// `None` until it was asked.
    settled: Mutex<CriticalSectionRawMutex, RefCell<Option<BaseUrl>>>,
    pub(crate) renewal: AsyncMutex<CriticalSectionRawMutex, Renewal>,
    pub(crate) link: Link,
    pub(crate) bus: EventBus,
    pub(crate) live: Mutex<CriticalSectionRawMutex, RefCell<Live>>,
    /// Something has happened that the keeper of the subscription looks after.
    pub(crate) look: Signal<CriticalSectionRawMutex, ()>,
    pub(crate) console: Console,
}

impl<N: Net> Moonraker<N> {
    /// A driver that has not connected yet.
    pub fn new(net: N, config: Config) -> Self {
        Self {
            net,
            config,
            settled: Mutex::new(RefCell::new(None)),
            renewal: AsyncMutex::new(Renewal::default()),
            link: Link::new(),
            bus: EventBus::new(),
            live: Mutex::new(RefCell::new(Live::default())),
            look: Signal::new(),
            console: Console::new(),
        }
    }

    /// The network it uses.
    pub const fn net(&self) -> &N {
        &self.net
    }

    /// Where Moonraker lives. The first time, that is found out together with whether it lets us in, by reading: no
    /// body is ever sent to a host that would refuse or redirect it.
    pub(crate) async fn base(&self, operation: &'static str) -> Result<BaseUrl> {
        if let Some(base) = self.settled.lock(|s| s.borrow().clone()) {
            return Ok(base);
        }
        // On the heap, since every call has it in it and hardly any needs it.
        let (base, _) = Box::pin(self.settle()).await.map_err(|e| e.in_operation(operation))?;
        Ok(base)
    }

    pub(crate) async fn settle(&self) -> Result<(BaseUrl, wire::ServerInfo)> {
        let operation = "connect";
        let base = match self.takes_tokens() {
            // Needs no login, so that the login itself goes to where Moonraker lives.
            true => {
                let asked =
                    self.rest().settle(&self.config.url, Call::get(operation, "/access/info")).await?;
                asked.1.finish().await;
                asked.0
            }
            false => self.config.url.clone(),
        };
        let call = Call::get(operation, DIALECT.probe);
        let settled = match self.takes_tokens() {
            true => self.request(&base, call, &[]).await.map(|response| (base.clone(), response)),
            false => self.rest().settle(&base, call).await,
        };
        let (base, response) = match settled {
            Err(e) if e.kind() == ErrorKind::Unauthorized => {
                return Err(Box::pin(self.explain(&base, e)).await);
            }
            settled => settled?,
        };
        let mut info = wire::ServerInfo::default();
        let members = wire::ServerInfo::MEMBERS;
        self.members(operation, response, members, &mut |n, value| info.take(n, value)).await?;
        if info.moonraker_version.is_none() && info.klippy_connected.is_none() {
            return Err(Error::new(ErrorKind::Protocol, operation).with_detail("this is not Moonraker"));
        }
        self.settled.lock(|s| *s.borrow_mut() = Some(base.clone()));
        Ok((base, info))
    }

    pub(crate) fn with_live<T>(&self, act: impl FnOnce(&mut Live) -> T) -> T {
        self.live.lock(|live| act(&mut live.borrow_mut()))
    }
}

impl<N: Net> PrintHost for Moonraker<N> {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn memory(&self, longest_path: usize) -> Option<Memory> {
        Some(self.declared(longest_path))
    }

    async fn connect(&self) -> Result<HostInfo> {
        let (_, info) = Box::pin(self.settle()).await?;
        let mut host = HostInfo::new("Moonraker", info.moonraker_version.unwrap_or_default().0);
        host.api = info.api_version_string.map(|version| version.0).filter(|version| !version.is_empty());
        Ok(host)
    }

    async fn status(&self) -> Result<PrinterStatus> {
        Ok(self.look_at("status").await?.status)
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
        self.picture_of(&thumbnail.source, to).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.delete_entry(path).await
    }

    async fn move_file(&self, from: &str, to: &str) -> Result<String> {
        self.relocate(from, to).await
    }

    async fn create_folder(&self, path: &str) -> Result<String> {
        self.make_folders(path).await
    }

    async fn cameras(&self) -> Result<Vec<Camera>> {
        self.webcams().await
    }

    async fn snapshot<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        match camera.snapshot.as_deref() {
            Some(source) => self.camera_picture(source, to).await,
            None => {
                Err(Error::new(ErrorKind::NotFound, "snapshot").with_detail("the camera has no pictures"))
            }
        }
    }
}

impl<N: Net> core::fmt::Debug for Moonraker<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Moonraker").field("config", &self.config).finish_non_exhaustive()
    }
}

const fn capabilities() -> Capabilities {
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
    can.restart_host = true;
    can.restart_firmware = true;
    can.cameras = true;
    can.push = true;
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
