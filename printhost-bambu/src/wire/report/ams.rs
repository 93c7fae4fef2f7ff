//! Filament: units, their trays, and which of them is in use.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::wire::scalar::{colour, decimal, flag, hex, id, part, text, whole};

part! {
    /// All units. Where a tray is told by one number, that is unit × 4 + slot; 128 to 135 are units of one slot, 254 is the
    /// external spool, 255 is none. Printers with two extruders and several units may tell the slot alone, of whatever unit:
    /// there, [`Extruder::snow`](super::Extruder::snow) says which.
    pub struct Ams {
        /// Which units there are, a bit each.
        ams_exist_bits: u64 = hex;
        /// Which trays have a spool, a bit each; see [`Ams::has_spool`].
        tray_exist_bits: u64 = hex;
        /// Which spools are the vendor's.
        tray_is_bbl_bits: u64 = hex;
        /// Which tags have been read.
        tray_read_done_bits: u64 = hex;
        /// Which tags are being read.
        tray_reading_bits: u64 = hex;
        /// The tray that is in use.
        tray_now: u16 = whole;
        /// The one before.
        tray_pre: u16 = whole;
        /// The one that shall be.
        tray_tar: u16 = whole;
        /// Counts changes.
        version: u32 = whole;
        /// Tags are read when a spool is put in.
        insert_flag: bool = flag;
        /// Tags are read when the printer is switched on.
        power_on_flag: bool = flag;
        => {
            /// The units.
            ams: Vec<AmsUnit>,
        }
    }
}

part! {
    /// A unit.
    pub struct AmsUnit {
        /// 0 to 3; units of one slot from 128.
        id: u8 = whole;
        /// °C.
        temp: f32 = decimal;
        /// 1 wet to 5 dry.
        humidity: u8 = whole;
        /// Percent.
        humidity_raw: u8 = crate::wire::scalar::percent;
        /// Minutes of drying that are left.
        dry_time: u32 = whole;
        /// Bits: the lowest four are what it is (1 AMS, 2 AMS Lite, 3 AMS 2 Pro, 4 AMS HT), the next four whether it dries.
        info: u64 = hex;
        => {
            /// Its trays.
            tray: Vec<Tray>,
        }
    }
}

part! {
    /// A tray, or an external spool. One that is empty has no more than an `id` and a `state`.
    pub struct Tray {
        /// Slot in its unit; 254 or 255 for an external spool.
        id: u8 = whole;
        /// The material: `PLA`.
        tray_type: String = text;
        /// Its brand: `PLA Basic`.
        tray_sub_brands: String = text;
        /// The slicer's number for the filament: `GFA00`; a user's begin with `P`.
        tray_info_idx: String = id;
        /// The vendor's number for it.
        tray_id_name: String = text;
        /// Its colour, or the first of them.
        tray_color: Rgba = colour;
        /// What [`Tray::cols`] are: 0 run into each other, 1 do not.
        ctype: u8 = whole;
        /// What is left, percent; -1 is not known.
        remain: i8 = whole;
        /// Length of a whole spool, mm.
        total_len: u32 = whole;
        /// Weight of a whole spool, g.
        tray_weight: u32 = whole;
        /// Diameter of the filament, mm.
        tray_diameter: f32 = decimal;
        /// °C.
        nozzle_temp_min: u16 = whole;
        /// °C.
        nozzle_temp_max: u16 = whole;
        /// °C.
        bed_temp: u16 = whole;
        /// Drying, °C.
        drying_temp: u16 = whole, "drying_temp" | "tray_temp";
        /// Drying, hours.
        drying_time: u16 = whole, "drying_time" | "tray_time";
        /// Number of the spool's tag.
        tag_uid: String = id;
        /// Number of the spool.
        tray_uuid: String = id;
        /// Pressure advance.
        k: f32 = decimal;
        /// Likewise.
        n: f32 = decimal;
        /// The calibration in use; -1 is none.
        cali_idx: i32 = whole;
        /// What the slot is doing; numbers differ between firmwares.
        state: u16 = whole;
        => {
            /// All its colours.
            cols: Vec<Rgba>,
        }
    }
}

/// A colour: red, green, blue, and opacity.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // these four bytes are what the protocol has
pub struct Rgba(pub [u8; 4]);

impl fmt::Display for Rgba {
    /// Eight hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", u32::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Rgba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rgba({self})")
    }
}

impl Ams {
    /// Whether there is a spool in this slot; `None` where the printer does not say.
    pub fn has_spool(&self, unit: u8, slot: u8) -> Option<bool> {
        let bit = match unit {
            0..=3 if slot < 4 => unit * 4 + slot,
            // A2L's own unit, then those of one slot.
            16 if slot < 4 => 24 + slot,
            128..=135 if slot == 0 => 16 + (unit - 128),
            _ => return None,
        };
        // While it switches off, a printer says of everything that it is gone.
        let is_leaving = self.tray_exist_bits == Some(0)
            && self.ams_exist_bits == Some(0)
            && self.power_on_flag == Some(false)
            && !self.ams.is_empty();
        self.tray_exist_bits.filter(|_| !is_leaving).map(|bits| bits >> bit & 1 != 0)
    }
}
