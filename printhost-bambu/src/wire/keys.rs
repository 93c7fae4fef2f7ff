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
    #[inline]
    pub(super) fn find(self, key: &[u8]) -> Found {
        // The same wherever they are.
        let node = if matches!(self, Self::VtTray | Self::VirSlot) { Self::Tray } else { self };
        let mut slot = slot(node, key);
        while let Some(known) = SLOTS[slot].checked_sub(1).and_then(|n| KEYS.get(usize::from(n))) {
            if known.node == node && known.name.as_bytes() == key {
                return known.found;
            }
            slot = (slot + 1) % SLOTS.len();
        }
        if self == Self::Root { Found::Object(Self::Other) } else { Found::Nothing }
    }
}

/// A key, the object that it stands in, and what it means there.
#[derive(Clone, Copy)]
struct Key {
    node: Node,
    name: &'static str,
    found: Found,
}

/// The names of fields, by the object that they stand in.
const FIELDS: [(Node, &[&[&str]]); 20] = [
    (Node::Print, Report::NAMES),
    (Node::Ams, Ams::NAMES),
    (Node::Unit, AmsUnit::NAMES),
    (Node::Tray, Tray::NAMES),
    (Node::Hms, Hms::NAMES),
    (Node::Light, Light::NAMES),
    (Node::Net, Net::NAMES),
    (Node::NetInfo, NetInfo::NAMES),
    (Node::Camera, Camera::NAMES),
    (Node::Detectors, Detectors::NAMES),
    (Node::Upgrade, Upgrade::NAMES),
    (Node::NewVersion, NewVersion::NAMES),
    (Node::Online, Online::NAMES),
    (Node::Upload, Transfer::NAMES),
    (Node::Device, Device::NAMES),
    (Node::Extruder, Extruder::NAMES),
    (Node::Nozzle, Nozzle::NAMES),
    (Node::Airduct, Airduct::NAMES),
    (Node::AirductPart, AirductPart::NAMES),
    (Node::Module, Module::NAMES),
];

/// What every category may say of itself.
const MARKS: [(&str, Mark); 7] = [
    ("command", Mark::Command),
    ("sequence_id", Mark::SequenceId),
    ("result", Mark::Result),
    ("reason", Mark::Reason),
    ("err_code", Mark::ErrCode),
    ("errno", Mark::ErrCode),
    ("msg", Mark::Msg),
];

/// Everything else.
const OTHERS: [(Node, &str, Found); 39] = [
    (Node::Root, "print", Found::Object(Node::Print)),
    (Node::Root, "info", Found::Object(Node::Info)),
    (Node::Root, "device", Found::Object(Node::Device)),
    (Node::Root, "fun", Found::Field(Node::Print, FUN)),
    (Node::Print, "ams", Found::Object(Node::Ams)),
    (Node::Print, "vt_tray", Found::Object(Node::VtTray)),
    (Node::Print, "vir_slot", Found::List(Node::VirSlots)),
    (Node::Print, "hms", Found::List(Node::HmsList)),
    (Node::Print, "lights_report", Found::List(Node::Lights)),
    (Node::Print, "net", Found::Object(Node::Net)),
    (Node::Print, "ipcam", Found::Object(Node::Camera)),
    (Node::Print, "xcam", Found::Object(Node::Detectors)),
    (Node::Print, "upgrade_state", Found::Object(Node::Upgrade)),
    (Node::Print, "online", Found::Object(Node::Online)),
    (Node::Print, "upload", Found::Object(Node::Upload)),
    (Node::Print, "stg", Found::List(Node::Stages)),
    (Node::Print, "s_obj", Found::List(Node::Skipped)),
    (Node::Print, "mapping", Found::List(Node::Mapping)),
    (Node::Print, "device", Found::Object(Node::Device)),
    (Node::Info, "module", Found::List(Node::Modules)),
    (Node::Ams, "ams", Found::List(Node::Units)),
    (Node::Unit, "tray", Found::List(Node::Trays)),
    (Node::Tray, "cols", Found::List(Node::Colours)),
    (Node::Net, "info", Found::List(Node::NetInfos)),
    (Node::Upgrade, "new_ver_list", Found::List(Node::NewVersions)),
    (Node::Device, "bed", Found::Object(Node::Bed)),
    (Node::Bed, "info", Found::Object(Node::BedInfo)),
    (Node::Device, "ctc", Found::Object(Node::Ctc)),
    (Node::Ctc, "info", Found::Object(Node::CtcInfo)),
    (Node::Device, "extruder", Found::Object(Node::ExtruderGroup)),
    (Node::ExtruderGroup, "info", Found::List(Node::Extruders)),
    (Node::Device, "nozzle", Found::Object(Node::NozzleGroup)),
    (Node::NozzleGroup, "info", Found::List(Node::Nozzles)),
    (Node::Device, "airduct", Found::Object(Node::Airduct)),
    (Node::Airduct, "parts", Found::List(Node::AirductParts)),
    (Node::BedInfo, "temp", Found::Field(Node::BedInfo, 0)),
    (Node::CtcInfo, "temp", Found::Field(Node::CtcInfo, 0)),
    (Node::ExtruderGroup, "state", Found::Field(Node::ExtruderGroup, 0)),
    (Node::NozzleGroup, "exist", Found::Field(Node::NozzleGroup, 0)),
];

