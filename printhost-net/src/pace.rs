//! How slowly an answer may come that is parsed.

use core::time::Duration;

use embassy_futures::select::{Either, select};
use printhost_core::{Clock, Error, ErrorKind, Result};

/// The least pace, in bytes per second.
///
/// The slowest links that printers are used over, weak WiFi on a chip for instance, carry ten times as much at their worst.
/// What is slower are listings that a small printer makes as it sends them: it looks every file up on its card, and a line of
/// FTP has some eighty bytes. At this pace that is a dozen files a second, and [`Limits::stall`](crate::Limits::stall) comes
/// on top. A host that keeps just ahead of it holds us for five minutes with a status, where a byte now and then held us for
/// days.
const LEAST: u32 = 1 << 10;

/// How long we may still wait for an answer's bytes. What its reader does in between takes nothing of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    left: Duration,
}

impl Pace {
    /// Whatever the pace: for what is passed on to somebody, who may have time, and who can end it. Only silence counts.
    pub(crate) const ANY: Self = Self { left: Duration::MAX };

    /// For what is parsed: silence of so much in all, beside the time that its bytes take at the least pace.
    pub(crate) const fn steady(stall: Duration) -> Self {
        Self { left: stall }
    }

    /// Reads once, which returns how many bytes have come: [`ErrorKind::Timeout`] after silence of `stall`, and when it all
    /// has come too slowly.
    pub(crate) async fn read<C: Clock>(
        &mut self,
        clock: &C,
        stall: Duration,
        operation: &'static str,
        read: impl AsyncFnOnce() -> Result<usize>,
    ) -> Result<usize> {
        let (limit, since) = (self.left.min(stall), clock.now());
        match select(read(), clock.sleep(limit)).await {
            Either::First(read) => {
                let came = read?;
                // Beyond the limit nobody has looked, for reasons of ours.
                let waited = clock.now().saturating_sub(since).min(limit);
                let earned = Duration::from_secs(came as u64) / LEAST;
                self.left = (self.left - waited).saturating_add(earned);
                Ok(came)
            }
            Either::Second(()) => {
                let error = Error::new(ErrorKind::Timeout, operation);
                Err(match limit < stall {
                    true => error.with_detail(format_args!(
                        "the answer comes too slowly, with less than {LEAST} bytes per second"
                    )),
                    false => {
                        error.with_detail(format_args!("the answer stopped coming for {} s", stall.as_secs()))
                    }
                })
            }
        }
    }
}
