use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
};

use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use embedded_io_async::{Read, Write};
use printhost_core::{
    Capabilities, Command, Error, ErrorKind, EventBus, Events, FilePage, HostInfo, Outcome, Page, PrintHost,
    PrinterStatus, Result, Upload, Uploaded,
};
use printhost_net::{BaseUrl, Method, NO_BODY, Net};

use crate::{Config, api::Call, events::Live, map, wire};

/// How many redirects lead to an OctoPrint at most.
const MAX_REDIRECTS: usize = 3;

/// An OctoPrint and the printer behind it. See [`PrintHost`] for what its calls promise.
pub struct OctoPrint<N: Net> {
    pub(crate) net: N,
    pub(crate) config: Config,
    /// Where OctoPrint turned out to live; `None` until it was asked.
    settled: Mutex<CriticalSectionRawMutex, RefCell<Option<BaseUrl>>>,
    pub(crate) bus: EventBus,
    pub(crate) live: Mutex<CriticalSectionRawMutex, RefCell<Live>>,
    pub(crate) running: Mutex<CriticalSectionRawMutex, Cell<bool>>,
}

impl<N: Net> OctoPrint<N> {
    /// A driver that has not connected yet.
    pub const fn new(net: N, config: Config) -> Self {
        Self {
            net,
            config,
            settled: Mutex::new(RefCell::new(None)),
            bus: EventBus::new(),
            live: Mutex::new(RefCell::new(Live::new())),
            running: Mutex::new(Cell::new(false)),
        }
    }

    /// The network it uses.
    pub const fn net(&self) -> &N {
        &self.net
    }

    /// Where OctoPrint lives. The first time, that is found out together with whether it takes our key, by reading:
    /// no body is ever sent to a host that would refuse or redirect it.
    pub(crate) async fn base(&self, operation: &'static str) -> Result<BaseUrl> {
        if let Some(base) = self.settled.lock(|s| s.borrow().clone()) {
            return Ok(base);
        }
        let (base, _) = self.settle().await.map_err(|e| e.in_operation(operation))?;
        Ok(base)
    }

    async fn settle(&self) -> Result<(BaseUrl, wire::Version)> {
        if self.config.api_key.is_empty() {
            return Err(Error::new(ErrorKind::Unauthorized, "connect").with_detail("there is no API key"));
        }
        let path = "/api/version";
        let mut base = self.config.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let call =
                Call { operation: "connect", method: Method::Get, path, content_type: None, answer: None };
            match self.request_at(&base, call, NO_BODY).await {
                Ok(response) => {
                    let version: wire::Version =
                        self.parse("connect", &self.body("connect", response).await?)?;
                    if version.server.is_none() && version.text.is_none() {
                        return Err(
                            Error::new(ErrorKind::Protocol, "connect").with_detail("this is not OctoPrint")
                        );
                    }
                    self.settled.lock(|s| *s.borrow_mut() = Some(base.clone()));
                    return Ok((base, version));
                }
                Err(e) if e.kind() == ErrorKind::Redirected => {
                    let to = base.redirected(path, e.detail().unwrap_or_default());
                    base = to.map_err(|refused| match e.http_status() {
                        Some(status) => refused.with_http(status),
                        None => refused,
                    })?;
                }
                Err(e) => return Err(e),
            }
        }
        Err(Error::new(ErrorKind::Redirected, "connect").with_detail("the host redirects in a circle"))
    }
}

impl<N: Net> PrintHost for OctoPrint<N> {
    fn capabilities(&self) -> Capabilities {
        capabilities()
    }

    async fn connect(&self) -> Result<HostInfo> {
        let (_, version) = self.settle().await?;
        let mut info = HostInfo::new("OctoPrint", version.server.unwrap_or_default());
        info.api = version.api;
        Ok(info)
    }

    async fn status(&self) -> Result<PrinterStatus> {
        let printer: Result<wire::Printer> = self.get("status", "/api/printer?exclude=sd").await;
        match printer {
            Ok(printer) => Ok(map::status(printer, self.get("status", "/api/job").await?)),
            Err(e) if e.kind() == ErrorKind::Conflict => {
                Ok(map::status_not_operational(self.get("status", "/api/job").await?))
            }
            Err(e) => Err(e),
        }
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        self.run_forever().await
    }

    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        self.store(upload).await
    }

    async fn download<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        self.fetch(path, to).await
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        self.start_file(path).await
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        self.order(command).await
    }

    async fn files(&self, folder: &str, page: Page) -> Result<FilePage> {
        self.list(folder, page).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        self.remove(path).await
    }
}

impl<N: Net> core::fmt::Debug for OctoPrint<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OctoPrint").field("config", &self.config).finish_non_exhaustive()
    }
}

fn capabilities() -> Capabilities {
    let mut can = Capabilities::NONE;
    can.upload = true;
    can.upload_and_print = true;
    can.folders = true;
    can.hash_verification = true;
    can.download = true;
    can.files = true;
    can.delete = true;
    can.start = true;
    can.pause = true;
    can.resume = true;
    can.cancel = true;
    can.gcode = true;
    can.emergency_stop = true;
    can.printer_connection = true;
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
