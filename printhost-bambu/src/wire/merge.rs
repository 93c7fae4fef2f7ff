//! What a message says becomes part of what is known, in place: what stays the same costs nothing.

use alloc::vec::Vec;

use super::{
    keys::{FUN, Node},
    report::{Report, Tray},
    scalar::{Scalar, Set, colour, packed, whole},
};

/// Bits beside those of fields: a unit has trays, a tray has colours; and that something was told at all.
const LIST: u8 = 63;
const THERE: u8 = 62;

/// One message, value by value.
pub(super) struct Merge<'a> {
    report: &'a mut Report,
    /// Whose fields those of a tray are: it may stand alone.
    tray: Node,
    /// A bit for every field that was told; of elements, since the last one began.
    seen: [u64; Node::COUNT],
    /// Of a list, how many elements were told.
    counts: [usize; Node::COUNT],
    pub(super) changed: bool,
}

impl<'a> Merge<'a> {
    pub(super) fn new(report: &'a mut Report) -> Self {
        let (seen, counts) = ([0; Node::COUNT], [0; Node::COUNT]);
        Self { report, tray: Node::Tray, seen, counts, changed: false }
    }

    /// The field of a part; of a list, the element that is told of.
    pub(super) fn value(&mut self, node: Node, field: u8, scalar: Scalar<'_>) {
        let place = if node == Node::Tray { self.tray } else { node };
        self.seen[place as usize] |= 1 << field;
        let at = self.at(node);
        let report = &mut *self.report;
        self.changed |= match node {
            Node::Print => report.set(field, scalar),
            Node::Ams => report.ams.set(field, scalar),
            Node::Unit => of(&mut report.ams.ams, at, |unit| unit.set(field, scalar)),
            Node::Tray => self.with_tray(|tray, _| tray.set(field, scalar)),
            Node::Colours => self.with_tray(|tray, at| put(&mut tray.cols, at, scalar, colour)),
            Node::Hms => of(&mut report.hms, at, |hms| hms.set(field, scalar)),
            Node::Light => of(&mut report.lights_report, at, |light| light.set(field, scalar)),
            Node::Net => report.net.set(field, scalar),
            Node::NetInfo => of(&mut report.net.info, at, |info| info.set(field, scalar)),
            Node::Camera => report.ipcam.set(field, scalar),
            Node::Detectors => report.xcam.set(field, scalar),
            Node::Upgrade => report.upgrade_state.set(field, scalar),
            Node::NewVersion => {
                of(&mut report.upgrade_state.new_ver_list, at, |version| version.set(field, scalar))
            }
            Node::Online => report.online.set(field, scalar),
            Node::Upload => report.upload.set(field, scalar),
            Node::Stages => put(&mut report.stg, &mut self.counts[node as usize], scalar, whole),
            Node::Skipped => put(&mut report.s_obj, &mut self.counts[node as usize], scalar, whole),
            Node::Mapping => put(&mut report.mapping, &mut self.counts[node as usize], scalar, whole),
            Node::Device => report.device.set(field, scalar),
            Node::BedInfo => packed(&mut report.device.bed_info_temp, scalar),
            Node::CtcInfo => packed(&mut report.device.ctc_info_temp, scalar),
            Node::ExtruderGroup => whole(&mut report.device.extruder_state, scalar),
            Node::Extruder => of(&mut report.device.extruders, at, |extruder| extruder.set(field, scalar)),
            Node::NozzleGroup => whole(&mut report.device.nozzle_exist, scalar),
            Node::Nozzle => of(&mut report.device.nozzles, at, |nozzle| nozzle.set(field, scalar)),
            Node::Airduct => report.device.airduct.set(field, scalar),
            Node::AirductPart => of(&mut report.device.airduct.parts, at, |part| part.set(field, scalar)),
            Node::Module => of(&mut report.module, at, |module| module.set(field, scalar)),
            _ => false,
        };
    }

