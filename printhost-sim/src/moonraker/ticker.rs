//! Four times a second: what changed goes to those who subscribed, and the server notices what Klipper did.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::MissedTickBehavior;

use super::klippy::Phase;
use super::shared::{Inner, Shared};
use super::system;

/// Time between two status updates.
const PERIOD: Duration = Duration::from_millis(250);
/// Status updates between two reports of the server's own load.
const REPORT: u64 = 4;

impl Shared {
    /// Ticks as long as the server lives.
    pub(super) async fn tick(self: Arc<Self>) {
        let mut interval = tokio::time::interval(PERIOD);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            let tick = *self.ticks.borrow() + 1;
            {
                let mut inner = self.lock();
                inner.tell_changes(self.event_time());
                inner.notice();
                if tick.is_multiple_of(REPORT) {
                    let report = system::proc_stat_update(inner.clients.open.len());
                    inner.notify("notify_proc_stat_update", Some(json!([report])));
                    let temperatures = inner.link.up.then(|| inner.machine.temperatures());
                    inner.records.temperatures(temperatures.unwrap_or_default());
                }
            }
            self.ticks.send_replace(tick);
        }
    }
}

impl Inner {
    fn tell_changes(&mut self, event_time: f64) {
        if !self.link.up || !self.clients.has_subscriptions() {
            return;
        }
        let mut now: Map<String, Value> = Map::new();
        for client in self.clients.open.values() {
            for name in client.subscription.iter().flat_map(|subscription| subscription.wanted.keys()) {
                if !now.contains_key(name)
                    && let Some(object) = self.object(name, event_time)
                {
                    now.insert(name.clone(), object);
                }
            }
        }
        for client in self.clients.open.values_mut() {
            let Some(subscription) = &mut client.subscription else { continue };
            let news = subscription.news(&now);
            if !news.is_empty() {
                let message = json!({ "jsonrpc": "2.0", "method": "notify_status_update", "params": [news, event_time] });
                client.send(message.to_string());
            }
        }
    }

    /// The server hears of what happened to Klipper and to its print.
    fn notice(&mut self) {
        if self.link.up && self.klippy.phase == Phase::Shutdown && self.link.state != Phase::Shutdown {
            self.link.state = Phase::Shutdown;
            self.notify("notify_klippy_shutdown", None);
            self.job_ends("klippy_shutdown");
        }
        if self.link.announced {
            self.watch_job();
        }
    }
}
