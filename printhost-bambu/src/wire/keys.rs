//! Where in a message what stands.

use super::report::{
    Airduct, AirductPart, Ams, AmsUnit, Camera, Detectors, Device, Extruder, Hms, Light, Module, Net,
    NetInfo, NewVersion, Nozzle, Online, Report, Transfer, Tray, Upgrade, few, most,
};

/// A place in a message that has others in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The message.
    Root,
    Print,
    Info,
    /// Any other category: only what answers an order is read of it.
    Other,
    Ams,
    Units,
    Unit,
    Trays,
    Tray,
    Colours,
    VtTray,
    VirSlots,
    VirSlot,
    HmsList,
    Hms,
    Lights,
    Light,
    Net,
    NetInfos,
    NetInfo,
    Camera,
    Detectors,
    Upgrade,
    NewVersions,
    NewVersion,
    Online,
    Upload,
    Stages,
    Skipped,
    Mapping,
    Device,
    Bed,
    BedInfo,
    Ctc,
    CtcInfo,
    ExtruderGroup,
    Extruders,
    Extruder,
    NozzleGroup,
    Nozzles,
    Nozzle,
    Airduct,
    AirductParts,
    AirductPart,
    Modules,
    Module,
}

/// What belongs to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The field of a part.
    Field(Node, u8),
    /// What tells an answer from a report.
    Mark(Mark),
    Object(Node),
    List(Node),
    Nothing,
}

/// What every category may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Command,
    SequenceId,
    Result,
    Reason,
    ErrCode,
    /// Of a report, whether it is a whole one.
    Msg,
}

impl Node {
    pub(super) const COUNT: usize = Self::Module as usize + 1;

    /// What else a report consists of than its own fields and lists.
    pub(super) const PARTS: [Self; 15] = [
        Self::Print,
        Self::Ams,
        Self::VtTray,
        Self::Net,
        Self::Camera,
        Self::Detectors,
        Self::Upgrade,
        Self::Online,
        Self::Upload,
        Self::Device,
        Self::BedInfo,
        Self::CtcInfo,
        Self::ExtruderGroup,
        Self::NozzleGroup,
        Self::Airduct,
    ];

    pub(super) fn is_of_device(self) -> bool {
        use Node::{Airduct, BedInfo, CtcInfo, Device, ExtruderGroup, NozzleGroup};
        matches!(self, Device | BedInfo | CtcInfo | ExtruderGroup | NozzleGroup | Airduct)
    }

