//! Who asks for what is not told: everything at the begin, and now and then again.

use alloc::vec::Vec;
use core::{convert::Infallible, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{Clock as _, Error, ErrorKind, Result};
use printhost_net::Net;

use crate::{
    Bambu,
    live::Live,
    wire::orders::{Order, get_version, push_all},
};

/// How long the first whole report may take; it is asked for twice meanwhile.
const FIRST: Duration = Duration::from_secs(5);
/// Printers that tell changes are asked for everything so often, and no more: it is work for the small ones.
const EVERYTHING: Duration = Duration::from_secs(300);
/// Unless something was missed; then after this, and ever less often when that brings nothing that can be read.
const MISSED: Duration = Duration::from_secs(30);
/// How long the rest of a message may take in which a job begins or ends.
const TO_TELL: Duration = Duration::from_secs(2);
/// A printer that has told nothing for so long is asked something.
const QUIET: Duration = Duration::from_secs(30);
/// And is deaf, or no longer heard, when it does not answer that.
const ANSWERS: Duration = Duration::from_secs(10);

/// When everything is asked for.
#[derive(Debug)]
struct Everything {
    asked: Duration,
    /// How long to wait when something was missed.
    patience: Duration,
}

impl Everything {
    const fn asked(now: Duration) -> Self {
        Self { asked: now, patience: MISSED }
    }

    /// When it is the next time.
    fn next(&self, missed: bool) -> Duration {
        self.asked + if missed { self.patience } else { EVERYTHING }
    }

    /// It is now.
    fn ask(&mut self, now: Duration, missed: bool) {
        self.asked = now;
        self.patience = if missed { (2 * self.patience).min(EVERYTHING) } else { MISSED };
    }
}

impl<N: Net> Bambu<N> {
    /// Brings a connection to know everything, and keeps it so.
    pub(crate) async fn keep(&self) -> Result<Infallible> {
        self.learn_everything().await?;
        self.catch_up();
        let clock = self.net.parts().clock();
        let mut everything = Everything::asked(clock.now());
        let (mut heard, mut quiet) = (self.with_live(|live| live.heard), clock.now() + QUIET);
        loop {
            let (missed, turned) = self.with_live(|live| (live.missed, live.turned()));
            let settles = turned.map(|since| since + TO_TELL);
            let next = quiet.min(everything.next(missed)).min(settles.unwrap_or(Duration::MAX));
            let changed = self.until(|live| match &live.renew {
                Some(why) => Some(Some(why.clone())),
                None => ((live.missed, live.turned()) != (missed, turned)).then_some(None),
            });
            match select(changed, clock.sleep(next.saturating_sub(clock.now()))).await {
                Either::First(Some(why)) => {
                    return Err(Error::new(ErrorKind::Disconnected, "run")
                        .with_detail(why.detail().unwrap_or("the printer takes no orders any more")));
                }
                Either::First(None) => continue,
                Either::Second(()) => {}
            }
            if settles.is_some_and(|at| at <= clock.now()) {
                self.change(|live| {
                    let events = live.settle();
                    events.into_iter().for_each(|event| self.bus.publish_job(event));
                });
            }
            if everything.next(missed) <= clock.now() {
                everything.ask(clock.now(), missed);
                self.with_live(|live| live.missed = false);
                self.tell(push_all()).await?;
            }
            if quiet <= clock.now() {
                if self.with_live(|live| live.heard) == heard {
                    self.is_there().await?;
                }
                (heard, quiet) = (self.with_live(|live| live.heard), clock.now() + QUIET);
            }
        }
    }

    async fn learn_everything(&self) -> Result<()> {
        let is_whole = |live: &mut Live| live.is_whole.then_some(());
        for _ in 0..2 {
            self.tell(get_version()).await?;
            self.tell(push_all()).await?;
            if self.until_or(FIRST, is_whole).await.is_some() {
                return Ok(());
            }
        }
        // Some may never call a report a whole one.
        if self.with_live(|live| live.report().gcode_state.is_some()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Timeout, "run")
            .with_detail("the printer tells nothing; is the serial number right, with its capitals?"))
    }

    /// Sends an order of the connection's own, and does not wait for an answer.
    async fn tell(&self, order: Order) -> Result<()> {
        let ticket = self.send("run", &order, true)?;
        // Until it is taken, it could be taken back.
        let is_sent = |live: &mut Live| live.desk.is_handed(ticket.number) && self.outbox.is_empty();
        match self.until_or(ANSWERS, |live| is_sent(live).then_some(())).await {
            Some(()) => Ok(()),
            None => Err(Error::new(ErrorKind::Timeout, "run").with_detail("the connection takes nothing")),
        }
    }

    async fn is_there(&self) -> Result<()> {
        let heard = self.with_live(|live| live.heard);
        self.tell(get_version()).await?;
        match self.until_or(ANSWERS, |live| (live.heard != heard).then_some(())).await {
            Some(()) => Ok(()),
            None => Err(Error::new(ErrorKind::Timeout, "run").with_detail("the printer has gone silent")),
        }
    }

    /// What has happened since the last connection, and what is now.
    fn catch_up(&self) {
        self.change(|live| {
            let status = live.status();
            let events: Vec<_> = live.catch_up(&status);
            events.into_iter().for_each(|event| self.bus.publish_job(event));
            live.synced = true;
            self.bus.publish_resynced(status);
            live.desk.open();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_asked_for_soon_after_something_was_missed_but_seldom_again() {
        let second = Duration::from_secs;
        let mut everything = Everything::asked(second(100));
        assert_eq!((everything.next(false), everything.next(true)), (second(400), second(130)));
        for (at, next) in [(130, 190), (190, 310), (310, 550), (550, 850), (850, 1150)] {
            everything.ask(second(at), true);
            assert_eq!(everything.next(true), second(next));
        }
        everything.ask(second(1150), false);
        assert_eq!(everything.next(true), second(1180));
    }
}
