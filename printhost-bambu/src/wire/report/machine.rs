//! What surrounds a print: lights, networks, the camera, updates.

use alloc::{string::String, vec::Vec};

use crate::wire::scalar::{address, flag, id, part, percent, text, whole};

part! {
    /// A light.
    pub struct Light {
        /// `chamber_light`, `work_light`, ….
        node: String = text, b"node";
        /// `on`, `off`, `flashing`.
        mode: String = text, b"mode";
    }
}

part! {
    /// Networks.
    pub struct Net {
        /// Bits: the lowest is a cable.
        conf: u32 = whole, b"conf";
        => {
            /// Its addresses.
            info: Vec<NetInfo>,
        }
    }
}

impl Net {
    /// Whether it is connected by a cable; `None` where it does not say.
    pub fn is_wired(&self) -> Option<bool> {
        self.conf.map(|conf| conf & 1 != 0)
    }
}

part! {
    /// The address in a network, as numbers whose lowest byte comes first.
    pub struct NetInfo {
        /// The address.
        ip: u32 = whole, b"ip";
        /// Its mask.
        mask: u32 = whole, b"mask";
    }
}

impl NetInfo {
    /// The address; `None` where there is none.
    pub fn address(&self) -> Option<core::net::Ipv4Addr> {
        self.ip.filter(|ip| *ip != 0).map(|ip| ip.to_le_bytes().into())
    }
}

part! {
    /// The camera.
    pub struct Camera {
        /// `1` when there is one.
        ipcam_dev: String = id, b"ipcam_dev";
        /// Whether it records.
        ipcam_record: bool = flag, b"ipcam_record";
        /// Whether it makes time lapses.
        timelapse: bool = flag, b"timelapse";
        /// `1080p`
        resolution: String = text, b"resolution";
        /// What it can do.
        mode_bits: u32 = whole, b"mode_bits";
        /// Where its stream is, or `disable`; `None` when it has a user or password in it.
        rtsp_url: String = address, b"rtsp_url";
    }
}

part! {
    /// What watches the print.
    pub struct Detectors {
        /// Bits, on newer printers.
        cfg: u32 = whole, b"cfg";
        /// The first layer.
        first_layer_inspector: bool = flag, b"first_layer_inspector";
        /// Spaghetti.
        spaghetti_detector: bool = flag, b"spaghetti_detector";
        /// All of it.
        printing_monitor: bool = flag, b"printing_monitor";
        /// That the right plate is there.
        buildplate_marker_detector: bool = flag, b"buildplate_marker_detector";
        /// Whether objects may be skipped.
        allow_skip_parts: bool = flag, b"allow_skip_parts";
        /// Whether it pauses a print.
        print_halt: bool = flag, b"print_halt";
        /// `low`, `medium`, `high`.
        halt_print_sensitivity: String = text, b"halt_print_sensitivity";
    }
}

part! {
    /// Firmware that is new, or on its way.
    pub struct Upgrade {
        /// `IDLE`, `DOWNLOADING`, `FLASHING`, ….
        status: String = text, b"status";
        /// Percent.
        progress: u8 = percent, b"progress";
        /// More about it.
        message: String = text, b"message";
        /// The module that it is about.
        module: String = text, b"module";
        /// 1 when there is a new version.
        new_version_state: i32 = whole, b"new_version_state";
        /// That version.
        ota_new_version_number: String = id, b"ota_new_version_number";
        /// What is to be shown of it.
        dis_state: i32 = whole, b"dis_state";
        /// What went wrong; 0 is nothing.
        err_code: u32 = whole, b"err_code";
        => {
            /// New versions of modules.
            new_ver_list: Vec<NewVersion>,
        }
    }
}

part! {
    /// A new version of a module.
    pub struct NewVersion {
        /// The module.
        name: String = text, b"name";
        /// What it has.
        cur_ver: String = id, b"cur_ver";
        /// What there is.
        new_ver: String = id, b"new_ver";
    }
}

part! {
    /// What is connected.
    pub struct Online {
        /// The board of the AMS.
        ahb: bool = flag, b"ahb";
        /// The reader of tags.
        rfid: bool = flag, b"rfid";
        /// Counts changes.
        version: u32 = whole, b"version";
    }
}

part! {
    /// A file on its way to the printer.
    pub struct Transfer {
        /// `idle` and others.
        status: String = text, b"status";
        /// Percent.
        progress: u8 = percent, b"progress";
        /// More about it.
        message: String = text, b"message";
    }
}
