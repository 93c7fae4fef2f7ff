//! What a printer reports, with the names that the protocol has for it.

mod ams;
mod device;
mod errors;
mod machine;
mod version;

use alloc::{string::String, vec::Vec};

pub use ams::{Ams, AmsUnit, Rgba, Tray};
pub use device::{Airduct, AirductPart, Device, Extruder, Nozzle, Packed};
pub use errors::{Hms, Severity, code_text};
pub use machine::{Camera, Detectors, Light, Net, NetInfo, NewVersion, Online, Transfer, Upgrade};
pub use version::Module;

use super::scalar::{ID, PATH, TEXT, bits, card, decimal, flag, hex, id, part, path, percent, text, whole};
use super::staged::MAX_BYTES;

/// Of lists, the first ones are kept.
pub(crate) mod most {
    pub(crate) const AMS: usize = 12;
    pub(crate) const TRAYS: usize = 4;
    pub(crate) const COLOURS: usize = 8;
    pub(crate) const EXTERNAL: usize = 4;
    pub(crate) const HMS: usize = 24;
    pub(crate) const LIGHTS: usize = 8;
    pub(crate) const NETWORKS: usize = 4;
    pub(crate) const NEW_VERSIONS: usize = 8;
    pub(crate) const NUMBERS: usize = 64;
    pub(crate) const EXTRUDERS: usize = 4;
    pub(crate) const NOZZLES: usize = 24;
    pub(crate) const AIRDUCT: usize = 16;
    pub(crate) const MODULES: usize = 24;
}

/// Of lists, where there is little memory; and of paths and names of jobs, and of modules together, bytes.
pub(crate) mod few {
    pub(crate) const PATH: usize = 256;
    pub(crate) const MODULE_TEXTS: usize = 1024;
    pub(crate) const AMS: usize = 4;
    pub(crate) const TRAYS: usize = 4;
    pub(crate) const COLOURS: usize = 4;
    pub(crate) const EXTERNAL: usize = 2;
    pub(crate) const HMS: usize = 8;
    pub(crate) const LIGHTS: usize = 2;
    pub(crate) const NETWORKS: usize = 2;
    pub(crate) const NEW_VERSIONS: usize = 1;
    pub(crate) const NUMBERS: usize = 16;
    pub(crate) const EXTRUDERS: usize = 4;
    pub(crate) const NOZZLES: usize = 2;
    pub(crate) const AIRDUCT: usize = 8;
    pub(crate) const MODULES: usize = 10;
}

