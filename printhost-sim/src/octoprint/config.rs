//! What a test chooses about the simulated server.

use super::users::{Group, User};

/// Configuration of an [`OctoPrintSim`](crate::OctoPrintSim).
///
/// ```
/// let config = printhost_sim::SimConfig::default().connected(false).time_scale(60.0);
/// assert!(!config.connected);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SimConfig {
    /// The global key, which stands for an administrator. Default: [`SimConfig::TEST_KEY`].
    pub api_key: String,
    /// Whether the printer is connected and operational at the start. Default: true.
    pub connected: bool,
    /// Seconds of printing per second. Default: 1.
    pub time_scale: f64,
    /// The instance's name, as `GET /api/settings` tells it. Default: empty, as on a new OctoPrint.
    pub name: String,
    /// The TCP port; 0 lets the system choose. Default: 0.
    pub port: u16,
    /// How many extruders the printer has, at least 1. Default: 1.
    pub extruders: usize,
    /// Whether the bed is heated. Default: true.
    pub heated_bed: bool,
    /// Whether the chamber is heated. Default: false.
    pub heated_chamber: bool,
    /// Who can log in. Default: the administrator `admin` with the password [`SimConfig::TEST_PASSWORD`].
    pub users: Vec<User>,
    /// After how many answers "not decided yet" a request for an application key is approved by itself.
    /// Default: never.
    pub approve_apps_after: Option<u32>,
    /// Whether failed logins and requests for application keys are limited as on a real server: 3 a minute, 5 in
    /// ten, 10 an hour. Default: true.
    pub rate_limits: bool,
    /// Whether uploads are analysed, so that files have a `gcodeAnalysis` and jobs an estimate. Default: false.
    pub analysis: bool,
    /// Whether the plugin for PrusaSlicer's thumbnails is installed. Default: false.
    pub thumbnails: bool,
    /// Whether there is a webcam. Default: false.
    pub webcam: bool,
    /// Files up to this many bytes are kept; of longer ones only length and hash. Default: 64 MiB.
    pub keep_content_up_to: u64,
}

impl SimConfig {
    /// The key that is accepted when no other is configured. It protects nothing.
    pub const TEST_KEY: &'static str = "A1B2C3D4E5F60718293A4B5C6D7E8F90";

    /// The password of the administrator when no users are configured. It protects nothing.
    pub const TEST_PASSWORD: &'static str = "secret";

    /// Sets the global key.
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

    /// Gives the printer so many extruders, `tool0` and up.
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

    /// Chooses whether the chamber is heated.
    #[must_use]
    pub fn heated_chamber(mut self, heated: bool) -> Self {
        self.heated_chamber = heated;
        self
    }

    /// Adds an account.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// Approves a request for an application key after so many polls that found it undecided.
    #[must_use]
    pub fn approve_apps_after(mut self, polls: u32) -> Self {
        self.approve_apps_after = Some(polls);
        self
    }

    /// Chooses whether failed logins and requests for application keys are limited.
    #[must_use]
    pub fn rate_limits(mut self, limited: bool) -> Self {
        self.rate_limits = limited;
        self
    }

    /// Chooses whether uploads are analysed.
    #[must_use]
    pub fn analysis(mut self, analysis: bool) -> Self {
        self.analysis = analysis;
        self
    }

    /// Chooses whether files have the thumbnails that their slicer put into them.
    #[must_use]
    pub fn thumbnails(mut self, thumbnails: bool) -> Self {
        self.thumbnails = thumbnails;
        self
    }

    /// Chooses whether there is a webcam.
    #[must_use]
    pub fn webcam(mut self, webcam: bool) -> Self {
        self.webcam = webcam;
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
            extruders: 1,
            heated_bed: true,
            heated_chamber: false,
            users: vec![User::new("admin", Self::TEST_PASSWORD, Group::Admins)],
            approve_apps_after: None,
            rate_limits: true,
            analysis: false,
            thumbnails: false,
            webcam: false,
            keep_content_up_to: 64 << 20,
        }
    }
}
