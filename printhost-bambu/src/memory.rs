//! How much heap this driver takes at most: declared from sizes and limits, not measured. `hub-firmware/tests/memory`
//! measures against it.

use printhost_core::{EVENT_QUEUE, Fan, Heater, Memory};
use printhost_net::{Dial as _, Net, ftp, memory::growing, mqtt};

use crate::{
    Bambu,
    desk::SENT,
    report::{AirductPart, AmsUnit, Extruder, Hms, Light, Module, NetInfo, NewVersion, Nozzle, Tray},
    wire::{
        feed,
        report::{few, most},
        scalar::{ID, TEXT},
        staged::Bounds,
    },
};

/// How many connections to the printer there must be room for at once: one brings reports and takes orders, one is for what
/// is said about files, and one for a file.
pub const CONNECTIONS: usize = 3;

/// What is said in a few words: orders but for a path, answers to them, errors.
const SAID: usize = 512;
/// An order of the connection's own, and a question.
const ASKED: usize = 128;
/// What is put together for a job's path where only its name is told.
const ENDING: usize = 16;
/// A fault, as a code.
const FAULT: usize = 32;
/// Fans, in a list that has grown, with their names.
const FANS: usize = 8 * size_of::<Fan>() + 5 * 16;
/// The list of orders begins with so many places. The connection has one order on its way, a call two: more are other
/// calls'.
const PLACES: usize = 4;
const ORDERS: usize = 2;
/// Those who wait for a change, one for each task.
const WAKERS: usize = 64;
/// The longest name of a job.
const NAME: usize = 96;
/// The longest entry of a listing, as it is taken.
const ENTRY: usize = 512;
/// Futures in boxes: of the connection, of an order, of files; and beside these of a listing, and of an upload. They are
/// generic over the network and over what is uploaded; this was measured on a chip, with a fifth to spare.
const RUN: usize = 580 * size_of::<usize>();
const ORDERING: usize = 640 * size_of::<usize>();
const FILES: usize = 150 * size_of::<usize>();
const LISTING: usize = 460 * size_of::<usize>();
const UPLOADING: usize = 860 * size_of::<usize>();

/// A status: its path, its two texts, its heaters and fans.
const fn status(path: usize) -> usize {
    path + ENDING + TEXT + FAULT + most::EXTRUDERS * size_of::<Heater>() + FANS
}

/// So many elements, each with its texts, but together no more of these than there are `bytes`: a message replaces a list.
const fn list<T>(few: usize, most: usize, bounds: Bounds, texts: usize, bytes: usize) -> usize {
    let len = if bounds.is_small { few } else { most };
    let texts = if len * texts < bytes { len * texts } else { bytes };
    len * size_of::<T>() + texts
}

/// What is told of filament.
const fn trays(bounds: Bounds, bytes: usize) -> usize {
    if !bounds.has_trays {
        return 0;
    }
    let (units, trays) = if bounds.is_small { (few::AMS, few::TRAYS) } else { (most::AMS, most::TRAYS) };
    let colours = list::<[u8; 4]>(few::COLOURS, most::COLOURS, bounds, 0, 0);
    let external = if bounds.is_small { few::EXTERNAL } else { most::EXTERNAL };
    let texts = 3 * ID + 3 * TEXT;
    list::<AmsUnit>(few::AMS, most::AMS, bounds, 0, 0)
        + units * trays * (size_of::<Tray>() + colours)
        + bytes
        + external * (size_of::<Tray>() + colours + texts)
        + colours
        + texts
}

