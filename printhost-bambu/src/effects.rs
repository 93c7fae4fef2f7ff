//! An order is sent once, and counts by its effect: what the printer answers says that it was received, no more.

use core::{future::poll_fn, task::Poll, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{Clock as _, Error, ErrorKind, Outcome, Result, Retry};
use printhost_net::Net;

use crate::{
    Bambu, codes,
    desk::{Lost, Reply},
    live::Live,
    wire::{
        feed::REASON,
        orders::{Order, push_all},
    },
};

/// Printers answer within a tenth of a second. After this silence the printer is asked something that it answers to everybody.
const ASK_AFTER: Duration = Duration::from_millis(2500);
/// A printer that has answered that by now, and not the order, has dropped it.
const DROPPED: Duration = Duration::from_millis(4500);
/// A printer that has answered nothing at all by now still tells what it does and takes no orders any more.
const DEAF: Duration = Duration::from_secs(10);
/// How long everything may take that was asked for.
const WHOLE: Duration = Duration::from_secs(2);
/// How long the effect of an order may take that the printer has received.
const TO_SHOW: Duration = Duration::from_secs(10);
/// How long the begin of a print may take to show: the printer unpacks the file first.
pub(crate) const TO_BEGIN: Duration = Duration::from_secs(25);
/// How long another connection may take after the one that carried an order has ended, and then its effect.
const TO_RETURN: Duration = Duration::from_secs(40);
const TO_SHOW_AFTER_LOSS: Duration = Duration::from_secs(5);

/// An order that somebody waits for. Dropped before it is sent it is never sent.
pub(crate) struct Ticket<'a, N: Net> {
    host: &'a Bambu<N>,
    pub(crate) number: u32,
}

impl<N: Net> Drop for Ticket<'_, N> {
    fn drop(&mut self) {
        // Who waits for the answer to the same question may have to ask now.
        self.host.change(|live| {
            if live.desk.forget(self.number, self.host.outbox.len()) {
                let _ = self.host.outbox.try_receive();
            }
        });
    }
}

/// What became of an order.
enum End {
    Shown,
    Refused(Error),
    Lost(Lost),
}

impl<N: Net> Bambu<N> {
    /// Waits until something holds.
    pub(crate) async fn until<T>(&self, mut look: impl FnMut(&mut Live) -> Option<T>) -> T {
        poll_fn(|context| {
            self.with_live(|live| match look(live) {
                Some(found) => Poll::Ready(found),
                None => {
                    live.wake_later(context.waker());
                    Poll::Pending
                }
            })
        })
        .await
    }

    /// As [`Self::until`], but for so long at most.
    pub(crate) async fn until_or<T>(
        &self,
        limit: Duration,
        look: impl FnMut(&mut Live) -> Option<T>,
    ) -> Option<T> {
        match select(self.until(look), self.net.parts().clock().sleep(limit)).await {
            Either::First(found) => Some(found),
            Either::Second(()) => None,
        }
    }

    /// Waits until what is known of the printer is true and orders pass; fails when that is not being worked on.
    pub(crate) async fn admit(&self, operation: &'static str) -> Result<()> {
        self.until(|live| match live.desk.is_open(operation) {
            Ok(true) => Some(Ok(())),
            Ok(false) => None,
            Err(e) => Some(Err(e)),
        })
        .await
    }

