use alloc::{format, string::String, vec::Vec};
use core::{fmt, str::FromStr};

use printhost_net::{BaseUrl, Scheme, Trust};

/// Which driver: one whose feature is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// OctoPrint: `octoprint://`.
    #[cfg(feature = "octoprint")]
    OctoPrint,
    /// PrusaLink: `prusalink://`.
    #[cfg(feature = "prusalink")]
    PrusaLink,
    /// Moonraker: `moonraker://`. Its port is 7125, unless another one is given.
    #[cfg(feature = "moonraker")]
    Moonraker,
    /// A Bambu Lab printer: `bambu://`. Always encrypted; its port is 8883, unless another one is given.
    #[cfg(feature = "bambu")]
    Bambu,
}

impl Protocol {
    const ALL: &[(&'static str, Self)] = &[
        #[cfg(feature = "octoprint")]
        ("octoprint", Self::OctoPrint),
        #[cfg(feature = "prusalink")]
        ("prusalink", Self::PrusaLink),
        #[cfg(feature = "moonraker")]
        ("moonraker", Self::Moonraker),
        #[cfg(feature = "bambu")]
        ("bambu", Self::Bambu),
    ];

    /// Whether it may let somebody in who has no key.
    pub const fn may_trust(self) -> bool {
        match self {
            #[cfg(feature = "moonraker")]
            Self::Moonraker => true,
            #[allow(unreachable_patterns)] // with one feature alone
            _ => false,
        }
    }

    /// How many connections to the printer there must be room for at once, as its driver says.
    pub const fn connections(self) -> usize {
        match self {
            #[cfg(feature = "octoprint")]
            Self::OctoPrint => printhost_octoprint::CONNECTIONS,
            #[cfg(feature = "prusalink")]
            Self::PrusaLink => printhost_prusalink::CONNECTIONS,
            #[cfg(feature = "moonraker")]
            Self::Moonraker => printhost_moonraker::CONNECTIONS,
            #[cfg(feature = "bambu")]
            Self::Bambu => printhost_bambu::CONNECTIONS,
        }
    }

    /// Where it listens on a plain connection when nobody has said where.
    const fn plain_port(self) -> u16 {
        match self {
            #[cfg(feature = "moonraker")]
            Self::Moonraker => 7125,
            #[allow(unreachable_patterns)]
            _ => Scheme::Http.default_port(),
        }
    }

    /// Whether it is named with a serial number, and always encrypted.
    const fn is_device(self) -> bool {
        match self {
            #[cfg(feature = "bambu")]
            Self::Bambu => true,
            #[allow(unreachable_patterns)] // with one feature alone
            _ => false,
        }
    }

    fn names() -> String {
        Self::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }
}

/// Where a printer is and how it is spoken to: `octoprint://host[:port][/prefix]`, or `octoprint+https://…` for an
/// encrypted connection. Keys and passwords are never part of it.
///
/// A Bambu Lab printer is `bambu://host[:port]?serial=SERIAL`, with `&ftps=PORT` where its files are not on port 990.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrinterUrl {
    protocol: Protocol,
    base: BaseUrl,
    device: Option<Device>,
}

/// What a URL says of a printer that has a serial number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Device {
    serial: String,
    ftps: Option<u16>,
}

/// Where such a printer listens.
const DEVICE_PORT: u16 = 8883;
/// No serial number is longer.
const SERIAL: usize = 32;

/// Why a text is no printer URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrinterUrlError {
    /// It does not say which kind of printer.
    #[error("the printer's kind is missing; write octoprint://{rest} or octoprint+https://{rest}")]
    NoProtocol {
        /// What follows the `://`.
        rest: String,
    },
    /// There is no such kind.
    #[error("{protocol:?} is not a kind of printer known here; known are: {}", Protocol::names())]
    UnknownProtocol {
        /// The kind.
        protocol: String,
    },
    /// It does not say which printer is expected there.
    #[error("the serial number is missing; write {name}://{host}?serial=…, as on the printer's screen")]
    NoSerial {
        /// The kind of printer.
        name: String,
        /// Where it is.
        host: String,
    },
    /// It says something about the printer that means nothing.
    #[error("{text:?} means nothing here; known are serial=LETTERS-AND-DIGITS and ftps=PORT")]
    Parameter {
        /// What it speaks of, and not what it says of it: some write an access code there.
        text: String,
    },
    /// The rest is no address.
    #[error("{0}")]
    Address(printhost_core::Error),
}

