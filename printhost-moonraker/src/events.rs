//! The connection that brings events: Moonraker's websocket, which carries calls, too.

use core::{convert::Infallible, pin::pin};

use embassy_futures::select::{Either3, select3};
use printhost_core::{Clock as _, Error, ErrorKind, JobEvent, Reconnect, Result};
use printhost_net::{
    Net,
    link::Session,
    proto::json_rpc::answered_id,
    websocket::{self, Message},
};

use crate::{
    Moonraker,
    live::Live,
    map::Klippy,
    wire::{
        HistoryChanged,
        json::{Malformed, Reader},
        rpc::{self, Told},
    },
};

/// No more calls pass when the connection ends.
struct Connected<'a, N: Net>(&'a Moonraker<N>);

impl<N: Net> Drop for Connected<'_, N> {
    fn drop(&mut self) {
        self.0.with_live(|live| live.open = false);
        self.0.console.close();
    }
}

impl<N: Net> Moonraker<N> {
    /// Connects, follows, reconnects.
    pub(crate) async fn run_forever(&self) -> Result<Infallible> {
        let running = self.link.start()?;
        let parts = self.net.parts();
        let mut reconnect = Reconnect::new();
        loop {
            let session = running.open();
            let Err(error) = self.session(&session).await;
            session.end(error.clone());
            let synced = self.with_live(|live| core::mem::take(&mut live.synced));
            let delay = reconnect.after(error, synced, &self.bus, parts.entropy())?;
            parts.clock().sleep(delay).await;
        }
    }

    /// One connection, to its end.
    async fn session(&self, session: &Session<'_>) -> Result<Infallible> {
        self.with_live(Live::begin);
        let _connected = Connected(self);
        let base = self.base("run").await?;
        let socket = websocket::connect(&self.net, &base, "/websocket", &[]).await?;
        let socket = pin!(socket.run(&self.net, session.outbox(), |message| self.take(message)));
        let end = match select3(socket, pin!(session.pump()), pin!(self.keep(session, &base))).await {
            Either3::First(end) | Either3::Second(end) | Either3::Third(end) => end,
        };
        if end.as_ref().is_err_and(|e| e.kind() == ErrorKind::Timeout) {
            self.net.parts().forget_idle(&base.origin);
        }
        end
    }

    /// Takes a message; an error ends the session. State is merged here, in the order of the wire, also when it comes as
    /// an answer: whoever waits for that wakes later, when newer changes may have come.
    fn take(&self, message: Message) -> Result<()> {
        let text = match message {
            Message::Text(text) => text,
            Message::TooLarge { prefix, suffix, len } => {
                self.take_ends(&prefix, &suffix, len);
                return Ok(());
            }
            _ => return Ok(()),
        };
        let told = match rpc::told(text.as_bytes()) {
            Ok(told) => told,
            Err(Malformed) => return Err(malformed()),
        };
        match told {
            Told::Changes(changes) => self.take_changes(changes)?,
            Told::Notice(method, first) => self.take_notice(method, first),
            Told::Answer(id) => {
                if self.with_live(|live| live.subscribing == Some(id)) {
                    self.take_subscribed(&text);
                }
                self.link.answer(id, text);
            }
            Told::Other => {}
        }
        Ok(())
    }

    fn take_changes(&self, mut changes: Reader<'_>) -> Result<()> {
        let ready = self.with_live(|live| {
            if !live.subscribed {
                return Ok(());
            }
            live.updates = live.updates.wrapping_add(1);
            let changed = live.objects.merge(&mut changes)?;
            if changed {
                self.publish(live);
            }
            Ok(())
        });
        ready.map_err(|Malformed| malformed())
    }

    /// All the objects, in place of what was known of them.
    fn take_subscribed(&self, answer: &str) {
        let Ok(mut status) = rpc::status(answer.as_bytes()) else { return };
        self.with_live(|live| {
            live.objects.clear();
            if live.objects.merge(&mut status).is_ok() {
                live.set_klippy(Klippy::Up);
                live.subscribed = true;
                live.subscribing = None;
                self.publish(live);
            }
        });
    }

    fn take_notice(&self, method: &[u8], first: Option<Reader<'_>>) {
        match method {
            b"notify_klippy_ready" => self.with_live(|live| {
                (live.ready_told, live.subscribed, live.known) = (true, false, None);
            }),
            b"notify_klippy_disconnected" => self.with_live(|live| {
                live.set_klippy(Klippy::Disconnected);
                self.publish(live);
            }),
            b"notify_klippy_shutdown" => {}
            b"notify_gcode_response" => {
                if let Some(line) = first {
                    self.console.take(line);
                }
                return;
            }
            b"notify_history_changed" => {
                if let Some(changed) = first.and_then(|mut r| r.raw().ok())
                    && let Ok(changed) = serde_json::from_slice::<HistoryChanged>(changed)
                {
                    self.take_history(&changed);
                }
                return;
            }
            _ => return,
        }
        self.look.signal(());
    }

    fn take_history(&self, changed: &HistoryChanged) {
        self.with_live(|live| {
            if live.synced {
                let mut events = alloc::vec::Vec::new();
                live.jobs.changed(changed.action.0 == "added", &changed.job, &mut events);
                self.publish_jobs(events);
            }
        });
    }

    /// A message that is too large: somebody's answer, or an entry of the history, which has everything in it that is
    /// known of the file.
    fn take_ends(&self, prefix: &[u8], suffix: &[u8], len: u64) {
        if let Some(id) = answered_id(prefix, suffix) {
            let error = Error::new(ErrorKind::TooLarge, "websocket");
            self.link.fail(id, error.with_detail(format_args!("an answer of {len} bytes")));
        } else if prefix.windows(NOTICE.len()).take(64).any(|window| window == NOTICE) {
            self.with_live(|live| live.wants_history = true);
            self.look.signal(());
        }
    }

    /// What is known now, if it is the truth.
    pub(crate) fn publish(&self, live: &mut Live) {
        if live.synced {
            let status = live.status();
            let events = live.observe(&status);
            self.publish_jobs(events);
            self.bus.publish_status(status);
            if live.wants_history {
                self.look.signal(());
            }
        }
    }

    pub(crate) fn publish_jobs(&self, events: alloc::vec::Vec<JobEvent>) {
        events.into_iter().for_each(|event| self.bus.publish_job(event));
    }
}

const NOTICE: &[u8] = br#""notify_history_changed""#;

fn malformed() -> Error {
    Error::new(ErrorKind::Protocol, "run").with_detail("Moonraker has sent what is not JSON")
}
