//! What a board reads from its flash at run time.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use printhost::{PrinterUrl, Secret, Trust, net::BaseUrl};

use crate::{Relay, encrypted_at_once};

/// Run-time configuration: lines of `name=value` in a flash partition. Of two lines with the same name the first one
/// counts; lines without `=` mean nothing.
#[derive(Clone, Copy)]
pub struct Config<'a> {
    lines: &'a str,
}

impl<'a> Config<'a> {
    /// Reads the configuration in `flash`, which ends at a byte that is zero (untouched memory) or 0xFF (erased
    /// flash); `None` when it is not UTF-8.
    pub fn parse(flash: &'a [u8]) -> Option<Self> {
        let end = flash.iter().position(|byte| matches!(byte, 0 | 0xFF)).unwrap_or(flash.len());
        Some(Self { lines: str::from_utf8(&flash[..end]).ok()? })
    }

    /// The value called `name`, or `None` if there is none.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// All values called `name`.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let pairs = self.lines.lines().filter_map(|line| line.split_once('='));
        pairs.filter_map(move |(key, value)| (key == name).then_some(value))
    }

    /// The value called `name`, or an error that says that it is missing.
    pub fn require(&self, name: &'static str) -> Result<&'a str, ConfigError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or(ConfigError { name, why: "is missing".into() })
    }

    /// The printer's URL and whom to believe there: the key pinned as `printer_pin`, or the CA given as `printer_ca`,
    /// both in base64. Of a Bambu Lab printer (`bambu://host?serial=…`) the CA may also be several, as PEM, and signs for
    /// the serial number.
    pub fn printer(&self) -> Result<PrinterUrl, ConfigError> {
        let printer: PrinterUrl =
            self.require("printer")?.parse().map_err(|why| ConfigError::new("printer", why))?;
        let trust = self.trust("printer_pin", "printer_ca")?;
        Ok(trust.into_iter().fold(printer, PrinterUrl::with_trust))
    }

    fn trust(&self, pin: &'static str, ca: &'static str) -> Result<Option<Trust>, ConfigError> {
        Ok(match (self.get(pin), self.get(ca)) {
            (Some(text), _) => {
                let hash = base64(pin, text)?.try_into();
                Some(Trust::PinnedKey(hash.map_err(|_| ConfigError::new(pin, "is no SHA-256"))?))
            }
            (None, Some(text)) => Some(Trust::Ca(base64(ca, text)?)),
            (None, None) => None,
        })
    }
}

fn base64(name: &'static str, text: &str) -> Result<Vec<u8>, ConfigError> {
    STANDARD.decode(text).map_err(|_| ConfigError::new(name, "is no base64"))
}

/// Shows nothing of the values: some are secret.
impl fmt::Debug for Config<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Config(***)")
    }
}

/// Which value of the configuration is wrong, and why. Its text never has a secret in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    name: &'static str,
    why: String,
}

impl ConfigError {
    fn new(name: &'static str, why: impl ToString) -> Self {
        Self { name, why: why.to_string() }
    }

    /// The name of the value.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "configuration: {} {}", self.name, self.why)
    }
}

impl core::error::Error for ConfigError {}

impl From<ConfigError> for String {
    fn from(error: ConfigError) -> Self {
        error.to_string()
    }
}

/// The Wi-Fi network to join: `ssid`, and `password` unless it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Station {
    /// The network's name, 1 to 32 bytes.
    pub ssid: String,
    /// `None` for an open network.
    pub password: Option<Secret>,
}

impl Station {
    /// Takes the network out of a configuration; fails when a length is one that Wi-Fi does not have.
    pub fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let ssid = config.require("ssid")?;
        if ssid.len() > 32 {
            return Err(ConfigError::new("ssid", "is longer than 32 bytes"));
        }
        let password = config.get("password").filter(|password| !password.is_empty());
        if password.is_some_and(|password| !(8..=63).contains(&password.len())) {
            return Err(ConfigError::new("password", "must have 8 to 63 bytes"));
        }
        Ok(Self { ssid: ssid.into(), password: password.map(Secret::new) })
    }
}

