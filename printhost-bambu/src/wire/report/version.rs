//! What a printer is made of.

use alloc::string::String;

use crate::wire::scalar::{flag, id, part, text};

part! {
    /// A module, as `get_version` tells of it.
    pub struct Module {
        /// `ota` is the firmware as a whole; `esp32`, `mc`, `th`, `ams/0`, ….
        name: String = text, b"name";
        /// `Bambu Lab A1 mini`; often empty.
        product_name: String = text, b"product_name";
        /// The hardware: `AP05`.
        hw_ver: String = id, b"hw_ver";
        /// Its version: `01.10.00.00`.
        sw_ver: String = id, b"sw_ver";
        /// Its boot loader's version.
        loader_ver: String = id, b"loader_ver";
        /// The model's code, on some.
        project_name: String = id, b"project_name";
        /// Its serial number.
        sn: String = id, b"sn";
        /// Whether it is shown to users.
        visible: bool = flag, b"visible";
    }
}
