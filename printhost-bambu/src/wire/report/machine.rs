//! What surrounds a print: lights, networks, the camera, updates.

use alloc::{string::String, vec::Vec};

use crate::wire::scalar::{address, flag, id, part, percent, text, whole};

part! {
    /// A light.
    pub struct Light {
        /// `chamber_light`, `work_light`, ….
        node: String = text, "node";
        /// `on`, `off`, `flashing`.
        mode: String = text, "mode";
    }
}

part! {
    /// Networks.
    pub struct Net {
        /// Bits: the lowest is a cable.
        conf: u32 = whole, "conf";
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
        ip: u32 = whole, "ip";
        /// Its mask.
        mask: u32 = whole, "mask";
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
        ipcam_dev: String = id, "ipcam_dev";
        /// Whether it records.
        ipcam_record: bool = flag, "ipcam_record";
        /// Whether it makes time lapses.
        timelapse: bool = flag, "timelapse";
        /// `1080p`
        resolution: String = text, "resolution";
        /// What it can do.
        mode_bits: u32 = whole, "mode_bits";
        /// Where its stream is, or `disable`; `None` when it has a user or password in it.
        rtsp_url: String = address, "rtsp_url";
    }
}

part! {
    /// What watches the print.
    pub struct Detectors {
        /// Bits, on newer printers.
        cfg: u32 = whole, "cfg";
        /// The first layer.
        first_layer_inspector: bool = flag, "first_layer_inspector";
        /// Spaghetti.
        spaghetti_detector: bool = flag, "spaghetti_detector";
        /// All of it.
        printing_monitor: bool = flag, "printing_monitor";
        /// That the right plate is there.
        buildplate_marker_detector: bool = flag, "buildplate_marker_detector";
        /// Whether objects may be skipped.
        allow_skip_parts: bool = flag, "allow_skip_parts";
        /// Whether it pauses a print.
        print_halt: bool = flag, "print_halt";
        /// `low`, `medium`, `high`.
        halt_print_sensitivity: String = text, "halt_print_sensitivity";
    }
}

part! {
    /// Firmware that is new, or on its way.
    pub struct Upgrade {
        /// `IDLE`, `DOWNLOADING`, `FLASHING`, ….
        status: String = text, "status";
        /// Percent.
        progress: u8 = percent, "progress";
        /// More about it.
        message: String = text, "message";
        /// The module that it is about.
        module: String = text, "module";
        /// 1 when there is a new version.
        new_version_state: i32 = whole, "new_version_state";
        /// That version.
        ota_new_version_number: String = id, "ota_new_version_number";
        /// What is to be shown of it.
        dis_state: i32 = whole, "dis_state";
        /// What went wrong; 0 is nothing.
        err_code: u32 = whole, "err_code";
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
        name: String = text, "name";
        /// What it has.
        cur_ver: String = id, "cur_ver";
        /// What there is.
        new_ver: String = id, "new_ver";
    }
}

part! {
    /// What is connected.
    pub struct Online {
        /// The board of the AMS.
        ahb: bool = flag, "ahb";
        /// The reader of tags.
        rfid: bool = flag, "rfid";
        /// Counts changes.
        version: u32 = whole, "version";
    }
}

part! {
    /// A file on its way to the printer.
    pub struct Transfer {
        /// `idle` and others.
        status: String = text, "status";
        /// Percent.
        progress: u8 = percent, "progress";
        /// More about it.
        message: String = text, "message";
    }
}
