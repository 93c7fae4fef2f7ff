//! How much heap this driver takes at most: declared from sizes and limits, not measured.

use printhost_core::{EVENT_QUEUE, Fan, Heater, Memory};
use printhost_net::{Dial as _, Net, ftp, memory::growing, mqtt};

use crate::{
    Bambu,
    report::{AirductPart, AmsUnit, Extruder, Hms, Light, Module, NetInfo, NewVersion, Nozzle, Tray},
    wire::{
        feed,
        report::{few, most},
        scalar::{ID, PATH, TEXT},
        staged::Bounds,
    },
};

/// What is said in a few words: orders but for a path, errors.
const SAID: usize = 512;
/// A status: its path, its two texts, its heaters and fans.
const STATUS: usize = PATH
    + 2 * TEXT
    + most::EXTRUDERS * size_of::<Heater>()
    + growing(FANS) * (size_of::<Fan>() + size_of::<[u8; 16]>());
const FANS: usize = 5;
/// Of a status: the one that is told, the one in the bus, the one that a listener has taken; and the paths by which jobs are
/// followed, here and by the listener, also of one that begins or ends.
const STATUSES: usize = 3 * STATUS + 4 * (PATH + ID) + 2 * ID;
/// Events that nobody has taken yet, the one that is taken, and those of one report.
const EVENTS: usize = (EVENT_QUEUE + 3) * PATH;
/// The texts of a report that stand in no list: of the job, the camera, the detectors, the update, the cloud.
const TEXTS: usize = 2 * PATH + 12 * ID + 12 * TEXT;
/// Orders on their way at once in a relay: those of the connection, and those of one call.
const ORDERS: usize = 4;
/// Those who wait for a change, one for each task.
const WAKERS: usize = 64;
/// The longest list, which is held twice while it grows.
const LIST: usize = most::MODULES * size_of::<Module>();
/// The longest name of a job.
const NAME: usize = 96;
/// The longest entry of a listing, as it is taken.
const ENTRY: usize = 512;

/// So many elements, each with its texts, but together no more of these than a message has: a message replaces a list.
const fn list<T>(few: usize, most: usize, bounds: Bounds, texts: usize) -> usize {
    let len = if bounds.is_small { few } else { most };
    let texts = if len * texts < bounds.bytes { len * texts } else { bounds.bytes };
    len * size_of::<T>() + texts
}

/// A report, beside its own size.
const fn report(bounds: Bounds) -> usize {
    let (units, trays) = if bounds.is_small { (few::AMS, few::TRAYS) } else { (most::AMS, most::TRAYS) };
    let colours = list::<[u8; 4]>(few::COLOURS, most::COLOURS, bounds, 0);
    TEXTS
        + list::<AmsUnit>(few::AMS, most::AMS, bounds, 0)
        + units * trays * size_of::<Tray>()
        + (units * trays + 2 * most::EXTERNAL) * colours
        + bounds.bytes
        + list::<Tray>(few::EXTERNAL, most::EXTERNAL, bounds, 3 * ID + 3 * TEXT)
        + list::<Hms>(few::HMS, most::HMS, bounds, ID)
        + list::<Light>(few::LIGHTS, most::LIGHTS, bounds, 2 * TEXT)
        + list::<NetInfo>(few::NETWORKS, most::NETWORKS, bounds, 0)
        + list::<NewVersion>(few::NEW_VERSIONS, most::NEW_VERSIONS, bounds, TEXT + 2 * ID)
        + 3 * list::<i32>(few::NUMBERS, most::NUMBERS, bounds, 0)
        + list::<Extruder>(few::EXTRUDERS, most::EXTRUDERS, bounds, 0)
        + list::<Nozzle>(few::NOZZLES, most::NOZZLES, bounds, TEXT + ID)
        + list::<AirductPart>(few::AIRDUCT, most::AIRDUCT, bounds, 0)
        + list::<Module>(few::MODULES, most::MODULES, bounds, 2 * TEXT + 5 * ID)
}

impl<N: Net> Bambu<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let config = &self.config;
        let bounds = Bounds::within(limits.json);
        let (message, growth) = bounds.memory();
        let origin = config.host.len() + config.trust.memory();
        let topic = config.serial.len() + 32;
        let login = config.code.expose().len() + 64;
        // Every byte of a path may become six in JSON; the order, its fields, and what is sent of it.
        let order = 6 * (longest_path + NAME) + SAID;

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&config.mqtt());
        memory.run = report(bounds)
            + message
            + feed::MEMORY
            + STATUSES
            + EVENTS
            + ORDERS * (2 * SAID)
            + WAKERS
            + mqtt::memory(login, topic, order)
            + 2 * (topic + login)
            + origin
            // Of the print that was started, and of the project that was stored last.
            + 2 * longest_path;
        // A file goes through a pipe, which has a buffer too.
        memory.call = 2 * order
            + ftp::memory(limits)
            + limits.chunk
            + ENTRY
            + 2 * origin
            + SAID
            + STATUS
            + 3 * longest_path;
        memory.transient =
            growth.max(LIST).max(growing(ENTRY)).max(2 * STATUS).max(growing(PATH) + growing(SAID));
        memory
    }
}