/// What to do when the button is pressed: `source`, `printer`, `key`, `path`, and `replace=yes` where a file of that
/// path may be replaced. Whom to believe at the source is `source_pin` or `source_ca`, as for [`Config::printer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Order {
    /// The printer.
    pub printer: PrinterUrl,
    /// Its key; of a Bambu Lab printer the access code.
    pub key: Secret,
    source: BaseUrl,
    source_path: String,
    path: String,
    replace: bool,
}

impl Order {
    /// Takes the order out of a configuration.
    pub fn read(config: &Config<'_>) -> Result<Self, ConfigError> {
        let printer = config.printer()?;
        let key = Secret::new(config.require("key")?);
        let (server, file) =
            config.require("source")?.rsplit_once('/').ok_or(ConfigError::new("source", "has no path"))?;
        let source = BaseUrl::parse(server).map_err(|why| ConfigError::new("source", why))?;
        let source = config.trust("source_pin", "source_ca")?.into_iter().fold(source, BaseUrl::with_trust);
        let path = config.require("path")?.into();
        let replace = match config.get("replace") {
            None | Some("" | "no") => false,
            Some("yes") => true,
            Some(_) => return Err(ConfigError::new("replace", "must be yes or no")),
        };
        let mut source_path = String::from("/");
        source_path.push_str(file);
        Ok(Self { printer, key, source, source_path, path, replace })
    }

    /// How many encrypted connections it has at once: what TLS should be limited to on a chip.
    pub fn encrypted_at_once(&self) -> usize {
        encrypted_at_once(&self.printer, &self.source)
    }

    /// What [`crate::relay`] takes.
    pub fn relay(&self) -> Relay<'_> {
        let relay = Relay::new(&self.source, &self.source_path, &self.path);
        if self.replace { relay.replacing() } else { relay }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use printhost::IfExists;

    use super::*;

    const GOOD: &str = "ssid=workshop\npassword=correct horse\nsource=http://10.0.0.2:8000/parts/part.gcode\n\
                        printer=octoprint://10.0.0.3\nkey=0123456789ABCDEF\npath=hub/part.gcode\n";

    fn config(text: &str) -> Config<'_> {
        Config::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn configuration_ends_at_erased_flash_and_at_untouched_memory() {
        for end in [0x00, 0xFF] {
            let mut flash = [end; 64];
            flash[..8].copy_from_slice(b"a=1\nb=2\n");
            let config = Config::parse(&flash).unwrap();
            assert_eq!((config.get("a"), config.get("b"), config.get("c")), (Some("1"), Some("2"), None));
        }
        assert_eq!(Config::parse(&[0xFF; 16]).unwrap().get(""), None);
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        let config = config("password= a=b \r\nempty=\nno value\npassword=second\n");
        assert_eq!(config.get("password"), Some(" a=b "));
        assert_eq!(config.get("empty"), Some(""));
        assert_eq!(config.get("no value"), None);
    }

    #[test]
    fn what_is_not_utf_8_is_no_configuration() {
        assert!(Config::parse(b"a=\xC3\x28").is_none());
    }

    #[test]
    fn order_names_the_file_and_the_printer() {
        let order = Order::read(&config(GOOD)).unwrap();
        let relay = order.relay();
        assert_eq!(relay.source, &BaseUrl::parse("http://10.0.0.2:8000/parts").unwrap());
        assert_eq!((relay.source_path, relay.path), ("/part.gcode", "hub/part.gcode"));
        assert_eq!(relay.if_exists, IfExists::Fail);
        let order = Order::read(&config(&format!("{GOOD}replace=yes\n"))).unwrap();
        assert_eq!(order.relay().if_exists, IfExists::Replace);
    }

    #[test]
    fn order_says_which_value_is_missing_or_wrong() {
        for name in ["source", "printer", "key", "path"] {
            let without: String =
                GOOD.split_inclusive('\n').filter(|line| !line.starts_with(&format!("{name}="))).collect();
            assert_eq!(Order::read(&config(&without)).unwrap_err().name(), name);
        }
        for (line, name) in [
            ("source=part.gcode\n", "source"),
            ("printer=ftp://x\n", "printer"),
            ("replace=maybe\n", "replace"),
        ] {
            assert_eq!(Order::read(&config(&format!("{line}{GOOD}"))).unwrap_err().name(), name);
        }
    }