impl PrinterUrl {
    /// A printer of that kind at a base URL.
    pub const fn new(protocol: Protocol, base: BaseUrl) -> Self {
        Self { protocol, base, device: None }
    }

    /// The printer's serial number, where its kind is named with one.
    pub fn serial(&self) -> Option<&str> {
        self.device.as_ref().map(|device| device.serial.as_str())
    }

    /// Where its files are, if not where they usually are.
    pub fn ftps_port(&self) -> Option<u16> {
        self.device.as_ref().and_then(|device| device.ftps)
    }

    /// Which driver.
    pub const fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Where.
    pub const fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Believing this on an encrypted connection.
    pub fn with_trust(mut self, trust: Trust) -> Self {
        self.base = self.base.with_trust(trust);
        self
    }
}

impl FromStr for PrinterUrl {
    type Err = PrinterUrlError;

    fn from_str(text: &str) -> Result<Self, PrinterUrlError> {
        // Without credentials, which are nobody else's business.
        let no_protocol = |rest: &str| PrinterUrlError::NoProtocol {
            rest: rest.rsplit_once('@').map_or(rest, |(_, host)| host).into(),
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| no_protocol(text))?;
        let (name, transport) = scheme.split_once('+').unwrap_or((scheme, "http"));
        if name.eq_ignore_ascii_case("http") || name.eq_ignore_ascii_case("https") {
            return Err(no_protocol(rest));
        }
        let known = Protocol::ALL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let (_, protocol) =
            known.ok_or_else(|| PrinterUrlError::UnknownProtocol { protocol: name.into() })?;
        if protocol.is_device() && !scheme.contains('+') {
            return device(*protocol, name, rest);
        }
        let mut base = BaseUrl::parse(&format!("{transport}://{rest}")).map_err(PrinterUrlError::Address)?;
        if base.origin.scheme == Scheme::Http && !has_port(rest) {
            base.origin.port = protocol.plain_port();
        }
        Ok(Self { protocol: *protocol, base, device: None })
    }
}

/// `host[:port]?serial=SERIAL[&ftps=PORT]`
fn device(protocol: Protocol, name: &str, rest: &str) -> Result<PrinterUrl, PrinterUrlError> {
    let (address, query) = rest.split_once('?').unwrap_or((rest, ""));
    let address = address.trim_end_matches('/');
    let mut base = BaseUrl::parse(&format!("https://{address}")).map_err(PrinterUrlError::Address)?;
    if !base.prefix.is_empty() {
        return Err(PrinterUrlError::Parameter { text: "/…".into() });
    }
    if !has_port(address) {
        base.origin.port = DEVICE_PORT;
    }
    let (mut serial, mut ftps) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("serial", value))
                if !value.is_empty()
                    && value.len() <= SERIAL
                    && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') =>
            {
                serial = Some(value.into());
            }
            Some(("ftps", value)) if value.parse().is_ok_and(|port: u16| port > 0) => {
                ftps = value.parse().ok()
            }
            named => {
                let name = named.map_or("", |(name, _)| name);
                return Err(PrinterUrlError::Parameter { text: format!("{name}=…") });
            }
        }
    }
    let no_serial = || PrinterUrlError::NoSerial { name: name.into(), host: address.into() };
    let device = Some(Device { serial: serial.ok_or_else(no_serial)?, ftps });
    Ok(PrinterUrl { protocol, base, device })
}

