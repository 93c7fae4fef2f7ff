//! What a message has said so far, before it is known whether it counts.

use alloc::vec::Vec;

use printhost_net::proto::json_events::Text;

use super::{
    keys::Node,
    report::{
        Airduct, AirductPart, Ams, AmsUnit, Camera, Detectors, Device, Extruder, Hms, Light, Module, Net,
        NetInfo, NewVersion, Nozzle, Online, Report, Transfer, Tray, Upgrade,
    },
    scalar::{Scalar, Set, colour, packed, whole},
};

/// A message that says more than this is refused: the largest that a printer has been seen to send says a quarter of it.
const MAX_ENTRIES: usize = 2048;
/// Likewise, bytes of texts and numbers.
const MAX_BYTES: usize = 16 << 10;
/// What is kept allocated between messages; most say very little.
const KEPT_ENTRIES: usize = 128;
const KEPT_BYTES: usize = 1 << 10;

/// Values in their order, as flat as they can be.
#[derive(Debug, Default)]
pub(super) struct Staged {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    node: Node,
    field: u8,
    what: What,
    start: u16,
    len: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Null,
    True,
    False,
    Other,
    Number,
    Text,
    /// Texts and numbers of which only the beginning is here.
    CutNumber,
    CutText,
    /// An object begins, a new one if it is the element of a list.
    Object,
    /// A list begins; what it had before is gone.
    List,
    /// Something that has others in it became something else: nothing is left of it.
    Gone,
}

/// The message says too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// A place in what has been said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    entries: usize,
    bytes: usize,
}

impl Staged {
    pub(super) fn clear(&mut self) {
        self.back_to(Point::default());
        self.entries.shrink_to(KEPT_ENTRIES);
        self.bytes.shrink_to(KEPT_BYTES);
    }

    pub(super) fn point(&self) -> Point {
        Point { entries: self.entries.len(), bytes: self.bytes.len() }
    }

    /// Forgets what was said since.
    pub(super) fn back_to(&mut self, point: Point) {
        self.entries.truncate(point.entries);
        self.bytes.truncate(point.bytes);
    }

    pub(super) fn value(&mut self, node: Node, field: u8, scalar: Scalar<'_>) -> Result<(), TooMuch> {
        let (what, bytes) = match scalar {
            Scalar::Null => (What::Null, &[][..]),
            Scalar::Bool(true) => (What::True, &[][..]),
            Scalar::Bool(false) => (What::False, &[][..]),
            Scalar::Other => (What::Other, &[][..]),
            Scalar::Number(text) if text.is_whole() => (What::Number, text.bytes()),
            Scalar::Number(text) => (What::CutNumber, text.bytes()),
            Scalar::Text(text) if text.is_whole() => (What::Text, text.bytes()),
            Scalar::Text(text) => (What::CutText, text.bytes()),
        };
        self.add(node, field, what, bytes)
    }

    pub(super) fn object(&mut self, node: Node) -> Result<(), TooMuch> {
        self.add(node, 0, What::Object, &[])
    }

    pub(super) fn list(&mut self, node: Node) -> Result<(), TooMuch> {
        self.add(node, 0, What::List, &[])
    }

    pub(super) fn gone(&mut self, node: Node) -> Result<(), TooMuch> {
        self.add(node, 0, What::Gone, &[])
    }

    fn add(&mut self, node: Node, field: u8, what: What, bytes: &[u8]) -> Result<(), TooMuch> {
        let start = self.bytes.len();
        if self.entries.len() == MAX_ENTRIES || start + bytes.len() > MAX_BYTES {
            return Err(TooMuch);
        }
        self.bytes.extend_from_slice(bytes);
        self.entries.push(Entry { node, field, what, start: start as u16, len: bytes.len() as u16 });
        Ok(())
    }

    /// Puts everything where it belongs; tells whether that changed anything. A whole report replaces what was known, but
    /// for what may stand beside it and does not.
    pub(super) fn merge_into(&self, report: &mut Report, is_full: bool) -> bool {
        let replaces = |entry: &Entry| matches!(entry.what, What::List | What::Gone);
        let before = match is_full {
            true => Some(self.begin_anew(report)),
            // What a list was like before is gone once it is told anew.
            false => self.entries.iter().any(replaces).then(|| report.clone()),
        };
        let mut merge = Merge { report, tray: TrayOf::Unit, changed: false };
        for entry in &self.entries {
            match (entry.what, self.scalar(entry)) {
                (_, Some(scalar)) => merge.value(entry.node, entry.field, scalar),
                (What::Gone, _) => merge.gone(entry.node),
                (What::List, _) => merge.list(entry.node),
                _ => merge.object(entry.node),
            }
        }
        let changed = merge.changed;
        before.map_or(changed, |before| before != *report)
    }

