use std::{format, io, path::Path, string::String, sync::Arc, time::Duration};

use printhost_core::{Clock, PrintHost, Secret};
use printhost_net::BaseUrl;

use super::{FaultProxy, MoonrakerOracle};
use crate::Bench;

/// Nobody's key.
const WRONG_KEY: &str = "0123456789abcdef0123456789abcdef";

/// A driver for Moonraker in front of a Moonraker with a Klipper, real or simulated: with a [`FaultProxy`] between them,
/// and a [`MoonrakerOracle`] that goes past it.
///
/// `F` makes the driver: it is given the address to talk to and a key, and called again and again.
#[derive(Debug)]
pub struct MoonrakerBench<F, C> {
    make: F,
    url: BaseUrl,
    secret: String,
    key: String,
    oracle: MoonrakerOracle,
    clock: C,
}

impl<H: PrintHost, F: Fn(&BaseUrl, Secret) -> H, C: Clock> MoonrakerBench<F, C> {
    /// Puts the proxy in front of the Moonraker at `address` (`127.0.0.1:7125`). The driver is given `secret`, which is
    /// empty where it is trusted; the oracle uses `key`.
    ///
    /// # Errors
    ///
    /// The proxy has no port to listen on.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub async fn start(address: &str, secret: &str, key: &str, clock: C, make: F) -> io::Result<Self> {
        let proxy = Arc::new(FaultProxy::start(address).await?);
        let url = BaseUrl::parse(&format!("http://{}", proxy.address())).map_err(io::Error::other)?;
        let oracle = MoonrakerOracle::new(format!("http://{address}"), key, proxy);
        Ok(Self { make, url, secret: secret.into(), key: key.into(), oracle, clock })
    }

    /// As [`MoonrakerOracle::on_disk`].
    pub fn on_disk(mut self, data: impl AsRef<Path>) -> Self {
        self.oracle = self.oracle.on_disk(data);
        self
    }
}

impl<H: PrintHost, F: Fn(&BaseUrl, Secret) -> H, C: Clock> Bench for MoonrakerBench<F, C> {
    type Host = H;
    type Oracle = MoonrakerOracle;
    type Clock = C;

    fn host(&self) -> H {
        (self.make)(&self.url, self.secret.as_str().into())
    }

    /// A wrong key is refused from a trusted machine, too.
    fn stranger(&self) -> Option<H> {
        Some((self.make)(&self.url, WRONG_KEY.into()))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.secret.as_str(), self.key.as_str(), WRONG_KEY].into_iter().filter(|secret| !secret.is_empty())
    }

    fn oracle(&self) -> &MoonrakerOracle {
        &self.oracle
    }

    fn clock(&self) -> &C {
        &self.clock
    }

    /// Klipper takes its real time for every move that it has begun.
    fn patience(&self) -> Duration {
        Duration::from_secs(120)
    }
}
