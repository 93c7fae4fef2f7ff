//! How much heap this driver takes at most: declared from sizes and limits, not measured. `hub-firmware/tests/memory`
//! measures against it.

use alloc::string::String;

use printhost_core::{Command, EVENT_QUEUE, Error, ErrorKind, Fan, Heater, JobEvent, Memory, Thumbnail};
use printhost_net::{
    Dial as _, Net,
    memory::{growing, of_future},
    rest::{LOCATION, REFUSAL},
    websocket,
};

use crate::{
    Moonraker,
    config::Means,
    keeper::MAX_JOBS,
    live::MAX_HELD,
    wire::{self, HistoryJob, MANY, MAX_FANS, MAX_NAME, MAX_TOOLS, PATH, TEXT, USER, WORD, WORDS},
};

/// How many connections to the host there must be room for at once: with fewer, one may wait for another that waits for it.
/// One brings what is pushed, and one has requests; with room for more, there may be one more.
pub const CONNECTIONS: usize = 2;

const TOOLS: usize = MAX_TOOLS as usize;
const FANS: usize = MAX_FANS + 1;
/// A status: its path, its two texts, its heaters and fans.
const STATUS: usize =
    PATH + 2 * TEXT + TOOLS * size_of::<Heater>() + growing(FANS * size_of::<Fan>()) + FANS * MAX_NAME;
/// The names of fans and of the chamber.
const NAMES: usize = growing(FANS * size_of::<(String, wire::Fan)>()) + (FANS + 1) * MAX_NAME;
/// The objects as they are merged, and their names.
const OBJECTS: usize = PATH + 4 * TEXT + growing(TOOLS * size_of::<wire::Heater>()) + NAMES;
/// What is asked for, in the parameters of a call and in an address, where every byte of a name may become three: the
/// five objects that every printer has, hot ends, bed and chamber, fans, each with its fields.
const PARAMS: usize = 512 + TOOLS * 56 + 2 * 40 + FANS * 24 + (FANS + 1) * MAX_NAME;
const QUERY: usize = PARAMS + 2 * (FANS + 1) * MAX_NAME;
/// The names of all objects with their fields, from which either is made.
const ASKED: usize =
    growing(ASKED_FOR * size_of::<(String, &str)>()) + ASKED_FOR * 16 + (FANS + 1) * MAX_NAME;
const ASKED_FOR: usize = 5 + TOOLS + 2 + FANS;
/// Of a status: what is known here, the last one in the bus, the one that a listener has taken; and the paths by which
/// jobs are followed, here and by the listener.
const STATUSES: usize = 3 * STATUS + OBJECTS + NAMES + 4 * (PATH + TEXT);
/// Events that nobody has taken yet, and the one that is taken; and those that wait for the end of a job. The longest have
/// a path.
const EVENTS: usize =
    (EVENT_QUEUE + 1) * PATH + (MAX_HELD + 1) * PATH + growing(MAX_HELD * size_of::<JobEvent>());
/// What is read of the history after a gap.
const HISTORY: usize = MAX_JOBS as usize * (size_of::<HistoryJob>() + PATH + 2 * WORD + USER);
/// What of a file is read: what has changed it, and its pictures, as told in the JSON and as shown, with the folder of the
/// path.
const fn file(json: usize, path: usize) -> usize {
    let lists = size_of::<wire::Text>() + size_of::<wire::Picture>() + size_of::<Thumbnail>();
    growing(MANY * lists) + 2 * json + MANY * path
}
/// What a form has beside the file's path and name, its boundary in each part and the hash at its end.
const FORM: usize = 1400;
/// The fields of a request, but for the credentials; and what is said in a few words: orders, errors.
const FIELDS: usize = 256;
const SAID: usize = 1024;
/// A token, in a field and as it is kept.
const TOKEN: usize = 1024;

impl<N: Net> Moonraker<N> {
    pub(crate) fn declared(&self, longest_path: usize) -> Memory {
        let parts = self.net.parts();
        let limits = parts.limits();
        let url = &self.config.url;
        let (url, trust) = (url.memory(), url.origin.trust.memory());
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
        let order = 6 * longest_path + SAID;
        // A listing is taken item by item, in a buffer of its own.
        let listing = |path| request(path, limits.json + limits.chunk);
        // On the websocket: parameters, their text, and what is answered. Its frame is the websocket's.
        let call = |params: usize| 2 * params + SAID / 4 + limits.message;
        let question = NAMES + PARAMS + QUERY + call(PARAMS).max(request(QUERY, short)) + OBJECTS + STATUS;
        let file = file(limits.json, longest_path);
        let form = request(0, 0) + growing(FORM + 5 * longest_path);
        // What the run does for itself, one after the other.
        let own = call(2 * secret + SAID / 2)
            .max(call(PARAMS))
            .max(request(SAID / 8, short))
            .max(listing(SAID / 8) + HISTORY);

        // What is in boxes instead of in the futures: the run, an order, the way to a host that is not known yet, and an
        // order whose effect is waited for.
        let base = &self.config.url;
        let refused = || Error::new(ErrorKind::Unauthorized, "");
        let settling = of_future(&|| self.settle());
        let renewing = of_future(&|| self.renew("", base, None));
        let explaining = of_future(&|| self.explain(base, refused()));
        let known = settling + renewing.max(explaining);
        let sending = of_future(&|| self.send_and_wait("", "", ""));
        let running = of_future(&|| self.run_forever());
        let ordering = of_future(&|| self.order(Command::Pause));

        let mut memory = Memory::default();
        memory.connection = parts.dialer().memory(&self.config.url.origin);
        memory.opening = parts.dialer().opening_memory(&self.config.url.origin);
        memory.connections = CONNECTIONS + 1;
        memory.run = STATUSES
            + EVENTS
            + secret
            + own
            + known
            + running
            + websocket::memory(limits, url + SAID / 8, PARAMS.max(order) + SAID / 4);
        memory.call = (ordering + question + STATUS + call(order).max(request(SAID, short) + order))
            .max(listing(path))
            .max(form)
            .max(request(path, short) + file)
            + known
            + sending
            + 2 * longest_path.max(PATH);
        memory.transient = parts
            .request_transient(limits.json)
            .max(websocket::transient(limits))
            .max(growing(limits.message) + 2 * STATUS)
            .max(growing(REFUSAL) + 2 * WORDS + growing(LOCATION))
            .max(growing(limits.json) + file.max(2 * limits.json))
            .max(ASKED + 2 * MAX_NAME);
        memory
    }
}
