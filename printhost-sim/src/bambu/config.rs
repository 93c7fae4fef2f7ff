//! What a test chooses about the simulated printer.

use std::time::Duration;

use super::model::BambuModel;
use super::quirks::{BambuFtps, BambuMqtt};

/// How printers prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BambuCertificate {
    /// X.509 version 1 with the serial number as common name and nothing else, signed by one authority for all models, whose
    /// certificate is sent too.
    Version1,
    /// Version 3, likewise named, signed by an authority for the model; nothing but the printer's certificate is sent.
    Version3,
}

/// What becomes of commands that are not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BambuControl {
    /// Developer mode: they are carried out.
    Open,
    /// They are answered with `failed` and the error code of a missing signature.
    Failed,
    /// They are answered with nothing but `command` and `sequence_id`, and a health message tells why (P1S 01.10).
    Bare,
    /// They are not answered.
    Silent,
}

/// Configuration of a [`BambuSim`](crate::BambuSim).
///
/// ```
/// use printhost_sim::{BambuConfig, BambuControl, BambuModel};
///
/// let mut config = BambuConfig::new(BambuModel::P1s).time_scale(60.0).control(BambuControl::Failed);
/// config.mqtt.connections = 1;
/// assert_eq!(config.access_code, BambuConfig::TEST_CODE);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BambuConfig {
    /// Which printer.
    pub model: BambuModel,
    /// Its serial number. Default: one that begins as the model's do.
    pub serial: String,
    /// The access code. Default: [`BambuConfig::TEST_CODE`].
    pub access_code: String,
    /// Seconds of printing and heating per second. Default: 1.
    pub time_scale: f64,
    /// How much faster than printing everything before and after it goes: reading the file, heating and levelling, unloading.
    /// Default: 1.
    pub preparation_scale: f64,
    /// The TCP port for MQTT; 0 lets the system choose. Default: 0.
    pub mqtt_port: u16,
    /// The TCP port for FTPS; 0 lets the system choose. Default: 0.
    pub ftps_port: u16,
    /// Whether the local network is served at all; otherwise both ports refuse. Default: true.
    pub lan: bool,
    /// What becomes of commands that are not signed. Default: [`BambuControl::Open`].
    pub control: BambuControl,
    /// How the printer proves who it is. Default: as the model does.
    pub certificate: BambuCertificate,
    /// How its MQTT broker behaves. Default: as the model's.
    pub mqtt: BambuMqtt,
    /// How its FTPS server behaves. Default: as the model's.
    pub ftps: BambuFtps,
    /// Real time between two reports. Default: 1 s.
    pub report_every: Duration,
    /// Full reports are made as long as this, in bytes, by fields that mean nothing. Default: 0.
    pub report_size: usize,
    /// Texts are sent as Latin-1, and there is one that is no UTF-8 then. Default: false.
    pub latin1: bool,
    /// Whether reports have `home_flag`, which tells the axes that were homed. Default: true.
    pub home_flag: bool,
    /// How many AMS units of four trays there are, up to four. Default: 1.
    pub ams_units: u8,
    /// Whether there is a card, or a USB stick, for files. Default: true.
    pub card: bool,
    /// Bytes there is room for on it. Default: 32 GiB.
    pub room: u64,
    /// Files up to this many bytes are kept; of longer ones only length and hash, and they cannot be printed. Default: 64 MiB.
    pub keep_content_up_to: u64,
}

impl BambuConfig {
    /// The access code that is accepted when no other is configured. It protects nothing.
    pub const TEST_CODE: &'static str = "12345678";

    /// As the printer is when nobody has changed anything, but with developer mode.
    pub fn new(model: BambuModel) -> Self {
        Self {
            model,
            serial: format!("{}00A0B1234567", model.facts().serial_prefix),
            access_code: Self::TEST_CODE.to_owned(),
            time_scale: 1.0,
            preparation_scale: 1.0,
            mqtt_port: 0,
            ftps_port: 0,
            lan: true,
            control: BambuControl::Open,
            certificate: model.facts().certificate,
            mqtt: BambuMqtt::of(model),
            ftps: BambuFtps::of(model),
            report_every: Duration::from_secs(1),
            report_size: 0,
            latin1: false,
            home_flag: true,
            ams_units: 1,
            card: true,
            room: 32 << 30,
            keep_content_up_to: 64 << 20,
        }
    }

    /// Sets the serial number.
    #[must_use]
    pub fn serial(mut self, serial: impl Into<String>) -> Self {
        self.serial = serial.into();
        self
    }

    /// Sets the access code.
    #[must_use]
    pub fn access_code(mut self, code: impl Into<String>) -> Self {
        self.access_code = code.into();
        self
    }

    /// Sets how much faster than a real one the simulated printer prints and heats.
    ///
    /// # Panics
    ///
    /// The scale is not a finite number above zero.
    #[must_use]
    pub fn time_scale(mut self, scale: f64) -> Self {
        assert!(scale.is_finite() && scale > 0.0, "a time scale must be finite and above zero");
        self.time_scale = scale;
        self
    }

    /// Sets how much faster than printing everything before and after it goes.
    ///
    /// # Panics
    ///
    /// The scale is not a finite number above zero.
    #[must_use]
    pub fn preparation_scale(mut self, scale: f64) -> Self {
        assert!(scale.is_finite() && scale > 0.0, "a scale must be finite and above zero");
        self.preparation_scale = scale;
        self
    }

    /// Chooses the TCP ports for MQTT and for FTPS.
    #[must_use]
    pub fn ports(mut self, mqtt: u16, ftps: u16) -> Self {
        (self.mqtt_port, self.ftps_port) = (mqtt, ftps);
        self
    }

    /// Chooses whether the local network is served at all.
    #[must_use]
    pub fn lan(mut self, lan: bool) -> Self {
        self.lan = lan;
        self
    }

    /// Chooses what becomes of commands that are not signed.
    #[must_use]
    pub fn control(mut self, control: BambuControl) -> Self {
        self.control = control;
        self
    }

    /// Chooses how the printer proves who it is.
    #[must_use]
    pub fn certificate(mut self, certificate: BambuCertificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// Sets the real time between two reports.
    ///
    /// # Panics
    ///
    /// It is zero.
    #[must_use]
    pub fn report_every(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "there must be time between two reports");
        self.report_every = time;
        self
    }

    /// Chooses how many AMS units there are; more than four are four.
    #[must_use]
    pub fn ams_units(mut self, units: u8) -> Self {
        self.ams_units = units.min(4);
        self
    }

    /// Chooses whether there is a card for files.
    #[must_use]
    pub fn card(mut self, card: bool) -> Self {
        self.card = card;
        self
    }

    /// Leaves room for so many bytes.
    #[must_use]
    pub fn room(mut self, bytes: u64) -> Self {
        self.room = bytes;
        self
    }
}