/// The field of a report that may stand beside it, too.
pub(super) const FUN: u8 = {
    let mut n = 0;
    while !matches!(Report::NAMES[n][0].as_bytes(), b"fun") {
        n += 1;
    }
    n as u8
};

const COUNT: usize = {
    let (mut count, mut part) = (OTHERS.len() + 3 * MARKS.len(), 0);
    while part < FIELDS.len() {
        let mut field = 0;
        while field < FIELDS[part].1.len() {
            count += FIELDS[part].1[field].len();
            field += 1;
        }
        part += 1;
    }
    count
};

static KEYS: [Key; COUNT] = KNOWN;

const KNOWN: [Key; COUNT] = {
    let mut keys = [Key { node: Node::Root, name: "", found: Found::Nothing }; COUNT];
    let (mut len, mut n) = (0, 0);
    while n < OTHERS.len() {
        let (node, name, found) = OTHERS[n];
        keys[len] = Key { node, name, found };
        (len, n) = (len + 1, n + 1);
    }
    n = 0;
    while n < 3 * MARKS.len() {
        let node = [Node::Print, Node::Info, Node::Other][n % 3];
        let (name, mark) = MARKS[n / 3];
        keys[len] = Key { node, name, found: Found::Mark(mark) };
        (len, n) = (len + 1, n + 1);
    }
    let mut part = 0;
    while part < FIELDS.len() {
        let (node, names) = FIELDS[part];
        let mut field = 0;
        while field < names.len() {
            n = 0;
            while n < names[field].len() {
                keys[len] = Key { node, name: names[field][n], found: Found::Field(node, field as u8) };
                (len, n) = (len + 1, n + 1);
            }
            field += 1;
        }
        part += 1;
    }
    keys
};

/// Where to look for a key first: its number in [`KEYS`] and 1. If another one is there, it is in the next, up to an empty
/// one.
static SLOTS: [u8; 512] = {
    assert!(COUNT < 255, "their numbers are bytes");
    let (mut slots, mut n) = ([0; 512], 0);
    while n < COUNT {
        let mut at = slot(KNOWN[n].node, KNOWN[n].name.as_bytes());
        while slots[at] != 0 {
            at = (at + 1) % slots.len();
        }
        n += 1;
        slots[at] = n as u8;
    }
    slots
};

#[inline]
const fn slot(node: Node, key: &[u8]) -> usize {
    let len = key.len();
    if len == 0 {
        return 0;
    }
    // Of some thousand random factors those that bring the fewest keys to the same place.
    let bytes = u32::from_le_bytes([key[0], key[len / 2], key[len - 1], key[len / 3]]);
    let (len, node) = (len as u32, node as u32);
    let mixed = bytes ^ len.wrapping_mul(0xae4e_cf4b) ^ node.wrapping_mul(0x3dcd_b857);
    let mixed = mixed.wrapping_mul(0x2ad9_a40b);
    (mixed >> 23) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_at_once_or_nearly() {
        for key in &KEYS {
            let node = key.node;
            assert_eq!(node.find(key.name.as_bytes()), key.found, "{node:?} {}", key.name);
            let mut at = slot(node, key.name.as_bytes());
            let steps = (1..).find(|_| {
                let is_it = KEYS[usize::from(SLOTS[at]) - 1].name == key.name;
                at = (at + 1) % SLOTS.len();
                is_it
            });
            assert!(steps.unwrap() <= 6, "{node:?} {}", key.name);
        }
        for (node, key) in
            [(Node::Print, "nothing"), (Node::Tray, ""), (Node::Unit, "tag_uid"), (Node::Other, "ams")]
        {
            assert_eq!(node.find(key.as_bytes()), Found::Nothing, "{node:?} {key}");
        }
        assert_eq!(Node::Root.find(b"system"), Found::Object(Node::Other));
        assert_eq!(Node::VirSlot.find(b"cols"), Found::List(Node::Colours));
    }
}
