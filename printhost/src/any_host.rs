use core::fmt;

use printhost_core::Secret;
use printhost_net::Net;
use printhost_octoprint::{Config, OctoPrint};

use crate::{PrinterUrl, Protocol};

printhost_core::any_host! {
    /// A printer of any supported protocol.
    #[non_exhaustive]
    pub enum AnyHost<N: Net> {
        /// OctoPrint.
        OctoPrint(OctoPrint<N>),
    }
}

impl<N: Net> AnyHost<N> {
    /// The printer at a URL. Nothing is sent before the first call.
    pub fn new(net: N, url: &PrinterUrl, secret: impl Into<Secret>) -> Self {
        match url.protocol() {
            Protocol::OctoPrint => {
                Self::OctoPrint(OctoPrint::new(net, Config::new(url.base().clone(), secret)))
            }
        }
    }
}

impl<N: Net> fmt::Debug for AnyHost<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OctoPrint(host) => host.fmt(f),
        }
    }
}

/// A printer on a server or desktop: what most applications use. Its futures are `Send`.
#[cfg(feature = "tokio")]
pub type Host = AnyHost<printhost_net_tokio::HyperNet>;

#[cfg(feature = "tokio")]
printhost_core::dyn_host! {
    /// A [`Host`] for `Arc<dyn DynPrintHost>`.
    #[derive(Debug)]
    #[allow(clippy::exhaustive_structs)] // a newtype to be built by anyone
    pub struct DynHost(Host)
}