    fn begin_anew(&self, report: &mut Report) -> Report {
        let before = core::mem::take(report);
        report.module.clone_from(&before.module);
        report.last_error = before.last_error;
        let tells = |node: Node, field: u8| self.entries.iter().any(|e| e.node == node && e.field == field);
        if !tells(Node::Device, 0) {
            report.device.clone_from(&before.device);
        }
        if Report::field("fun").is_none_or(|fun| !tells(Node::Print, fun)) {
            report.fun = before.fun;
        }
        before
    }

    fn scalar(&self, entry: &Entry) -> Option<Scalar<'_>> {
        let start = usize::from(entry.start);
        let bytes = self.bytes.get(start..start + usize::from(entry.len)).unwrap_or_default();
        Some(match entry.what {
            What::Null => Scalar::Null,
            What::True => Scalar::Bool(true),
            What::False => Scalar::Bool(false),
            What::Other => Scalar::Other,
            What::Number => Scalar::Number(Text::new(bytes, true)),
            What::CutNumber => Scalar::Number(Text::new(bytes, false)),
            What::Text => Scalar::Text(Text::new(bytes, true)),
            What::CutText => Scalar::Text(Text::new(bytes, false)),
            What::Object | What::List | What::Gone => return None,
        })
    }
}

struct Merge<'a> {
    report: &'a mut Report,
    /// Which tray is told of.
    tray: TrayOf,
    changed: bool,
}

/// A tray stands in a unit, or alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TrayOf {
    Unit,
    Vt,
    Vir,
}

