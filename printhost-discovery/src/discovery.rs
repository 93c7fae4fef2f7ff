use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use printhost_core::Result;

use crate::announcement::{Announcement, Key};
use crate::catalog::Catalog;
use crate::mdns::Mdns;
use crate::{DiscoveredPrinter, PrinterId};

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
    shared: Arc<Shared>,
    /// What [`Self::next`] has told, so that a slow caller gets the difference and not a backlog.
    told: BTreeMap<PrinterId, DiscoveredPrinter>,
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
        Ok(Self { shared, told: BTreeMap::new(), _mdns: mdns })
    }

    /// The next change. Changes that cancel each other out before anybody asks are not told; a caller that is late sees
    /// the newest state of each printer, never a gap.
    ///
    /// `None`: looking has come to an end, which only a fault of the system or of a library brings about.
    /// A dropped future loses nothing.
    pub async fn next(&mut self) -> Option<Change> {
        let Self { shared, told, .. } = self;
        poll_fn(|context| {
            let mut state = shared.lock();
            while let Some(id) = state.touched.pop_first() {
                if let Some(change) = difference(told, id, state.catalog.printer(id)) {
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

    /// The printers that are there now, by name. Independent of [`Self::next`].
    pub fn printers(&self) -> Vec<DiscoveredPrinter> {
        let mut printers = self.shared.lock().catalog.printers();
        printers.sort_by_cached_key(|printer| (printer.name.to_lowercase(), printer.id));
        printers
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
