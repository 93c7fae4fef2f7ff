//! How much heap this driver takes at most: declared from sizes and limits, not measured. `hub-firmware/tests/memory`
//! measures against it.

use printhost_core::{Command, EVENT_QUEUE, Fan, Heater, Memory};
use printhost_net::{
    Dial as _, Net, json,
    memory::{growing, of_future},
    rest::{LOCATION, REFUSAL},
};

use crate::{
    PrusaLink,
    config::CREDENTIALS,
    wire::{self, MANY, PATH, ROOT, TEXT},
};

/// How many connections to the host there must be room for at once: with fewer, one may wait for another that waits for it.
/// One brings what is pushed, and one has requests; with room for more, there may be one more.
pub const CONNECTIONS: usize = 2;

/// A status: its job's path, its two texts, its heater, its fans and their names.
const STATUS: usize = PATH + 2 * TEXT + size_of::<Heater>() + 4 * size_of::<Fan>() + 16;
/// Of a status: what is known here, the last one in the bus, the one that a listener has taken; the job that is known,
/// twice; and the paths by which jobs are followed, here and by the listener.
const STATUSES: usize = 3 * STATUS + 4 * PATH;
/// Events that nobody has taken yet, and the one that is taken; the longest have a path.
const EVENTS: usize = (EVENT_QUEUE + 1) * PATH;
/// What of a status is read before it is put together: three paths of a job and one made of them, texts.
const READ: usize = 5 * PATH + 2 * TEXT;
/// What of a file is read: names, addresses, what the slicer wrote.
const FILE: usize = 4 * PATH + TEXT + growing(MANY * size_of::<f32>());
/// What of a host is read: storages, versions.
const HOST: usize = growing(MANY * size_of::<wire::Storage>()) + 2 * MANY * ROOT + 4 * TEXT;
/// The fields of a request, but for the login; and what is said in a few words: orders, errors.
const FIELDS: usize = 256;
const WORDS: usize = 768;

/// What is made at once of the JSON of an answer, or of the text of a refusal.
fn parsed(limit: usize) -> usize {
    // The words in it; the same without secrets; and what they mean.
    let refusal = json::memory(REFUSAL).max(growing(REFUSAL)) + 2 * REFUSAL + growing(LOCATION);
    let answer = (READ + STATUS).max(FILE).max(HOST);
    refusal.max(json::memory(limit) + answer)
}

impl<N: Net> PrusaLink<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let url = &self.config.url;
        let (url, trust) = (url.memory(), url.origin.trust.memory());
        // A digest is put together from what the host asks for, and read from it.
        let login = if self.config.is_digest { 4 * CREDENTIALS } else { self.config.secret_len };
        // Every byte of a path may become three, and the host may tell of one of its own.
        let path = 3 * longest_path.max(PATH);
        // The route, with the prefix and without, is held beside the head; and what is known of the host beside that.
        let request = |path: usize, body: usize| {
            let route = path + url + WORDS / 8;
            parts.request_memory(route + FIELDS + login, body)
                + 2 * route
                + 4 * (url + trust)
                + 4 * PATH
                + WORDS
        };
        let short = limits.json.max(REFUSAL + LOCATION);

        // In boxes instead of in every future.
        let settling = of_future(&|| self.settle());
        let running = of_future(&|| self.run_forever());
        let ordering = of_future(&|| self.order(Command::Pause));

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&self.config.url.origin);
        memory.opening = parts.dialer().opening_memory(&self.config.url.origin);
        memory.connections = CONNECTIONS + 1;
        memory.run = running + settling + request(0, short) + READ + STATUSES + EVENTS + login;
        memory.call = settling
            + request(path, short)
            + ordering
            + READ.max(FILE).max(HOST)
            + STATUS
            + 2 * longest_path.max(PATH);
        memory.transient = parts.request_transient(limits.json).max(parsed(limits.json));
        memory
    }
}