impl Merge<'_> {
    /// The field of a part; of a list, its last element.
    fn value(&mut self, node: Node, field: u8, scalar: Scalar<'_>) {
        let report = &mut *self.report;
        let of_last = match node {
            Node::Print => Some(report.set(field, scalar)),
            Node::Ams => Some(report.ams.set(field, scalar)),
            Node::Unit => report.ams.ams.last_mut().map(|unit| unit.set(field, scalar)),
            Node::Tray => tray(report, self.tray).map(|tray| tray.set(field, scalar)),
            Node::Colours => tray(report, self.tray).map(|tray| push(&mut tray.cols, scalar, colour)),
            Node::Hms => report.hms.last_mut().map(|hms| hms.set(field, scalar)),
            Node::Light => report.lights_report.last_mut().map(|light| light.set(field, scalar)),
            Node::Net => Some(report.net.set(field, scalar)),
            Node::NetInfo => report.net.info.last_mut().map(|info| info.set(field, scalar)),
            Node::Camera => Some(report.ipcam.set(field, scalar)),
            Node::Detectors => Some(report.xcam.set(field, scalar)),
            Node::Upgrade => Some(report.upgrade_state.set(field, scalar)),
            Node::NewVersion => {
                report.upgrade_state.new_ver_list.last_mut().map(|version| version.set(field, scalar))
            }
            Node::Online => Some(report.online.set(field, scalar)),
            Node::Upload => Some(report.upload.set(field, scalar)),
            Node::Stages => Some(push(&mut report.stg, scalar, whole)),
            Node::Skipped => Some(push(&mut report.s_obj, scalar, whole)),
            Node::Mapping => Some(push(&mut report.mapping, scalar, whole)),
            Node::Device => Some(report.device.set(field, scalar)),
            Node::BedInfo => Some(packed(&mut report.device.bed_info_temp, scalar)),
            Node::CtcInfo => Some(packed(&mut report.device.ctc_info_temp, scalar)),
            Node::ExtruderGroup => Some(whole(&mut report.device.extruder_state, scalar)),
            Node::Extruder => report.device.extruders.last_mut().map(|extruder| extruder.set(field, scalar)),
            Node::NozzleGroup => Some(whole(&mut report.device.nozzle_exist, scalar)),
            Node::Nozzle => report.device.nozzles.last_mut().map(|nozzle| nozzle.set(field, scalar)),
            Node::Airduct => Some(report.device.airduct.set(field, scalar)),
            Node::AirductPart => report.device.airduct.parts.last_mut().map(|part| part.set(field, scalar)),
            Node::Module => report.module.last_mut().map(|module| module.set(field, scalar)),
            _ => None,
        };
        self.changed |= of_last.unwrap_or(false);
    }

    /// Of a list's elements, every one is new.
    fn object(&mut self, node: Node) {
        let report = &mut *self.report;
        match node {
            Node::Unit => report.ams.ams.push(AmsUnit::default()),
            Node::Tray => {
                self.tray = TrayOf::Unit;
                if let Some(unit) = report.ams.ams.last_mut() {
                    unit.tray.push(Tray::default());
                }
            }
            Node::VtTray => {
                self.tray = TrayOf::Vt;
                self.changed |= report.vt_tray.is_none();
                report.vt_tray.get_or_insert_default();
            }
            Node::VirSlot => {
                self.tray = TrayOf::Vir;
                report.vir_slot.push(Tray::default());
            }
            Node::Hms => report.hms.push(Hms::default()),
            Node::Light => report.lights_report.push(Light::default()),
            Node::NetInfo => report.net.info.push(NetInfo::default()),
            Node::NewVersion => report.upgrade_state.new_ver_list.push(NewVersion::default()),
            Node::Extruder => report.device.extruders.push(Extruder::default()),
            Node::Nozzle => report.device.nozzles.push(Nozzle::default()),
            Node::AirductPart => report.device.airduct.parts.push(AirductPart::default()),
            Node::Module => report.module.push(Module::default()),
            _ => {}
        }
    }

    fn list(&mut self, node: Node) {
        let report = &mut *self.report;
        match node {
            Node::Units => report.ams.ams.clear(),
            Node::Trays => {
                if let Some(unit) = report.ams.ams.last_mut() {
                    unit.tray.clear();
                }
            }
            Node::Colours => {
                if let Some(tray) = tray(report, self.tray) {
                    tray.cols.clear();
                }
            }
            Node::VirSlots => report.vir_slot.clear(),
            Node::HmsList => report.hms.clear(),
            Node::Lights => report.lights_report.clear(),
            Node::NetInfos => report.net.info.clear(),
            Node::NewVersions => report.upgrade_state.new_ver_list.clear(),
            Node::Stages => report.stg.clear(),
            Node::Skipped => report.s_obj.clear(),
            Node::Mapping => report.mapping.clear(),
            Node::Extruders => report.device.extruders.clear(),
            Node::Nozzles => report.device.nozzles.clear(),
            Node::AirductParts => report.device.airduct.parts.clear(),
            Node::Modules => report.module.clear(),
            _ => {}
        }
    }

    fn gone(&mut self, node: Node) {
        let report = &mut *self.report;
        match node {
            Node::Ams => report.ams = Ams::default(),
            Node::VtTray => report.vt_tray = None,
            Node::Net => report.net = Net::default(),
            Node::Camera => report.ipcam = Camera::default(),
            Node::Detectors => report.xcam = Detectors::default(),
            Node::Upgrade => report.upgrade_state = Upgrade::default(),
            Node::Online => report.online = Online::default(),
            Node::Upload => report.upload = Transfer::default(),
            Node::Device => report.device = Device::default(),
            Node::Bed | Node::BedInfo => report.device.bed_info_temp = None,
            Node::Ctc | Node::CtcInfo => report.device.ctc_info_temp = None,
            Node::ExtruderGroup => {
                report.device.extruder_state = None;
                report.device.extruders.clear();
            }
            Node::NozzleGroup => {
                report.device.nozzle_exist = None;
                report.device.nozzles.clear();
            }
            Node::Airduct => report.device.airduct = Airduct::default(),
            _ => self.list(node),
        }
    }
}

fn tray(report: &mut Report, of: TrayOf) -> Option<&mut Tray> {
    match of {
        TrayOf::Unit => report.ams.ams.last_mut()?.tray.last_mut(),
        TrayOf::Vt => report.vt_tray.as_mut(),
        TrayOf::Vir => report.vir_slot.last_mut(),
    }
}

/// An element that makes no sense is left out.
fn push<T>(list: &mut Vec<T>, scalar: Scalar<'_>, set: Set<T>) -> bool {
    let mut value = None;
    set(&mut value, scalar);
    list.extend(value);
    true
}
