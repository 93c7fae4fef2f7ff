//! How much heap this driver takes at most: declared from sizes and limits, not measured. `hub-firmware/tests/memory`
//! measures against it.

use printhost_core::{Command, EVENT_QUEUE, Heater, Memory};
use printhost_net::{
    Dial as _, Net, json,
    memory::{growing, of_future},
    rest::{LOCATION, REFUSAL},
    websocket,
};

use crate::{
    OctoPrint,
    events::LOGIN,
    files::MAX_TEXT,
    wire::{MAX_SIZE, MAX_THUMBNAILS, MAX_TOOLS, PATH, TEXT, Temperature},
};

/// How many connections to the host there must be room for at once: with fewer, one may wait for another that waits for it.
/// One brings what is pushed, and one has requests; with room for more, there may be one more.
pub const CONNECTIONS: usize = 2;

/// A status: its path, its two texts, its heaters.
const STATUS: usize = PATH + 2 * TEXT + MAX_TOOLS as usize * size_of::<Heater>();
/// Of a status: what is known here, the last one in the bus, the one that a listener has taken; and the paths and the
/// reason by which jobs are followed, here and by the listener.
const STATUSES: usize = 3 * STATUS + 2 * (PATH + TEXT);
/// Events that nobody has taken yet, and the one that is taken; the longest have a path.
const EVENTS: usize = (EVENT_QUEUE + 1) * PATH;
/// What of a status is read before it is put together: a path, states and errors, heaters.
const READ: usize = PATH + 5 * TEXT + 2 * MAX_TOOLS as usize * size_of::<Temperature>();
/// What of a file is read: its texts and its pictures.
const FILE: usize = MAX_TEXT + PICTURES;
const PICTURES: usize = MAX_THUMBNAILS * MAX_SIZE + 2 * MAX_THUMBNAILS * size_of::<alloc::string::String>();
/// What a form has beside the file's path and name, its boundary in each part.
const FORM: usize = 900;
/// The fields of a request, but for the key; and what is said in a few words: orders, errors.
const FIELDS: usize = 256;
const WORDS: usize = 768;

/// What is made at once of the JSON of an answer, or of the text of a refusal.
fn parsed(limit: usize) -> usize {
    // The words in it; the same without secrets; and what they mean.
    let refusal = json::memory(REFUSAL).max(growing(REFUSAL)) + 2 * REFUSAL + growing(LOCATION);
    let answer = (READ + STATUS).max(limit + PICTURES);
    refusal.max(json::memory(limit) + answer)
}

/// What is made at once of a message: what was read, and the status of it, here and for the bus.
fn pushed(limit: usize) -> usize {
    json::memory(limit) + READ + 2 * STATUS
}

impl<N: Net> OctoPrint<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let url = &self.config.url;
        let (url, trust) = (url.memory(), url.origin.trust.memory());
        let key = self.config.api_key.expose().len();
        // The route, with the prefix and without, is held beside the head.
        let request = |path: usize, body: usize| {
            let route = path + url + WORDS / 8;
            parts.request_memory(route + FIELDS + key, body) + 2 * route + 4 * (url + trust) + WORDS
        };
        // A refusal's text and address, beside each other.
        let short = limits.json.max(REFUSAL + LOCATION);
        // Name and session as one text, and as JSON, in which quotes are two bytes.
        let login = 2 * LOGIN + 2 * (2 * LOGIN + 1) + 2 * (4 * LOGIN + WORDS / 8);
        let push = websocket::memory(limits, url + WORDS / 8, 4 * LOGIN + WORDS / 8);
        // Every byte of a path may become three, and the host may store a file under a path of its own.
        let path = 3 * longest_path.max(PATH);
        // A file is asked for, or kept while its folder's listing begins; or the printer is asked twice.
        let listing = request(path, limits.json + limits.chunk) + FILE;
        let reading = request(0, short) + READ;
        // A form is as long as it can be while it is sent, with nothing else.
        let form = request(0, 0) + growing(FORM + 5 * longest_path);
        let asking = request(path, short);

        // In boxes instead of in every future.
        let settling = of_future(&|| self.settle());
        let running = of_future(&|| self.run_forever());
        let ordering = of_future(&|| self.order(Command::Pause));

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&self.config.url.origin);
        memory.opening = parts.dialer().opening_memory(&self.config.url.origin);
        memory.connections = CONNECTIONS + 1;
        memory.run = running + settling + reading + login + push + STATUSES + EVENTS;
        let order = ordering + asking.max(reading + STATUS);
        memory.call = settling + listing.max(form).max(order) + 2 * longest_path.max(PATH);
        memory.transient = parts
            .request_transient(limits.json)
            .max(websocket::transient(limits))
            .max(parsed(limits.json))
            .max(pushed(limits.message));
        memory
    }
}
