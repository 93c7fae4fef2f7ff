//! Reports as they come: in messages, and those in pieces.

use alloc::{string::String, vec::Vec};

use printhost_net::memory::growing;
use printhost_net::proto::json_events::{JsonEvent, JsonEvents, JsonFault, Text};

use super::{
    keys::{Found, Mark, Node},
    report::Report,
    scalar::{PATH, Scalar},
    staged::{Bounds, Point, Staged},
};

/// Objects and lists in each other that have something in them that is read.
const LEVELS: usize = 12;
/// Answers in one message: it has one category, or few.
const MAX_ACKS: usize = 2;
/// A report that does not say whether it is whole is when it has more fields than this.
const MANY_FIELDS: u16 = 40;
/// The longest command and reason that are kept, in bytes.
const COMMAND: usize = 64;
pub(crate) const REASON: usize = 256;

/// The heap that a feed takes at most beside what a message has said, in bytes: a text as it comes, and answers to orders.
pub(crate) const fn memory(bounds: Bounds) -> usize {
    // A list begins with four places.
    growing(bounds.path()) + 4 * size_of::<Ack>() + MAX_ACKS * (COMMAND + REASON)
}

/// Reads messages of a printer's report topic, in whatever pieces they come, and merges them into a [`Report`].
///
/// What a message says is put down while it comes, a few bytes for each value, and becomes part of the report by
/// [`Feed::end`] alone: a message that breaks off, is no JSON to its very end, or turns out to be the answer to an order
/// leaves the report as it was. Of a message nothing else is held, however large it is: one text of 512 bytes, and at most
/// 1,536 values with 12 KiB of texts, beyond which it is refused.
///
/// Objects are merged, lists are replaced. A whole report (`msg` is 0; or there is none, and more than 40 fields) replaces
/// all that was known, but for `device` and `fun` when it has neither, which some printers send beside it.
#[derive(Debug)]
pub struct Feed {
    json: JsonEvents,
    reader: Reader,
}

/// What a message was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Told {
    /// It was a report, and is merged.
    pub report: Option<Merged>,
    /// It answered orders: one, if anything is as usual.
    pub acks: Vec<Ack>,
    /// It told what the printer is made of.
    pub versions: bool,
}

/// A report that was merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Merged {
    /// It was a whole one.
    pub full: bool,
    /// Something is different from what was known. Of a report that says a thing twice this may be told although it said
    /// what was known in the end.
    pub changed: bool,
    /// Its number: of the printer's own counting, or that of the order it answers.
    pub sequence_id: Option<u32>,
}

/// The answer to an order: that it was received, not that it was carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ack {
    /// The order; some printers leave it out.
    pub command: Option<String>,
    /// The order's number.
    pub sequence_id: Option<u32>,
    /// Whether the printer says that it was taken. `None` when it says neither, or repeats the order alone.
    pub ok: Option<bool>,
    /// Why not, in the printer's words.
    pub reason: Option<String>,
    /// Why not.
    pub err_code: Option<u32>,
}

/// Why a message was passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unread {
    /// It is no JSON object.
    Malformed,
    /// It is nested deeper than anything a printer sends.
    TooDeep,
    /// It says more than anything a printer sends.
    TooMuch,
    /// It broke off.
    Unfinished,
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl Feed {
    /// The heap that reading takes at most, whatever a printer sends; between messages it is 3 KiB.
    pub const MEMORY: usize =
        PATH + Staged::MEMORY + 4 * size_of::<Ack>() + MAX_ACKS * (COMMAND + 2 * REASON);

    /// Nothing has come yet.
    pub fn new() -> Self {
        Self { json: JsonEvents::new(PATH), reader: Reader::default() }
    }

    /// The same for little memory: where JSON of more than so many bytes is not held. Nothing is read of filament then,
    /// neither AMS units with their trays nor external spools, and of the rest a message may have two thirds as many bytes
    /// of texts and numbers, and a sixth as many values, beyond which it is refused. Of lists fewer elements are kept, of
    /// modules 1 KiB of texts, and names and paths of at most 256 bytes. With 12 KiB or more, everything is.
    pub fn within(json: usize) -> Self {
        Self::bounded(Bounds::within(json))
    }

    pub(crate) fn bounded(bounds: Bounds) -> Self {
        let staged = Staged::within(bounds);
        Self { json: JsonEvents::new(bounds.path()), reader: Reader { staged, ..Reader::default() } }
    }

    /// Also keeping what is told of filament, where there is little memory: of four AMS units, and two external spools. A
    /// message may then say half as much again.
    pub fn with_trays(self) -> Self {
        Self::bounded(self.reader.staged.bounds.with_trays())
    }

    /// A message begins; one that has not ended is forgotten.
    pub fn begin(&mut self) {
        self.json.clear();
        self.reader.clear();
    }

    /// The next piece of it. What is wrong with it is told by [`Feed::end`].
    pub fn piece(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        // A fault of the JSON is kept there until the end.
        while self.reader.fault.is_none()
            && let Ok(Some(event)) = self.json.next(&mut rest)
        {
            if !self.reader.take(event) {
                self.json.skip();
            }
        }
    }

    /// The message has ended: what it says counts now.
    pub fn end(&mut self, report: &mut Report) -> Result<Told, Unread> {
        let read = match self.json.finish() {
            _ if self.reader.fault.is_some() => Err(self.reader.fault.unwrap_or(Unread::Malformed)),
            Ok(()) if !self.reader.is_object => Err(Unread::Malformed),
            Ok(()) => Ok(self.reader.merge(report)),
            Err(JsonFault::TooDeep) => Err(Unread::TooDeep),
            Err(JsonFault::Unfinished) => Err(Unread::Unfinished),
            Err(_) => Err(Unread::Malformed),
        };
        self.begin();
        read
    }

    /// A message that is here as a whole.
    pub fn message(&mut self, message: &[u8], report: &mut Report) -> Result<Told, Unread> {
        self.begin();
        self.piece(message);
        self.end(report)
    }
}

