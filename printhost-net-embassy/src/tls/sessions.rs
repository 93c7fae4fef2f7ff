use alloc::vec::Vec;
use core::{cell::RefCell, fmt};

use printhost_net::{Origin, TlsVersions, Trust};

use super::{
    TlsFailure,
    engine::{SESSION, Saved, sha256},
};

/// How many sessions are kept in all: two of TLS 1.3 for a printer and for a server, or one of 1.2 for each of four, some
/// 300 bytes each.
const KEPT: usize = 4;

/// The heap that they take at most, in bytes.
pub(super) const MOST: usize = KEPT * (SESSION + size_of::<(Key, Saved)>());

/// Which origin and trust a session is for.
pub(super) type Key = [u8; 32];

/// Sessions to be resumed, the newest last.
#[derive(Default)]
pub(super) struct Sessions(RefCell<Vec<(Key, Saved)>>);

impl Sessions {
    pub(super) fn put(&self, key: Key, session: Saved) {
        let mut kept = self.0.borrow_mut();
        // One that can be used again and again replaces its predecessor.
        if !session.once {
            kept.retain(|(of, _)| *of != key);
        }
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        if kept.try_reserve_exact(1).is_ok() {
            kept.push((key, session));
        }
    }

    pub(super) fn get(&self, key: &Key) -> Option<Saved> {
        let mut kept = self.0.borrow_mut();
        let at = kept.iter().rposition(|(of, _)| of == key)?;
        match kept[at].1.once {
            true => Some(kept.remove(at).1),
            false => Some(kept[at].1.clone()),
        }
    }

    pub(super) fn forget(&self, key: &Key) {
        self.0.borrow_mut().retain(|(of, _)| of != key);
    }

    pub(super) fn clear(&self) {
        self.0.take();
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", self.0.borrow().len())
    }
}

/// A hash, since an origin contains whole certificates.
pub(super) fn key(origin: &Origin) -> Result<Key, TlsFailure> {
    let (kind, trust): (u8, &[u8]) = match &origin.trust {
        Trust::Ca(bytes) => (1, bytes),
        Trust::PinnedKey(hash) => (2, hash),
        Trust::Device { authorities, .. } => (3, authorities), // the name is the origin's
        _ => (0, &[]),
    };
    let mut text = Vec::new();
    let name = origin.peer_name().as_bytes();
    text.try_reserve_exact(name.len() + 36).map_err(|_| TlsFailure::OutOfMemory)?;
    text.extend_from_slice(&sha256(trust)?);
    text.push(kind);
    text.push(u8::from(origin.versions == TlsVersions::Only12));
    text.extend_from_slice(&origin.port.to_le_bytes());
    text.extend_from_slice(name);
    sha256(&text)
}
