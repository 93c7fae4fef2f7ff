use core::time::Duration;

use crate::{Backoff, Entropy, Error, ErrorKind, EventBus, Result};

/// What every driver does between two connections: how long to wait, what listeners are told, when to give up.
#[derive(Clone, Debug)]
pub struct Reconnect {
    backoff: Backoff,
    told: Option<ErrorKind>,
}

impl Reconnect {
    /// Before the first attempt; waits 1 s at first and 30 s at most.
    pub const fn new() -> Self {
        Self { backoff: Backoff::new(Duration::from_secs(1), Duration::from_secs(30)), told: None }
    }

    /// After a connection, `synced` if it came to bring anything: the delay before the next one, or the error when
    /// going on makes no sense. Tells listeners once of every loss and of every new reason.
    pub fn after(
        &mut self,
        error: Error,
        synced: bool,
        bus: &EventBus,
        entropy: &impl Entropy,
    ) -> Result<Duration> {
        if synced {
            self.backoff.reset();
        }
        if synced || self.told != Some(error.kind()) {
            self.told = Some(error.kind());
            bus.publish_lost(error.clone());
        }
        match error.kind() {
            ErrorKind::Unauthorized | ErrorKind::Forbidden | ErrorKind::InvalidInput => Err(error),
            _ => Ok(self.backoff.delay(entropy)),
        }
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;

    use super::*;
    use crate::Event;

    struct Zero;
    impl Entropy for Zero {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn listeners_hear_of_each_loss_once_and_refused_credentials_end_it() {
        let bus = EventBus::new();
        let mut events = bus.subscribe().unwrap();
        let mut reconnect = Reconnect::new();
        let lost = |kind| Error::new(kind, "run");
        let mut after = |kind, synced| reconnect.after(lost(kind), synced, &bus, &Zero).map(|d| d.as_secs());
        assert_eq!(after(ErrorKind::Unreachable, false), Ok(1));
        assert_eq!(after(ErrorKind::Unreachable, false), Ok(2));
        assert_eq!(after(ErrorKind::Timeout, false), Ok(4));
        assert_eq!(after(ErrorKind::Timeout, true), Ok(1));
        assert_eq!(after(ErrorKind::Unauthorized, false), Err(lost(ErrorKind::Unauthorized)));
        for kind in [ErrorKind::Unreachable, ErrorKind::Timeout, ErrorKind::Timeout, ErrorKind::Unauthorized]
        {
            assert_eq!(block_on(events.next()), Event::Lost(lost(kind)));
        }
    }
}
