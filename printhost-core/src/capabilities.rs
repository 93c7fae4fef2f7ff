macro_rules! capabilities {
    ($($(#[$meta:meta])* $name:ident,)+) => {
        /// What a host can do. A flag that is not set means the call returns [`crate::ErrorKind::Unsupported`]
        /// without touching the network.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Capabilities {
            $($(#[$meta])* pub $name: bool,)+
        }

        impl Capabilities {
            /// Nothing; drivers set what they have.
            pub const NONE: Self = Self { $($name: false,)+ };

            /// Every flag by its name, in the order of the fields.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, bool)> + use<> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

capabilities! {
    /// [`crate::PrintHost::upload`].
    upload,
    /// An upload can be started as a print right away ([`crate::Then::Print`]).
    upload_and_print,
    /// Paths may contain folders.
    folders,
    /// The host reports a hash of what it stored, so that damage on the way is found.
    hash_verification,
    /// [`crate::PrintHost::download`]. Then an upload can also be read back ([`crate::Verify::ReadBack`]).
    download,
    /// [`crate::PrintHost::files`].
    files,
    /// [`crate::PrintHost::file_info`].
    file_info,
    /// [`crate::PrintHost::thumbnail`]. Whether a file has one is told by its [`crate::FileInfo`].
    thumbnails,
    /// [`crate::PrintHost::delete`].
    delete,
    /// [`crate::PrintHost::move_file`].
    move_file,
    /// [`crate::PrintHost::create_folder`].
    create_folder,
    /// [`crate::PrintHost::start`].
    start,
    /// Sliced projects (`.gcode.3mf`), which hold the G-code of some plates, are printed: [`crate::PrintHost::start_plate`].
    projects,
    /// [`crate::Command::Pause`].
    pause,
    /// [`crate::Command::Resume`].
    resume,
    /// [`crate::Command::Cancel`].
    cancel,
    /// [`crate::Command::Gcode`].
    gcode,
    /// [`crate::Command::Gcode`] brings what the printer's console answered, while [`crate::PrintHost::run`] is polled.
    gcode_replies,
    /// [`crate::Command::SetTemperature`].
    set_temperature,
    /// [`crate::Command::Home`].
    home,
    /// [`crate::Command::Jog`].
    jog,
    /// [`crate::Command::Extrude`].
    extrude,
    /// [`crate::Command::SelectTool`].
    select_tool,
    /// [`crate::Command::SpeedFactor`].
    speed_factor,
    /// [`crate::Command::FlowFactor`].
    flow_factor,
    /// [`crate::Command::EmergencyStop`].
    emergency_stop,
    /// [`crate::Command::ConnectPrinter`] and [`crate::Command::DisconnectPrinter`]: the host reaches its printer
    /// over a line that can be opened and closed.
    printer_connection,
    /// [`crate::Command::RestartHost`].
    restart_host,
    /// [`crate::Command::RestartFirmware`].
    restart_firmware,
    /// [`crate::PrintHost::cameras`] and [`crate::PrintHost::snapshot`].
    cameras,
    /// Changes are pushed while [`crate::PrintHost::run`] is polled; otherwise it polls.
    push,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iteration_names_every_flag_with_its_value() {
        let mut can = Capabilities::NONE;
        assert!(can.iter().all(|(_, set)| !set));
        can.move_file = true;
        assert_eq!(
            can.iter().filter(|(_, set)| *set).map(|(name, _)| name).collect::<alloc::vec::Vec<_>>(),
            ["move_file"]
        );
    }
}
