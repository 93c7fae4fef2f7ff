//! What differs between models and firmwares, as data, and what was learned of one printer.

use printhost_net::ftp::{DataChannel, Settings};

use crate::{Model, UrlForm};

/// What was found out about this printer's file server, for as long as the driver lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Learned {
    /// Its data connections must not be encrypted: some firmwares of the A1 hang otherwise.
    pub(crate) is_clear: bool,
}

impl Learned {
    /// How to speak to it. Only models that are known to need it are ever spoken to without encryption, since whoever is
    /// in between could bring that about.
    pub(crate) fn settings(self, model: Option<Model>) -> Settings {
        let mut settings = Settings::default();
        settings.data = match model {
            _ if self.is_clear => DataChannel::Clear,
            Some(Model::A1 | Model::A1Mini) => DataChannel::EncryptedIfPossible,
            _ => DataChannel::Encrypted,
        };
        settings
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
    /// Whether it takes a target for its chamber by `set_ctt`.
    pub(crate) const fn heats_chamber(self) -> bool {
        matches!(self, Self::X2D | Self::H2D | Self::H2DPro | Self::H2S | Self::H2C)
    }
}
