use core::fmt;

#[cfg(feature = "bambu")]
use printhost_bambu::Bambu;
use printhost_core::Secret;
#[cfg(feature = "moonraker")]
use printhost_moonraker::Moonraker;
use printhost_net::Net;
#[cfg(feature = "octoprint")]
use printhost_octoprint::OctoPrint;
#[cfg(feature = "prusalink")]
use printhost_prusalink::PrusaLink;

use crate::{PrinterUrl, Protocol};

printhost_core::any_host! {
    /// A printer of any supported protocol: of those whose features are on.
    #[non_exhaustive]
    pub enum AnyHost<N: Net> {
        /// OctoPrint.
        OctoPrint(OctoPrint<N>) if "octoprint",
        /// PrusaLink.
        PrusaLink(PrusaLink<N>) if "prusalink",
        /// Moonraker, in front of Klipper.
        Moonraker(Moonraker<N>) if "moonraker",
        /// A Bambu Lab printer.
        Bambu(Bambu<N>) if "bambu",
    }
}

impl<N: Net> AnyHost<N> {
    /// The printer at a URL, with its key. Nothing is sent before the first call.
    ///
    /// A PrusaLink takes its key, or a user and a password as `user:password`. A Moonraker takes an API key, or a user and a password as `user:password`; none (the empty text) where it trusts
    /// this client's address. A Bambu Lab printer takes the access code on its screen; and with [`crate::Trust::Ca`] its
    /// certificate must be for its serial number.
    pub fn new(net: N, url: &PrinterUrl, secret: impl Into<Secret>) -> Self {
        let base = url.base().clone();
        match url.protocol() {
            #[cfg(feature = "octoprint")]
            Protocol::OctoPrint => {
                Self::OctoPrint(OctoPrint::new(net, printhost_octoprint::Config::new(base, secret)))
            }
            #[cfg(feature = "prusalink")]
            Protocol::PrusaLink => {
                let secret = secret.into();
                // A key of PrusaLink's has no colon in it; nor has a user that digests can carry.
                let with_password = secret.expose().split_once(':').and_then(|(user, password)| {
                    printhost_prusalink::Config::with_password(base.clone(), user, password).ok()
                });
                let config = with_password.unwrap_or_else(|| printhost_prusalink::Config::new(base, secret));
                Self::PrusaLink(PrusaLink::new(net, config))
            }
            #[cfg(feature = "moonraker")]
            Protocol::Moonraker => {
                let secret = secret.into();
                // A key of Moonraker's has no colon in it.
                let config = match secret.expose().split_once(':') {
                    Some((user, password)) => {
                        printhost_moonraker::Config::with_password(base, user, password)
                    }
                    None => printhost_moonraker::Config::with_key(base, secret),
                };
                Self::Moonraker(Moonraker::new(net, config))
            }
            #[cfg(feature = "bambu")]
            Protocol::Bambu => {
                let (origin, serial) = (base.origin, url.serial().unwrap_or_default());
                let trust = match origin.trust {
                    printhost_net::Trust::Ca(authorities) => {
                        printhost_net::Trust::Device { authorities, name: serial.into() }
                    }
                    trust => trust,
                };
                let config = printhost_bambu::Config::new(origin.host, serial, secret, trust)
                    .with_ports(origin.port, url.ftps_port().unwrap_or(printhost_bambu::Config::FTPS_PORT));
                Self::Bambu(Bambu::new(net, config))
            }
        }
    }
}

impl<N: Net> fmt::Debug for AnyHost<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "octoprint")]
            Self::OctoPrint(host) => host.fmt(f),
            #[cfg(feature = "prusalink")]
            Self::PrusaLink(host) => host.fmt(f),
            #[cfg(feature = "moonraker")]
            Self::Moonraker(host) => host.fmt(f),
            #[cfg(feature = "bambu")]
            Self::Bambu(host) => host.fmt(f),
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