/// Where in a message it is, and what that has said.
#[derive(Debug, Default)]
struct Reader {
    levels: [Level; LEVELS],
    depth: usize,
    /// What the last key means.
    found: Option<Found>,
    category: Category,
    report: Option<(bool, Option<u32>)>,
    acks: Vec<Ack>,
    versions: bool,
    staged: Staged,
    is_object: bool,
    fault: Option<Unread>,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    node: Node,
    /// Elements of a list; of very many it does not matter how many.
    count: u8,
}

impl Default for Level {
    fn default() -> Self {
        Self { node: Node::Root, count: 0 }
    }
}

/// What a category says of itself, besides what is reported in it.
#[derive(Debug, Default)]
struct Category {
    begins: Point,
    fields: u16,
    msg: Option<u8>,
    is_answer: bool,
    answers: Ack,
    command: Command,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Command {
    #[default]
    None,
    Push,
    GetVersion,
    Order,
}

impl Reader {
    fn clear(&mut self) {
        self.staged.clear();
        *self = Self { staged: core::mem::take(&mut self.staged), ..Self::default() };
    }

    fn merge(&mut self, report: &mut Report) -> Told {
        let full = self.report.is_some_and(|(full, _)| full);
        let changed = self.staged.merge_into(report, full);
        report.follow_error();
        let merged = self.report.map(|(full, sequence_id)| Merged { full, changed, sequence_id });
        Told { report: merged, acks: core::mem::take(&mut self.acks), versions: self.versions }
    }

    /// Whether what comes next is wanted.
    fn take(&mut self, event: JsonEvent<'_>) -> bool {
        let scalar = match event {
            JsonEvent::Key(key) => return self.key(key),
            JsonEvent::BeginObject => return self.begin(true),
            JsonEvent::BeginArray => return self.begin(false),
            JsonEvent::EndObject | JsonEvent::EndArray => {
                self.end();
                return true;
            }
            JsonEvent::String(text) => Scalar::Text(text),
            JsonEvent::Number(text) => Scalar::Number(text),
            JsonEvent::Bool(flag) => Scalar::Bool(flag),
            JsonEvent::Null => Scalar::Null,
        };
        if let Some(found) = self.found.take() {
            self.value(found, scalar);
        } else if let Some(Level { node, .. }) = self.level()
            && node.list().is_some_and(|(element, _)| element.is_none())
            && self.counts()
        {
            self.stage(|staged| staged.value(node, 0, scalar));
        }
        true
    }

    fn level(&self) -> Option<Level> {
        self.depth.checked_sub(1).and_then(|last| self.levels.get(last)).copied()
    }

    fn key(&mut self, key: Text<'_>) -> bool {
        let Some(level) = self.level() else { return false };
        if level.node == Node::Print {
            self.category.fields = self.category.fields.saturating_add(1);
        }
        match if key.is_whole() { level.node.find(key.bytes()) } else { Found::Nothing } {
            Found::Nothing => false,
            found if !self.staged.bounds.wants(found) => false,
            found => {
                self.found = Some(found);
                true
            }
        }
    }

