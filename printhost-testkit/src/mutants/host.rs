use alloc::{string::String, vec::Vec};
use core::{cell::RefCell, convert::Infallible};

use embassy_futures::select::{Either, select};
use embedded_io_async::{ErrorType, Read, Write};
use printhost_core::{
    Camera, Capabilities, Command, Error, ErrorKind, Event, EventBus, Events, FileInfo, FilePage, Heater,
    HeaterId, HostInfo, IfExists, JobEvent, Outcome, Page, Phase, PrintHost, PrinterStatus, Result, Retry,
    Started, Then, Thumbnail, Upload, Uploaded, Verified, Verify,
};
use sha1::{Digest as _, Sha1};

use super::Defect;

/// A good host made wrong in one way.
#[derive(Debug)]
pub struct Mutant<H> {
    host: H,
    defect: Defect,
    secret: String,
    last: RefCell<Option<PrinterStatus>>,
    bus: EventBus,
}

impl<H: PrintHost> Mutant<H> {
    /// `secret` is what it shows if showing secrets is its defect.
    pub fn new(host: H, defect: Defect, secret: &str) -> Self {
        Self { host, defect, secret: secret.into(), last: RefCell::new(None), bus: EventBus::new() }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// What it makes of an error, whatever the call.
    fn spoilt(&self, error: Error) -> Error {
        match self.defect {
            Defect::RetriesWrongCredentials if error.kind() == ErrorKind::Unauthorized => {
                Error::new(ErrorKind::Unreachable, error.operation())
            }
            Defect::ShowsSecrets => {
                let key = &self.secret;
                error.with_detail(format_args!("key {key} was refused"))
            }
            _ => error,
        }
    }

    /// What it makes of a status.
    fn blurred(&self, mut status: PrinterStatus) -> PrinterStatus {
        match self.defect {
            Defect::OverlooksPause if status.phase == Phase::Paused => status.phase = Phase::Printing,
            Defect::InventsTemperatures if status.tools.is_empty() => {
                status.tools.push(Heater::new(Some(0.0), Some(0.0)));
            }
            Defect::TellsPercent => {
                if let Some(progress) = status.job.as_mut().and_then(|job| job.progress.as_mut()) {
                    *progress *= 100.0;
                }
            }
            _ => {}
        }
        status
    }

    /// What it makes of a job event: none, one or two.
    fn retold(&self, event: JobEvent) -> Vec<JobEvent> {
        match (self.defect, event) {
            (Defect::DoublesEnds, event) if event.is_end() => [event.clone(), event].into(),
            (Defect::ForgetsPauses, JobEvent::Paused | JobEvent::Resumed) => Vec::new(),
            (Defect::TakesEveryEndForSuccess, event) if event.is_end() => [JobEvent::Finished].into(),
            (_, event) => [event].into(),
        }
    }

    async fn send_upload<R: Read + ?Sized>(&self, mut upload: Upload<'_, R>) -> Result<Uploaded> {
        let (path, len, then) = (upload.path, upload.len, upload.then);
        let clean: String = path.replace("..", "").replace("//", "/").trim_matches('/').into();
        match self.defect {
            Defect::CleansPaths if !clean.is_empty() => upload.path = &clean,
            Defect::ReplacesUnasked => upload.if_exists = IfExists::Replace,
            Defect::IgnoresHash => upload.verify = Verify::Size,
            Defect::OnlySaysStarted | Defect::OnlySaysProjectStarted => upload.then = Then::Store,
            Defect::PadsShortSources => {
                let mut padded = Padded(upload.body);
                return self.host.upload(Upload::new(path, len, &mut padded)).await;
            }
            Defect::StoresInPieces if len > 4096 => {
                let mut first = &[b';'; 4096][..];
                self.host.upload(Upload::new("part.gcode", 4096, &mut first).replacing()).await?;
            }
            _ => {}
        }
        let only_size = upload.verify == Verify::Size;
        let mut hashed = Hashed { body: upload.body, sha1: Sha1::new() };
        let mut request = Upload::new(upload.path, len, &mut hashed);
        (request.then, request.if_exists, request.verify) = (upload.then, upload.if_exists, upload.verify);
        let result = self.host.upload(request).await;
        let mut uploaded = match result {
            Err(e)
                if self.is(Defect::TakesCutForStored)
                    && matches!(e.kind(), ErrorKind::Disconnected | ErrorKind::Unconfirmed) =>
            {
                Uploaded::new(path, len, Verified::No)
            }
            Err(e) => return Err(self.spoilt(e)),
            Ok(uploaded) => uploaded,
        };
        match self.defect {
            Defect::StartsUnasked => drop(self.host.start(&uploaded.path).await),
            Defect::ClaimsHash if only_size => {
                uploaded.verified = Verified::Sha1(hashed.sha1.finalize().into())
            }
            Defect::ChoosesPlates if refused(&uploaded.started, ErrorKind::InvalidInput) => {
                uploaded.started = started(self.host.start_plate(&uploaded.path, 1).await);
            }
            Defect::PrintsDamagedProjects if refused(&uploaded.started, ErrorKind::Corrupted) => {
                uploaded.started = started(self.host.start_plate(&uploaded.path, 1).await);
            }
            Defect::OnlySaysStarted | Defect::OnlySaysProjectStarted if then == Then::Print => {
                uploaded.started = Started::Yes(printhost_core::Confirmation::Confirmed);
            }
            _ => {}
        }
        Ok(uploaded)
    }
}

impl<H: PrintHost> PrintHost for Mutant<H> {
    fn capabilities(&self) -> Capabilities {
        let mut can = self.host.capabilities();
        match self.defect {
            Defect::ClaimsTooMuch => can.cancel = true,
            Defect::ClaimsTooLittle | Defect::AsksBeforeRefusing => can.pause = false,
            _ => {}
        }
        can
    }

