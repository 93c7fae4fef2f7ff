//! The same program on embassy's executor: tasks at concrete types, a network in memory, no tokio runtime.

use std::{
    convert::Infallible,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::Duration,
};

use embassy_executor::{Executor, Spawner};
use printhost_core::{Clock, Event, Phase};
use tokio::sync::watch;

use super::{
    in_memory::ALL,
    memory_net::{MemoryParts, memory_net, serve},
    peers::{Printer, Protocol},
    supervise::{Any, Card, supervise},
};

/// More than anything here takes, for a machine under load.
const BOUND: Duration = Duration::from_secs(60);

type BoardNet = &'static MemoryParts<EmbassyClock>;
type BoardHost = Any<BoardNet>;

/// embassy's clock.
struct EmbassyClock;

impl Clock for EmbassyClock {
    fn now(&self) -> Duration {
        Duration::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        embassy_time::Timer::after_micros(micros).await;
    }
}

/// A task per printer, as firmware writes it.
#[embassy_executor::task(pool_size = 4)]
async fn printer_task(host: &'static BoardHost, net: BoardNet, card: &'static watch::Sender<Card>) {
    let _: Infallible = supervise(host, &net, card).await;
}

/// The other side.
#[embassy_executor::task(pool_size = 3)]
async fn peer_task(net: BoardNet, port: u16, protocol: Protocol, printer: &'static Printer) {
    serve(net.dialer().listen(port), |conn| printer.serve(protocol, conn)).await;
}

/// Lets every printer begin and end a job and lose its connection, and says when all of it was seen.
#[embassy_executor::task]
async fn test_task(cards: Vec<(&'static Printer, &'static watch::Sender<Card>)>, done: &'static AtomicBool) {
    for (printer, card) in cards {
        let is =
            |phase| move |card: &Card| card.online && card.status.as_ref().is_some_and(|s| s.phase == phase);
        let mut seen = card.subscribe();
        let _ = seen.wait_for(is(Phase::Idle)).await;
        printer.change(|m| (m.state, m.file) = ("printing", "a.gcode".into()));
        let _ = seen.wait_for(is(Phase::Printing)).await;
        printer.change(|m| m.kicks += 1);
        let _ = seen.wait_for(|c| c.events.iter().any(|e| matches!(e, Event::Lost(_)))).await;
        let _ = seen.wait_for(is(Phase::Printing)).await;
    }
    done.store(true, Relaxed);
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn board(spawner: Spawner, done: &'static AtomicBool) {
    let net: BoardNet = leak(memory_net(EmbassyClock, 8, true));
    let mut cards = Vec::new();
    for (port, protocol) in (80..).zip(ALL) {
        let (printer, card) = (leak(Printer::new()), leak(watch::Sender::new(Card::default())));
        spawner.spawn(peer_task(net, port, protocol, printer).unwrap());
        spawner.spawn(printer_task(leak(Any::new(net, protocol, port, "key1")), net, card).unwrap());
        cards.push((printer, card));
    }
    // One that is not there.
    let nobody = leak(Any::new(net, Protocol::OctoPrint, 9, "key1"));
    spawner.spawn(printer_task(nobody, net, leak(watch::Sender::new(Card::default()))).unwrap());
    spawner.spawn(test_task(cards, done).unwrap());
}

#[test]
fn mixed_printers_live_in_embassy_tasks() {
    static DONE: AtomicBool = AtomicBool::new(false);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let executor = Box::leak(Box::new(Executor::new()));
        executor.run_until(|spawner| board(spawner, &DONE), || DONE.load(Relaxed));
        let _ = ended.send(());
    });
    end.recv_timeout(BOUND).expect("in time");
}
