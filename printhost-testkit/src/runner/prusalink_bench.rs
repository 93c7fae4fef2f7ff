use std::{format, io, string::String, sync::Arc, time::Duration};

use printhost_core::{Clock, PrintHost, Secret};
use printhost_net::BaseUrl;

use super::{FaultProxy, PrusaLinkOracle};
use crate::Bench;

/// Nobody's key or password.
const WRONG_SECRET: &str = "WRONGKEY0123456";

/// A driver for PrusaLink in front of a PrusaLink, real or simulated: with a [`FaultProxy`] between them, and a
/// [`PrusaLinkOracle`] that goes past it.
///
/// `F` makes the driver: it is given the address to talk to and a key or password, and called again and again.
#[derive(Debug)]
pub struct PrusaLinkBench<F, C> {
    make: F,
    url: BaseUrl,
    secret: String,
    key: String,
    oracle: PrusaLinkOracle,
    clock: C,
}

impl<H: PrintHost, F: Fn(&BaseUrl, Secret) -> H, C: Clock> PrusaLinkBench<F, C> {
    /// Puts the proxy in front of the PrusaLink at `address` (`127.0.0.1:8080`). The driver is given `secret`, the
    /// oracle uses `key`.
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
        let oracle = PrusaLinkOracle::new(format!("http://{address}"), key, proxy);
        Ok(Self { make, url, secret: secret.into(), key: key.into(), oracle, clock })
    }

    /// As [`PrusaLinkOracle::restarted_by`].
    pub fn restarted_by(mut self, process: u32) -> Self {
        self.oracle = self.oracle.restarted_by(process);
        self
    }
}

impl<H: PrintHost, F: Fn(&BaseUrl, Secret) -> H, C: Clock> Bench for PrusaLinkBench<F, C> {
    type Host = H;
    type Oracle = PrusaLinkOracle;
    type Clock = C;

    fn host(&self) -> H {
        (self.make)(&self.url, self.secret.as_str().into())
    }

    fn stranger(&self) -> Option<H> {
        Some((self.make)(&self.url, WRONG_SECRET.into()))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.secret.as_str(), self.key.as_str(), WRONG_SECRET].into_iter()
    }

    fn oracle(&self) -> &PrusaLinkOracle {
        &self.oracle
    }

    fn clock(&self) -> &C {
        &self.clock
    }

    /// It shows the end of a print for 11 seconds, in which it takes no new one.
    fn patience(&self) -> Duration {
        Duration::from_secs(150)
    }
}
