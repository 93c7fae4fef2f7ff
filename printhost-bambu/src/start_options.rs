//! How a stored file is to be printed.

use alloc::{string::String, vec::Vec};

use printhost_core::{Error, ErrorKind, Result};

use crate::{
    UrlForm,
    report::Ams,
    wire::orders::{Order, list},
};

/// No project has more filaments.
const FILAMENTS: usize = 32;
/// No plate has a higher number in Studio.
const PLATES: u16 = 999;

/// Which build plate lies on the bed; printers with a camera compare it with what they see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BedType {
    /// As the file says.
    #[default]
    Auto,
    /// Cool Plate.
    Cool,
    /// Engineering Plate.
    Engineering,
    /// High Temperature Plate.
    Hot,
    /// Textured PEI Plate.
    Textured,
    /// Cool Plate SuperTack.
    SuperTack,
}

impl BedType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cool => "cool_plate",
            Self::Engineering => "eng_plate",
            Self::Hot => "hot_plate",
            Self::Textured => "textured_plate",
            Self::SuperTack => "supertack_plate",
        }
    }
}

/// Whether the printer does something before it prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Calibrate {
    /// No.
    #[default]
    Off,
    /// Yes.
    On,
    /// If it finds it necessary; on models that know this, and off on others.
    Auto,
}

impl Calibrate {
    const fn number(self) -> u8 {
        match self {
            Self::Off => 0,
            Self::On => 1,
            Self::Auto => 2,
        }
    }
}

/// Which spool a filament of the project is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Spool {
    /// Of an AMS, by the unit's number (an AMS HT has 128 and more) and the slot's, both from 0.
    Ams {
        /// The unit.
        unit: u8,
        /// The slot.
        slot: u8,
    },
    /// The holder outside; of two, that of the right nozzle.
    External,
    /// On printers with two nozzles, the holder of the left one.
    ExternalLeft,
    /// None: this filament is not used on the plate.
    Unused,
}

impl Spool {
    /// An AMS' slot.
    pub const fn ams(unit: u8, slot: u8) -> Self {
        Self::Ams { unit, slot }
    }

    /// As the older list has it. 254 and 255 there stop the print with an error of the mapping.
    fn tray(self) -> i16 {
        match self {
            Self::Ams { unit: unit @ 128.., .. } => unit.into(),
            Self::Ams { unit, slot } => i16::from(unit) * 4 + i16::from(slot),
            Self::External | Self::ExternalLeft | Self::Unused => -1,
        }
    }

    /// As the newer list has it.
    const fn unit_and_slot(self) -> (u8, u8) {
        match self {
            Self::Ams { unit, slot } => (unit, slot),
            Self::External => (255, 0),
            Self::ExternalLeft => (254, 0),
            Self::Unused => (255, 255),
        }
    }
}

/// How a stored file is to be printed. The defaults are those for a printer with its spool outside: the bed is measured,
/// and nothing else is calibrated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StartOptions {
    /// Which plate of the project, from 1; `None` for the only one there is. A printer that is told one that is not in the
    /// file takes the order and then does nothing. So the file that this driver has stored last is known, and any other one
    /// is read back before it is started with `None`, which takes as long as a download. With a number it is not read.
    pub plate: Option<u16>,
    /// What lies on the bed.
    pub bed_type: BedType,
    /// Measure the bed.
    pub bed_levelling: Calibrate,
    /// Measure how the filament flows.
    pub flow_calibration: Calibrate,
    /// Measure the offset of the nozzles, on printers with two.
    pub nozzle_offset_calibration: Calibrate,
    /// Measure vibrations.
    pub vibration_calibration: bool,
    /// Look at the first layer, on printers that can.
    pub inspect_first_layer: bool,
    /// Record a time lapse.
    pub timelapse: bool,
    /// For every filament of the project, the first being 0, where it comes from. Empty: the spool outside.
    pub spools: Vec<Spool>,
    /// Whether an AMS is used; `None` when one of [`StartOptions::spools`] says so. A printer with one nozzle that takes its
    /// filament from outside is not told of spools; one with two is in any case.
    pub use_ams: Option<bool>,
    /// The MD5 of the file (the project, not the G-code in it), if known: the printer compares it before anything is
    /// heated. Of the file that this driver has stored last it is known.
    pub md5: Option<[u8; 16]>,
    /// How the file is named to the printer; `None` as its model takes it ([`crate::Config::with_url_form`]).
    pub url_form: Option<UrlForm>,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            plate: None,
            bed_type: BedType::Auto,
            bed_levelling: Calibrate::On,
            flow_calibration: Calibrate::Off,
            nozzle_offset_calibration: Calibrate::Off,
            vibration_calibration: false,
            inspect_first_layer: false,
            timelapse: false,
            spools: Vec::new(),
            use_ams: None,
            md5: None,
            url_form: None,
        }
    }
}

