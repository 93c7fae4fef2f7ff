use alloc::string::String;
use core::cell::Cell;

use embassy_futures::select::{Either, select};
use embassy_sync::{
    blocking_mutex::{Mutex, raw::CriticalSectionRawMutex},
    pubsub::{PubSubChannel, Subscriber, WaitResult},
    watch::{Receiver, Watch},
};

use crate::{Error, ErrorKind, PrinterStatus, Result};

/// How many [`Events`] can exist at once for one host. A program with more listeners fans out from one of them.
pub const SUBSCRIBERS: usize = 4;

/// How many happenings a slow listener may be behind before it is told that it missed some.
pub const EVENT_QUEUE: usize = 8;

/// Something that happened to a printer or to the connection with its host.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The printer's status, when it changed. Only the newest is kept: a slow listener skips intermediate ones.
    Status(PrinterStatus),
    /// A job started, paused, ended. Queued, in order; none is lost without [`Event::Skipped`].
    Job {
        /// What happened.
        event: JobEvent,
        /// It was worked out from what the host says after a gap, and not watched: when it happened is not known.
        inferred: bool,
    },
    /// The connection to the host is gone. What follows may have a gap, until [`Event::Resynced`].
    Lost(Error),
    /// The connection is there (again), and the whole status has been read: an [`Event::Status`] follows.
    Resynced,
    /// This listener was too slow and missed so many job or connection events. Read the status.
    Skipped(u64),
}

/// A change of the job a printer has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEvent {
    /// A job began.
    Started {
        /// The file's path on the host, if told.
        path: Option<String>,
    },
    /// The job is paused; the machine stands still.
    Paused,
    /// The job continues.
    Resumed,
    /// The job ran to its end.
    Finished,
    /// Somebody cancelled the job.
    Cancelled,
    /// The job broke off.
    Failed {
        /// The host's own words, if it had any.
        reason: Option<String>,
    },
    /// The job is over, and how it ended could not be seen (it ended while the connection was gone).
    Ended,
}

impl JobEvent {
    /// Its name in snake case, for programs: it does not change.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Started { .. } => "started",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::Failed { .. } => "failed",
            Self::Ended => "ended",
        }
    }

    /// True for every event after which the job is over.
    pub const fn is_end(&self) -> bool {
        matches!(self, Self::Finished | Self::Cancelled | Self::Failed { .. } | Self::Ended)
    }
}

/// What is queued: an [`Event`] without the room for a status.
#[derive(Clone)]
enum Happening {
    Job { event: JobEvent, inferred: bool },
    Lost(Error),
    Resynced,
}

/// Where a driver publishes and listeners subscribe. A driver does not subscribe to itself: the places are few. Needs no allocation beyond what the events hold.
pub struct EventBus {
    status: Watch<CriticalSectionRawMutex, PrinterStatus, SUBSCRIBERS>,
    queue: PubSubChannel<CriticalSectionRawMutex, Happening, EVENT_QUEUE, SUBSCRIBERS, 0>,
    /// No gap is open.
    watched: Mutex<CriticalSectionRawMutex, Cell<bool>>,
}

impl EventBus {
    /// A bus without listeners.
    pub const fn new() -> Self {
        Self { status: Watch::new(), queue: PubSubChannel::new(), watched: Mutex::new(Cell::new(false)) }
    }

    /// Publishes a status, if it differs from the last one.
    pub fn publish_status(&self, status: PrinterStatus) {
        let status = Cell::new(Some(status));
        self.status.sender().send_if_modified(|current| {
            let status = status.take();
            let changed = *current != status;
            if changed {
                *current = status;
            }
            changed
        });
    }

    /// Publishes a job event: as inferred, when it is not between [`Self::publish_resynced`] and
    /// [`Self::publish_lost`], or is an end that nobody has seen ([`JobEvent::Ended`]). So what a driver works out after a gap it publishes before it says that it is over.
    pub fn publish_job(&self, event: JobEvent) {
        let inferred = !self.watched.lock(Cell::get) || event == JobEvent::Ended;
        self.publish(Happening::Job { event, inferred });
    }

    /// Publishes that the connection is gone.
    pub fn publish_lost(&self, error: Error) {
        self.watched.lock(|w| w.set(false));
        self.publish(Happening::Lost(error));
    }

    /// Publishes that the connection is there, and the status that was read on it, even if it is the last one again.
    /// What a driver hears before that is not the truth yet, and is not published.
    pub fn publish_resynced(&self, status: PrinterStatus) {
        self.watched.lock(|w| w.set(true));
        self.publish(Happening::Resynced);
        self.status.sender().send(status);
    }

