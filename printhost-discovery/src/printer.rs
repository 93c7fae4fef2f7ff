use std::collections::BTreeMap;
use std::fmt;

use crate::Address;

/// Which protocol a printer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// PrusaLink, on a Raspberry Pi or in the printer's firmware.
    PrusaLink,
    /// Moonraker, in front of Klipper.
    Moonraker,
    /// OctoPrint.
    OctoPrint,
}

impl Kind {
    /// The name people know it by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PrusaLink => "PrusaLink",
            Self::Moonraker => "Moonraker",
            Self::OctoPrint => "OctoPrint",
        }
    }

    /// The kind in a printer URL: `octoprint`.
    pub const fn scheme(self) -> &'static str {
        match self {
            Self::PrusaLink => "prusalink",
            Self::Moonraker => "moonraker",
            Self::OctoPrint => "octoprint",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Names one printer for as long as a [`crate::Discovery`] lives, through new names and addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrinterId(pub(crate) u64);

/// A printer on the network, as it says of itself. Anyone on the network can say anything.
///
/// All text is bounded, printable, and on one line. Credentials that a printer announces are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiscoveredPrinter {
    /// The same in all changes of the same printer.
    pub id: PrinterId,
    /// Which protocol. A printer that announces several has the most specific one.
    pub kind: Kind,
    /// What its owner calls it, for display: `OctoPrint instance on octopi`. Never empty.
    pub name: String,
    /// Its host name, `octopi.local`; `None` if what it announced is no plain host name.
    pub host: Option<String>,
    /// Its addresses, the one to try first in front. Never empty.
    pub addresses: Vec<Address>,
    /// The TCP port. Never 0.
    pub port: u16,
    /// Encrypted. No printer says so; port 443 does.
    pub https: bool,
    /// The path below which it lives, `""` or `/prefix`.
    pub path: String,
    /// The version of its software.
    pub version: Option<String>,
    /// Everything else it says, by lower-case name: on mDNS its TXT record, as `uuid`, `model` or `vendor`.
    pub txt: BTreeMap<String, String>,
}

impl DiscoveredPrinter {
    /// What `printhost` takes as the printer's address: `octoprint://192.168.1.9:5000/prefix`, with the best address.
    ///
    /// An address, because it works now, from everywhere: many systems cannot look up `.local` names (musl, containers,
    /// Debian without `libnss-mdns`), and which of them can is not ours to know. For a file of settings see
    /// [`Self::url_by_name`].
    pub fn url(&self) -> String {
        match self.addresses.first() {
            Some(address) if address.ip.is_ipv6() => self.url_at(&format!("[{address}]")),
            Some(address) => self.url_at(&address.to_string()),
            None => self.url_at(self.host.as_deref().unwrap_or_default()),
        }
    }

    /// The same with the host's name, which stays right when the address changes, if this system can look it up; try it
    /// before keeping it. `None` without a host name.
    pub fn url_by_name(&self) -> Option<String> {
        self.host.as_deref().map(|host| self.url_at(host))
    }

    fn url_at(&self, host: &str) -> String {
        let (transport, default_port) = if self.https { ("+https", 443) } else { ("", 80) };
        let port = if self.port == default_port { String::new() } else { format!(":{}", self.port) };
        format!("{}{transport}://{host}{port}{}", self.kind.scheme(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use printhost::PrinterUrl;

    use super::*;

    fn printer(address: &str, zone: Option<&str>, port: u16, path: &str) -> DiscoveredPrinter {
        let address = Address { zone: zone.map(Into::into), ..Address::new(address.parse().unwrap(), true) };
        DiscoveredPrinter {
            id: PrinterId(1),
            kind: Kind::OctoPrint,
            name: "x".into(),
            host: Some("octopi.local".into()),
            addresses: vec![address],
            port,
            https: port == 443,
            path: path.into(),
            version: None,
            txt: BTreeMap::new(),
        }
    }

    #[test]
    fn url_is_one_that_printhost_takes() {
        for (printer, url, by_name) in [
            (printer("10.0.0.7", None, 80, ""), "octoprint://10.0.0.7", "octoprint://octopi.local"),
            (
                printer("10.0.0.7", None, 5000, "/octo"),
                "octoprint://10.0.0.7:5000/octo",
                "octoprint://octopi.local:5000/octo",
            ),
            (
                printer("10.0.0.7", None, 443, ""),
                "octoprint+https://10.0.0.7",
                "octoprint+https://octopi.local",
            ),
            (
                printer("fe80::7", Some("eth0"), 5000, ""),
                "octoprint://[fe80::7%eth0]:5000",
                "octoprint://octopi.local:5000",
            ),
        ] {
            assert_eq!(printer.url(), url);
            assert_eq!(printer.url_by_name().as_deref(), Some(by_name));
            for url in [url, by_name] {
                assert_eq!(url.parse::<PrinterUrl>().unwrap().to_string(), url);
            }
        }
    }
}