part! {
    /// What a printer has reported so far, put together from the pieces in which it comes. The fields are called as in the
    /// protocol; `None` is what it has not said, has taken back by `null`, or has said in a way that makes no sense. Texts
    /// are cut to 128 bytes, except for names and numbers of jobs, files and modules, which are whole or `None`, and lists to their first
    /// elements.
    pub struct Report {
        /// What it is doing: `IDLE`, `PREPARE`, `RUNNING`, `PAUSE`, `FINISH`, `FAILED` and others.
        gcode_state: String = text;
        /// Progress, percent.
        mc_percent: u8 = percent;
        /// Minutes left.
        mc_remaining_time: u32 = whole;
        /// The layer that is printed.
        layer_num: u32 = whole;
        /// Of so many; 0 when none are known.
        total_layer_num: u32 = whole, "total_layer_num" | "total_layers";
        /// The file: on some the uploaded one, on others one that was unpacked from it.
        gcode_file: String = path;
        /// How far the file is read in, percent.
        gcode_file_prepare_percent: u8 = percent;
        /// The job's name.
        subtask_name: String = path;
        /// The job's number, as who started it chose it; `0` is none.
        task_id: String = id;
        /// Likewise.
        subtask_id: String = id;
        /// Likewise.
        project_id: String = id;
        /// Likewise.
        profile_id: String = id;
        /// Likewise, on newer printers.
        job_id: String = id;
        /// Where the job comes from: `idle`, `local`, `cloud`; `system` is one of the printer's own.
        print_type: String = text;
        /// The plate that is printed.
        plate_idx: u32 = whole;
        /// What went wrong, 0 for nothing; `code_text` writes it as others do.
        print_error: u32 = whole;
        /// In which stage of a job it is, told roughly: 1 idle, 2 printing.
        mc_print_stage: u8 = whole;
        /// Within that.
        mc_print_sub_stage: i32 = whole;
        /// The stage it is in: see [`crate::stage_name`]. It only means something while a job goes on.
        stg_cur: i16 = whole;
        /// Why the job failed, in numbers or words of the printer's.
        fail_reason: String = id;
        /// Likewise.
        mc_print_error_code: String = id;
        /// The line of the G-code.
        mc_print_line_number: u32 = whole;
        /// Place in a queue.
        queue_number: i32 = whole;
        /// Length of that queue.
        queue_total: i32 = whole;
        /// °C; of two hot ends, one.
        nozzle_temper: f32 = decimal;
        /// °C; 0 is off.
        nozzle_target_temper: f32 = decimal;
        /// °C.
        bed_temper: f32 = decimal;
        /// °C; 0 is off.
        bed_target_temper: f32 = decimal;
        /// °C, or packed as in [`Packed`]; 5 on printers that do not measure it.
        chamber_temper: f32 = decimal;
        /// The fan that cools the print, 0 to 15.
        cooling_fan_speed: u8 = whole;
        /// The auxiliary fan, 0 to 15.
        big_fan1_speed: u8 = whole;
        /// The chamber's fan, 0 to 15.
        big_fan2_speed: u8 = whole;
        /// The hot end's own fan, 0 to 15.
        heatbreak_fan_speed: u8 = whole;
        /// Three fans, a byte each.
        fan_gear: u32 = whole;
        /// Speed: 1 silent, 2 standard, 3 sport, 4 ludicrous.
        spd_lvl: u8 = whole;
        /// Speed, percent.
        spd_mag: u16 = whole;
        /// What the AMS is doing; the upper byte is 0 when it does nothing.
        ams_status: u32 = whole;
        /// Of the tags on spools.
        ams_rfid_status: i32 = whole;
        /// Diameter of the nozzle, mm.
        nozzle_diameter: f32 = decimal;
        /// What the nozzle is made of.
        nozzle_type: String = text;
        /// Bits about the machine, see [`Report::sd_card`] for some of them.
        home_flag: u32 = bits;
        /// Bits about settings, on newer printers.
        cfg: u64 = hex;
        /// Bits about abilities, on newer printers; see [`Report::needs_signature`].
        fun: u64 = hex;
        /// More of them; of very many, the lowest 64.
        fun2: u64 = hex;
        /// Bits about what is connected, on newer printers.
        aux: u64 = hex;
        /// Bits about states, on newer printers.
        stat: u64 = hex;
        /// Whether there is a card or stick to store files on.
        sdcard: bool = card;
        /// Signal of the wireless network, dBm.
        wifi_signal: i16 = super::scalar::dbm;
        /// Whether something has to be updated.
        force_upgrade: bool = flag;
        /// Where it stands in its life: `product`.
        lifecycle: String = text;
        => {
            /// The stages that are still to come (`stg`).
            stg: Vec<i32>,
            /// The objects that are skipped, by their numbers in the plate.
            s_obj: Vec<i32>,
            /// Which tray each filament of the job is taken from, on newer printers: unit × 256 + slot; 65535 is none.
            mapping: Vec<i32>,
            /// Filament.
            ams: Ams,
            /// The spool without an AMS, on printers that have one place for it.
            vt_tray: Option<Tray>,
            /// The spools without an AMS, on newer printers.
            vir_slot: Vec<Tray>,
            /// What the printer complains about now.
            hms: Vec<Hms>,
            /// Lights.
            lights_report: Vec<Light>,
            /// Networks.
            net: Net,
            /// The camera.
            ipcam: Camera,
            /// What watches the print.
            xcam: Detectors,
            /// Firmware that is new, or on its way.
            upgrade_state: Upgrade,
            /// What is connected.
            online: Online,
            /// A file on its way to the printer by the cloud.
            upload: Transfer,
            /// What newer printers tell of their parts.
            device: Device,
            /// What the printer is made of, as it has answered `get_version`.
            module: Vec<Module>,
            /// The last [`Report::print_error`] of the job that was not 0: a printer shows why it was stopped for a moment
            /// only. Not of the protocol.
            last_error: Option<u32>,
        }
    }
}

