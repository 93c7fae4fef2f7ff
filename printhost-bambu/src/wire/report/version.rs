//! What a printer is made of.

use alloc::string::String;

use crate::wire::scalar::{flag, id, part, text};

part! {
    /// A module, as `get_version` tells of it.
    pub struct Module {
        /// `ota` is the firmware as a whole; `esp32`, `mc`, `th`, `ams/0`, ….
        name: String = text, "name";
        /// `Bambu Lab A1 mini`; often empty.
        product_name: String = text, "product_name";
        /// The hardware: `AP05`.
        hw_ver: String = id, "hw_ver";
        /// Its version: `01.07.02.00`.
        sw_ver: String = id, "sw_ver";
        /// Its boot loader's version.
        loader_ver: String = id, "loader_ver";
        /// The model's code, on some.
        project_name: String = id, "project_name";
        /// Its serial number.
        sn: String = id, "sn";
        /// Whether it is shown to users.
        visible: bool = flag, "visible";
    }
}
