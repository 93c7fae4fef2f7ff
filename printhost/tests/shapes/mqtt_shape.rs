//! Changes over one byte stream, commands on the same: the shape of Bambu Lab's MQTT, over lines of text.

extern crate alloc;

use alloc::{borrow::ToOwned as _, format, string::String, vec::Vec};
use core::{cell::RefCell, convert::Infallible, pin::pin, time::Duration};

use embassy_futures::select::{Either4, select4};
use embassy_sync::blocking_mutex::{Mutex, raw::CriticalSectionRawMutex};
use embedded_io_async::{Read, Write};
use printhost_core::{
    Capabilities, Command, Error, ErrorKind, EventBus, Events, HostInfo, Job, JobTracker, Outcome, Phase,
    PrintHost, PrinterStatus, Reconnect, Result, Retry, Secret, within,
};
use printhost_net::{
    Clock as _, Conn as _, Net, Origin,
    link::{Link, Session},
    websocket::Outbox,
};

/// How long a command's effect may take to show, and the host to answer.
const EFFECT: Duration = Duration::from_secs(15);
/// The longest line.
const LINE: usize = 1024;

/// A printer that tells changes, over one connection that also takes its commands.
pub struct DeltaPrinter<N: Net> {
    net: N,
    origin: Origin,
    key: Secret,
    link: Link,
    bus: EventBus,
    live: Mutex<CriticalSectionRawMutex, RefCell<Live>>,
}

/// What is known of the printer from its reports.
struct Live {
    /// `None` until this connection brought a full report: changes alone are not the truth.
    report: Option<Report>,
    expected: Vec<(u32, Effect)>,
    jobs: JobTracker,
}

/// What a call waits for, since no message answers another here.
#[derive(Clone, Copy)]
enum Effect {
    Welcome,
    FullReport,
    Shows(fn(Phase) -> bool),
}

/// A report, full or not. A field that is absent has not changed.
#[derive(Clone, Debug, Default, PartialEq)]
struct Report {
    state: Option<String>,
    file: Option<String>,
    percent: Option<u8>,
}

