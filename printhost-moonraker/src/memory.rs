//! How much heap this driver takes at most: declared from sizes and limits, not measured.

use alloc::string::String;

use printhost_core::{EVENT_QUEUE, Fan, Heater, Memory};
use printhost_net::{
    BaseUrl, Dial as _, Net, Trust,
    memory::growing,
    rest::{LOCATION, REFUSAL},
    websocket,
};

use crate::{
    Moonraker,
    config::Means,
    keeper::MAX_JOBS,
    live::MAX_HELD,
    wire::{self, HistoryJob, MAX_FANS, MAX_NAME, MAX_TOOLS, PATH, TEXT, WORDS},
};

const TOOLS: usize = MAX_TOOLS as usize;
const FANS: usize = MAX_FANS + 1;
/// A status: its path, its two texts, its heaters and fans.
const STATUS: usize =
    PATH + 2 * TEXT + TOOLS * size_of::<Heater>() + growing(FANS * size_of::<Fan>()) + FANS * MAX_NAME;
/// The objects as they are merged, and their names.
const OBJECTS: usize = PATH + 6 * TEXT + growing(TOOLS * size_of::<wire::Heater>()) + 2 * NAMES;
const NAMES: usize = (FANS + 1) * (MAX_NAME + size_of::<(String, wire::Fan)>());
/// What is asked for: the names of all objects with their fields, as a list and as a text in which every byte of a name
/// may become three.
const QUESTION: usize = 2 * OBJECTS_ASKED * (MAX_NAME + size_of::<(String, &str)>()) + QUESTION_TEXT;
const QUESTION_TEXT: usize = growing(512 + OBJECTS_ASKED * 48 + (FANS + 1) * 3 * MAX_NAME);
const OBJECTS_ASKED: usize = 5 + TOOLS + 2 + FANS;
/// Of a status: what is known here, the last one in the bus, the one that a listener has taken; and the paths by which
/// jobs are followed, here and by the listener.
const STATUSES: usize = 3 * STATUS + OBJECTS + 4 * (PATH + TEXT);
/// Events that nobody has taken yet, those that wait for the end of a job, and the one that is taken; the longest have a
/// path.
const EVENTS: usize = (EVENT_QUEUE + 1) * PATH + 2 * MAX_HELD * (PATH + TEXT);
/// What is read of the history after a gap.
const HISTORY: usize =
    growing(MAX_JOBS as usize * size_of::<HistoryJob>()) + MAX_JOBS as usize * (PATH + 3 * TEXT);
/// What of a file is read: its pictures, as told and as shown.
const FILE: usize = 16 * (2 * PATH + 128) + 16 * TEXT;
/// What a form has beside the file's path and name, its boundary in each part and the hash at its end.
const FORM: usize = 1400;
/// The fields of a request, but for the credentials; and what is said in a few words: orders, errors.
const FIELDS: usize = 256;
const SAID: usize = 1024;
/// A token, in a field and as it is kept.
const TOKEN: usize = 1024;
/// What of a call is on the heap instead of in its future: the way to a host that is not known yet, and an order whose
/// effect is waited for.
const BOXED: usize = 12 << 10;

/// A URL, and whom to believe there.
fn of_url(url: &BaseUrl) -> (usize, usize) {
    let trust = match &url.origin.trust {
        Trust::Ca(certificate) => certificate.len(),
        _ => 0,
    };
    (url.origin.host.len() + url.prefix.len(), trust)
}

impl<N: Net> Moonraker<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let (url, trust) = of_url(&self.config.url);
        let secret = match &self.config.means {
            Means::Trusted => 0,
            Means::Key(key) => key.expose().len(),
            Means::User { name, password } => 2 * TOKEN + 2 * (name.len() + password.expose().len()),
        };
        // The route, with the prefix and without, is held beside the head.
        let request = |path: usize, body: usize| {
            let route = path + url + SAID / 8;
            parts.request_memory(route + FIELDS + secret, body) + 2 * route + 4 * (url + trust) + SAID
        };
        let short = limits.json.max(REFUSAL + LOCATION);
        // Every byte of a path may become three, or six in JSON.
        let path = 3 * longest_path.max(PATH);
        let listing = request(path, growing(limits.json) + limits.chunk);
        let question = request(QUESTION_TEXT, short) + QUESTION + OBJECTS + STATUS;
        // A call on the websocket: its text and its answer.
        let call = 2 * QUESTION_TEXT.max(6 * longest_path + SAID) + limits.message;
        let form = request(0, 0) + growing(FORM + 5 * longest_path);
        let own = call + secret + listing + HISTORY + QUESTION;

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&self.config.url.origin);
        memory.run = STATUSES
            + EVENTS
            + own
            + BOXED
            + websocket::memory(limits, url + SAID / 8, QUESTION_TEXT.max(6 * longest_path + SAID));
        memory.call = listing.max(question).max(form).max(request(path, short) + FILE)
            + call
            + BOXED
            + 2 * longest_path.max(PATH);
        memory.transient = parts
            .request_transient(limits.json)
            .max(websocket::transient(limits))
            .max(growing(limits.message) + 2 * STATUS)
            .max(growing(REFUSAL) + 2 * WORDS + growing(LOCATION))
            .max(2 * limits.json + FILE);
        memory
    }
}
