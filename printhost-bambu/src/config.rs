use alloc::{format, string::String};

use printhost_core::{Error, ErrorKind, Result, Secret};
use printhost_net::{Origin, TlsVersions, Trust};

use crate::{Model, UrlForm};

/// The user of every printer.
pub(crate) const USER: &str = "bblp";
/// No serial number is longer; the known ones have 15 characters.
const SERIAL: usize = 32;

/// Which printer, and what lets us in. The printer must be in LAN mode; to be controlled, in developer mode, too.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// A name or an address.
    pub host: String,
    /// The serial number, as on the printer's screen and in its certificate: letters and digits. Case matters.
    pub serial: String,
    pub(crate) code: Secret,
    pub(crate) trust: Trust,
    pub(crate) model: Option<Model>,
    pub(crate) url_form: Option<UrlForm>,
    pub(crate) only_encrypted: bool,
    pub(crate) keeps_trays: bool,
    pub(crate) mqtt_port: u16,
    pub(crate) ftps_port: u16,
}

impl Config {
    /// MQTT by TLS.
    pub const MQTT_PORT: u16 = 8883;
    /// FTP by TLS from the first byte on.
    pub const FTPS_PORT: u16 = 990;

    /// A printer, the access code on its screen, and whom to believe there: its key ([`Trust::PinnedKey`]), or the
    /// authorities that sign the certificates of such printers ([`Trust::Device`] with the serial number as the name).
    pub fn new(
        host: impl Into<String>,
        serial: impl Into<String>,
        code: impl Into<Secret>,
        trust: Trust,
    ) -> Self {
        Self {
            host: host.into(),
            serial: serial.into(),
            code: code.into(),
            trust,
            model: None,
            url_form: None,
            only_encrypted: false,
            keeps_trays: false,
            mqtt_port: Self::MQTT_PORT,
            ftps_port: Self::FTPS_PORT,
        }
    }

    /// As this model, whatever the serial number and the printer say.
    pub const fn with_model(mut self, model: Model) -> Self {
        self.model = Some(model);
        self
    }

    /// Naming files to the printer in this form, instead of that which its model is known to take.
    pub const fn with_url_form(mut self, form: UrlForm) -> Self {
        self.url_form = Some(form);
        self
    }

    /// Never sending or reading files without encryption. An A1 or A1 mini is spoken to without it for some minutes when an
    /// encrypted connection for a file fails, since some of its firmwares hang then; but whoever is in between can bring that
    /// about, and read and change files. With this, files fail there instead.
    pub const fn with_encrypted_files_only(mut self) -> Self {
        self.only_encrypted = true;
        self
    }

    /// Keeping what the printer tells of filament, AMS units and external spools, also where no JSON of 12 KiB is held
    /// ([`Limits::json`](printhost_net::Limits::json)): elsewhere it always is. It takes 8 KiB more.
    pub const fn with_trays(mut self) -> Self {
        self.keeps_trays = true;
        self
    }

    /// On other ports than usual: behind a forwarder, or a simulated printer.
    pub const fn with_ports(mut self, mqtt: u16, ftps: u16) -> Self {
        (self.mqtt_port, self.ftps_port) = (mqtt, ftps);
        self
    }

    /// Refuses what would subscribe to something else than this printer.
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        let serial = &self.serial;
        if serial.is_empty()
            || serial.len() > SERIAL
            || !serial.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        {
            let why = "the serial number is letters and digits, as on the printer's screen";
            return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        }
        if self.code.is_empty() {
            let why = "there is no access code; it is on the printer's screen";
            return Err(Error::new(ErrorKind::Unauthorized, operation).with_detail(why));
        }
        Ok(())
    }

    /// As configured, or as its serial number begins.
    pub(crate) fn known_model(&self) -> Option<Model> {
        self.model.or_else(|| Model::of_serial(&self.serial))
    }

    pub(crate) fn mqtt(&self) -> Origin {
        self.origin(self.mqtt_port)
    }

    pub(crate) fn ftps(&self) -> Origin {
        self.origin(self.ftps_port)
    }

    /// Some firmwares' TLS 1.3 cuts transfers off, and none is known to do without 1.2.
    fn origin(&self, port: u16) -> Origin {
        Origin::tls(self.host.clone(), port, self.trust.clone()).with_versions(TlsVersions::Only12)
    }

    /// What the printer tells.
    pub(crate) fn report_topic(&self) -> String {
        format!("device/{}/report", self.serial)
    }

    /// What it is told.
    pub(crate) fn request_topic(&self) -> String {
        format!("device/{}/request", self.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_that_would_listen_to_other_printers_is_refused() {
        let check =
            |serial: &str| Config::new("h", serial, "12345678", Trust::PinnedKey([0; 32])).check("run");
        assert_eq!(check("01P00A000000001"), Ok(()));
        for bad in ["", "#", "+", "01P/report", "01P 1", "01P\r\n", &"0".repeat(33)] {
            assert_eq!(check(bad).unwrap_err().kind(), ErrorKind::InvalidInput, "{bad:?}");
        }
        let none = Config::new("h", "01P", "", Trust::PinnedKey([0; 32]));
        assert_eq!(none.check("run").unwrap_err().kind(), ErrorKind::Unauthorized);
    }
}
