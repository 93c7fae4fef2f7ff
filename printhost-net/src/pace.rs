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

#[cfg(test)]
mod tests {
    use core::cell::Cell;

    use embassy_futures::{block_on, yield_now};

    use super::*;

    const STALL: Duration = Duration::from_secs(30);
    const STEP: Duration = Duration::from_millis(10);

    /// Time that passes while somebody waits.
    #[derive(Default)]
    struct Time(Cell<Duration>);

    impl Clock for Time {
        fn now(&self) -> Duration {
            self.0.get()
        }

        async fn sleep(&self, duration: Duration) {
            let end = self.now() + duration;
            while self.now() < end {
                yield_now().await;
            }
        }
    }

    impl Time {
        /// Reads of a host that sends so many bytes at a time, so long after one another, until it has sent `most` of them or
        /// fails. The reader does something in between, too.
        fn read(
            &self,
            mut pace: Pace,
            sends: (usize, Duration),
            most: usize,
            busy: Duration,
        ) -> Result<usize> {
            let (bytes, pause) = sends;
            let reading = async {
                let mut came = 0;
                while came < most {
                    let piece = async || {
                        self.sleep(pause).await;
                        Ok(bytes)
                    };
                    came += pace.read(self, STALL, "read", piece).await?;
                    self.0.set(self.now() + busy);
                }
                Ok(came)
            };
            let passing = async {
                loop {
                    yield_now().await;
                    self.0.set(self.now() + STEP);
                }
            };
            match block_on(select(reading, passing)) {
                Either::First(read) => read,
                Either::Second(never) => never,
            }
        }
    }

    fn ends_within(pace: Pace, sends: (usize, Duration), least: Duration, most: Duration) {
        let time = Time::default();
        let error = time.read(pace, sends, 1 << 20, Duration::ZERO).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
        assert!((least..most).contains(&time.now()), "{sends:?}: {:?}", time.now());
    }

    #[test]
    fn what_comes_too_slowly_ends_when_its_bytes_have_earned_no_more() {
        let second = Duration::from_secs(1);
        let steady = Pace::steady(STALL);
        ends_within(steady, (0, STALL * 2), STALL, STALL + second);
        ends_within(steady, (1, second * 20), STALL, STALL + second);
        ends_within(steady, (1, second * 29), STALL, STALL + second);
        ends_within(steady, (512, second), STALL * 2 - second, STALL * 2 + second);
        ends_within(steady, (900, second), STALL * 8, STALL * 9);
        ends_within(Pace::ANY, (1, STALL + second), STALL, STALL + second);
    }

    #[test]
    fn what_keeps_the_pace_is_read_to_its_end_however_long_that_takes() {
        let time = Time::default();
        let sends = (256, Duration::from_millis(250));
        assert_eq!(time.read(Pace::steady(STALL), sends, 1 << 20, Duration::ZERO), Ok(1 << 20));
        assert!(time.now() >= Duration::from_secs(1 << 10));
        // A pause is no harm, if it is made up for.
        let sends = (64 << 10, STALL - STEP * 2);
        assert_eq!(time.read(Pace::steady(STALL), sends, 1 << 20, Duration::ZERO), Ok(1 << 20));
    }

    #[test]
    fn reader_may_take_its_time() {
        let (time, hour) = (Time::default(), Duration::from_secs(3600));
        let sends = (1, Duration::from_millis(100));
        assert_eq!(time.read(Pace::steady(STALL), sends, 200, hour), Ok(200));
        assert!(time.now() >= hour * 200);
        assert!(time.read(Pace::steady(STALL), sends, 400, hour).is_err(), "the host is slow");
    }

    #[test]
    fn what_is_passed_on_may_come_as_slowly_as_it_likes() {
        let (time, pause) = (Time::default(), STALL - STEP * 2);
        assert_eq!(time.read(Pace::ANY, (1, pause), 200, Duration::ZERO), Ok(200));
        assert!(time.now() > pause * 199);
    }
}
