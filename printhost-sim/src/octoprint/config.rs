//! What a test chooses about the simulated server.

/// Configuration of an [`OctoPrintSim`](crate::OctoPrintSim).
///
/// ```
/// let config = printhost_sim::SimConfig::default().connected(false).time_scale(60.0);
/// assert!(!config.connected);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimConfig {
    /// The only key the server accepts. Default: [`SimConfig::TEST_KEY`].
    pub api_key: String,
    /// Whether the printer is connected and operational at the start. Default: true.
    pub connected: bool,
    /// Seconds of printing per second. Default: 1.
    pub time_scale: f64,
    /// The instance's name, as `GET /api/settings` tells it. Default: empty, as on a new OctoPrint.
    pub name: String,
    /// The TCP port; 0 lets the system choose. Default: 0.
    pub port: u16,
    /// Files up to this many bytes are kept; of longer ones only length and hash. Default: 64 MiB.
    pub keep_content_up_to: u64,
}

impl SimConfig {
    /// The key that is accepted when no other is configured. It protects nothing.
    pub const TEST_KEY: &'static str = "A1B2C3D4E5F60718293A4B5C6D7E8F90";

    /// Sets the only accepted key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = key.into();
        self
    }

    /// Chooses whether the printer is operational at the start.
    #[must_use]
    pub fn connected(mut self, connected: bool) -> Self {
        self.connected = connected;
        self
    }

    /// Sets how much faster than a real one the simulated printer prints, heats and changes state.
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

    /// Names the instance.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Chooses the TCP port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
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
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            api_key: Self::TEST_KEY.to_owned(),
            connected: true,
            time_scale: 1.0,
            name: String::new(),
            port: 0,
            keep_content_up_to: 64 << 20,
        }
    }
}