    #[test]
    fn keys_are_pinned_and_authorities_given_in_base64() {
        let pin = STANDARD.encode([7; 32]);
        let trusting = |lines: &str| Order::read(&config(&format!("{GOOD}{lines}")));
        let order = trusting(&format!("printer_pin={pin}\nsource_ca=Q0E=\n")).unwrap();
        assert_eq!(order.printer.base().origin.trust, Trust::PinnedKey([7; 32]));
        assert_eq!(order.relay().source.origin.trust, Trust::Ca(b"CA".to_vec()));
        let order = trusting("printer_ca=Q0E=\n").unwrap();
        assert_eq!(order.printer.base().origin.trust, Trust::Ca(b"CA".to_vec()));
        for (line, name) in [
            ("printer_pin=Q0E=\n", "printer_pin"),
            ("printer_ca=?\n", "printer_ca"),
            ("source_pin=\n", "source_pin"),
        ] {
            assert_eq!(trusting(line).unwrap_err().name(), name);
        }
    }

    #[test]
    fn bambu_printer_has_a_serial_number_a_code_and_somebody_to_believe() {
        let bambu = |lines: &str| {
            Order::read(&config(&format!(
                "printer=bambu://10.0.0.3?serial=01P00A000000001\nkey=12345678\n{lines}{GOOD}"
            )))
        };
        let order = bambu("printer_ca=Q0E=\n").unwrap();
        assert_eq!((order.printer.serial(), order.key.expose()), (Some("01P00A000000001"), "12345678"));
        assert_eq!(order.printer.base().origin.trust, Trust::Ca(b"CA".to_vec()));
        assert_eq!(encrypted_at_once(&order.printer, &order.source), 3);
        let order = bambu(&format!("printer_pin={}\n", STANDARD.encode([7; 32]))).unwrap();
        assert_eq!(order.printer.base().origin.trust, Trust::PinnedKey([7; 32]));
        let without = Order::read(&config(&format!("printer=bambu://10.0.0.3\n{GOOD}"))).unwrap_err();
        assert_eq!(without.name(), "printer");
        assert!(without.to_string().contains("serial"), "{without}");
    }

    #[test]
    fn encrypted_connections_are_those_to_the_printer_and_to_the_server() {
        let count = |lines: &str| {
            let order = Order::read(&config(&format!("{lines}{GOOD}"))).unwrap();
            encrypted_at_once(&order.printer, &order.source)
        };
        assert_eq!(count(""), 0);
        assert_eq!(count("printer=octoprint+https://10.0.0.3\n"), 2);
        assert_eq!(count("printer=octoprint+https://10.0.0.3\nsource=https://10.0.0.2/part.gcode\n"), 3);
        assert_eq!(count("source=https://10.0.0.2/part.gcode\n"), 1);
    }

    #[test]
    fn station_of_a_protected_and_of_an_open_network() {
        let station = Station::read(&config(GOOD)).unwrap();
        assert_eq!(station.ssid, "workshop");
        assert_eq!(station.password.unwrap().expose(), "correct horse");
        assert_eq!(Station::read(&config("ssid=guests\n")).unwrap().password, None);
        assert_eq!(Station::read(&config("ssid=guests\npassword=\n")).unwrap().password, None);
    }

    #[test]
    fn station_refuses_lengths_that_wifi_does_not_have() {
        let long = "x".repeat(64);
        for (text, name) in [
            ("password=longenough\n", "ssid"),
            (&format!("ssid={}\n", &long[..33]), "ssid"),
            ("ssid=a\npassword=short\n", "password"),
            (&format!("ssid=a\npassword={long}\n"), "password"),
        ] {
            assert_eq!(Station::read(&config(text)).unwrap_err().name(), name, "{text}");
        }
    }

    #[test]
    fn nothing_shows_a_secret() {
        let config = config(GOOD);
        let (order, station) = (Order::read(&config).unwrap(), Station::read(&config).unwrap());
        let shown = format!("{config:?} {order:?} {station:?}");
        assert!(!shown.contains("correct horse") && !shown.contains("0123456789ABCDEF"), "{shown}");
    }
}
