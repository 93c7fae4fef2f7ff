use alloc::collections::VecDeque;

use crate::Origin;

/// How many idle connections to one origin are kept: one for requests, one for what goes on beside an upload.
const PER_ORIGIN: usize = 2;

/// Idle connections, the longest idle first.
pub(crate) struct Pool<C> {
    idle: VecDeque<(Origin, C)>,
    capacity: usize,
}

impl<C> Pool<C> {
    pub(crate) const fn new(capacity: usize) -> Self {
        Self { idle: VecDeque::new(), capacity }
    }

    /// The most recently used connection to an origin: the one most likely to be alive.
    pub(crate) fn take(&mut self, origin: &Origin) -> Option<C> {
        let at = self.idle.iter().rposition(|(o, _)| o == origin)?;
        self.idle.remove(at).map(|(_, conn)| conn)
    }

    /// Gives up the longest idle connection.
    pub(crate) fn take_oldest(&mut self) -> Option<C> {
        self.idle.pop_front().map(|(_, conn)| conn)
    }

    /// Gives back the memory of an empty pool.
    pub(crate) fn shrink(&mut self) {
        self.idle.shrink_to_fit();
    }

    /// Keeps a connection; returns one that has to go.
    pub(crate) fn put(&mut self, origin: Origin, conn: C) -> Option<C> {
        let same = self.idle.iter().filter(|(o, _)| *o == origin).count();
        let surplus = match self.idle.iter().position(|(o, _)| *o == origin) {
            Some(at) if same >= PER_ORIGIN => self.idle.remove(at).map(|(_, conn)| conn),
            _ if self.idle.len() >= self.capacity => match self.take_oldest() {
                None => return Some(conn),
                surplus => surplus,
            },
            _ => None,
        };
        self.idle.push_back((origin, conn));
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_never_holds_more_than_its_capacity_nor_more_than_two_per_origin() {
        let origin = |port| Origin::http("h", port);
        let mut pool = Pool::new(3);
        assert_eq!(pool.put(origin(1), 'a'), None);
        assert_eq!(pool.put(origin(1), 'b'), None);
        assert_eq!(pool.put(origin(1), 'c'), Some('a'));
        assert_eq!(pool.put(origin(2), 'd'), None);
        assert_eq!(pool.put(origin(3), 'e'), Some('b'));
        assert_eq!(pool.take(&origin(1)), Some('c'));
        assert_eq!(pool.take(&origin(1)), None);
        assert_eq!(pool.take_oldest(), Some('d'));
        assert_eq!(Pool::new(0).put(origin(1), 'x'), Some('x'));
    }
}