    /// A new listener; [`ErrorKind::Busy`] when [`SUBSCRIBERS`] exist. Dropping it frees its place.
    pub fn subscribe(&self) -> Result<Events<'_>> {
        let busy = || Error::new(ErrorKind::Busy, "events");
        let status = self.status.receiver().ok_or_else(busy)?;
        let queue = self.queue.subscriber().map_err(|_| busy())?;
        let mut events = Events { status, queue };
        events.clear(); // a fresh receiver would begin with the last status, of whatever age
        Ok(events)
    }

    fn publish(&self, event: Happening) {
        self.queue.immediate_publisher().publish_immediate(event);
    }
}

impl Default for EventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for EventBus {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("EventBus")
    }
}

/// A listener: the same type for every driver.
pub struct Events<'a> {
    status: Receiver<'a, CriticalSectionRawMutex, PrinterStatus, SUBSCRIBERS>,
    queue: Subscriber<'a, CriticalSectionRawMutex, Happening, EVENT_QUEUE, SUBSCRIBERS, 0>,
}

impl Events<'_> {
    /// Forgets what is waiting: what comes next has happened after this.
    pub fn clear(&mut self) {
        while self.queue.try_next_message().is_some() {}
        let _ = self.status.try_changed();
    }

    /// The next event. Job and connection events come in order and before a waiting status.
    ///
    /// Cancel-safe: dropping the future loses nothing. It stays pending for ever when nobody polls
    /// [`crate::PrintHost::run`].
    pub async fn next(&mut self) -> Event {
        match select(self.queue.next_message(), self.status.changed()).await {
            Either::First(WaitResult::Message(Happening::Job { event, inferred })) => {
                Event::Job { event, inferred }
            }
            Either::First(WaitResult::Message(Happening::Lost(error))) => Event::Lost(error),
            Either::First(WaitResult::Message(Happening::Resynced)) => Event::Resynced,
            Either::First(WaitResult::Lagged(missed)) => Event::Skipped(missed),
            Either::Second(status) => Event::Status(status),
        }
    }
}

impl core::fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Events")
    }
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;

    use super::*;
    use crate::Phase;

    fn status(phase: Phase) -> PrinterStatus {
        PrinterStatus { phase, ..Default::default() }
    }

    #[test]
    fn job_event_that_was_not_watched_is_inferred() {
        let bus = EventBus::new();
        let mut events = bus.subscribe().unwrap();
        bus.publish_resynced(status(Phase::Printing));
        bus.publish_job(JobEvent::Paused);
        bus.publish_lost(Error::new(ErrorKind::Disconnected, "run"));
        bus.publish_job(JobEvent::Finished);
        bus.publish_resynced(status(Phase::Idle));
        bus.publish_job(JobEvent::Started { path: None });
        bus.publish_job(JobEvent::Ended);
        let jobs = core::iter::from_fn(|| match block_on(events.next()) {
            Event::Status(_) => None,
            event => Some(event),
        });
        let jobs = jobs.filter_map(|event| match event {
            Event::Job { event, inferred } => Some((event.name(), inferred)),
            _ => None,
        });
        let told: alloc::vec::Vec<_> = jobs.collect();
        assert_eq!(told, [("paused", false), ("finished", true), ("started", false), ("ended", true)]);
    }

    #[test]
    fn slow_listener_sees_newest_status_and_every_job_event() {
        let bus = EventBus::new();
        bus.publish_resynced(status(Phase::Idle));
        let mut events = bus.subscribe().unwrap();
        bus.publish_status(status(Phase::Idle));
        bus.publish_job(JobEvent::Paused);
        bus.publish_status(status(Phase::Printing));
        bus.publish_job(JobEvent::Resumed);
        let seen: [Event; 3] = core::array::from_fn(|_| block_on(events.next()));
        assert_eq!(
            seen,
            [
                Event::Job { event: JobEvent::Paused, inferred: false },
                Event::Job { event: JobEvent::Resumed, inferred: false },
                Event::Status(status(Phase::Printing))
            ]
        );
    }

    #[test]
    fn overflowing_queue_says_how_many_were_missed() {
        let bus = EventBus::new();
        bus.publish_resynced(status(Phase::Idle));
        let mut events = bus.subscribe().unwrap();
        for _ in 0..EVENT_QUEUE + 3 {
            bus.publish_job(JobEvent::Paused);
        }
        assert_eq!(block_on(events.next()), Event::Skipped(3));
        assert_eq!(block_on(events.next()), Event::Job { event: JobEvent::Paused, inferred: false });
    }

    #[test]
    fn listener_too_many_is_told_and_a_dropped_one_makes_room() {
        let bus = EventBus::new();
        let mut held: alloc::vec::Vec<_> = (0..SUBSCRIBERS).map(|_| bus.subscribe().unwrap()).collect();
        assert_eq!(bus.subscribe().unwrap_err().kind(), ErrorKind::Busy);
        held.pop();
        assert!(bus.subscribe().is_ok());
    }
}
