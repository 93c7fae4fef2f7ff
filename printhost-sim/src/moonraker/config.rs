//! What a test chooses about the simulated server and its Klipper.

use std::time::Duration;

/// Configuration of a [`MoonrakerSim`](crate::MoonrakerSim).
///
/// ```
/// let config = printhost_sim::MoonrakerConfig::default().trusted(false).time_scale(60.0);
/// assert!(!config.trusted);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MoonrakerConfig {
    /// The API key. Default: [`MoonrakerConfig::TEST_KEY`].
    pub api_key: String,
    /// Whether clients on this machine are trusted, so that they need no key. Default: true.
    pub trusted: bool,
    /// Whether trust does not count once there is a user. Default: false.
    pub force_logins: bool,
    /// Names and passwords of the users. Default: none.
    pub users: Vec<(String, String)>,
    /// How long an access token is valid. Default: an hour.
    pub token_lifetime: Duration,
    /// Whether Klipper runs at the start, and is ready. Default: true.
    pub klippy: bool,
    /// Seconds of printing, heating and booting per second. Default: 1.
    pub time_scale: f64,
    /// The host's name, as `printer.info` tells it. Default: `vm`.
    pub hostname: String,
    /// The TCP port; 0 lets the system choose. Default: 0.
    pub port: u16,
    /// How many extruders the printer has, at least 1. Default: 1.
    pub extruders: usize,
    /// Whether the bed is heated. Default: true.
    pub heated_bed: bool,
    /// Whether there is a webcam. Default: false.
    pub webcam: bool,
    /// G-code macros, besides those that every front end wants. Default: none.
    pub macros: Vec<String>,
    /// What Moonraker complains about in its configuration. Default: nothing.
    pub warnings: Vec<String>,
    /// How long after Klipper is ready this is announced. A real one takes 0.4 to 0.8 seconds. Default: 0.6 seconds.
    pub ready_lag: Duration,
    /// Files up to this many bytes are kept; of longer ones only length and hash. Default: 64 MiB.
    pub keep_content_up_to: u64,
    /// Bytes there is room for, of all files together. Default: 244,568,379,392.
    pub room: u64,
}

impl MoonrakerConfig {
    /// The key that is accepted when no other is configured. It protects nothing.
    pub const TEST_KEY: &'static str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

    /// Sets the API key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = key.into();
        self
    }

    /// Chooses whether clients on this machine are trusted.
    #[must_use]
    pub fn trusted(mut self, trusted: bool) -> Self {
        self.trusted = trusted;
        self
    }

    /// Chooses whether trust does not count once there is a user.
    #[must_use]
    pub fn force_logins(mut self, forced: bool) -> Self {
        self.force_logins = forced;
        self
    }

    /// Adds a user.
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.users.push((name.into(), password.into()));
        self
    }

    /// Sets how long an access token is valid.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Chooses whether Klipper runs at the start.
    #[must_use]
    pub fn klippy(mut self, runs: bool) -> Self {
        self.klippy = runs;
        self
    }

    /// Sets how much faster than a real one the simulated printer prints, heats and boots.
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

    /// Names the host.
    #[must_use]
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = name.into();
        self
    }

    /// Chooses the TCP port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Gives the printer so many extruders: `extruder`, `extruder1` and up.
    ///
    /// # Panics
    ///
    /// There are none, or more than ten.
    #[must_use]
    pub fn extruders(mut self, extruders: usize) -> Self {
        assert!((1..=10).contains(&extruders), "a printer has one to ten extruders");
        self.extruders = extruders;
        self
    }

    /// Chooses whether the bed is heated.
    #[must_use]
    pub fn heated_bed(mut self, heated: bool) -> Self {
        self.heated_bed = heated;
        self
    }

    /// Chooses whether there is a webcam.
    #[must_use]
    pub fn webcam(mut self, webcam: bool) -> Self {
        self.webcam = webcam;
        self
    }

    /// Adds a G-code macro. Real printers have hundreds.
    #[must_use]
    pub fn with_macro(mut self, name: impl Into<String>) -> Self {
        self.macros.push(name.into());
        self
    }

    /// Lets Moonraker complain about its configuration.
    #[must_use]
    pub fn warning(mut self, text: impl Into<String>) -> Self {
        self.warnings.push(text.into());
        self
    }

    /// Sets how long after Klipper is ready this is announced.
    #[must_use]
    pub fn ready_lag(mut self, lag: Duration) -> Self {
        self.ready_lag = lag;
        self
    }

    /// Limits the length of files whose content is kept in memory.
    ///
    /// A longer file is stored, listed and printed (as if it had one short command per 32 bytes), but
    /// a download of it answers 507 Insufficient Storage, which a real server never does.
    #[must_use]
    pub fn keep_content_up_to(mut self, bytes: u64) -> Self {
        self.keep_content_up_to = bytes;
        self
    }

    /// Leaves room for so many bytes, and tells of no more. A file beyond is answered with 500, and as much of it as fits
    /// stays: a real server (0.11.0) copies it to where it belongs and leaves the copy when that fails.
    #[must_use]
    pub fn room(mut self, bytes: u64) -> Self {
        self.room = bytes;
        self
    }
}

impl Default for MoonrakerConfig {
    fn default() -> Self {
        Self {
            api_key: Self::TEST_KEY.to_owned(),
            trusted: true,
            force_logins: false,
            users: Vec::new(),
            token_lifetime: Duration::from_secs(3600),
            klippy: true,
            time_scale: 1.0,
            hostname: "vm".to_owned(),
            port: 0,
            extruders: 1,
            heated_bed: true,
            webcam: false,
            macros: Vec::new(),
            warnings: Vec::new(),
            ready_lag: Duration::from_millis(600),
            keep_content_up_to: 64 << 20,
            room: super::store::ROOM,
        }
    }
}
