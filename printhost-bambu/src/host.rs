use alloc::{boxed::Box, format, string::String};
use core::{cell::RefCell, convert::Infallible, pin::pin};

use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    mutex::Mutex as AsyncMutex,
};
use embedded_io_async::{Read, Write};
use printhost_core::{
    Capabilities, Command, EventBus, Events, FileInfo, FilePage, HostInfo, Memory, Outcome, Page, Pipe,
    PrintHost, PrinterStatus, Result, Upload, Uploaded,
};
use printhost_net::{Net, mqtt::Outbox};

use crate::{Config, Model, StartOptions, UrlForm, live::Live, quirks::Learned};

/// A Bambu Lab printer on the local network. See [`PrintHost`] for what its calls promise.
///
/// A printer takes few connections, so it is given one: [`PrintHost::run`] keeps it, and every call but those for files
/// needs it to be polled. What is known of the printer is what it pushes there.
pub struct Bambu<N: Net> {
    pub(crate) net: N,
    pub(crate) config: Config,
    pub(crate) bus: EventBus,
    live: Mutex<CriticalSectionRawMutex, RefCell<Live>>,
    /// What the connection is to send next: one order at most.
    pub(crate) outbox: Outbox,
    /// Held while files are spoken of: one connection and one transfer at a time.
    pub(crate) files: AsyncMutex<CriticalSectionRawMutex, Learned>,
}

impl<N: Net> Bambu<N> {
    /// A driver that has not connected yet.
    pub fn new(net: N, config: Config) -> Self {
        let live = Live::new(config.known_model(), net.parts().limits().json);
        let live = if config.keeps_trays { live.with_trays() } else { live };
        Self {
            net,
            config,
            bus: EventBus::new(),
            live: Mutex::new(RefCell::new(live)),
            outbox: Outbox::new(),
            files: AsyncMutex::new(Learned::default()),
        }
    }

    /// The network it uses.
    pub const fn net(&self) -> &N {
        &self.net
    }

    /// Which model it is: as configured, as its serial number begins, or as the printer says.
    pub fn model(&self) -> Option<Model> {
        self.config.known_model().or_else(|| self.with_live(|live| live.model()))
    }

    pub(crate) fn url_form(&self) -> UrlForm {
        self.config.url_form.unwrap_or_else(|| UrlForm::of(self.model()))
    }

    pub(crate) fn with_live<T>(&self, act: impl FnOnce(&mut Live) -> T) -> T {
        self.live.lock(|live| act(&mut live.borrow_mut()))
    }

    /// As [`Self::with_live`], and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut Live) -> T) -> T {
        self.with_live(|live| {
            let result = act(live);
            live.wake();
            result
        })
    }
}

impl<N: Net> PrintHost for Bambu<N> {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    fn memory(&self, longest_path: usize) -> Option<Memory> {
        Some(self.declared(longest_path))
    }

    async fn connect(&self) -> Result<HostInfo> {
        self.refresh("connect").await?;
        let firmware = self.with_live(|live| live.report().firmware().map(String::from));
        let name =
            self.model().map_or_else(|| "Bambu Lab".into(), |model| format!("Bambu Lab {}", model.name()));
        Ok(HostInfo::new(name, firmware.unwrap_or_else(|| "unknown".into())))
    }

    async fn status(&self) -> Result<PrinterStatus> {
        self.refresh("status").await?;
        Ok(self.with_live(|live| live.status()))
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
        self.start_with(path, &StartOptions::default()).await
    }

    async fn start_plate(&self, path: &str, plate: u16) -> Result<Outcome> {
        self.start_plate_of(path, plate).await
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

    async fn delete(&self, path: &str) -> Result<()> {
        self.remove(path).await
    }

    async fn move_file(&self, from: &str, to: &str) -> Result<String> {
        self.relocate(from, to).await
    }

    async fn create_folder(&self, path: &str) -> Result<String> {
        self.make_folders(path).await
    }
}

impl<N: Net> core::fmt::Debug for Bambu<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Bambu").field("config", &self.config).finish_non_exhaustive()
    }
}

const fn capabilities() -> Capabilities {
    let mut can = Capabilities::NONE;
    can.upload = true;
    can.upload_and_print = true;
    can.folders = true;
    can.download = true;
    can.files = true;
    can.file_info = true;
    can.delete = true;
    can.move_file = true;
    can.create_folder = true;
    can.start = true;
    can.projects = true;
    can.pause = true;
    can.resume = true;
    can.cancel = true;
    can.gcode = true;
    can.set_temperature = true;
    can.home = true;
    can.jog = true;
    can.extrude = true;
    can.speed_factor = true;
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