impl fmt::Display for PrinterUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Protocol::ALL.iter().find(|(_, p)| *p == self.protocol).map_or("", |(name, _)| name);
        let base = format!("{}", self.base);
        if let Some(Device { serial, ftps }) = &self.device {
            let address = base.trim_start_matches("https://");
            let address = match has_port(address) {
                // Port 443 is the usual one of what this was made from, not of such printers.
                false => format!("{address}:443"),
                true => address.trim_end_matches(&format!(":{DEVICE_PORT}")).into(),
            };
            write!(f, "{name}://{address}?serial={serial}")?;
            return ftps.map_or(Ok(()), |port| write!(f, "&ftps={port}"));
        }
        let usual = self.protocol.plain_port();
        let Some(rest) = base.strip_prefix("http://") else { return write!(f, "{name}+{base}") };
        let (host, prefix) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        match host.strip_suffix(&format!(":{usual}")) {
            Some(host) => write!(f, "{name}://{host}{prefix}"),
            // Where another port is usual, port 80 is not left out.
            None if !has_port(host) && usual != 80 => write!(f, "{name}://{host}:80{prefix}"),
            None => write!(f, "{name}://{rest}"),
        }
    }
}

/// Whether an address names a port. An IPv6 address has colons of its own.
fn has_port(rest: &str) -> bool {
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once(']').map_or(authority, |(_, behind)| behind).contains(':')
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn printer_url_survives_a_round_trip() {
        for url in [
            "octoprint://octopi.local",
            "octoprint://10.0.0.7:5000/octo",
            "octoprint+https://farm.example",
            "prusalink://10.0.0.8",
            "prusalink+https://mk4.example",
            "moonraker://voron.local",
            "moonraker://voron.local:80",
            "moonraker://[fe80::1]:8080/printer2",
            "moonraker://[fe80::1]/printer2",
            "moonraker+https://voron.local",
            "bambu://192.168.1.50?serial=01P00A123456789",
            "bambu://[fe80::1]:443?serial=01P00A123456789&ftps=2990",
        ] {
            assert_eq!(url.parse::<PrinterUrl>().unwrap().to_string(), url);
        }
    }

    #[test]
    fn moonraker_listens_where_it_always_does_unless_told_otherwise() {
        let port = |url: &str| url.parse::<PrinterUrl>().unwrap().base().origin.port;
        assert_eq!((port("moonraker://h"), port("moonraker://[::1]/x")), (7125, 7125));
        assert_eq!((port("moonraker://h:80"), port("moonraker+https://h")), (80, 443));
        assert_eq!((port("octoprint://h"), port("octoprint://h:7125")), (80, 7125));
        assert_eq!("moonraker://h:7125".parse::<PrinterUrl>().unwrap().to_string(), "moonraker://h");
    }

    #[test]
    fn bambu_is_encrypted_and_has_a_serial_number() {
        let url: PrinterUrl = "bambu://h?serial=01P00A".parse().unwrap();
        let origin = &url.base().origin;
        assert_eq!((origin.scheme, origin.port, url.serial()), (Scheme::Https, 8883, Some("01P00A")));
        assert_eq!(
            ("bambu://h:8883?serial=1".parse::<PrinterUrl>().unwrap()).to_string(),
            "bambu://h?serial=1"
        );
    }

    #[test]
    fn bad_printer_url_says_how_to_write_it() {
        let error = |text: &str| text.parse::<PrinterUrl>().unwrap_err().to_string();
        assert!(error("octopi.local").contains("octoprint://octopi.local"));
        assert!(error("http://octopi.local").contains("octoprint://octopi.local"));
        assert!(error("makerbot://x").contains("known are: octoprint"));
        assert!(error("octoprint://key@octopi.local").contains("credentials"));
        assert!(error("octoprint+ftp://x").contains("http"));
        assert!(error("bambu://192.168.1.50").contains("bambu://192.168.1.50?serial="));
        for bad in ["serial=", "serial=a/b", "serial=%23", "ftps=0", "code=12345678", "serial=x&ftps=990000"]
        {
            let error = error(&format!("bambu://h?{bad}"));
            assert!(error.contains("means nothing") && !error.contains("12345678"), "{error}");
        }
        assert!(error("bambu://h/x?serial=1").contains("means nothing"));
        assert!(error("bambu+http://h?serial=1").contains("query"));
    }
}