    /// Puts an order on its way.
    pub(crate) fn send(&self, operation: &'static str, order: &Order, is_own: bool) -> Result<Ticket<'_, N>> {
        let number = self.change(|live| live.desk.put(operation, order, is_own))?;
        Ok(Ticket { host: self, number })
    }

    /// Asks what every printer answers, unless somebody else has, and is not answered yet.
    fn ask(&self, live: &mut Live, operation: &'static str) -> Option<Ticket<'_, N>> {
        let number = live.desk.ask(operation)?;
        live.wake();
        Some(Ticket { host: self, number })
    }

    /// Asks the printer something that it answers to everybody, so that what is known is no older than this.
    pub(crate) async fn refresh(&self, operation: &'static str) -> Result<()> {
        self.admit(operation).await?;
        let before = self.with_live(|live| live.answers);
        let mut asked = None;
        let limit = self.net.parts().limits().answer.min(DEAF);
        let answered = self.until_or(limit, |live| {
            if live.answers != before {
                return Some(Ok(()));
            }
            if let Some(Ticket { number, .. }) = &asked {
                return live.desk.lost(*number).map(|lost| Err(lost.error));
            }
            if let Err(e) = live.desk.is_open(operation) {
                return Some(Err(e));
            }
            asked = self.ask(live, operation);
            None
        });
        match answered.await {
            Some(answered) => answered,
            None => {
                let error = Error::new(ErrorKind::Timeout, operation)
                    .with_detail(format_args!("the printer answers nothing for {} s", limit.as_secs()));
                self.renew(&error);
                Err(error)
            }
        }
    }

    /// Asks for everything, so that what somebody has just begun at the screen is known: changes are told a second or two
    /// late. It is work for small printers, and for where something would move otherwise, or a file be taken away.
    pub(crate) async fn refresh_all(&self, operation: &'static str) -> Result<()> {
        self.admit(operation).await?;
        let before = self.with_live(|live| live.wholes);
        let asked = self.send(operation, &push_all(), false)?;
        let _ = self.until_or(WHOLE, |live| (live.wholes != before).then_some(())).await;
        drop(asked);
        // Some may never call a report a whole one; this they answer in any case.
        self.refresh(operation).await
    }

    /// Lets the connection be made anew.
    fn renew(&self, why: &Error) {
        self.change(|live| live.renew = Some(why.clone()));
    }

    /// Sends an order once and waits for its effect.
    ///
    /// `Confirmed` when a report shows it, `Accepted` when the printer has received the order and what it does cannot be
    /// seen, or not yet. [`ErrorKind::ControlBlocked`] when it takes no control; [`ErrorKind::Unconfirmed`] when nobody can
    /// say whether it was carried out.
    pub(crate) async fn carry_out(
        &self,
        operation: &'static str,
        order: &Order,
        shows: Option<&(dyn Fn(&Live) -> bool + Send + Sync)>,
    ) -> Result<Outcome> {
        self.carry_out_if(&|_, _| Ok(()), operation, order, shows).await
    }

    /// As [`Self::carry_out`], if the printer may be told so as it is known at the moment of sending, which is told as well:
    /// what was asked before may be over by then, and the connection another one.
    pub(crate) async fn carry_out_if(
        &self,
        may: &(dyn Fn(&mut Live, Duration) -> Result<()> + Send + Sync),
        operation: &'static str,
        order: &Order,
        shows: Option<&(dyn Fn(&Live) -> bool + Send + Sync)>,
    ) -> Result<Outcome> {
        self.admit(operation).await?;
        let is_control = order.is_control();
        let now = self.net.parts().clock().now();
        let (was_shown, before, number) = self.change(|live| {
            if !live.desk.is_open(operation)? {
                let why = "the connection is gone";
                return Err(Error::new(ErrorKind::Disconnected, operation).with_detail(why));
            }
            if is_control && live.needs_signature() {
                return Err(codes::blocked(operation));
            }
            may(live, now)?;
            let was_shown = shows.is_some_and(|shows| shows(live));
            Ok((was_shown, live.errors(), live.desk.put(operation, order, false)?))
        })?;
        let ticket = Ticket { host: self, number };
        // What was so before is no effect, unless the printer says that it has the order.
        let end = |live: &mut Live| {
            if let Some(lost) = live.desk.lost(number) {
                return Some(End::Lost(lost));
            }
            if !live.desk.is_handed(number) {
                return None;
            }
            let reply = live.desk.replied(number);
            if let Some(Reply::Refused { code, reason }) = reply {
                return Some(End::Refused(codes::refused(
                    operation,
                    *code,
                    &self.config.code.redact_cut(reason, REASON),
                )));
            }
            // It repeats the order and nothing else, and shows why among its health messages, maybe since an earlier one.
            if reply == Some(&Reply::Bare) && live.errors().is_unsigned {
                let error = codes::blocked(operation);
                // What it shows may speak of an earlier order, and this one be carried out.
                return Some(End::Refused(match before.is_unsigned {
                    true => error.with_retry(Retry::ReadFirst),
                    false => error,
                }));
            }
            let is_taken = reply == Some(&Reply::Taken);
            if shows.is_some_and(|shows| shows(live)) && (!was_shown || is_taken) {
                return Some(End::Shown);
            }
            // Of a print that cannot begin; other orders may raise what is no failure of theirs.
            if operation == "start"
                && let Some(error) = live.start_failure(operation)
            {
                return Some(End::Refused(error));
            }
            live.errors().blocked_since(&before).then(|| End::Refused(codes::blocked(operation)))
        };
        let clock = self.net.parts().clock();
        let begun = clock.now();
        let is_done = |live: &mut Live| {
            let is_taken = live.desk.replied(number) == Some(&Reply::Taken);
            end(live).map(Some).or_else(|| is_taken.then_some(None))
        };
        let left = |until: Duration| until.saturating_sub(clock.now().saturating_sub(begun));

        let mut done = self.until_or(left(ASK_AFTER), is_done).await;
        if done.is_none() {
            let answers = self.with_live(|live| live.answers);
            let _asked = self.change(|live| self.ask(live, operation));
            done = self.until_or(left(DROPPED), is_done).await;
            let is_answered = self.with_live(|live| live.answers) != answers;
            let is_bare = self.with_live(|live| live.desk.replied(number) == Some(&Reply::Bare));
            // A print may begin long after it was ordered: of one that has not, nobody can say that it never will.
            if done.is_none() && is_answered && operation == "start" {
                return Err(Error::new(ErrorKind::Unconfirmed, operation).with_detail(
                    "the printer answers questions and not this order; it is slow, or its developer mode is off",
                ));
            }
            if done.is_none() && is_answered && is_control && !is_bare {
                return Err(codes::blocked(operation).with_retry(Retry::ReadFirst).with_detail(
                    "the printer answers questions and drops this order; see its developer mode",
                ));
            }
            if done.is_none() {
                done = self.until_or(left(DEAF), is_done).await;
            }
            if done.is_none() {
                let error = Error::new(ErrorKind::Timeout, operation)
                    .with_detail("the printer has not answered this order");
                if !is_answered && self.with_live(|live| live.answers) == answers {
                    self.renew(&error);
                    done = self.until_or(TO_SHOW_AFTER_LOSS, |live| end(live).map(Some)).await;
                }
                if done.is_none() {
                    return Err(error.unconfirmed());
                }
            }
        }
        if let Some(None) = done {
            // It was received.
            let limit = if shows.is_some() { TO_SHOW } else { Duration::from_millis(300) };
            done = Some(self.until_or(limit, end).await);
        }
        match done.flatten() {
            None => Ok(Outcome::accepted()),
            Some(End::Shown) => Ok(Outcome::confirmed()),
            Some(End::Refused(error)) => Err(error),
            Some(End::Lost(lost)) => {
                drop(ticket);
                self.settle(lost, shows).await
            }
        }
    }

    /// The connection has ended under an order: what the printer shows on the next one settles it. It is never sent again.
    pub(crate) async fn settle(
        &self,
        lost: Lost,
        shows: Option<&(dyn Fn(&Live) -> bool + Send + Sync)>,
    ) -> Result<Outcome> {
        if !lost.may_have_come {
            return Err(lost.error);
        }
        let error = lost.error.unconfirmed();
        let Some(shows) = shows else { return Err(error) };
        // Between two attempts it is not open; whether another one is made is not for this to say.
        let is_back = self.until_or(TO_RETURN, |live| {
            (live.desk.is_stopped() || live.desk.is_open("run") == Ok(true)).then(|| !live.desk.is_stopped())
        });
        if is_back.await != Some(true) {
            return Err(error);
        }
        let is_start = error.operation() == "start";
        let limit = if is_start { TO_BEGIN } else { TO_SHOW_AFTER_LOSS };
        let settled = self.until_or(limit, |live| match shows(live) {
            true => Some(Ok(Outcome::confirmed())),
            false => is_start.then(|| live.start_failure("start")).flatten().map(Err),
        });
        settled.await.unwrap_or(Err(error))
    }
}