impl StartOptions {
    /// Prints this plate, from 1.
    pub const fn plate(mut self, plate: u16) -> Self {
        self.plate = Some(plate);
        self
    }

    /// Takes the project's filaments from these spools.
    pub fn spools(mut self, spools: impl Into<Vec<Spool>>) -> Self {
        self.spools = spools.into();
        self
    }

    /// Refuses spools that are not there, as far as the printer says.
    pub(crate) fn check_spools(&self, operation: &'static str, ams: &Ams) -> Result<()> {
        for spool in &self.spools {
            if let Spool::Ams { unit, slot } = *spool
                && ams.has_spool(unit, slot) == Some(false)
            {
                let why =
                    alloc::format!("there is no spool in slot {slot} of AMS {unit}, both counted from 0");
                return Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
            }
        }
        Ok(())
    }

    /// Refuses what no printer could make sense of.
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        let refuse = |why: &str| Err(Error::new(ErrorKind::InvalidInput, operation).with_detail(why));
        if self.plate.is_some_and(|plate| !(1..=PLATES).contains(&plate)) {
            return refuse("plates are counted from 1 to 999");
        }
        if self.spools.len() > FILAMENTS {
            return refuse("there are more than 32 filaments");
        }
        let is_wrong = |spool: &Spool| matches!(*spool, Spool::Ams { unit, slot } if slot > 3 || unit > 31 && !(128..=135).contains(&unit) || unit > 31 && slot > 0);
        if self.spools.iter().any(is_wrong) {
            return refuse("an AMS has the number 0 to 31 and slots from 0 to 3, or 128 to 135 and one slot");
        }
        let has_ams = self.spools.iter().any(|spool| matches!(spool, Spool::Ams { .. }));
        if self.use_ams == Some(true) && self.spools.iter().all(|spool| *spool == Spool::Unused) {
            return refuse("an AMS is to be used, and it is not said for which filament");
        }
        if self.use_ams == Some(false) && has_ams {
            return refuse("no AMS is to be used, and a filament is taken from one");
        }
        Ok(())
    }
}

/// What the printer is to print: as one message. `id` is this job's, fresh, so that the printer does not take it for the
/// continuation of another one. A printer with two nozzles wants to know of spools outside, too.
pub(crate) fn project_file(
    options: &StartOptions,
    has_two_nozzles: bool,
    path: &str,
    form: UrlForm,
    subtask: &str,
    id: u32,
) -> Order {
    let name = path.rsplit('/').next().unwrap_or(path);
    let id = alloc::format!("{id}");
    let is_on = |calibrate| calibrate == Calibrate::On;
    let has_ams = options.spools.iter().any(|spool| matches!(spool, Spool::Ams { .. }));
    let use_ams = options.use_ams.unwrap_or(has_ams);
    let is_told = use_ams || has_two_nozzles || options.spools.contains(&Spool::ExternalLeft);
    let spools: &[Spool] = if is_told { &options.spools } else { &[] };
    let trays: Vec<i16> = spools.iter().map(|spool| spool.tray()).collect();
    Order::new("print", "project_file")
        .text("param", &alloc::format!("Metadata/plate_{}.gcode", options.plate.unwrap_or(1)))
        .text("project_id", &id)
        .text("profile_id", "0")
        .text("task_id", &id)
        .text("subtask_id", &id)
        .text("subtask_name", subtask)
        .text("file", name)
        .text("url", &form.url(path))
        .text("md5", &options.md5.map(hex).unwrap_or_default())
        .text("bed_type", options.bed_type.as_str())
        .json("timelapse", options.timelapse)
        .json("bed_leveling", is_on(options.bed_levelling))
        .json("auto_bed_leveling", options.bed_levelling.number())
        .json("flow_cali", is_on(options.flow_calibration))
        .json("extrude_cali_flag", options.flow_calibration.number())
        .json("nozzle_offset_cali", options.nozzle_offset_calibration.number())
        .json("vibration_cali", options.vibration_calibration)
        .json("layer_inspect", options.inspect_first_layer)
        .json("use_ams", use_ams)
        .json("ams_mapping", list(&trays))
        .json("ams_mapping2", units(spools))
        .text("cfg", "0")
        .json("extrude_cali_manual_mode", 0)
}

