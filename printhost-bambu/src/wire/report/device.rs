//! What newer printers tell of their parts.

use alloc::{string::String, vec::Vec};

use crate::wire::scalar::{decimal, id, packed, part, percent, text, whole};

/// Two temperatures in one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // this number is what the protocol has
pub struct Packed(pub u32);

impl Packed {
    /// Measured, °C.
    pub const fn actual(self) -> u16 {
        self.0 as u16
    }

    /// Target, °C; 0 is off.
    pub const fn target(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

part! {
    /// The parts of a newer printer.
    pub struct Device {
        /// The bed's temperature.
        bed_temp: Packed = packed;
        /// What kind of device this is.
        device_type: u32 = whole, "type";
        => {
            /// The bed's temperature (`bed.info.temp`).
            bed_info_temp: Option<Packed>,
            /// The chamber's temperature (`ctc.info.temp`).
            ctc_info_temp: Option<Packed>,
            /// Bits: the lowest four are how many extruders there are, the next four which is in use
            /// (`extruder.state`).
            extruder_state: Option<u32>,
            /// The extruders (`extruder.info`).
            extruders: Vec<Extruder>,
            /// Which nozzles there are, a bit each (`nozzle.exist`).
            nozzle_exist: Option<u32>,
            /// The nozzles (`nozzle.info`).
            nozzles: Vec<Nozzle>,
            /// Ways of the air.
            airduct: Airduct,
        }
    }
}

impl Device {
    /// The number of the extruder in use, where the printer tells of two; not while it changes to the other one.
    pub fn extruder_in_use(&self) -> Option<u8> {
        let state = self.extruder_state?;
        let (in_use, wanted) = (state >> 4 & 15, state >> 8 & 15);
        (in_use == wanted).then_some(in_use as u8)
    }
}

part! {
    /// An extruder with its hot end.
    pub struct Extruder {
        /// 0 is the right or only one, 1 the left one.
        id: u8 = whole;
        /// Its temperature.
        temp: Packed = packed;
        /// The nozzle it has.
        hnow: u32 = whole;
        /// Bits: 1 filament is in it, 3 it has a nozzle.
        info: u32 = whole;
        /// The filament that is in it: unit × 256 + slot; 65535 is none.
        snow: u32 = whole;
        /// The one before.
        spre: u32 = whole;
        /// The one that shall be.
        star: u32 = whole;
        /// What it is doing.
        stat: u32 = whole;
    }
}

part! {
    /// A nozzle.
    pub struct Nozzle {
        /// Its number; of a rack, from 16.
        id: u8 = whole;
        /// mm.
        diameter: f32 = decimal;
        /// What it is: `HS01`.
        nozzle_type: String = text, "type";
        /// How worn it is.
        wear: f32 = decimal;
        /// Its serial number.
        sn: String = id;
    }
}

part! {
    /// Ways of the air, and its fans.
    pub struct Airduct {
        /// 0 cools, 1 heats or filters, 2 is for a laser.
        mode_cur: i32 = whole, "modeCur";
        => {
            /// Fans and flaps.
            parts: Vec<AirductPart>,
        }
    }
}

part! {
    /// A fan or a flap.
    pub struct AirductPart {
        /// 16 cools the print, 32 is the auxiliary fan, 48 the chamber's, 160 a second auxiliary one.
        id: u32 = whole;
        /// What it does.
        func: i32 = whole;
        /// Percent.
        state: u8 = percent;
        /// The largest value × 65536 + the smallest.
        range: u32 = whole;
    }
}