impl<N: Net> DeltaPrinter<N> {
    /// A driver that has not connected yet.
    pub const fn new(net: N, origin: Origin, key: Secret) -> Self {
        let live = Live { report: None, expected: Vec::new(), jobs: JobTracker::new() };
        let live = Mutex::new(RefCell::new(live));
        Self { net, origin, key, link: Link::new(), bus: EventBus::new(), live }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Live) -> T) -> T {
        self.live.lock(|live| act(&mut live.borrow_mut()))
    }

    /// One connection, to its end.
    async fn session(&self, session: &Session<'_>) -> Result<Infallible> {
        self.with(|live| live.report = None);
        let mut conn = self.net.parts().dial(&self.origin).await?;
        let (reader, writer) = conn.split().await.map_err(broke)?;
        let receive = pin!(self.receive(reader));
        let send = pin!(send(writer, session.outbox()));
        let pump = pin!(session.pump());
        let begin = pin!(async {
            let login = format!("login {}", self.key.expose());
            self.begin(session.call("run", self.expecting(Effect::Welcome, login))).await?;
            self.begin(session.call("run", self.expecting(Effect::FullReport, "pushall".into()))).await?;
            session.admit();
            core::future::pending().await
        });
        match select4(receive, send, pump, begin).await {
            Either4::First(end) | Either4::Second(end) | Either4::Third(end) | Either4::Fourth(end) => end,
        }
    }

    async fn begin(&self, call: impl Future<Output = Result<String>>) -> Result<String> {
        within(self.net.parts().clock(), EFFECT, "run", call).await
    }

    async fn receive(&self, mut reader: impl Read) -> Result<Infallible> {
        let mut bytes = Vec::new();
        loop {
            let mut chunk = [0; 128];
            match reader.read(&mut chunk).await.map_err(broke)? {
                0 => return Err(Error::new(ErrorKind::Disconnected, "run").with_detail("closed by the host")),
                n => bytes.extend_from_slice(&chunk[..n]),
            }
            while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
                self.take(core::str::from_utf8(&bytes[..end]).unwrap_or_default())?;
                bytes.drain(..=end);
            }
            if bytes.len() > LINE {
                return Err(Error::new(ErrorKind::Protocol, "run").with_detail("a line without end"));
            }
        }
    }

    /// Takes a line; an error ends the session.
    fn take(&self, line: &str) -> Result<()> {
        match line.split_once(' ').unwrap_or((line, "")) {
            ("welcome", version) => self.settle(version, |effect| matches!(effect, Effect::Welcome)),
            ("denied", why) => return Err(Error::new(ErrorKind::Unauthorized, "run").with_detail(why)),
            ("full", fields) => self.merge(Report::default(), fields, true),
            ("delta", fields) => {
                if let Some(known) = self.with(|live| live.report.clone()) {
                    self.merge(known, fields, false);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn merge(&self, mut report: Report, fields: &str, full: bool) {
        for (name, value) in fields.split(' ').filter_map(|field| field.split_once('=')) {
            match name {
                "state" => report.state = Some(value.to_owned()),
                "file" => report.file = Some(value.to_owned()),
                "percent" => report.percent = value.parse().ok(),
                _ => {}
            }
        }
        let status = report.status();
        let phase = status.phase;
        self.with(|live| {
            live.jobs.observe(&status).for_each(|event| self.bus.publish_job(event));
            match live.report.replace(report) {
                None => self.bus.publish_resynced(status),
                Some(_) => self.bus.publish_status(status),
            }
        });
        self.settle("", |effect| match effect {
            Effect::Welcome => false,
            Effect::FullReport => full,
            Effect::Shows(shows) => shows(phase),
        });
    }

    /// Makes the text of a call whose answer will be an effect.
    fn expecting(&self, effect: Effect, text: String) -> impl FnOnce(u32) -> String {
        move |id| {
            self.with(|live| live.expected.push((id, effect)));
            text
        }
    }

    /// Answers the calls whose effect has come, and forgets those that nobody waits for any more.
    fn settle(&self, answer: &str, has_come: impl Fn(Effect) -> bool) {
        let expected = self.with(|live| live.expected.clone());
        for (id, _) in expected.iter().filter(|(_, effect)| has_come(*effect)) {
            self.link.answer(*id, answer.to_owned());
        }
        self.with(|live| live.expected.retain(|(id, _)| self.link.waits(*id)));
    }

    /// Sends a command once, and waits for a report that shows its effect.
    async fn order(
        &self,
        operation: &'static str,
        text: String,
        shows: fn(Phase) -> bool,
    ) -> Result<Outcome> {
        let call = self.link.call(operation, self.expecting(Effect::Shows(shows), text));
        match within(self.net.parts().clock(), EFFECT, operation, call).await {
            Ok(_) => Ok(Outcome::confirmed()),
            Err(e) if e.retry() == Retry::ReadFirst || e.kind() == ErrorKind::Timeout => Err(e.unconfirmed()),
            Err(e) => Err(e),
        }
    }
}

impl<N: Net> PrintHost for DeltaPrinter<N> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::NONE;
        (can.start, can.pause, can.resume, can.cancel, can.push) = (true, true, true, true, true);
        can
    }

    async fn connect(&self) -> Result<HostInfo> {
        self.status().await.map_err(|e| e.in_operation("connect"))?;
        Ok(HostInfo::new("DeltaPrinter", ""))
    }

    /// Needs [`PrintHost::run`]: such printers take one connection at a time.
    async fn status(&self) -> Result<PrinterStatus> {
        let call = self.link.call("status", self.expecting(Effect::FullReport, "pushall".into()));
        within(self.net.parts().clock(), EFFECT, "status", call)
            .await
            .map_err(|e| e.with_retry(Retry::Safe))?;
        let report = self.with(|live| live.report.clone());
        report.map(|report| report.status()).ok_or(Error::new(ErrorKind::Disconnected, "status"))
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        let running = self.link.start()?;
        let parts = self.net.parts();
        let mut reconnect = Reconnect::new();
        loop {
            let session = running.open();
            let Err(error) = self.session(&session).await;
            session.end(error.clone());
            let synced = self.with(|live| live.report.is_some());
            let delay = reconnect.after(error, synced, &self.bus, parts.entropy())?;
            parts.clock().sleep(delay).await;
        }
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        if path.is_empty() || path.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(Error::new(ErrorKind::InvalidInput, "start").with_detail("the name has a blank"));
        }
        self.order("start", format!("print {path}"), Phase::has_job).await
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        let (text, shows): (&str, fn(Phase) -> bool) = match command {
            Command::Pause => ("pause", |phase| phase == Phase::Paused),
            Command::Resume => ("resume", |phase| phase == Phase::Printing),
            Command::Cancel => ("cancel", |phase| !phase.has_job()),
            _ => return Err(Error::unsupported(command.name())),
        };
        self.order(command.name(), text.into(), shows).await
    }
}

impl Report {
    fn status(&self) -> PrinterStatus {
        let mut status = PrinterStatus::default();
        status.state_text = self.state.clone().unwrap_or_default();
        status.phase = match status.state_text.as_str() {
            "standby" => Phase::Idle,
            "printing" => Phase::Printing,
            "paused" => Phase::Paused,
            "complete" => Phase::Finished,
            "cancelled" => Phase::Cancelled,
            _ => Phase::Unknown,
        };
        status.job = self.file.as_ref().filter(|file| !file.is_empty()).map(|file| {
            let mut job = Job::default();
            job.path = Some(file.clone());
            job.progress = self.percent.map(|percent| f32::from(percent) / 100.0);
            job
        });
        status
    }
}

async fn send(mut writer: impl Write, outbox: &Outbox) -> Result<Infallible> {
    loop {
        let mut line = outbox.receive().await;
        line.push('\n');
        writer.write_all(line.as_bytes()).await.map_err(broke)?;
        writer.flush().await.map_err(broke)?;
    }
}

fn broke<E: core::error::Error>(error: E) -> Error {
    Error::new(ErrorKind::Disconnected, "run").with_detail(error)
}
