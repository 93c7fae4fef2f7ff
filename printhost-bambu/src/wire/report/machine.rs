//! What surrounds a print: lights, networks, the camera, updates.

use alloc::{string::String, vec::Vec};

use crate::wire::scalar::{address, flag, id, part, percent, text, whole};

part! {
    /// A light.
    pub struct Light {
        /// `chamber_light`, `work_light`, ….
        node: String = text;
        /// `on`, `off`, `flashing`.
        mode: String = text;
    }
}

part! {
    /// Networks.
    pub struct Net {
        /// Bits: the lowest is a cable.
        conf: u32 = whole;
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
        ip: u32 = whole;
        /// Its mask.
        mask: u32 = whole;
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
        ipcam_dev: String = id;
        /// Whether it records.
        ipcam_record: bool = flag;
        /// Whether it makes time lapses.
        timelapse: bool = flag;
        /// `1080p`
        resolution: String = text;
        /// What it can do.
        mode_bits: u32 = whole;
        /// Where its stream is, or `disable`; `None` when it has a user or password in it.
        rtsp_url: String = address;
    }
}

part! {
    /// What watches the print.
    pub struct Detectors {
        /// Bits, on newer printers.
        cfg: u32 = whole;
        /// The first layer.
        first_layer_inspector: bool = flag;
        /// Spaghetti.
        spaghetti_detector: bool = flag;
        /// All of it.
        printing_monitor: bool = flag;
        /// That the right plate is there.
        buildplate_marker_detector: bool = flag;
        /// Whether objects may be skipped.
        allow_skip_parts: bool = flag;
        /// Whether it pauses a print.
        print_halt: bool = flag;
        /// `low`, `medium`, `high`.
        halt_print_sensitivity: String = text;
    }
}

part! {
    /// Firmware that is new, or on its way.
    pub struct Upgrade {
        /// `IDLE`, `DOWNLOADING`, `FLASHING`, ….
        status: String = text;
        /// Percent.
        progress: u8 = percent;
        /// More about it.
        message: String = text;
        /// The module that it is about.
        module: String = text;
        /// 1 when there is a new version.
        new_version_state: i32 = whole;
        /// That version.
        ota_new_version_number: String = id;
        /// What is to be shown of it.
        dis_state: i32 = whole;
        /// What went wrong; 0 is nothing.
        err_code: u32 = whole;
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
        name: String = text;
        /// What it has.
        cur_ver: String = id;
        /// What there is.
        new_ver: String = id;
    }
}

part! {
    /// What is connected.
    pub struct Online {
        /// The board of the AMS.
        ahb: bool = flag;
        /// The reader of tags.
        rfid: bool = flag;
        /// Counts changes.
        version: u32 = whole;
    }
}

part! {
    /// A file on its way to the printer.
    pub struct Transfer {
        /// `idle` and others.
        status: String = text;
        /// Percent.
        progress: u8 = percent;
        /// More about it.
        message: String = text;
    }
}
