//! The push connection: OctoPrint's raw websocket.

use alloc::{format, string::String};
use core::{convert::Infallible, pin::pin, time::Duration};

use embassy_futures::select::{Either, select};
use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use printhost_core::{
    Clock, Error, ErrorKind, JobTracker, Phase, PrintHost as _, PrinterStatus, Reconnect, Result, within,
};
use printhost_net::{
    Net, json,
    websocket::{self, Message},
};

use crate::{
    OctoPrint,
    api::Call,
    console::Console,
    map,
    wire::{Auth, Current, Login, Order, Push, PushEvent, PushLogs, beginning_of_current},
};

/// How a message with the history begins.
const HISTORY: &[u8] = br#"{"history""#;

/// The longest name or session, in bytes.
pub(crate) const LOGIN: usize = 256;

/// With a valid login something comes at once.
const FIRST_DATA: Duration = Duration::from_secs(5);

/// What is known of the printer from the push connection.
#[derive(Debug)]
pub(crate) struct Live {
    status: Option<PrinterStatus>,
    /// The status was read on this connection.
    synced: bool,
    /// Counts the statuses that were pushed.
    pushed: u32,
    /// Counts the job events that were announced.
    announced: u32,
    jobs: JobTracker,
    /// Why the printer has failed, as an event told: 2.0 says it nowhere else.
    fault: Option<String>,
}

impl Live {
    pub(crate) const fn new() -> Self {
        Self { status: None, synced: false, pushed: 0, announced: 0, jobs: JobTracker::new(), fault: None }
    }

    /// Adds the reason to a status that tells of a failure without one; forgets it when the printer is back.
    pub(crate) fn explain(&mut self, status: &mut PrinterStatus) {
        match status.phase {
            Phase::Faulted if status.fault.is_none() => status.fault.clone_from(&self.fault),
            Phase::Connecting => self.fault = None,
            _ => {}
        }
    }
}

/// Marks the driver as running while it lives.
struct Running<'a, N: Net>(&'a OctoPrint<N>);

impl<N: Net> Drop for Running<'_, N> {
    fn drop(&mut self) {
        self.0.running.lock(|r| r.set(false));
    }
}

/// Marks the console as out of reach when the push connection ends.
struct Connected<'a>(&'a Console);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl<N: Net> OctoPrint<N> {
    /// Connects, follows, reconnects.
    pub(crate) async fn run_forever(&self) -> Result<Infallible> {
        if self.running.lock(|r| r.replace(true)) {
            return Err(Error::new(ErrorKind::Busy, "run").with_detail("it is being run already"));
        }
        let _running = Running(self);
        let parts = self.net.parts();
        let mut reconnect = Reconnect::new();
        loop {
            let (Err(error), synced) = self.session().await;
            let delay = reconnect.after(error, synced, &self.bus, parts.entropy())?;
            parts.clock().sleep(delay).await;
        }
    }

    /// One connection, from login to its end; also tells whether it came to bring anything.
    async fn session(&self) -> (Result<Infallible>, bool) {
        let synced: Signal<CriticalSectionRawMutex, ()> = Signal::new();
        let result = self.session_until_end(&synced).await;
        (result, synced.signaled())
    }

    async fn session_until_end(&self, synced: &Signal<CriticalSectionRawMutex, ()>) -> Result<Infallible> {
        self.live.lock(|l| l.borrow_mut().synced = false);
        let login = self.login().await?;
        let base = self.base("run").await?;
        let socket = websocket::connect(&self.net, &base, "/sockjs/websocket", &[]).await?;
        let auth = Auth { auth: format!("{}:{}", login.name, login.session) };
        let auth = serde_json::to_string(&auth)
            .map_err(|e| Error::new(ErrorKind::InvalidInput, "run").with_detail(e))?;
        self.console.begin(auth);
        let _console = Connected(&self.console);
        let authenticated: Signal<CriticalSectionRawMutex, ()> = Signal::new();
        let run =
            pin!(socket.run(&self.net, &self.console.outbox, |message| self.take(&message, &authenticated)));
        let resync = pin!(async {
            within(self.net.parts().clock(), FIRST_DATA, "run", async {
                authenticated.wait().await;
                Ok(())
            })
            .await
            .map_err(|e| e.with_detail("the login brought no data"))?;
            self.console.open(login.needs.is_none_or(|needs| needs.terminal));
            self.resync().await?;
            synced.signal(());
            core::future::pending().await
        });
        let (Either::First(end) | Either::Second(end)) = select(run, resync).await;
        if end.as_ref().is_err_and(|e| e.kind() == ErrorKind::Timeout) {
            self.net.parts().forget_idle(&base.origin);
        }
        end
    }

