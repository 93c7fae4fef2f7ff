use core::time::Duration;

use printhost_core::{Clock, PrintHost};

use crate::Oracle;

/// What the suite needs to judge a driver: the driver, a printer behind a proxy, and somebody else who knows the truth
/// about that printer.
///
/// One printer, so one case at a time. Limits for silence should be short (a second or two), since some cases wait for
/// them.
pub trait Bench {
    /// The driver.
    type Host: PrintHost;
    /// Who knows the truth.
    type Oracle: Oracle;
    /// Tells the time.
    type Clock: Clock;

    /// A new driver for the printer behind the proxy, with the right credentials. Cases call it again and again.
    fn host(&self) -> Self::Host;

    /// The same with wrong credentials; `None` where there are none to be wrong.
    fn stranger(&self) -> Option<Self::Host>;

    /// Texts that no error may show: keys, passwords.
    fn secrets(&self) -> impl Iterator<Item = &str>;

    /// Who knows the truth.
    fn oracle(&self) -> &Self::Oracle;

    /// Tells the time.
    fn clock(&self) -> &Self::Clock;

    /// The longest a whole case may take.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}
