use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use printhost_core::Result;

use crate::announcement::{Announcement, Key};
use crate::catalog::{Catalog, PRINTERS_MAX};
use crate::mdns::Mdns;
use crate::{DiscoveredPrinter, PrinterId};

/// More than all that can be there and all that may have been told of and gone since.
const TOUCHED_MAX: usize = 4 * PRINTERS_MAX;

/// Where to look.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Only on these interfaces, each given by its name (`eth0`) or by one of its addresses. Empty: on all.
    pub interfaces: Vec<String>,
}

impl Options {
    /// Only on this interface, and on those named before.
    pub fn interface(mut self, name_or_address: impl Into<String>) -> Self {
        self.interfaces.push(name_or_address.into());
        self
    }
}

/// What happened to a printer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is there, and was not known.
    Found(DiscoveredPrinter),
    /// It says something else than before; this is all of what it says now.
    Updated(DiscoveredPrinter),
    /// It said goodbye, or did not answer for as long as it had promised to. This is what was last known of it.
    Lost(DiscoveredPrinter),
}

impl Change {
    /// Which printer, as it is now or last was.
    pub const fn printer(&self) -> &DiscoveredPrinter {
        match self {
            Self::Found(printer) | Self::Updated(printer) | Self::Lost(printer) => printer,
        }
    }
}

/// Looks for printers for as long as it lives, and keeps an account of those that are there.
///
/// It works in threads of its own, whether anybody asks or not. Dropping it ends them and closes their sockets shortly
/// after.
#[derive(Debug)]
pub struct Discovery {
    changes: Changes,
    _mdns: Mdns,
}

impl Discovery {
    /// Starts to look. Must not be called where blocking for some milliseconds would hurt.
    ///
    /// # Errors
    ///
    /// [`Unreachable`](printhost_core::ErrorKind::Unreachable): no such interface, none that is up, or the system gives
    /// no socket for multicast, for example because another program keeps UDP port 5353 to itself.
    pub fn new(options: Options) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let mdns = Mdns::start(&options, &shared)?;
        Ok(Self { changes: Changes::of(shared), _mdns: mdns })
    }

    /// The next change. Changes that cancel each other out before anybody asks are not told; a caller that is late sees
    /// the newest state of each printer, never a gap.
    ///
    /// `None`: looking has come to an end, which only a fault of the system or of a library brings about. Before that
    /// every printer is told as lost.
    ///
    /// A dropped future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        self.changes.next().await
    }

    /// The printers that are there now, by name. Independent of [`Self::next`].
    pub fn printers(&self) -> Vec<DiscoveredPrinter> {
        let mut printers = self.changes.shared.lock().catalog.printers();
        printers.sort_by_cached_key(|printer| (printer.name.to_lowercase(), printer.id));
        printers
    }
}

/// The difference between what is and what has been told, so that a slow caller gets no backlog.
#[derive(Debug)]
struct Changes {
    shared: Arc<Shared>,
    told: BTreeMap<PrinterId, DiscoveredPrinter>,
}

impl Changes {
    const fn of(shared: Arc<Shared>) -> Self {
        Self { shared, told: BTreeMap::new() }
    }

