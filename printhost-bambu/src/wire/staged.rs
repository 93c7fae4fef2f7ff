//! What a message has said so far, before it is known whether it counts.

use alloc::vec::Vec;

use printhost_net::proto::json_events::Text;

use super::{
    keys::{Found, Node},
    merge::Merge,
    report::{Report, few},
    scalar::{PATH, Scalar},
};

/// A message that says more than this is refused: twelve units with 24 trays say two thirds of it.
const MAX_ENTRIES: usize = 1536;
/// Likewise, bytes of texts and numbers.
pub(super) const MAX_BYTES: usize = 12 << 10;

/// How much a message may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Values, objects and lists.
    entries: usize,
    /// Bytes of texts and numbers.
    pub(crate) bytes: usize,
    /// Whether of lists only a few elements are kept.
    pub(crate) is_small: bool,
    /// Whether what is told of filament is kept.
    pub(crate) has_trays: bool,
}

impl Bounds {
    /// Where no JSON is held that is longer than this.
    pub(crate) const fn within(json: usize) -> Self {
        if json >= MAX_BYTES {
            return Self { entries: MAX_ENTRIES, bytes: MAX_BYTES, is_small: false, has_trays: true };
        }
        // Most of what a large printer says is of its filament.
        Self { entries: json / 6, bytes: json / 3 * 2, is_small: true, has_trays: false }
    }

    /// With what is told of filament.
    pub(crate) const fn with_trays(self) -> Self {
        match self.has_trays {
            true => self,
            false => {
                Self { entries: self.entries / 2 * 3, bytes: self.bytes / 2 * 3, has_trays: true, ..self }
            }
        }
    }

    /// The longest path or name of a job, in bytes.
    pub(crate) const fn path(self) -> usize {
        if self.is_small { few::PATH } else { PATH }
    }

    /// Bytes of texts of all modules together.
    pub(crate) const fn of_modules(self) -> usize {
        if self.is_small { few::MODULE_TEXTS } else { self.bytes }
    }

    /// Whether what stands there is read.
    pub(super) const fn wants(self, found: Found) -> bool {
        let is_of_trays =
            matches!(found, Found::Object(Node::VtTray) | Found::List(Node::Units | Node::VirSlots));
        self.has_trays || !is_of_trays
    }

    /// The heap that a message takes at most until it has ended, in bytes; and what it takes beside that while it grows.
    pub(crate) const fn memory(self) -> (usize, usize) {
        let entries = self.entries * size_of::<Entry>();
        (entries + self.bytes, if entries > self.bytes { entries / 2 } else { self.bytes / 2 })
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self::within(MAX_BYTES)
    }
}

/// What is kept allocated between messages; most say very little.
const KEPT_ENTRIES: usize = 128;
const KEPT_BYTES: usize = 1 << 10;

/// Values in their order, as flat as they can be.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) bounds: Bounds,
    /// What was said of modules, in bytes of texts.
    of_modules: usize,
    entries: Vec<Entry>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    node: Node,
    field: u8,
    what: What,
    len: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Null,
    True,
    False,
    Other,
    Number,
    Text,
    /// Texts and numbers of which only the beginning is here.
    CutNumber,
    CutText,
    /// An object begins, a new one if it is the element of a list.
    Object,
    /// A list begins; what it had before is gone.
    List,
    /// An element or a list ends.
    End,
    /// Something that has others in it became something else: nothing is left of it.
    Gone,
}

/// The message says too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// A place in what has been said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Point {
    entries: usize,
    bytes: usize,
}

impl Staged {
    /// The heap that it takes at most.
    pub(super) const MEMORY: usize = (MAX_ENTRIES * size_of::<Entry>() + MAX_BYTES) * 3 / 2;

    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// How many elements of a list are kept.
    pub(super) fn most(&self, list: Node) -> usize {
        let most = list.list().map_or(0, |(_, most)| most);
        if self.bounds.is_small { list.few().min(most) } else { most }
    }

    pub(super) fn clear(&mut self) {
        self.back_to(Point::default());
        self.of_modules = 0;
        self.entries.shrink_to(KEPT_ENTRIES);
        self.bytes.shrink_to(KEPT_BYTES);
    }

    pub(super) fn point(&self) -> Point {
        Point { entries: self.entries.len(), bytes: self.bytes.len() }
    }

