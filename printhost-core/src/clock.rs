use core::time::Duration;

use embassy_futures::select::{Either, select};

use crate::{Error, ErrorKind, Result};

/// Time, given by whoever owns the executor. Portable code never reads a global clock.
pub trait Clock {
    /// Monotonic time since an arbitrary origin.
    fn now(&self) -> Duration;

    /// Completes once `duration` has passed. Dropping the future cancels the timer.
    async fn sleep(&self, duration: Duration);
}

impl<C: Clock> Clock for &C {
    fn now(&self) -> Duration {
        C::now(self)
    }

    async fn sleep(&self, duration: Duration) {
        C::sleep(self, duration).await;
    }
}

/// Unpredictable bytes: websocket masks, multipart boundaries, client nonces, jitter.
pub trait Entropy {
    /// Fills the buffer.
    fn fill(&self, bytes: &mut [u8]);
}

impl<E: Entropy> Entropy for &E {
    fn fill(&self, bytes: &mut [u8]) {
        E::fill(self, bytes);
    }
}

/// Runs `work`, but at most for `limit`; then drops it and fails with [`ErrorKind::Timeout`].
pub async fn within<C: Clock, T>(
    clock: &C,
    limit: Duration,
    operation: &'static str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match select(work, clock.sleep(limit)).await {
        Either::First(result) => result,
        Either::Second(()) => Err(Error::new(ErrorKind::Timeout, operation)),
    }
}
