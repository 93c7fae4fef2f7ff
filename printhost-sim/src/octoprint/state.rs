//! The states of OctoPrint's communication layer.

/// The states that the simulator passes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Offline,
    OpenSerial,
    Connecting,
    Operational,
    Starting,
    Printing,
    Pausing,
    Paused,
    Resuming,
    Cancelling,
    Finishing,
    /// A file is being written to the SD card.
    Transferring,
    Error,
}

impl State {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Offline => "Offline",
            Self::OpenSerial => "Opening serial connection",
            Self::Connecting => "Connecting",
            Self::Operational => "Operational",
            Self::Starting => "Starting",
            Self::Printing => "Printing",
            Self::Pausing => "Pausing",
            Self::Paused => "Paused",
            Self::Resuming => "Resuming",
            Self::Cancelling => "Cancelling",
            Self::Finishing => "Finishing",
            Self::Transferring => "Sending file to SD",
            Self::Error => "Error",
        }
    }

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Offline => "OFFLINE",
            Self::OpenSerial => "OPEN_SERIAL",
            Self::Connecting => "CONNECTING",
            Self::Operational => "OPERATIONAL",
            Self::Starting => "STARTING",
            // A transfer is a kind of printing to OctoPrint.
            Self::Printing | Self::Transferring => "PRINTING",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Resuming => "RESUMING",
            Self::Cancelling => "CANCELLING",
            Self::Finishing => "FINISHING",
            Self::Error => "ERROR",
        }
    }

    pub(super) fn is_operational(self) -> bool {
        self == Self::Operational || self.is_busy()
    }

    /// The flag `printing`, which covers every transitional state.
    pub(super) fn is_printing(self) -> bool {
        use State::{Cancelling, Finishing, Pausing, Printing, Resuming, Starting, Transferring};
        matches!(self, Starting | Printing | Pausing | Resuming | Cancelling | Finishing | Transferring)
    }

    /// A print is active, moving or not.
    pub(super) fn is_busy(self) -> bool {
        self.is_printing() || self == Self::Paused
    }
}
