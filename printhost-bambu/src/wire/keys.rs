//! Where in a message what stands.

use super::report::{
    Airduct, AirductPart, Ams, AmsUnit, Camera, Detectors, Device, Extruder, Hms, Light, Module, Net,
    NetInfo, NewVersion, Nozzle, Online, Report, Transfer, Tray, Upgrade, most,
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

    /// What a key means in this object.
    pub(super) fn find(self, key: &str) -> Found {
        let field = |field: Option<u8>| field.map(|field| Found::Field(self, field));
        let part = match self {
            Self::Root => {
                return match key {
                    "print" => Found::Object(Self::Print),
                    "info" => Found::Object(Self::Info),
                    "device" => Found::Object(Self::Device),
                    "fun" => Report::field(key).map_or(Found::Nothing, |n| Found::Field(Self::Print, n)),
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
            Self::BedInfo | Self::CtcInfo if key == "temp" => Some(Found::Field(self, 0)),
            Self::ExtruderGroup if key == "state" => Some(Found::Field(self, 0)),
            Self::NozzleGroup if key == "exist" => Some(Found::Field(self, 0)),
            _ => None,
        };
        part.unwrap_or_else(|| self.inner(key))
    }

    fn inner(self, key: &str) -> Found {
        match (self, key) {
            (Self::Print, "ams") => Found::Object(Self::Ams),
            (Self::Print, "vt_tray") => Found::Object(Self::VtTray),
            (Self::Print, "vir_slot") => Found::List(Self::VirSlots),
            (Self::Print, "hms") => Found::List(Self::HmsList),
            (Self::Print, "lights_report") => Found::List(Self::Lights),
            (Self::Print, "net") => Found::Object(Self::Net),
            (Self::Print, "ipcam") => Found::Object(Self::Camera),
            (Self::Print, "xcam") => Found::Object(Self::Detectors),
            (Self::Print, "upgrade_state") => Found::Object(Self::Upgrade),
            (Self::Print, "online") => Found::Object(Self::Online),
            (Self::Print, "upload") => Found::Object(Self::Upload),
            (Self::Print, "stg") => Found::List(Self::Stages),
            (Self::Print, "s_obj") => Found::List(Self::Skipped),
            (Self::Print, "mapping") => Found::List(Self::Mapping),
            (Self::Print, "device") => Found::Object(Self::Device),
            (Self::Info, "module") => Found::List(Self::Modules),
            (Self::Ams, "ams") => Found::List(Self::Units),
            (Self::Unit, "tray") => Found::List(Self::Trays),
            (Self::Tray | Self::VtTray | Self::VirSlot, "cols") => Found::List(Self::Colours),
            (Self::Net, "info") => Found::List(Self::NetInfos),
            (Self::Upgrade, "new_ver_list") => Found::List(Self::NewVersions),
            (Self::Device, "bed") => Found::Object(Self::Bed),
            (Self::Bed, "info") => Found::Object(Self::BedInfo),
            (Self::Device, "ctc") => Found::Object(Self::Ctc),
            (Self::Ctc, "info") => Found::Object(Self::CtcInfo),
            (Self::Device, "extruder") => Found::Object(Self::ExtruderGroup),
            (Self::ExtruderGroup, "info") => Found::List(Self::Extruders),
            (Self::Device, "nozzle") => Found::Object(Self::NozzleGroup),
            (Self::NozzleGroup, "info") => Found::List(Self::Nozzles),
            (Self::Device, "airduct") => Found::Object(Self::Airduct),
            (Self::Airduct, "parts") => Found::List(Self::AirductParts),
            _ => Found::Nothing,
        }
    }
}

fn mark(key: &str) -> Option<Found> {
    Some(Found::Mark(match key {
        "command" => Mark::Command,
        "sequence_id" => Mark::SequenceId,
        "result" => Mark::Result,
        "reason" => Mark::Reason,
        "err_code" | "errno" => Mark::ErrCode,
        "msg" => Mark::Msg,
        _ => return None,
    }))
}