    async fn next(&mut self) -> Option<Change> {
        let Self { shared, told, .. } = self;
        poll_fn(|context| {
            let mut state = shared.lock();
            while let Some(id) = state.touched.pop_first() {
                if let Some(change) = difference(told, id, state.catalog.printer(id)) {
                    match change {
                        Change::Lost(_) => state.told.remove(&id),
                        _ => state.told.insert(id),
                    };
                    return Poll::Ready(Some(change));
                }
            }
            if state.sources == 0 {
                return Poll::Ready(None);
            }
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// What to tell about a printer that has been told as in `told` and now is `now`.
fn difference(
    told: &mut BTreeMap<PrinterId, DiscoveredPrinter>,
    id: PrinterId,
    now: Option<DiscoveredPrinter>,
) -> Option<Change> {
    let Some(now) = now else { return told.remove(&id).map(Change::Lost) };
    match told.insert(id, now.clone()) {
        None => Some(Change::Found(now)),
        Some(before) if before != now => Some(Change::Updated(now)),
        Some(_) => None,
    }
}

/// What the sources write and [`Discovery`] reads. A source is whatever hears announcements; mDNS has one for each
/// service type.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    catalog: Catalog,
    touched: BTreeSet<PrinterId>,
    /// The printers that somebody has been told of, and not yet of their loss.
    told: BTreeSet<PrinterId>,
    waker: Option<Waker>,
    sources: usize,
}

impl Shared {
    pub(crate) fn source_started(&self) {
        self.lock().sources += 1;
    }

    pub(crate) fn source_ended(&self) {
        let mut state = self.lock();
        state.sources -= 1;
        state.wake();
    }

    pub(crate) fn announce(&self, key: Key, announcement: Announcement) {
        let mut state = self.lock();
        let touched = state.catalog.announce(key, announcement);
        state.touch(touched);
    }

    pub(crate) fn withdraw(&self, key: &Key) {
        let mut state = self.lock();
        let touched = state.catalog.withdraw(key);
        state.touch(touched);
    }

    pub(crate) fn withdraw_all(&self, source: &str) {
        let mut state = self.lock();
        let touched = state.catalog.withdraw_all(source);
        state.touch(touched);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn touch(&mut self, ids: impl IntoIterator<Item = PrinterId>) {
        self.touched.extend(ids);
        // Where nobody asks for changes, printers that came and went are forgotten.
        if self.touched.len() > TOUCHED_MAX {
            let Self { catalog, touched, told, .. } = self;
            touched.retain(|id| told.contains(id) || catalog.exists(*id));
        }
        if !self.touched.is_empty() {
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Context, Wake};

    use super::*;
    use crate::{Address, Kind};

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls once.
    fn next(changes: &mut Changes, wakes: &Arc<Wakes>) -> Poll<Option<Change>> {
        pin!(changes.next()).poll(&mut Context::from_waker(&Waker::from(Arc::clone(wakes))))
    }

    fn heard(shared: &Shared, name: &str, port: u16) -> Key {
        let key = Key::new("_octoprint._tcp", name);
        let address = Address::new([10, 0, 0, 7].into(), true);
        let announcement = Announcement::clean(Kind::OctoPrint, name, "x.local.", [address], port, []);
        shared.announce(key.clone(), announcement.unwrap());
        key
    }

    fn running() -> (Arc<Shared>, Changes, Arc<Wakes>) {
        let shared = Arc::new(Shared::default());
        shared.source_started();
        (Arc::clone(&shared), Changes::of(shared), Arc::default())
    }

    #[test]
    fn caller_that_waits_is_woken_by_what_is_heard() {
        let (shared, mut changes, wakes) = running();
        assert!(next(&mut changes, &wakes).is_pending());
        heard(&shared, "a", 80);
        assert_eq!(wakes.0.load(Ordering::SeqCst), 1);
        assert!(matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Found(p))) if p.name == "a"));
        heard(&shared, "a", 80);
        assert!(next(&mut changes, &wakes).is_pending(), "nothing new was heard");
    }

    #[test]
    fn late_caller_gets_the_newest_state_and_nothing_that_cancelled_out() {
        let (shared, mut changes, wakes) = running();
        let gone = heard(&shared, "gone", 81);
        for port in 90..99 {
            heard(&shared, "moving", port);
        }
        shared.withdraw(&gone);
        assert!(matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Found(p))) if p.port == 98));
        let key = heard(&shared, "moving", 99);
        assert!(matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Updated(p))) if p.port == 99));
        shared.withdraw(&key);
        heard(&shared, "moving", 99);
        // It came back under another id before anybody asked.
        assert!(matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Lost(_)))));
        assert!(matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Found(_)))));
        assert!(next(&mut changes, &wakes).is_pending());
    }

    #[test]
    fn printers_that_come_and_go_unasked_for_leave_nothing_behind() {
        let (shared, mut changes, wakes) = running();
        let stays = heard(&shared, "stays", 79);
        assert!(next(&mut changes, &wakes).is_ready());
        for n in 0..3 * TOUCHED_MAX {
            let key = heard(&shared, &format!("n{n}"), 80);
            shared.withdraw(&key);
        }
        assert!(shared.lock().touched.len() <= TOUCHED_MAX);
        shared.withdraw(&stays);
        assert!(
            matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Lost(p))) if p.name == "stays")
        );
        assert!(next(&mut changes, &wakes).is_pending());
    }

    #[test]
    fn end_of_all_sources_is_told_after_the_losses() {
        let (shared, mut changes, wakes) = running();
        heard(&shared, "a", 80);
        assert!(next(&mut changes, &wakes).is_ready());
        assert!(next(&mut changes, &wakes).is_pending());
        shared.withdraw_all("_octoprint._tcp");
        shared.source_ended();
        assert!(matches!(next(&mut changes, &wakes), Poll::Ready(Some(Change::Lost(_)))));
        assert_eq!(next(&mut changes, &wakes), Poll::Ready(None));
    }
}
