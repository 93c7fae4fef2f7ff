//! What a printer is made of.

use alloc::string::String;

use crate::wire::scalar::{flag, id, part, text};

part! {
    /// A module, as `get_version` tells of it.
    pub struct Module {
        /// `ota` is the firmware as a whole; `esp32`, `mc`, `th`, `ams/0`, ….
        name: String = text;
        /// `Bambu Lab A1 mini`; often empty.
        product_name: String = text;
        /// The hardware: `AP05`.
        hw_ver: String = id;
        /// Its version: `01.10.00.00`.
        sw_ver: String = id;
        /// Its boot loader's version.
        loader_ver: String = id;
        /// The model's code, on some.
        project_name: String = id;
        /// Its serial number.
        sn: String = id;
        /// Whether it is shown to users.
        visible: bool = flag;
    }
}
