/// What a host can do. A flag that is not set means the call returns [`crate::ErrorKind::Unsupported`] without
/// touching the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// [`crate::PrintHost::upload`].
    pub upload: bool,
    /// An upload can be started as a print right away ([`crate::Then::Print`]).
    pub upload_and_print: bool,
    /// Paths may contain folders.
    pub folders: bool,
    /// The host reports a hash of what it stored, so that damage on the way is found.
    pub hash_verification: bool,
    /// [`crate::PrintHost::download`].
    pub download: bool,
    /// [`crate::PrintHost::files`].
    pub files: bool,
    /// [`crate::PrintHost::delete`].
    pub delete: bool,
    /// [`crate::PrintHost::start`].
    pub start: bool,
    /// [`crate::Command::Pause`].
    pub pause: bool,
    /// [`crate::Command::Resume`].
    pub resume: bool,
    /// [`crate::Command::Cancel`].
    pub cancel: bool,
    /// [`crate::Command::Gcode`].
    pub gcode: bool,
    /// [`crate::Command::EmergencyStop`].
    pub emergency_stop: bool,
    /// [`crate::Command::ConnectPrinter`] and [`crate::Command::DisconnectPrinter`]: the host reaches its printer
    /// over a line that can be opened and closed.
    pub printer_connection: bool,
    /// Changes are pushed while [`crate::PrintHost::run`] is polled; otherwise it polls.
    pub push: bool,
}

impl Capabilities {
    /// Nothing; drivers set what they have.
    pub const NONE: Self = Self {
        upload: false,
        upload_and_print: false,
        folders: false,
        hash_verification: false,
        download: false,
        files: false,
        delete: false,
        start: false,
        pause: false,
        resume: false,
        cancel: false,
        gcode: false,
        emergency_stop: false,
        printer_connection: false,
        push: false,
    };
}