    /// An object begins; every element is another one.
    pub(super) fn object(&mut self, node: Node) {
        match node.in_list() {
            Some(list) => {
                self.counts[list as usize] += 1;
                self.seen[node as usize] = 0;
            }
            None => self.seen[node as usize] |= 1 << THERE,
        }
        if matches!(node, Node::Tray | Node::VtTray | Node::VirSlot) {
            self.tray = node;
        }
        let (at, unit) = (self.at(node), self.at(Node::Unit));
        let report = &mut *self.report;
        self.changed |= match node {
            Node::Unit => begin(&mut report.ams.ams, at),
            Node::Tray => of(&mut report.ams.ams, unit, |unit| begin(&mut unit.tray, at)),
            Node::VtTray if report.vt_tray.is_none() => {
                report.vt_tray = Some(Tray::default());
                true
            }
            Node::VirSlot => begin(&mut report.vir_slot, at),
            Node::Hms => begin(&mut report.hms, at),
            Node::Light => begin(&mut report.lights_report, at),
            Node::NetInfo => begin(&mut report.net.info, at),
            Node::NewVersion => begin(&mut report.upgrade_state.new_ver_list, at),
            Node::Extruder => begin(&mut report.device.extruders, at),
            Node::Nozzle => begin(&mut report.device.nozzles, at),
            Node::AirductPart => begin(&mut report.device.airduct.parts, at),
            Node::Module => begin(&mut report.module, at),
            _ => false,
        };
    }

    /// A list begins.
    pub(super) fn list(&mut self, node: Node) {
        self.counts[node as usize] = 0;
        self.seen[node as usize] |= 1 << THERE;
        match node {
            Node::Trays => self.seen[Node::Unit as usize] |= 1 << LIST,
            Node::Colours => self.seen[self.tray as usize] |= 1 << LIST,
            _ => {}
        }
    }

    /// An element or a list ends: what it had before, and was not told now, is gone.
    pub(super) fn end(&mut self, node: Node) {
        let (at, seen) = (self.at(node), self.seen[node as usize]);
        let report = &mut *self.report;
        self.changed |= match node {
            Node::Unit => of(&mut report.ams.ams, at, |unit| {
                (seen >> LIST == 0 && cut(&mut unit.tray, 0)) | unit.forget(seen)
            }),
            Node::Tray | Node::VirSlot => self.with_tray(|tray, _| forget_tray(tray, seen)),
            Node::Hms => of(&mut report.hms, at, |hms| hms.forget(seen)),
            Node::Light => of(&mut report.lights_report, at, |light| light.forget(seen)),
            Node::NetInfo => of(&mut report.net.info, at, |info| info.forget(seen)),
            Node::NewVersion => {
                of(&mut report.upgrade_state.new_ver_list, at, |version| version.forget(seen))
            }
            Node::Extruder => of(&mut report.device.extruders, at, |extruder| extruder.forget(seen)),
            Node::Nozzle => of(&mut report.device.nozzles, at, |nozzle| nozzle.forget(seen)),
            Node::AirductPart => of(&mut report.device.airduct.parts, at, |part| part.forget(seen)),
            Node::Module => of(&mut report.module, at, |module| module.forget(seen)),
            list => self.cut(list, self.counts[list as usize]),
        };
    }

    /// What has others in it became something else.
    pub(super) fn gone(&mut self, node: Node) {
        for part in Node::PARTS {
            let goes = match node {
                Node::Device => part.is_of_device(),
                Node::Bed => part == Node::BedInfo,
                Node::Ctc => part == Node::CtcInfo,
                _ => part == node,
            };
            if goes {
                self.seen[part as usize] = 0;
                part.lists().iter().for_each(|list| self.seen[*list as usize] = 0);
                self.changed |= self.forget_part(part);
            }
        }
        if node.list().is_some() {
            self.changed |= self.cut(node, 0);
        }
        self.seen[node as usize] |= 1 << THERE;
    }

    /// It was a whole report: what was not told is gone. `device` and `fun` may stand beside it, and were told there.
    pub(super) fn forget(&mut self) {
        let seen = self.seen[Node::Print as usize] | 1 << FUN;
        self.changed |= self.report.forget(seen);
        let has_device = self.seen[Node::Device as usize] != 0;
        for part in Node::PARTS {
            if has_device || !part.is_of_device() {
                self.changed |= self.forget_part(part);
            }
        }
    }