/// A report, beside its own size.
const fn report(bounds: Bounds) -> usize {
    // Where there is little memory, what is no UTF-8 is not read; elsewhere a byte of it becomes two.
    let twice = if bounds.is_small { 1 } else { 2 };
    let (bytes, modules) = (twice * bounds.bytes, twice * bounds.of_modules());
    // The texts that stand in no list: of the job, the camera, the detectors, the update, the cloud.
    2 * bounds.path()
        + 9 * ID
        + 12 * TEXT
        + trays(bounds, bytes)
        + list::<Hms>(few::HMS, most::HMS, bounds, ID, bytes)
        + list::<Light>(few::LIGHTS, most::LIGHTS, bounds, 2 * TEXT, bytes)
        + list::<NetInfo>(few::NETWORKS, most::NETWORKS, bounds, 0, bytes)
        + list::<NewVersion>(few::NEW_VERSIONS, most::NEW_VERSIONS, bounds, TEXT + 2 * ID, bytes)
        + 3 * list::<i32>(few::NUMBERS, most::NUMBERS, bounds, 0, bytes)
        + list::<Extruder>(few::EXTRUDERS, most::EXTRUDERS, bounds, 0, bytes)
        + list::<Nozzle>(few::NOZZLES, most::NOZZLES, bounds, TEXT + ID, bytes)
        + list::<AirductPart>(few::AIRDUCT, most::AIRDUCT, bounds, 0, bytes)
        + list::<Module>(few::MODULES, most::MODULES, bounds, 2 * TEXT + 5 * ID, modules)
}

/// While a list is replaced: its former texts beside those that were told, and its elements twice while it grows.
const fn replacing(bounds: Bounds) -> usize {
    let texts = if bounds.has_trays { bounds.bytes } else { bounds.of_modules() };
    texts + list::<Module>(few::MODULES, most::MODULES, bounds, 0, 0)
}

impl<N: Net> Bambu<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let config = &self.config;
        let mut bounds = Bounds::within(limits.json);
        if config.keeps_trays {
            bounds = bounds.with_trays();
        }
        let (path, status) = (bounds.path(), status(bounds.path()));
        let (message, growth) = bounds.memory();
        let origin = config.host.len() + config.trust.memory();
        let topic = config.serial.len() + 32;
        let code = config.code.expose().len();
        let login = code + 64;

        // The one that is told, the one in the bus, the one that a listener has taken; and the paths by which jobs are
        // followed, here and by the listener, also of one that begins or ends, was stopped, or had failed when a connection
        // ended.
        let statuses = 3 * status + 6 * (path + ENDING + ID) + 3 * ID;
        // Those that nobody has taken yet, the one that is taken, and that of one report.
        let events = (EVENT_QUEUE + 2) * (path + ENDING);
        let own = PLACES * SENT + ASKED + SAID / 2 + mqtt::memory(login, topic, ASKED) + 2 * (topic + login);

        // Every byte of a path may become six in JSON; the order, its fields, and what is sent of it.
        let order = 6 * (longest_path + NAME) + SAID;
        let orders = ORDERS * (2 * SENT + SAID / 2);
        let ordering = ORDERING + 3 * order + ASKED + SAID + status;
        // One after the other; and whether a file is printed is asked while the connection for files is open.
        let listing = LISTING + ftp::LISTING + ENTRY;
        // A piece in the pipe, and the same as it is sent.
        let uploading = UPLOADING + 2 * limits.chunk;
        let asking = ORDERING + ASKED + status;
        let files = FILES
            + ftp::memory(longest_path.max(code))
            + listing.max(uploading).max(asking)
            + origin
            + SAID / 2;

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&config.mqtt());
        memory.opening = parts.dialer().opening_memory(&config.mqtt()) + origin;
        memory.connections = CONNECTIONS;
        memory.run = RUN
            + report(bounds)
            + message
            + feed::memory(bounds)
            + statuses
            + events
            + own
            + WAKERS
            + origin
            // Of the print that was started, and of the project that was stored last.
            + 2 * longest_path;
        memory.call = ordering.max(files) + orders + 3 * longest_path;
        memory.transient = growth
            .max(replacing(bounds))
            .max(growing(ENTRY))
            .max(2 * status)
            .max(3 * SAID)
            .max(growing(path) + growing(SAID));
        memory
    }
}