fn units(spools: &[Spool]) -> impl core::fmt::Display {
    let units: Vec<String> = spools
        .iter()
        .map(|spool| {
            let (unit, slot) = spool.unit_and_slot();
            alloc::format!(r#"{{"ams_id":{unit},"slot_id":{slot}}}"#)
        })
        .collect();
    alloc::format!("[{}]", units.join(","))
}

/// In capitals, as the printer writes it.
fn hex(hash: [u8; 16]) -> String {
    hash.iter().fold(String::new(), |text, byte| text + &alloc::format!("{byte:02X}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn project_file_is_what_studio_sends() {
        let options =
            StartOptions { timelapse: true, flow_calibration: Calibrate::Auto, ..StartOptions::default() }
                .plate(2)
                .spools([Spool::ams(1, 2), Spool::Unused, Spool::ams(128, 0)]);
        let json = project_file(&options, false, "jobs/a \"b\".gcode.3mf", UrlForm::FtpRoot, "a b", 77)
            .numbered(30_001);
        let expected = concat!(
            r#"{"print":{"sequence_id":"30001","command":"project_file","param":"Metadata/plate_2.gcode","#,
            r#""project_id":"77","profile_id":"0","task_id":"77","subtask_id":"77","subtask_name":"a b","#,
            r#""file":"a \"b\".gcode.3mf","url":"ftp:///jobs/a \"b\".gcode.3mf","md5":"","bed_type":"auto","#,
            r#""timelapse":true,"bed_leveling":true,"auto_bed_leveling":1,"flow_cali":false,"extrude_cali_flag":2,"#,
            r#""nozzle_offset_cali":0,"vibration_cali":false,"layer_inspect":false,"use_ams":true,"#,
            r#""ams_mapping":[6,-1,128],"ams_mapping2":[{"ams_id":1,"slot_id":2},{"ams_id":255,"slot_id":255},"#,
            r#"{"ams_id":128,"slot_id":0}],"cfg":"0","extrude_cali_manual_mode":0}}"#,
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn spool_outside_needs_no_mapping() {
        for options in [StartOptions::default(), StartOptions::default().spools([Spool::External])] {
            let json = project_file(&options, false, "a.gcode.3mf", UrlForm::Ftp, "a", 1).numbered(1);
            assert!(json.contains(r#""use_ams":false,"ams_mapping":[],"ams_mapping2":[]"#), "{json}");
        }
    }

    #[test]
    fn spools_outside_of_two_nozzles_are_named() {
        let left = StartOptions::default().spools([Spool::External, Spool::ExternalLeft]);
        let right = StartOptions::default().spools([Spool::External]);
        for (options, two, mapping) in [
            (
                &left,
                false,
                r#"[-1,-1],"ams_mapping2":[{"ams_id":255,"slot_id":0},{"ams_id":254,"slot_id":0}]"#,
            ),
            (&right, true, r#"[-1],"ams_mapping2":[{"ams_id":255,"slot_id":0}]"#),
        ] {
            assert_eq!(options.check("start"), Ok(()));
            let json = project_file(options, two, "a.gcode.3mf", UrlForm::Ftp, "a", 1).numbered(1);
            assert!(json.contains(&alloc::format!(r#""use_ams":false,"ams_mapping":{mapping}"#)), "{json}");
        }
    }

    #[test]
    fn options_that_mean_nothing_are_refused() {
        let default = StartOptions::default;
        for options in [
            default().plate(0),
            default().plate(1000),
            default().spools([Spool::ams(0, 4)]),
            default().spools([Spool::ams(99, 0)]),
            default().spools([Spool::ams(128, 1)]),
            default().spools([Spool::Unused; 33]),
            StartOptions { use_ams: Some(false), ..default().spools([Spool::ams(0, 0)]) },
            StartOptions { use_ams: Some(true), ..default() },
        ] {
            assert_eq!(options.check("start").unwrap_err().kind(), ErrorKind::InvalidInput, "{options:?}");
        }
        assert_eq!(default().plate(3).spools([Spool::ams(0, 3), Spool::External]).check("start"), Ok(()));
    }
}