    async fn connect(&self) -> Result<HostInfo> {
        self.host.connect().await.map_err(|e| self.spoilt(e))
    }

    async fn status(&self) -> Result<PrinterStatus> {
        if self.is(Defect::DisturbsByReading) {
            let _ = self.host.command(Command::Resume).await;
        }
        match self.host.status().await {
            Ok(status) => {
                *self.last.borrow_mut() = Some(status.clone());
                Ok(self.blurred(status))
            }
            Err(e) => {
                let last = self.last.borrow().clone().filter(|_| self.is(Defect::ServesStaleStatus));
                last.ok_or_else(|| self.spoilt(e))
            }
        }
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        let mut events = self.host.events()?;
        let retell = async {
            loop {
                match events.next().await {
                    Event::Status(status) => self.bus.publish_status(self.blurred(status)),
                    Event::Job { event, .. } => {
                        self.retold(event).into_iter().for_each(|event| self.bus.publish_job(event));
                    }
                    Event::Lost(_) if self.is(Defect::HidesLoss) => {}
                    Event::Lost(error) => self.bus.publish_lost(error),
                    Event::Resynced => loop {
                        if let Event::Status(status) = events.next().await {
                            self.bus.publish_resynced(self.blurred(status));
                            break;
                        }
                    },
                    _ => {}
                }
            }
        };
        match select(self.host.run(), retell).await {
            Either::First(result) => result.map_err(|e| self.spoilt(e)),
            Either::Second(never) => never,
        }
    }

    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        self.send_upload(upload).await
    }

    async fn download<W: Write + ?Sized>(&self, path: &str, to: &mut W) -> Result<u64> {
        let mut held = Held { to, last: None, hold: self.is(Defect::LosesLastByte), written: 0 };
        match self.host.download(path, &mut held).await {
            Err(e) if self.is(Defect::TakesCutForWhole) && e.kind() == ErrorKind::Disconnected => {
                Ok(held.written)
            }
            result => result.map_err(|e| self.spoilt(e)),
        }
    }

    async fn start_plate(&self, path: &str, plate: u16) -> Result<Outcome> {
        let other = if self.is(Defect::StartsAnotherPlate) { 1 } else { plate };
        match self.host.start_plate(path, other).await {
            Err(e) if self.is(Defect::MakesUpForMissingPlates) && e.kind() == ErrorKind::InvalidInput => {
                self.host.start_plate(path, plate + 1).await
            }
            result => result.map_err(|e| self.spoilt(e)),
        }
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        if self.is(Defect::StartsFirstPlate) && path.ends_with(".3mf") {
            return self.host.start_plate(path, 1).await;
        }
        let result = self.host.start(path).await;
        // An honest driver has read the printer by now, or says that it does not know.
        let sent = result.as_ref().map_or_else(|e| e.retry() == Retry::ReadFirst, |_| true);
        match result {
            // What the host says to the second one does not matter; the first has begun.
            result if self.is(Defect::RepeatsLostStarts) && sent => {
                let _ = self.host.start(path).await;
                result
            }
            _ if self.is(Defect::InvitesSecondStart) && sent && self.last.borrow().is_none() => {
                Err(Error::new(ErrorKind::Disconnected, "start"))
            }
            result => result.map_err(|e| self.spoilt(e)),
        }
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        let command = match (self.defect, command) {
            (Defect::ClaimsTooMuch, Command::Cancel) => return Err(Error::unsupported("cancel")),
            (Defect::AsksBeforeRefusing, Command::Pause) => {
                let _ = self.host.status().await;
                return Err(Error::unsupported("pause"));
            }
            (Defect::ConfirmsUnsent, Command::Pause) => return Ok(Outcome::confirmed()),
            (Defect::SwallowsMoves, Command::Jog { .. }) => return Ok(Outcome::accepted()),
            (Defect::SwallowsGcode, Command::Gcode(_)) => return Ok(Outcome::accepted()),
            (Defect::PausesForCancel, Command::Cancel) => Command::Pause,
            (Defect::HeatsTheOtherHeater, Command::SetTemperature { heater: HeaterId::Tool(0), celsius }) => {
                Command::SetTemperature { heater: HeaterId::Bed, celsius }
            }
            (_, command) => command,
        };
        match self.host.command(command).await {
            Err(e) if self.is(Defect::InvitesSecondCommand) && e.retry() == Retry::ReadFirst => {
                Err(e.with_retry(Retry::Safe))
            }
            Err(e) if self.is(Defect::RepeatsLostCommands) && e.retry() == Retry::ReadFirst => {
                let _ = self.host.command(command).await;
                Err(e)
            }
            Err(e) if self.is(Defect::TakesLostForAccepted) && e.retry() == Retry::ReadFirst => {
                Ok(Outcome::accepted())
            }
            result => result.map_err(|e| self.spoilt(e)),
        }
    }