    /// The lists of a part.
    pub(super) const fn lists(self) -> &'static [Self] {
        match self {
            Self::Print => {
                &[Self::VirSlots, Self::HmsList, Self::Lights, Self::Stages, Self::Skipped, Self::Mapping]
            }
            Self::Ams => &[Self::Units],
            Self::Net => &[Self::NetInfos],
            Self::Upgrade => &[Self::NewVersions],
            Self::ExtruderGroup => &[Self::Extruders],
            Self::NozzleGroup => &[Self::Nozzles],
            Self::Airduct => &[Self::AirductParts],
            _ => &[],
        }
    }

    /// The list that this is an element of.
    pub(super) const fn in_list(self) -> Option<Self> {
        Some(match self {
            Self::Unit => Self::Units,
            Self::Tray => Self::Trays,
            Self::VirSlot => Self::VirSlots,
            Self::Hms => Self::HmsList,
            Self::Light => Self::Lights,
            Self::NetInfo => Self::NetInfos,
            Self::NewVersion => Self::NewVersions,
            Self::Extruder => Self::Extruders,
            Self::Nozzle => Self::Nozzles,
            Self::AirductPart => Self::AirductParts,
            Self::Module => Self::Modules,
            _ => return None,
        })
    }

    /// What the elements of a list are, unless they are numbers and texts; and how many are kept.
    pub(super) const fn list(self) -> Option<(Option<Self>, usize)> {
        Some(match self {
            Self::Units => (Some(Self::Unit), most::AMS),
            Self::Trays => (Some(Self::Tray), most::TRAYS),
            Self::Colours => (None, most::COLOURS),
            Self::VirSlots => (Some(Self::VirSlot), most::EXTERNAL),
            Self::HmsList => (Some(Self::Hms), most::HMS),
            Self::Lights => (Some(Self::Light), most::LIGHTS),
            Self::NetInfos => (Some(Self::NetInfo), most::NETWORKS),
            Self::NewVersions => (Some(Self::NewVersion), most::NEW_VERSIONS),
            Self::Stages | Self::Skipped | Self::Mapping => (None, most::NUMBERS),
            Self::Extruders => (Some(Self::Extruder), most::EXTRUDERS),
            Self::Nozzles => (Some(Self::Nozzle), most::NOZZLES),
            Self::AirductParts => (Some(Self::AirductPart), most::AIRDUCT),
            Self::Modules => (Some(Self::Module), most::MODULES),
            _ => return None,
        })
    }

    /// How many elements are kept with little memory: those of a printer with four AMS units, or fewer.
    pub(super) const fn few(self) -> usize {
        match self {
            Self::Units => few::AMS,
            Self::Trays => few::TRAYS,
            Self::Colours => few::COLOURS,
            Self::VirSlots => few::EXTERNAL,
            Self::HmsList => few::HMS,
            Self::Lights => few::LIGHTS,
            Self::NetInfos => few::NETWORKS,
            Self::NewVersions => few::NEW_VERSIONS,
            Self::Stages | Self::Skipped | Self::Mapping => few::NUMBERS,
            Self::Extruders => few::EXTRUDERS,
            Self::Nozzles => few::NOZZLES,
            Self::AirductParts => few::AIRDUCT,
            Self::Modules => few::MODULES,
            _ => 0,
        }
    }

    /// What a key means in this object.
    pub(super) fn find(self, key: &[u8]) -> Found {
        let field = |field: Option<u8>| field.map(|field| Found::Field(self, field));
        let part = match self {
            Self::Root => {
                return match key {
                    b"print" => Found::Object(Self::Print),
                    b"info" => Found::Object(Self::Info),
                    b"device" => Found::Object(Self::Device),
                    b"fun" => Report::field(key).map_or(Found::Nothing, |n| Found::Field(Self::Print, n)),
                    _ => Found::Object(Self::Other),
                };
            }
            Self::Print => field(Report::field(key)).or_else(|| mark(key)),
            Self::Info | Self::Other => mark(key),
            Self::Ams => field(Ams::field(key)),
            Self::Unit => field(AmsUnit::field(key)),
            Self::Tray | Self::VtTray | Self::VirSlot => {
                Tray::field(key).map(|n| Found::Field(Self::Tray, n))
            }
            Self::Hms => field(Hms::field(key)),
            Self::Light => field(Light::field(key)),
            Self::Net => field(Net::field(key)),
            Self::NetInfo => field(NetInfo::field(key)),
            Self::Camera => field(Camera::field(key)),
            Self::Detectors => field(Detectors::field(key)),
            Self::Upgrade => field(Upgrade::field(key)),
            Self::NewVersion => field(NewVersion::field(key)),
            Self::Online => field(Online::field(key)),
            Self::Upload => field(Transfer::field(key)),
            Self::Device => field(Device::field(key)),
            Self::Extruder => field(Extruder::field(key)),
            Self::Nozzle => field(Nozzle::field(key)),
            Self::Airduct => field(Airduct::field(key)),
            Self::AirductPart => field(AirductPart::field(key)),
            Self::Module => field(Module::field(key)),
            Self::BedInfo | Self::CtcInfo if key == b"temp" => Some(Found::Field(self, 0)),
            Self::ExtruderGroup if key == b"state" => Some(Found::Field(self, 0)),
            Self::NozzleGroup if key == b"exist" => Some(Found::Field(self, 0)),
            _ => None,
        };
        part.unwrap_or_else(|| self.inner(key))
    }

    fn inner(self, key: &[u8]) -> Found {
        match (self, key) {
            (Self::Print, b"ams") => Found::Object(Self::Ams),
            (Self::Print, b"vt_tray") => Found::Object(Self::VtTray),
            (Self::Print, b"vir_slot") => Found::List(Self::VirSlots),
            (Self::Print, b"hms") => Found::List(Self::HmsList),
            (Self::Print, b"lights_report") => Found::List(Self::Lights),
            (Self::Print, b"net") => Found::Object(Self::Net),
            (Self::Print, b"ipcam") => Found::Object(Self::Camera),
            (Self::Print, b"xcam") => Found::Object(Self::Detectors),
            (Self::Print, b"upgrade_state") => Found::Object(Self::Upgrade),
            (Self::Print, b"online") => Found::Object(Self::Online),
            (Self::Print, b"upload") => Found::Object(Self::Upload),
            (Self::Print, b"stg") => Found::List(Self::Stages),
            (Self::Print, b"s_obj") => Found::List(Self::Skipped),
            (Self::Print, b"mapping") => Found::List(Self::Mapping),
            (Self::Print, b"device") => Found::Object(Self::Device),
            (Self::Info, b"module") => Found::List(Self::Modules),
            (Self::Ams, b"ams") => Found::List(Self::Units),
            (Self::Unit, b"tray") => Found::List(Self::Trays),
            (Self::Tray | Self::VtTray | Self::VirSlot, b"cols") => Found::List(Self::Colours),
            (Self::Net, b"info") => Found::List(Self::NetInfos),
            (Self::Upgrade, b"new_ver_list") => Found::List(Self::NewVersions),
            (Self::Device, b"bed") => Found::Object(Self::Bed),
            (Self::Bed, b"info") => Found::Object(Self::BedInfo),
            (Self::Device, b"ctc") => Found::Object(Self::Ctc),
            (Self::Ctc, b"info") => Found::Object(Self::CtcInfo),
            (Self::Device, b"extruder") => Found::Object(Self::ExtruderGroup),
            (Self::ExtruderGroup, b"info") => Found::List(Self::Extruders),
            (Self::Device, b"nozzle") => Found::Object(Self::NozzleGroup),
            (Self::NozzleGroup, b"info") => Found::List(Self::Nozzles),
            (Self::Device, b"airduct") => Found::Object(Self::Airduct),
            (Self::Airduct, b"parts") => Found::List(Self::AirductParts),
            _ => Found::Nothing,
        }
    }
}

fn mark(key: &[u8]) -> Option<Found> {
    Some(Found::Mark(match key {
        b"command" => Mark::Command,
        b"sequence_id" => Mark::SequenceId,
        b"result" => Mark::Result,
        b"reason" => Mark::Reason,
        b"err_code" | b"errno" => Mark::ErrCode,
        b"msg" => Mark::Msg,
        _ => return None,
    }))
}
