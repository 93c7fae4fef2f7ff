use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime},
};

use printhost_net::{Clock, Entropy, Http1, HttpBackend, Limits, Net, Parts};
use rustls::crypto::CryptoProvider;
use tokio::time::Instant;

use crate::{Hyper, TokioConn, TokioDial};

/// The parts of a [`TokioNet`].
pub type TokioParts<H> = Parts<TokioDial, H, TokioClock, OsEntropy>;

/// A network on tokio: a cheap handle, to be cloned into every driver, so that all share its idle connections.
///
/// Its futures are `Send` and must be polled inside a tokio runtime with time and network enabled.
#[derive(Debug)]
pub struct TokioNet<H: HttpBackend<TokioConn>>(Arc<TokioParts<H>>);

/// With hyper, the HTTP stack users of servers and desktops expect.
pub type HyperNet = TokioNet<Hyper>;

/// With the HTTP client that microcontrollers use.
pub type PortableNet = TokioNet<Http1>;

impl HyperNet {
    /// Plain connections only; `https` is refused.
    pub fn new() -> Self {
        Self::build(TokioDial::plain(), Hyper, Limits::HOST)
    }

    /// Plain and TLS connections, with the caller's crypto.
    pub fn with_tls(provider: Arc<CryptoProvider>) -> Self {
        Self::build(TokioDial::with_tls(provider), Hyper, Limits::HOST)
    }
}

impl PortableNet {
    /// Plain connections only; `https` is refused.
    pub fn new() -> Self {
        Self::build(TokioDial::plain(), Http1::HOST, Limits::HOST)
    }

    /// Plain and TLS connections, with the caller's crypto.
    pub fn with_tls(provider: Arc<CryptoProvider>) -> Self {
        Self::build(TokioDial::with_tls(provider), Http1::HOST, Limits::HOST)
    }
}

impl<H: HttpBackend<TokioConn>> TokioNet<H> {
    /// With everything chosen by the caller.
    pub fn build(dial: TokioDial, http: H, limits: Limits) -> Self {
        Self(Arc::new(Parts::new(dial, http, TokioClock, OsEntropy, limits)))
    }
}

impl<H: HttpBackend<TokioConn>> Clone for TokioNet<H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Default for HyperNet {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for PortableNet {
    fn default() -> Self {
        Self::new()
    }
}

impl<H: HttpBackend<TokioConn>> Net for TokioNet<H> {
    type Dial = TokioDial;
    type Http = H;
    type Clock = TokioClock;
    type Entropy = OsEntropy;

    fn parts(&self) -> &TokioParts<H> {
        &self.0
    }
}

/// tokio's clock; follows `tokio::time::pause` in tests.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if getrandom::fill(bytes).is_err() {
            // No system this runs on fails here; masks and jitter from the clock are then still better than none.
            let nanos = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_nanos());
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = (nanos >> (i % 8)) as u8;
            }
        }
    }
}