    async fn files(&self, folder: &str, page: Page) -> Result<FilePage> {
        let asked = if self.is(Defect::RepeatsPages) { Page::first(page.limit) } else { page };
        let mut listing = self.host.files(folder, asked).await.map_err(|e| self.spoilt(e))?;
        listing.more &= !self.is(Defect::ForgetsPages);
        Ok(listing)
    }

    async fn file_info(&self, path: &str) -> Result<FileInfo> {
        self.host.file_info(path).await.map_err(|e| self.spoilt(e))
    }

    async fn thumbnail<W: Write + ?Sized>(&self, thumbnail: &Thumbnail, to: &mut W) -> Result<u64> {
        self.host.thumbnail(thumbnail, to).await
    }

    async fn delete(&self, path: &str) -> Result<()> {
        if self.is(Defect::OnlySaysDeleted) {
            return Ok(());
        }
        if self.is(Defect::DeletesFolders) {
            for entry in self.host.files(path, Page::first(100)).await.unwrap_or_default().entries {
                self.host.delete(&entry.path).await?;
            }
        }
        self.host.delete(path).await.map_err(|e| self.spoilt(e))
    }

    async fn move_file(&self, from: &str, to: &str) -> Result<String> {
        if self.is(Defect::MovesOverFiles) {
            let _ = self.host.delete(to).await;
        }
        self.host.move_file(from, to).await
    }

    async fn create_folder(&self, path: &str) -> Result<String> {
        self.host.create_folder(path).await
    }

    async fn cameras(&self) -> Result<Vec<Camera>> {
        self.host.cameras().await
    }

    async fn snapshot<W: Write + ?Sized>(&self, camera: &Camera, to: &mut W) -> Result<u64> {
        self.host.snapshot(camera, to).await
    }
}

fn refused(started: &Started, kind: ErrorKind) -> bool {
    matches!(started, Started::No(error) if error.kind() == kind)
}

fn started(outcome: Result<Outcome>) -> Started {
    outcome.map_or_else(Started::No, |outcome| Started::Yes(outcome.confirmation))
}

/// Goes on with zeros where its reader ends.
struct Padded<'a, R: ?Sized>(&'a mut R);

impl<R: ErrorType + ?Sized> ErrorType for Padded<'_, R> {
    type Error = R::Error;
}

impl<R: Read + ?Sized> Read for Padded<'_, R> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, R::Error> {
        Ok(match self.0.read(buf).await? {
            0 => {
                buf.fill(0);
                buf.len()
            }
            n => n,
        })
    }
}

struct Hashed<'a, R: ?Sized> {
    body: &'a mut R,
    sha1: Sha1,
}

impl<R: ErrorType + ?Sized> ErrorType for Hashed<'_, R> {
    type Error = R::Error;
}

impl<R: Read + ?Sized> Read for Hashed<'_, R> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, R::Error> {
        let n = self.body.read(buf).await?;
        self.sha1.update(&buf[..n]);
        Ok(n)
    }
}

/// Holds the last byte back.
struct Held<'a, W: ?Sized> {
    to: &'a mut W,
    last: Option<u8>,
    hold: bool,
    written: u64,
}

impl<W: ErrorType + ?Sized> ErrorType for Held<'_, W> {
    type Error = W::Error;
}

impl<W: Write + ?Sized> Write for Held<'_, W> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, W::Error> {
        self.written += buf.len() as u64;
        match buf.split_last() {
            Some((last, rest)) if self.hold => {
                if let Some(byte) = self.last.replace(*last) {
                    self.to.write_all(&[byte]).await?;
                }
                self.to.write_all(rest).await?;
            }
            _ => self.to.write_all(buf).await?,
        }
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), W::Error> {
        self.to.flush().await
    }
}