    /// Forgets what was said since.
    pub(super) fn back_to(&mut self, point: Point) {
        self.entries.truncate(point.entries);
        self.bytes.truncate(point.bytes);
    }

    pub(super) fn value(&mut self, node: Node, field: u8, scalar: Scalar<'_>) -> Result<(), TooMuch> {
        let (what, bytes) = match scalar {
            Scalar::Null => (What::Null, &[][..]),
            Scalar::Bool(true) => (What::True, &[][..]),
            Scalar::Bool(false) => (What::False, &[][..]),
            Scalar::Other => (What::Other, &[][..]),
            Scalar::Number(text) if text.is_whole() => (What::Number, text.bytes()),
            Scalar::Number(text) => (What::CutNumber, text.bytes()),
            // Of its bytes, each could become two.
            Scalar::Text(text) if self.bounds.is_small && text.as_str().is_none() => (What::Null, &[][..]),
            Scalar::Text(text) if text.is_whole() => (What::Text, text.bytes()),
            Scalar::Text(text) => (What::CutText, text.bytes()),
        };
        if node == Node::Module {
            self.of_modules += bytes.len();
            if self.of_modules > self.bounds.of_modules() {
                return self.add(node, field, What::Null, &[]);
            }
        }
        self.add(node, field, what, bytes)
    }

    pub(super) fn object(&mut self, node: Node) -> Result<(), TooMuch> {
        self.add(node, 0, What::Object, &[])
    }

    pub(super) fn list(&mut self, node: Node) -> Result<(), TooMuch> {
        if node == Node::Modules {
            self.of_modules = 0;
        }
        self.add(node, 0, What::List, &[])
    }

    pub(super) fn end(&mut self, node: Node) -> Result<(), TooMuch> {
        self.add(node, 0, What::End, &[])
    }

    pub(super) fn gone(&mut self, node: Node) -> Result<(), TooMuch> {
        self.add(node, 0, What::Gone, &[])
    }

    fn add(&mut self, node: Node, field: u8, what: What, bytes: &[u8]) -> Result<(), TooMuch> {
        if self.entries.len() >= self.bounds.entries || self.bytes.len() + bytes.len() > self.bounds.bytes {
            return Err(TooMuch);
        }
        grow(&mut self.bytes, bytes.len(), self.bounds.bytes);
        self.bytes.extend_from_slice(bytes);
        grow(&mut self.entries, 1, self.bounds.entries);
        self.entries.push(Entry { node, field, what, len: bytes.len() as u16 });
        Ok(())
    }

    /// Puts everything where it belongs; tells whether that changed anything. A whole report replaces what was known, but
    /// for what may stand beside it and does not.
    pub(super) fn merge_into(&self, report: &mut Report, is_full: bool) -> bool {
        let mut merge = Merge::new(report);
        let mut rest = &*self.bytes;
        for entry in &self.entries {
            let bytes;
            (bytes, rest) = rest.split_at_checked(entry.len.into()).unwrap_or_default();
            match (entry.what, entry.scalar(bytes)) {
                (_, Some(scalar)) => merge.value(entry.node, entry.field, scalar),
                (What::Gone, _) => merge.gone(entry.node),
                (What::List, _) => merge.list(entry.node),
                (What::End, _) => merge.end(entry.node),
                _ => merge.object(entry.node),
            }
        }
        if is_full {
            merge.forget();
        }
        merge.changed
    }
}

impl Entry {
    fn scalar(self, bytes: &[u8]) -> Option<Scalar<'_>> {
        Some(match self.what {
            What::Null => Scalar::Null,
            What::True => Scalar::Bool(true),
            What::False => Scalar::Bool(false),
            What::Other => Scalar::Other,
            What::Number => Scalar::Number(Text::new(bytes, true)),
            What::CutNumber => Scalar::Number(Text::new(bytes, false)),
            What::Text => Scalar::Text(Text::new(bytes, true)),
            What::CutText => Scalar::Text(Text::new(bytes, false)),
            What::Object | What::List | What::End | What::Gone => return None,
        })
    }
}

/// Makes room for so many more: twice what there is, of `most` in the end, so that no more than half of it is held beside
/// it while it grows.
fn grow<T>(list: &mut Vec<T>, more: usize, most: usize) {
    let (have, need) = (list.capacity(), list.len() + more);
    if need > have {
        let room = if need > most / 2 { most } else { need.max(2 * have).min(most / 2) };
        list.reserve_exact(room - list.len());
    }
}
