//! The connection that brings reports and takes orders: the only one that a printer is given.

use alloc::{boxed::Box, string::String};
use core::{convert::Infallible, fmt::Write as _, pin::pin, task::Poll, time::Duration};

use embassy_futures::select::{Either3, select3};
use printhost_core::{Clock as _, Entropy as _, Error, ErrorKind, Reconnect, Result};
use printhost_net::{
    Net,
    mqtt::{self, Login, Message, Options},
};

use crate::{
    Bambu,
    config::USER,
    desk::Line,
    drops::{Drops, HOLD},
};

/// Larger reports are passed over, in bytes. Nothing holds one as a whole, so this is no matter of memory.
const REPORT: usize = 1 << 20;

/// The connection is being polled while this lives.
struct Running<'a, N: Net>(&'a Bambu<N>);

impl<N: Net> Drop for Running<'_, N> {
    fn drop(&mut self) {
        self.0.change(|live| {
            live.synced = false;
            live.desk.end(Line::Stopped, 0);
            live.is_run = false;
        });
    }
}

/// One connection. When it is dropped, orders on their way learn what became of them.
pub(crate) struct Session<'a, N: Net> {
    host: &'a Bambu<N>,
    line: Line,
}

impl<N: Net> Session<'_, N> {
    fn end(mut self, error: &Error) {
        self.line = Line::Down(Some(error.clone()));
    }
}

impl<N: Net> Drop for Session<'_, N> {
    fn drop(&mut self) {
        let line = core::mem::take(&mut self.line);
        self.host.change(|live| {
            live.desk.end(line, self.host.outbox.len());
            self.host.outbox.clear();
        });
    }
}

impl<N: Net> Bambu<N> {
    /// Connects, follows, reconnects.
    pub(crate) async fn run_forever(&self) -> Result<Infallible> {
        self.config.check("run")?;
        if self.with_live(|live| core::mem::replace(&mut live.is_run, true)) {
            return Err(Error::new(ErrorKind::Busy, "run").with_detail("it is being run already"));
        }
        let _running = Running(self);
        let parts = self.net.parts();
        let mut random = [0; 4];
        parts.entropy().fill(&mut random);
        self.with_live(|live| live.desk.count_from(u32::from_le_bytes(random)));
        let clock = parts.clock();
        let (mut reconnect, mut drops) = (Reconnect::new(), Drops::default());
        loop {
            self.change(|live| live.begin());
            let session = Session { host: self, line: Line::Stopped };
            let begun = clock.now();
            let Err(error) = Box::pin(self.session()).await;
            let dropped = drops.after(clock.now().saturating_sub(begun), &error);
            let (synced, renew) =
                self.with_live(|live| (core::mem::take(&mut live.synced), live.renew.take().is_some()));
            let error = dropped.as_ref().unwrap_or(&error);
            session.end(error);
            let mut delay = reconnect.after(error.clone(), synced, &self.bus, parts.entropy())?;
            if dropped.is_some() {
                if !synced && drops.is_first() {
                    self.bus.publish_lost(error.clone());
                }
                delay = HOLD;
            } else if renew {
                delay = delay.min(Duration::from_millis(100));
            }
            clock.sleep(delay).await;
        }
    }

    /// One connection, to its end.
    async fn session(&self) -> Result<Infallible> {
        let mut random = [0; 8];
        self.net.parts().entropy().fill(&mut random);
        let client_id = random.iter().fold(String::from("printhost-"), |mut id, byte| {
            let _ = write!(id, "{byte:02x}");
            id
        });
        let login = Login::new(&client_id, USER, &self.config.code);
        let options = Options::new(REPORT);
        let (listen, tell) = (self.config.report_topic(), self.config.request_topic());
        // Whom to believe is held while it connects, and not for as long as the connection lasts.
        let client = Box::pin(mqtt::connect(&self.net, &self.config.mqtt(), &login, &listen, options))
            .await
            .map_err(|e| self.explain(e.in_operation("run")))?;
        let mut is_asked_for = false;
        let take = |message: Message<'_>| self.take(message, &listen, &mut is_asked_for);
        let client = Box::pin(client.run(&self.net, &tell, &self.outbox, take));
        match select3(client, pin!(self.pump()), pin!(self.keep())).await {
            Either3::First(end) | Either3::Second(end) | Either3::Third(end) => {
                end.map_err(|e| e.in_operation("run"))
            }
        }
    }

    /// What a refusal means for whoever holds the printer's access code.
    fn explain(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Unauthorized => error.with_detail(
                "the printer does not take this access code; it changes when LAN mode or developer mode is switched",
            ),
            _ => error,
        }
    }

    /// Gives the connection one order at a time, so that one that nobody waits for any more can be taken back.
    async fn pump(&self) -> Result<Infallible> {
        loop {
            self.until(|live| {
                let text = live.desk.hand_over()?;
                // It is empty, and nobody else puts anything in.
                let _ = self.outbox.try_send(text);
                Some(())
            })
            .await;
            self.change(|_| {});
            // The client is polled before this and in the same task: whatever wakes it to take the text comes here, too.
            core::future::poll_fn(|_| match self.outbox.is_empty() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            })
            .await;
            self.change(|_| {});
        }
    }

    /// Takes what comes on this topic; what comes on another one is about another printer.
    fn take(&self, message: Message<'_>, listen: &str, is_asked_for: &mut bool) -> Result<()> {
        match message {
            Message::Begin { topic, .. } => {
                *is_asked_for = topic == listen;
                self.with_live(|live| live.begin_message());
            }
            Message::Piece(bytes) if *is_asked_for => self.with_live(|live| live.take_piece(bytes)),
            Message::End if *is_asked_for => self.change(|live| {
                live.end_message();
                self.publish(live);
            }),
            Message::Skipped(_) => self.change(|live| live.missed = true),
            _ => {}
        }
        Ok(())
    }

    /// What is known now, if it is the truth.
    pub(crate) fn publish(&self, live: &mut crate::live::Live) {
        if live.synced {
            let status = live.status();
            let events = live.observe(&status, self.net.parts().clock().now());
            events.into_iter().for_each(|event| self.bus.publish_job(event));
            self.bus.publish_status(status);
        }
    }
}
