//! How much heap this driver takes at most: declared from sizes and limits, not measured. `hub-firmware/tests/memory.rs`
//! measures against it.

use printhost_core::{EVENT_QUEUE, Heater, Memory};
use printhost_net::{
    BaseUrl, Dial as _, Net, Trust,
    memory::growing,
    rest::{LOCATION, REFUSAL},
    websocket,
};

use crate::{
    OctoPrint,
    events::LOGIN,
    json,
    wire::{MAX_SIZE, MAX_THUMBNAILS, MAX_TOOLS, PATH, TEXT, Temperature},
};

/// A status: its path, its two texts, its heaters.
const STATUS: usize = PATH + 2 * TEXT + MAX_TOOLS as usize * size_of::<Heater>();
/// Of a status: the one that is made, the last one and its successor, here, in the bus and on the way there; what was read
/// and what was pushed when both meet; and the path of the job that is followed.
const STATUSES: usize = 8 * STATUS;
/// Events that nobody has taken yet, and the one that is made and the one that is taken; the longest have a path.
const EVENTS: usize = (EVENT_QUEUE + 2) * PATH;
/// What of a status is read before it is put together: a path, states and errors, heaters.
const READ: usize = PATH + 5 * TEXT + growing(MAX_TOOLS as usize * size_of::<Temperature>());
/// What of a file is read, but for its path: kind, hash, picture and pictures.
const FILE: usize = growing(MAX_THUMBNAILS * (MAX_SIZE + size_of::<alloc::string::String>())) + PATH;
/// What a form has beside the file's path and name, its boundary in each part.
const FORM: usize = 900;
/// The fields of a request, but for the key; and what is said in a few words: orders, errors.
const FIELDS: usize = 256;
const WORDS: usize = 1024;

/// The JSON of an answer, or the text of a refusal, and what is made of it.
fn of_answer(limit: usize) -> usize {
    let refusal = growing(REFUSAL) + json::memory(REFUSAL) + growing(REFUSAL) + growing(LOCATION);
    // The path of a stored file is kept as it comes.
    let answer = (READ + STATUS).max(FILE + limit);
    refusal.max(json::memory(limit) + answer)
}

fn of_url(url: &BaseUrl) -> usize {
    let trust = match &url.origin.trust {
        Trust::Ca(certificate) => certificate.len(),
        _ => 0,
    };
    url.origin.host.len() + url.prefix.len() + trust
}

impl<N: Net> OctoPrint<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let url = of_url(&self.config.url);
        // Every byte of a path may become three. The route, with the prefix and without, is held beside the head.
        let route = 3 * longest_path + url + WORDS / 8;
        let head = route + FIELDS + self.config.api_key.expose().len();
        let request =
            parts.request_memory(head, limits.json, of_answer(limits.json)) + 2 * route + 4 * url + WORDS;
        // Name and session as one text, and as JSON, in which quotes are two bytes.
        let login = growing(2 * LOGIN) + growing(4 * LOGIN + WORDS / 8);
        let push = websocket::memory(limits, url + WORDS / 8, 4 * LOGIN + WORDS / 8);
        let message = json::memory(limits.message) + READ.max(PATH + 2 * TEXT);
        let form = growing(FORM + 5 * longest_path);

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&self.config.url.origin);
        memory.run = request + login + push + message + STATUSES + EVENTS;
        memory.call = request + form + 2 * longest_path;
        memory
    }
}