    /// What was not told of a part.
    fn forget_part(&mut self, part: Node) -> bool {
        let seen = self.seen[part as usize];
        let report = &mut *self.report;
        let mut changed = match part {
            Node::Ams => report.ams.forget(seen),
            Node::VtTray if seen == 0 => report.vt_tray.take().is_some(),
            Node::VtTray => report.vt_tray.as_mut().is_some_and(|tray| forget_tray(tray, seen)),
            Node::Net => report.net.forget(seen),
            Node::Camera => report.ipcam.forget(seen),
            Node::Detectors => report.xcam.forget(seen),
            Node::Upgrade => report.upgrade_state.forget(seen),
            Node::Online => report.online.forget(seen),
            Node::Upload => report.upload.forget(seen),
            Node::Device => report.device.forget(seen),
            Node::BedInfo => seen & 1 == 0 && report.device.bed_info_temp.take().is_some(),
            Node::CtcInfo => seen & 1 == 0 && report.device.ctc_info_temp.take().is_some(),
            Node::ExtruderGroup => seen & 1 == 0 && report.device.extruder_state.take().is_some(),
            Node::NozzleGroup => seen & 1 == 0 && report.device.nozzle_exist.take().is_some(),
            Node::Airduct => report.device.airduct.forget(seen),
            _ => false,
        };
        for list in part.lists() {
            changed |= self.seen[*list as usize] == 0 && self.cut(*list, 0);
        }
        changed
    }

    /// Which element of its list is told of.
    fn at(&self, node: Node) -> usize {
        node.in_list().map_or(0, |list| self.counts[list as usize].saturating_sub(1))
    }

    /// The tray that is told of, and how many of its colours were.
    fn with_tray(&mut self, with: impl FnOnce(&mut Tray, &mut usize) -> bool) -> bool {
        let (unit, at) = (self.at(Node::Unit), self.at(self.tray));
        let tray = match self.tray {
            Node::VtTray => self.report.vt_tray.as_mut(),
            Node::VirSlot => self.report.vir_slot.get_mut(at),
            _ => self.report.ams.ams.get_mut(unit).and_then(|unit| unit.tray.get_mut(at)),
        };
        tray.is_some_and(|tray| with(tray, &mut self.counts[Node::Colours as usize]))
    }

    /// Leaves the first elements of a list.
    fn cut(&mut self, list: Node, len: usize) -> bool {
        let unit = self.at(Node::Unit);
        let report = &mut *self.report;
        match list {
            Node::Units => cut(&mut report.ams.ams, len),
            Node::Trays => of(&mut report.ams.ams, unit, |unit| cut(&mut unit.tray, len)),
            Node::Colours => self.with_tray(|tray, _| cut(&mut tray.cols, len)),
            Node::VirSlots => cut(&mut report.vir_slot, len),
            Node::HmsList => cut(&mut report.hms, len),
            Node::Lights => cut(&mut report.lights_report, len),
            Node::NetInfos => cut(&mut report.net.info, len),
            Node::NewVersions => cut(&mut report.upgrade_state.new_ver_list, len),
            Node::Stages => cut(&mut report.stg, len),
            Node::Skipped => cut(&mut report.s_obj, len),
            Node::Mapping => cut(&mut report.mapping, len),
            Node::Extruders => cut(&mut report.device.extruders, len),
            Node::Nozzles => cut(&mut report.device.nozzles, len),
            Node::AirductParts => cut(&mut report.device.airduct.parts, len),
            Node::Modules => cut(&mut report.module, len),
            _ => false,
        }
    }
}

/// What is done to the element of this number; nothing, if there is none.
fn of<T>(list: &mut [T], at: usize, what: impl FnOnce(&mut T) -> bool) -> bool {
    list.get_mut(at).is_some_and(what)
}

/// Makes room for one more element, unless the list has it already.
fn begin<T: Default>(list: &mut Vec<T>, at: usize) -> bool {
    let is_new = list.len() <= at;
    if is_new {
        // Most stay as long as they are.
        list.reserve_exact(1);
        list.push(T::default());
    }
    is_new
}

fn cut<T>(list: &mut Vec<T>, len: usize) -> bool {
    let is_longer = list.len() > len;
    list.truncate(len);
    is_longer
}

fn forget_tray(tray: &mut Tray, seen: u64) -> bool {
    (seen >> LIST == 0 && cut(&mut tray.cols, 0)) | tray.forget(seen)
}

/// The next element of a list of values; one that makes no sense is left out.
fn put<T: PartialEq>(list: &mut Vec<T>, at: &mut usize, scalar: Scalar<'_>, set: Set<T>) -> bool {
    let mut value = None;
    set(&mut value, scalar);
    let Some(value) = value else { return false };
    *at += 1;
    match list.get_mut(*at - 1) {
        Some(place) => core::mem::replace(place, value) != *place,
        None => {
            list.reserve_exact(1);
            list.push(value);
            true
        }
    }
}
