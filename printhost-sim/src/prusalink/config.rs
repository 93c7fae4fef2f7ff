//! What a test chooses about the simulated PrusaLink.

use std::time::Duration;

/// Which of the two programs of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PrusaLinkFamily {
    /// PrusaLink 0.8.1 on a Raspberry Pi, beside an MK3S.
    Pi,
    /// The one in the firmware of the MK4, MINI, XL and CORE One.
    Buddy,
}

/// Configuration of a [`PrusaLinkSim`](crate::PrusaLinkSim).
///
/// ```
/// use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily};
///
/// let config = PrusaLinkConfig::new(PrusaLinkFamily::Buddy).time_scale(60.0);
/// assert_eq!(config.api_key, config.password);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PrusaLinkConfig {
    /// Which of the two programs.
    pub family: PrusaLinkFamily,
    /// The key. Default: [`PrusaLinkConfig::TEST_KEY`].
    pub api_key: String,
    /// The password of `maker`. Default: [`PrusaLinkConfig::TEST_PASSWORD`] on a Pi; the firmware has one secret for both.
    pub password: String,
    /// Seconds of printing and heating per second. Default: 1.
    pub time_scale: f64,
    /// The TCP port; 0 lets the system choose. Default: 0.
    pub port: u16,
    /// How long an answer to one challenge is believed. Default: 60 s on a Pi, 5 s in the firmware.
    pub nonce_life: Duration,
    /// For how long the end of a print is shown. Default: 11 s on a Pi; in the firmware until somebody confirms it.
    pub end_shown_for: Option<Duration>,
    /// How long after a change the Pi goes on showing its files as they were. Default: 200 ms on a Pi, 0 in the firmware.
    pub files_lag: Duration,
    /// Bytes there is room for. Default: 64 GiB.
    pub room: u64,
    /// Whether a Pi has a camera. Default: false.
    pub camera: bool,
    /// Files up to this many bytes are kept; of longer ones only length and hash. Default: 64 MiB.
    pub keep_content_up_to: u64,
}

impl PrusaLinkConfig {
    /// The key that is accepted when no other is configured. It protects nothing.
    pub const TEST_KEY: &'static str = "PLKEY0123456789";

    /// The password that is accepted when no other is configured. It protects nothing.
    pub const TEST_PASSWORD: &'static str = "Secret123";

    /// As the program is when nobody has changed anything.
    pub fn new(family: PrusaLinkFamily) -> Self {
        let is_pi = family == PrusaLinkFamily::Pi;
        let password = if is_pi { Self::TEST_PASSWORD } else { Self::TEST_KEY };
        Self {
            family,
            api_key: Self::TEST_KEY.to_owned(),
            password: password.to_owned(),
            time_scale: 1.0,
            port: 0,
            nonce_life: Duration::from_secs(if is_pi { 60 } else { 5 }),
            end_shown_for: is_pi.then_some(Duration::from_secs(11)),
            files_lag: Duration::from_millis(if is_pi { 200 } else { 0 }),
            room: 64 << 30,
            camera: false,
            keep_content_up_to: 64 << 20,
        }
    }

    /// Sets the key, and with the firmware, where they are the same, the password.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = key.into();
        if self.family == PrusaLinkFamily::Buddy {
            self.password.clone_from(&self.api_key);
        }
        self
    }

    /// Sets the password, and with the firmware, where they are the same, the key.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = password.into();
        if self.family == PrusaLinkFamily::Buddy {
            self.api_key.clone_from(&self.password);
        }
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

    /// Chooses the TCP port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets for how long an answer to one challenge is believed.
    #[must_use]
    pub fn nonce_life(mut self, life: Duration) -> Self {
        self.nonce_life = life;
        self
    }

    /// Sets for how long the end of a print is shown, as if somebody confirmed it then.
    #[must_use]
    pub fn end_shown_for(mut self, time: Duration) -> Self {
        self.end_shown_for = Some(time);
        self
    }

    /// Leaves room for so many bytes.
    #[must_use]
    pub fn room(mut self, bytes: u64) -> Self {
        self.room = bytes;
        self
    }

    /// Chooses whether a Pi has a camera.
    #[must_use]
    pub fn camera(mut self, camera: bool) -> Self {
        self.camera = camera;
        self
    }
}