    /// A session for the push connection, by the API key.
    async fn login(&self) -> Result<Login> {
        let order = Order { passive: Some(true), ..Order::default() };
        let response = self.post_bytes(Call::post_json("run", "/api/login"), &order.json()).await?;
        let login: Login = self.parse("run", &self.body("run", response).await?)?;
        // They go back as one text.
        let odd = |text: &str| text.len() > LOGIN || text.contains(char::is_control);
        if odd(&login.name) || odd(&login.session) {
            return Err(Error::new(ErrorKind::Protocol, "run").with_detail("an odd name or session"));
        }
        Ok(login)
    }

    /// Reads everything after a gap. What was pushed meanwhile is newer and wins.
    async fn resync(&self) -> Result<()> {
        let counts = || self.live.lock(|l| (l.borrow().pushed, l.borrow().announced));
        // A job that begins or ends while the printer is read makes what was read of it half old, half new.
        let (before, read) = loop {
            let (pushed, announced) = counts();
            let read = self.status().await?;
            if counts().1 == announced {
                break (pushed, read);
            }
        };
        self.live.lock(|l| {
            let mut live = l.borrow_mut();
            // Statuses are pushed with a delay, and events without: only what was read can be later than both.
            for event in live.jobs.observe(&read) {
                self.bus.publish_job(event);
            }
            let pushed = live.status.take().filter(|_| live.pushed != before);
            let status = match pushed {
                Some(mut status) => {
                    if status.tools.is_empty() && status.bed.is_none() {
                        (status.tools, status.bed, status.chamber) = (read.tools, read.bed, read.chamber);
                    }
                    status
                }
                None => read,
            };
            self.bus.publish_resynced(status.clone());
            (live.status, live.synced) = (Some(status), true);
        });
        Ok(())
    }

    /// Takes a message; an error ends the session.
    fn take(&self, message: &Message, authenticated: &Signal<CriticalSectionRawMutex, ()>) -> Result<()> {
        let text = match message {
            Message::Text(text) => text,
            Message::TooLarge { prefix, .. } => {
                self.take_beginning(prefix, authenticated);
                return Ok(());
            }
            _ => return Ok(()),
        };
        // Messages of plugins can look like anything and are none of ours.
        let limit = self.net.parts().limits().message;
        if !json::is_plain(text.as_bytes(), limit) {
            return Ok(());
        }
        let Ok(push) = json::from_slice::<Push>(text.as_bytes()) else { return Ok(()) };
        if push.reauth_required.is_some() {
            return Err(
                Error::new(ErrorKind::Disconnected, "run").with_detail("OctoPrint asks for a new login")
            );
        }
        if push.current.is_some() && self.console.is_listening() {
            let lines = json::from_slice::<PushLogs>(text.as_bytes()).ok();
            self.console.take_lines(lines.map(|push| push.current.logs));
        }
        if push.history.is_some() {
            self.console.take_history();
        }
        if let Some(current) = push.current.or(push.history) {
            authenticated.signal(());
            self.take_current(current);
        } else if let Some(head) = push.event {
            let payload = || json::from_slice::<PushEvent>(text.as_bytes()).ok()?.event.payload;
            if head.kind == "Error" {
                let reason = payload().and_then(|payload| payload.error);
                self.live.lock(|l| l.borrow_mut().fault = reason);
            } else if let Some(event) = map::job_event(&head.kind, payload) {
                let new = self.live.lock(|l| {
                    let mut live = l.borrow_mut();
                    live.announced = live.announced.wrapping_add(1);
                    live.jobs.announce(event)
                });
                if let Some(event) = new {
                    self.bus.publish_job(event);
                }
            }
        }
        Ok(())
    }

    /// Takes what there is of a message that is too large.
    fn take_beginning(&self, message: &[u8], authenticated: &Signal<CriticalSectionRawMutex, ()>) {
        if !message.starts_with(br#"{"connected""#) {
            authenticated.signal(());
        }
        match () {
            () if message.starts_with(HISTORY) => self.console.take_history(),
            () if message.starts_with(br#"{"current""#) => self.console.take_lines(None),
            () => return,
        }
        if json::is_plain(message, self.net.parts().limits().message)
            && let Some(current) = beginning_of_current(message)
        {
            self.take_current(current);
        }
    }

    fn take_current(&self, current: Current) {
        self.live.lock(|l| {
            let mut live = l.borrow_mut();
            let mut status = map::current(current, live.status.as_ref());
            live.explain(&mut status);
            live.pushed = live.pushed.wrapping_add(1);
            if live.synced {
                self.bus.publish_status(status.clone());
            }
            live.status = Some(status);
        });
    }
}