/// The state of what files are stored on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SdCard {
    /// There is none.
    Absent,
    /// It can be used.
    Present,
    /// It is there and cannot be used.
    Abnormal,
    /// It can only be read.
    ReadOnly,
}

impl Report {
    /// The heap that a report takes at most, whatever a printer sends: its lists and its texts. Of
    /// all trays together these come from one message. What printers send takes a small part of it: 5 KiB with three AMS.
    pub const MEMORY: usize = {
        const fn list<T>(most: usize, texts: usize) -> usize {
            // While a list grows, its old room is there, too.
            2 * most * size_of::<T>() + most * texts
        }
        let colours = most::COLOURS * size_of::<Rgba>();
        let trays = (most::AMS * most::TRAYS + most::TRAYS) * size_of::<Tray>() + 2 * MAX_BYTES;
        let trays = trays + most::AMS * most::TRAYS * colours;
        let external = (most::EXTERNAL + 1) * (colours + 4 * TEXT + 4 * ID);
        list::<AmsUnit>(most::AMS, 0)
            + trays
            + list::<Tray>(most::EXTERNAL, 0)
            + external
            + list::<Hms>(most::HMS, ID)
            + list::<Light>(most::LIGHTS, 2 * TEXT)
            + list::<NetInfo>(most::NETWORKS, 0)
            + list::<NewVersion>(most::NEW_VERSIONS, TEXT + 2 * ID)
            + 4 * most::NUMBERS * size_of::<i32>()
            + list::<Extruder>(most::EXTRUDERS, 0)
            + list::<Nozzle>(most::NOZZLES, TEXT + ID)
            + list::<AirductPart>(most::AIRDUCT, 0)
            + list::<Module>(most::MODULES, 2 * TEXT + 5 * ID)
            // Its own texts, and those of its other parts.
            + 2 * PATH
            + 16 * TEXT
            + 16 * ID
    };

    /// Whether orders must be signed, so that the printer refuses ours: developer mode is off. `None` where it does not
    /// say.
    pub fn needs_signature(&self) -> Option<bool> {
        self.fun.map(|fun| fun & 1 << 29 != 0)
    }

    /// The card or stick that files are stored on.
    pub fn sd_card(&self) -> Option<SdCard> {
        let state = match (self.aux, self.home_flag) {
            (Some(aux), _) => (aux >> 12 & 3) as u32,
            (None, Some(home_flag)) => home_flag >> 8 & 3,
            (None, None) => return self.sdcard.map(|is| if is { SdCard::Present } else { SdCard::Absent }),
        };
        Some(match state {
            0 => SdCard::Absent,
            1 => SdCard::Present,
            2 => SdCard::Abnormal,
            _ => SdCard::ReadOnly,
        })
    }

    /// The firmware's version.
    pub fn firmware(&self) -> Option<&str> {
        let ota = self.module.iter().find(|module| module.name.as_deref() == Some("ota"))?;
        ota.sw_ver.as_deref()
    }

    /// The spools without an AMS, whichever way it tells of them.
    pub fn external_trays(&self) -> impl Iterator<Item = &Tray> {
        self.vt_tray.iter().chain(&self.vir_slot)
    }
}

impl Report {
    /// Keeps why a job was stopped, as long as that is told by its state.
    pub(super) fn follow_error(&mut self) {
        match self.print_error {
            Some(code) if code != 0 => self.last_error = Some(code),
            _ if self.gcode_state.as_deref() == Some("FAILED") => {}
            _ => self.last_error = None,
        }
    }
}
