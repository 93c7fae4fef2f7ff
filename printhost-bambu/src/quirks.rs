//! What differs between models and firmwares, as data, and what was learned of one printer.

use core::time::Duration;

use printhost_net::ftp::{DataChannel, Settings};

use crate::{Model, UrlForm};

/// After so long it is tried again whether a printer takes encrypted files: who was in between may be gone, and the firmware
/// another one. It costs a handshake that hangs.
const CLEAR: Duration = Duration::from_secs(600);

/// After so long the largest models say that they have stored a file, as others report of them (low confidence).
const LATE: Duration = Duration::from_secs(300);

/// What was found out about this printer's file server, for as long as the driver lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// Since when its data connections must not be encrypted: some firmwares of the A1 hang otherwise.
    clear: Option<Duration>,
}

impl Learned {
    /// How to speak to it now. Only models that are known to need it are ever spoken to without encryption, since whoever
    /// is in between could bring that about; and none where all files are to be encrypted.
    pub(crate) fn settings(self, model: Option<Model>, only_encrypted: bool, now: Duration) -> Settings {
        let mut settings = Settings::default();
        let is_clear = self.clear.is_some_and(|since| now.saturating_sub(since) < CLEAR);
        settings.data = match model {
            Some(Model::A1 | Model::A1Mini) if !only_encrypted && is_clear => DataChannel::Clear,
            Some(Model::A1 | Model::A1Mini) if !only_encrypted => DataChannel::EncryptedIfPossible,
            _ => DataChannel::Encrypted,
        };
        if model.is_some_and(Model::confirms_late) {
            settings.confirm = LATE;
        }
        settings
    }

    /// How it was spoken to with these settings.
    pub(crate) fn learn(&mut self, settings: Settings, is_clear: bool, now: Duration) {
        self.clear = match settings.data {
            DataChannel::Clear => self.clear,
            _ => is_clear.then_some(now),
        };
    }
}

impl UrlForm {
    /// What a model is known to take, or what most take.
    pub(crate) fn of(model: Option<Model>) -> Self {
        match model {
            Some(Model::X1 | Model::X1Carbon | Model::X1E) => Self::SdCard,
            _ => Self::FtpRoot,
        }
    }
}

impl Model {
    /// Whether it may take minutes for its word that it has stored a file.
    const fn confirms_late(self) -> bool {
        matches!(self, Self::X2D | Self::H2D | Self::H2DPro | Self::H2S | Self::H2C)
    }

    /// Whether it takes a target for its chamber by `set_ctt`.
    pub(crate) const fn heats_chamber(self) -> bool {
        matches!(self, Self::X2D | Self::H2D | Self::H2DPro | Self::H2S | Self::H2C)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn files_go_in_the_clear_where_they_must_for_a_while_and_never_where_they_must_not() {
        let mini = Some(Model::A1Mini);
        let mut learned = Learned::default();
        let first = learned.settings(mini, false, MINUTE);
        assert_eq!(first.data, DataChannel::EncryptedIfPossible);
        learned.learn(first, true, MINUTE);
        let next = learned.settings(mini, false, 10 * MINUTE);
        assert_eq!(next.data, DataChannel::Clear);
        assert_eq!(learned.settings(mini, true, 10 * MINUTE).data, DataChannel::Encrypted);
        assert_eq!(learned.settings(Some(Model::P1S), false, 10 * MINUTE).data, DataChannel::Encrypted);
        assert_eq!(learned.settings(Some(Model::H2D), false, MINUTE).confirm, 5 * MINUTE);
        assert_eq!(learned.settings(Some(Model::P1S), false, MINUTE).confirm, 2 * MINUTE);
        // To be spoken to so teaches nothing new.
        learned.learn(next, true, 10 * MINUTE);
        let again = learned.settings(mini, false, 12 * MINUTE);
        assert_eq!(again.data, DataChannel::EncryptedIfPossible);
        learned.learn(again, false, 12 * MINUTE);
        assert_eq!(learned.settings(mini, false, 12 * MINUTE).data, DataChannel::EncryptedIfPossible);
    }
}
