use std::{format, io, string::String, sync::Arc};

use printhost_core::{Clock, PrintHost, Secret};
use printhost_net::BaseUrl;

use super::{FaultProxy, OctoPrintOracle};
use crate::Bench;

/// Nobody's key.
const WRONG_KEY: &str = "WRONGKEY0123456789ABCDEF01234567";

/// A driver for OctoPrint in front of an OctoPrint, real or simulated: with a [`FaultProxy`] between them, and an
/// [`OctoPrintOracle`] that goes past it.
///
/// `F` makes the driver: it is given the address to talk to and a key, and called again and again.
#[derive(Debug)]
pub struct OctoPrintBench<F, C> {
    make: F,
    url: BaseUrl,
    key: String,
    oracle: OctoPrintOracle,
    clock: C,
}

impl<H: PrintHost, F: Fn(&BaseUrl, Secret) -> H, C: Clock> OctoPrintBench<F, C> {
    /// Puts the proxy in front of the OctoPrint at `address` (`127.0.0.1:5000`), whose `key` may do everything.
    ///
    /// # Errors
    ///
    /// The proxy has no port to listen on.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub async fn start(address: &str, key: &str, clock: C, make: F) -> io::Result<Self> {
        let proxy = Arc::new(FaultProxy::start(address).await?);
        let url = BaseUrl::parse(&format!("http://{}", proxy.address())).map_err(io::Error::other)?;
        let oracle = OctoPrintOracle::new(format!("http://{address}"), key, proxy);
        Ok(Self { make, url, key: key.into(), oracle, clock })
    }
}

impl<H: PrintHost, F: Fn(&BaseUrl, Secret) -> H, C: Clock> Bench for OctoPrintBench<F, C> {
    type Host = H;
    type Oracle = OctoPrintOracle;
    type Clock = C;

    fn host(&self) -> H {
        (self.make)(&self.url, self.key.as_str().into())
    }

    fn stranger(&self) -> Option<H> {
        Some((self.make)(&self.url, WRONG_KEY.into()))
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        [self.key.as_str(), WRONG_KEY].into_iter()
    }

    fn oracle(&self) -> &OctoPrintOracle {
        &self.oracle
    }

    fn clock(&self) -> &C {
        &self.clock
    }
}
