//! When the host was heard last, and what was sent to it.

use core::num::NonZeroU16;
use core::{
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    time::Duration,
};

use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, signal::Signal};
use printhost_core::{Clock, Error, ErrorKind};

pub(super) struct Liveness<'a, C> {
    clock: &'a C,
    /// In milliseconds of the clock; it wraps after 49 days.
    heard_at: AtomicU32,
    /// The largest identifier that was sent.
    sent: AtomicU32,
    ping: Signal<CriticalSectionRawMutex, ()>,
}

impl<'a, C: Clock> Liveness<'a, C> {
    /// The host has just been heard.
    pub(super) fn new(clock: &'a C) -> Self {
        let heard_at = AtomicU32::new(millis(clock));
        Self { clock, heard_at, sent: AtomicU32::new(0), ping: Signal::new() }
    }

    pub(super) fn heard(&self) {
        self.heard_at.store(millis(self.clock), Relaxed);
    }

    pub(super) fn sending(&self, id: NonZeroU16) {
        let id = u32::from(id.get());
        // One writer, so load and store suffice.
        self.sent.store(self.sent.load(Relaxed).max(id), Relaxed);
    }

    pub(super) fn has_sent(&self, id: u16) -> bool {
        u32::from(id) <= self.sent.load(Relaxed)
    }

    /// Completes when the host is to be pinged, since it is silent.
    pub(super) async fn pings(&self) {
        self.ping.wait().await;
    }

    /// Completes when the host has been silent for too long.
    pub(super) async fn watch(&self, ping_after: Duration, dead_after: Duration) -> Error {
        let mut pinged_in = None;
        loop {
            let heard_at = self.heard_at.load(Relaxed);
            let silence = Duration::from_millis(millis(self.clock).wrapping_sub(heard_at).into());
            if silence >= dead_after {
                return Error::new(ErrorKind::Timeout, "mqtt")
                    .with_detail(format_args!("no sign of life for {} s", dead_after.as_secs_f32()));
            }
            let next = if silence < ping_after { ping_after } else { dead_after };
            if silence >= ping_after && pinged_in != Some(heard_at) {
                self.ping.signal(());
                pinged_in = Some(heard_at);
            }
            // Not beyond the next ping, if it is heard meanwhile.
            self.clock.sleep((next - silence).min(ping_after)).await;
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it wraps")]
fn millis(clock: &impl Clock) -> u32 {
    clock.now().as_millis() as u32
}