    fn begin(&mut self, is_object: bool) -> bool {
        let node = match (self.found.take(), self.level()) {
            (None, None) => {
                self.is_object = is_object;
                self.enter(Node::Root);
                return is_object;
            }
            (Some(Found::Object(node)), _) if is_object => node,
            (Some(Found::List(node)), _) if !is_object => {
                self.stage(|staged| staged.list(node));
                self.enter(node);
                return true;
            }
            (Some(found), _) => {
                self.value(found, Scalar::Other);
                return false;
            }
            (None, Some(level)) => match level.node.list() {
                Some((Some(element), _)) if is_object && self.counts() => element,
                _ => return false,
            },
        };
        match node {
            Node::Print | Node::Info | Node::Other => {
                self.category = Category { begins: self.staged.point(), ..Category::default() };
            }
            node => self.stage(|staged| staged.object(node)),
        }
        self.enter(node);
        true
    }

    fn enter(&mut self, node: Node) {
        match self.levels.get_mut(self.depth) {
            Some(level) => *level = Level { node, count: 0 },
            None => self.fault = Some(Unread::TooDeep),
        }
        self.depth += 1;
    }

    fn end(&mut self) {
        let ended = self.level();
        self.depth = self.depth.saturating_sub(1);
        match ended.map(|level| level.node) {
            Some(node @ (Node::Print | Node::Info | Node::Other)) => self.category_ends(node),
            Some(node) if node.list().is_some() || node.in_list().is_some() => {
                self.stage(|staged| staged.end(node));
            }
            _ => {}
        }
    }

    /// Whether one more element of this list is kept.
    fn counts(&mut self) -> bool {
        let Some(level) = self.depth.checked_sub(1).and_then(|last| self.levels.get_mut(last)) else {
            return false;
        };
        level.count = level.count.saturating_add(1);
        usize::from(level.count) <= self.staged.most(level.node)
    }

    fn value(&mut self, found: Found, scalar: Scalar<'_>) {
        match found {
            Found::Field(node, field) => self.stage(|staged| staged.value(node, field, scalar)),
            Found::Mark(mark) => self.category.mark(mark, scalar),
            Found::Object(Node::Print | Node::Info | Node::Other) | Found::Nothing => {}
            Found::Object(node) | Found::List(node) => self.stage(|staged| staged.gone(node)),
        }
    }

    fn stage(&mut self, add: impl FnOnce(&mut Staged) -> Result<(), super::staged::TooMuch>) {
        if add(&mut self.staged).is_err() {
            self.fault = Some(Unread::TooMuch);
        }
    }

    fn category_ends(&mut self, node: Node) {
        let category = core::mem::take(&mut self.category);
        let is_push = matches!(category.command, Command::None | Command::Push);
        let is_versions = node == Node::Info
            && matches!(category.command, Command::None | Command::GetVersion)
            && category.answers.ok != Some(false)
            && self.staged.point() != category.begins;
        match node {
            Node::Print if is_push && !category.is_answer => {
                let full = category.msg.map_or(category.fields > MANY_FIELDS, |msg| msg == 0);
                self.report = Some((full, category.answers.sequence_id));
                return;
            }
            _ if is_versions => self.versions = true,
            _ => self.staged.back_to(category.begins),
        }
        if (category.is_answer || !is_push) && self.acks.len() < MAX_ACKS {
            self.acks.push(category.answers);
        }
    }
}

impl Category {
    fn mark(&mut self, mark: Mark, scalar: Scalar<'_>) {
        match mark {
            Mark::Command => {
                self.command = match scalar.text().map(|text| text.bytes()) {
                    None => Command::None,
                    Some(command) if command.starts_with(b"push_") => Command::Push,
                    Some(b"get_version") => Command::GetVersion,
                    Some(_) => Command::Order,
                };
                let is_told = matches!(self.command, Command::Order | Command::GetVersion);
                self.answers.command = is_told.then(|| short(scalar, COMMAND)).flatten();
            }
            Mark::SequenceId => {
                super::scalar::whole(&mut self.answers.sequence_id, scalar);
            }
            Mark::Result => {
                self.is_answer = true;
                let says = |word: &str| {
                    scalar.text().is_some_and(|text| text.bytes().eq_ignore_ascii_case(word.as_bytes()))
                };
                self.answers.ok = match () {
                    () if says("success") || says("ok") => Some(true),
                    () if says("fail") || says("failed") => Some(false),
                    () => None,
                };
            }
            Mark::Reason => self.answers.reason = short(scalar, REASON),
            Mark::ErrCode => {
                super::scalar::whole(&mut self.answers.err_code, scalar);
            }
            Mark::Msg => {
                super::scalar::whole(&mut self.msg, scalar);
            }
        }
    }
}

fn short(scalar: Scalar<'_>, most: usize) -> Option<String> {
    let mut text = String::new();
    for c in scalar.text()?.chars() {
        if text.len() + c.len_utf8() > most {
            break;
        }
        text.push(c);
    }
    (!text.is_empty()).then_some(text)
}
