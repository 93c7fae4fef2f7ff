//! Connections that end again and again right after they were made: what that may mean, and when to hold back.

use core::time::Duration;

use printhost_core::{Error, ErrorKind};

/// A connection that ends sooner was dropped by the printer, and not by the network.
const SHORT: Duration = Duration::from_secs(10);
/// After so many of them in a row the next attempts are rare.
const MANY: u8 = 5;
/// How rare.
pub(crate) const HOLD: Duration = Duration::from_secs(60);

/// Counts them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Drops(u8);

impl Drops {
    /// After a connection that has lived for so long, counted from the attempt to make it. From the fifth short one on,
    /// says why that may be.
    pub(crate) fn after(&mut self, lived: Duration, error: &Error) -> Option<Error> {
        // A printer that is switched off or far away drops nothing.
        let is_drop = matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Protocol | ErrorKind::Busy);
        self.0 = if is_drop && lived < SHORT { self.0.saturating_add(1) } else { 0 };
        (self.0 >= MANY).then(|| {
            error.clone().with_detail(format_args!(
                "the printer has ended {} connections within seconds: the serial number may be wrong (its letters are \
                 capitals), too many other programs may be connected to it, or LAN mode may be off; {}",
                self.0,
                error.detail().unwrap_or_default(),
            ))
        })
    }

    /// The first time that it says so.
    pub(crate) const fn is_first(self) -> bool {
        self.0 == MANY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifth_short_connection_says_why() {
        let error = Error::new(ErrorKind::Disconnected, "run");
        let mut drops = Drops::default();
        let short = Duration::from_secs(2);
        for _ in 0..4 {
            assert_eq!(drops.after(short, &error), None);
        }
        let why = drops.after(short, &error).unwrap();
        assert!(why.detail().unwrap().contains("serial number") && drops.is_first(), "{why}");
        assert!(drops.after(short, &error).is_some() && !drops.is_first());
        assert_eq!(drops.after(Duration::from_secs(11), &error), None);
        assert_eq!(drops.after(short, &error), None);
    }

    #[test]
    fn printer_that_is_switched_off_drops_nothing() {
        let mut drops = Drops::default();
        for _ in 0..9 {
            assert_eq!(drops.after(Duration::ZERO, &Error::new(ErrorKind::Unreachable, "run")), None);
        }
    }
}
