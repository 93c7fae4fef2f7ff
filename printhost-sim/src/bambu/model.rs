//! The models, and what is known of each.

use super::config::BambuCertificate;

/// Which printer. The reports of all are invented from descriptions of the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BambuModel {
    /// P1S: what has changed, once a second.
    P1s,
    /// X1 Carbon: everything, on several lines.
    X1c,
    /// A1 mini: what has changed; its answers do not name their command.
    A1Mini,
    /// H2D: two nozzles.
    H2d,
    /// P2S: a report of the newer kind.
    P2s,
}

/// What differs between models.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    /// What announcements and versions call it.
    pub(super) code: &'static str,
    pub(super) serial_prefix: &'static str,
    pub(super) certificate: BambuCertificate,
    /// Everything in every report, pretty-printed.
    pub(super) whole_reports: bool,
    /// Reports say whether they are whole.
    pub(super) says_msg: bool,
    /// What `stg_cur` is while nothing goes on.
    pub(super) no_stage: i64,
    pub(super) has_chamber_sensor: bool,
    /// `fun` tells whether commands must be signed.
    pub(super) has_fun: bool,
    /// `device`, with packed temperatures.
    pub(super) has_device: bool,
    pub(super) nozzles: usize,
    /// The firmware, as `get_version` names it.
    pub(super) firmware: &'static str,
    /// An answer to a command repeats its name.
    pub(super) acks_name_command: bool,
}

impl BambuModel {
    pub(super) const fn facts(self) -> Facts {
        let p1s = Facts {
            code: "C12",
            serial_prefix: "01P",
            certificate: BambuCertificate::Version1,
            whole_reports: false,
            says_msg: true,
            no_stage: 255,
            has_chamber_sensor: false,
            has_fun: false,
            has_device: false,
            nozzles: 1,
            firmware: "01.10.00.00",
            acks_name_command: true,
        };
        match self {
            Self::P1s => p1s,
            Self::X1c => Facts {
                code: "BL-P001",
                serial_prefix: "00M",
                whole_reports: true,
                no_stage: -1,
                has_chamber_sensor: true,
                has_fun: true,
                firmware: "01.12.00.00",
                ..p1s
            },
            Self::A1Mini => Facts {
                code: "N1",
                serial_prefix: "030",
                // 0 is also "printing" on this one.
                no_stage: 0,
                firmware: "01.05.00.00",
                acks_name_command: false,
                ..p1s
            },
            Self::H2d => Facts {
                code: "O1D",
                serial_prefix: "094",
                says_msg: false,
                no_stage: -1,
                has_chamber_sensor: true,
                has_fun: true,
                has_device: true,
                nozzles: 2,
                firmware: "01.02.00.00",
                ..p1s
            },
            Self::P2s => Facts {
                code: "N7",
                serial_prefix: "22E",
                certificate: BambuCertificate::Version3,
                no_stage: -1,
                has_chamber_sensor: true,
                has_fun: true,
                has_device: true,
                firmware: "01.02.00.00",
                ..p1s
            },
        }
    }
}
