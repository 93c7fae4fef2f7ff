//! Which models there are, and how each is known.
//!
//! Codes and serial numbers from the printers' profiles in Bambu Studio (`resources/printers`, commit 05be2458) and from
//! bambino's table of models, names from `get_version` of newer printers. Only the A1 mini's were seen in a report that
//! is kept here.

use crate::wire::report::{Module, Report};

/// A model of printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Model {
    /// X1 Carbon.
    X1Carbon,
    /// X1.
    X1,
    /// X1E.
    X1E,
    /// X2D.
    X2D,
    /// P1P.
    P1P,
    /// P1S.
    P1S,
    /// P2S.
    P2S,
    /// A1 mini.
    A1Mini,
    /// A1.
    A1,
    /// A2L.
    A2L,
    /// H2D.
    H2D,
    /// H2D Pro.
    H2DPro,
    /// H2S.
    H2S,
    /// H2C.
    H2C,
}

/// What is known of a model.
struct Row {
    model: Model,
    name: &'static str,
    /// As it announces itself (`DevModel`); the first is today's.
    codes: &'static [&'static str],
    /// How its serial numbers begin.
    serial: &'static str,
    /// It measures its chamber's temperature.
    chamber: bool,
}

const fn row(
    model: Model,
    name: &'static str,
    codes: &'static [&'static str],
    serial: &'static str,
    chamber: bool,
) -> Row {
    Row { model, name, codes, serial, chamber }
}

/// Of X1's serial numbers, 00W is Bambu Studio's; others say 00M, which is X1 Carbon's here.
const MODELS: [Row; 14] = [
    row(Model::X1Carbon, "X1 Carbon", &["BL-P001", "3DPrinter-X1-Carbon"], "00M", true),
    row(Model::X1, "X1", &["BL-P002", "3DPrinter-X1"], "00W", true),
    row(Model::X1E, "X1E", &["C13"], "03W", true),
    row(Model::X2D, "X2D", &["N6"], "20P", true),
    row(Model::P1P, "P1P", &["C11"], "01S", false),
    row(Model::P1S, "P1S", &["C12"], "01P", false),
    row(Model::P2S, "P2S", &["N7"], "22E", true),
    row(Model::A1Mini, "A1 mini", &["N1"], "030", false),
    row(Model::A1, "A1", &["N2S"], "039", false),
    row(Model::A2L, "A2L", &["N9"], "26A", false),
    row(Model::H2D, "H2D", &["O1D"], "094", true),
    row(Model::H2DPro, "H2D Pro", &["O1E", "O2D"], "239", true),
    row(Model::H2S, "H2S", &["O1S"], "093", true),
    row(Model::H2C, "H2C", &["O1C", "O1C2"], "31B", true),
];

impl Model {
    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        MODELS.iter().map(|row| row.model)
    }

    /// By the beginning of a serial number.
    pub fn of_serial(serial: &str) -> Option<Self> {
        by(|row| serial.starts_with(row.serial))
    }

    /// By the code with which it announces itself; `-V2` and the like at its end are passed over.
    pub fn of_code(code: &str) -> Option<Self> {
        let series = code.rsplit_once("-V").map_or(code, |(code, _)| code);
        by(|row| row.codes.contains(&code) || row.codes.contains(&series))
    }

    /// By its name, with or without the vendor's.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.trim();
        let name = name.strip_prefix("Bambu Lab ").unwrap_or(name);
        by(|row| row.name.eq_ignore_ascii_case(name))
    }

    /// Its name, without the vendor's.
    pub fn name(self) -> &'static str {
        MODELS.iter().find(|row| row.model == self).map_or("", |row| row.name)
    }

    /// The code with which it announces itself.
    pub fn code(self) -> &'static str {
        MODELS.iter().find(|row| row.model == self).and_then(|row| row.codes.first()).map_or("", |code| code)
    }

    /// Whether it measures its chamber's temperature.
    pub fn measures_chamber(self) -> bool {
        MODELS.iter().any(|row| row.model == self && row.chamber)
    }
}

fn by(is: impl Fn(&Row) -> bool) -> Option<Model> {
    MODELS.iter().find(|row| is(row)).map(|row| row.model)
}

impl Report {
    /// Which model this is, as far as its modules tell: newer ones have its name, of older ones it follows from the
    /// hardware.
    pub fn model(&self) -> Option<Model> {
        let all = |of: fn(&Module) -> Option<&str>| self.module.iter().filter_map(of);
        let by_name = all(|module| module.product_name.as_deref()).find_map(Model::of_name);
        let by_code = all(|module| module.project_name.as_deref()).find_map(Model::of_code);
        let by_hardware = self.module.iter().find_map(|module| {
            // The A1s have an `esp32` of the same name.
            let is_main = matches!(module.name.as_deref(), Some("rv1126" | "ap"));
            match module.hw_ver.as_deref().filter(|_| is_main) {
                Some("AP05") => Some(Model::X1Carbon),
                Some("AP02") => Some(Model::X1E),
                _ => None,
            }
        });
        by_name.or(by_code).or(by_hardware)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_found_by_what_it_is_known_by() {
        for row in &MODELS {
            assert_eq!(Model::of_serial(&alloc::format!("{}00A123456789", row.serial)), Some(row.model));
            assert_eq!(Model::of_name(row.name), Some(row.model));
            assert_eq!(Model::of_name(&alloc::format!("Bambu Lab {}", row.name)), Some(row.model));
            for code in row.codes {
                assert_eq!(Model::of_code(code), Some(row.model));
                assert_eq!(Model::of_code(&alloc::format!("{code}-V2")), Some(row.model));
            }
            assert_eq!((row.model.name(), Some(row.model.code())), (row.name, row.codes.first().copied()));
        }
        assert_eq!(Model::all().count(), MODELS.len());
        for unknown in ["", "0", "999A", "N", "X1-"] {
            assert_eq!((Model::of_serial(unknown), Model::of_code(unknown)), (None, None), "{unknown}");
        }
    }
}
