//! Who is connected to the broker, and what they want to hear.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::quirks::{BambuMqtt, BambuOverLimit};

/// Packets that may wait for a client that does not read.
const QUEUE: usize = 64;
/// Client ids that are remembered.
const IDS: usize = 1024;

struct Client {
    number: u64,
    id: String,
    queue: mpsc::Sender<Bytes>,
    gone: Arc<Notify>,
    hears_reports: bool,
    hears_requests: bool,
}

/// All connections that have logged in.
#[derive(Default)]
pub(super) struct Clients {
    connected: Vec<Client>,
    /// Until when connections that broke off are counted.
    stale: Vec<Instant>,
    given: u64,
    pub(super) most: usize,
    pub(super) ids: VecDeque<String>,
}

/// A connection that was let in.
pub(super) struct Admitted {
    pub(super) number: u64,
    pub(super) sender: mpsc::Sender<Bytes>,
    pub(super) queue: mpsc::Receiver<Bytes>,
    /// It has to go.
    pub(super) gone: Arc<Notify>,
}

impl Clients {
    pub(super) fn len(&self) -> usize {
        self.connected.len()
    }

    /// How many connections there have been.
    pub(super) const fn total(&self) -> u64 {
        self.given
    }

    /// Lets a connection in, unless there are too many.
    pub(super) fn admit(&mut self, id: &str, rules: &BambuMqtt) -> Option<Admitted> {
        if !id.is_empty() {
            self.hang_up(|client| client.id == id);
        }
        self.stale.retain(|until| *until > Instant::now());
        if self.connected.len() + self.stale.len() >= rules.connections {
            match rules.over_limit {
                BambuOverLimit::Newest => return None,
                BambuOverLimit::Oldest if self.connected.is_empty() => {
                    self.stale.pop()?;
                }
                BambuOverLimit::Oldest => {
                    let oldest = self.connected[0].number;
                    self.hang_up(|client| client.number == oldest);
                }
            }
        }
        self.given += 1;
        if self.ids.len() == IDS {
            self.ids.pop_front();
        }
        self.ids.push_back(id.to_owned());
        let (sender, queue) = mpsc::channel(QUEUE);
        let gone = Arc::new(Notify::new());
        let client = Client {
            number: self.given,
            id: id.to_owned(),
            queue: sender.clone(),
            gone: Arc::clone(&gone),
            hears_reports: false,
            hears_requests: false,
        };
        self.connected.push(client);
        self.most = self.most.max(self.connected.len());
        Some(Admitted { number: self.given, sender, queue, gone })
    }

    pub(super) fn remove(&mut self, number: u64) {
        self.connected.retain(|client| client.number != number);
    }

    /// Goes on counting a connection that is gone.
    pub(super) fn linger(&mut self, time: Duration) {
        if !time.is_zero() {
            self.stale.push(Instant::now() + time);
        }
    }

    pub(super) fn subscribe(&mut self, number: u64, reports: bool, hears: bool) {
        if let Some(client) = self.connected.iter_mut().find(|client| client.number == number) {
            if reports {
                client.hears_reports = hears;
            } else {
                client.hears_requests = hears;
            }
        }
    }

    /// All connections are gone, also those that only lingered.
    pub(super) fn forget(&mut self) {
        self.connected.clear();
        self.stale.clear();
    }

    /// Ends every connection.
    pub(super) fn drop_all(&mut self) {
        self.hang_up(|_| true);
    }

    pub(super) fn hears_reports(&self) -> bool {
        self.connected.iter().any(|client| client.hears_reports)
    }

    /// Sends a packet to whoever listens. Who has not read for long is dropped.
    pub(super) fn publish(&mut self, reports: bool, packet: &Bytes) {
        self.connected.retain(|client| {
            let hears = if reports { client.hears_reports } else { client.hears_requests };
            let keeps_up = !hears || client.queue.try_send(packet.clone()).is_ok();
            if !keeps_up {
                client.gone.notify_one();
            }
            keeps_up
        });
    }

    fn hang_up(&mut self, who: impl Fn(&Client) -> bool) {
        self.connected.retain(|client| {
            let goes = who(client);
            if goes {
                client.gone.notify_one();
            }
            !goes
        });
    }
}
