//! Mixed printers on tokio, over real sockets: one spawned task each, and behind `dyn`.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use embassy_futures::select::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt as _};
use printhost_core::{Event, Phase, dynamic::DynPrintHost};
use printhost_net_tokio::{HyperNet, PortableNet};
use printhost_sim::{OctoPrintSim, SimConfig};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

use super::{
    peers::{Printer, Protocol},
    supervise::{Any, Card, DynAny, supervise},
};

/// More than anything here takes, for a machine under load.
const BOUND: Duration = Duration::from_secs(60);

/// Printers of all shapes, and the ports they listen on.
struct Farm {
    moonraker: Arc<Printer>,
    delta: Arc<Printer>,
    octoprint: OctoPrintSim,
    ports: [(Protocol, u16); 3],
    _tasks: JoinSet<()>,
}

impl Farm {
    async fn open() -> Self {
        let mut tasks = JoinSet::new();
        let (moonraker, first) = listen(Protocol::Moonraker, &mut tasks).await;
        let (delta, second) = listen(Protocol::Delta, &mut tasks).await;
        let octoprint = OctoPrintSim::start(SimConfig::default()).await.unwrap();
        let third = octoprint.addr().port();
        let ports = [(Protocol::Moonraker, first), (Protocol::Delta, second), (Protocol::OctoPrint, third)];
        Self { moonraker, delta, octoprint, ports, _tasks: tasks }
    }
}

async fn listen(protocol: Protocol, tasks: &mut JoinSet<()>) -> (Arc<Printer>, u16) {
    let printer = Arc::new(Printer::new());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let served = printer.clone();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let served = served.clone();
            connections.spawn(async move { served.serve(protocol, stream).await });
        }
    });
    (printer, port)
}

/// A port that takes connections and never says anything.
async fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn until(card: &watch::Sender<Card>, what: impl FnMut(&Card) -> bool) -> Card {
    timeout(BOUND, card.subscribe().wait_for(what)).await.expect("in time").unwrap().clone()
}

fn idle(card: &Card) -> bool {
    card.online && card.status.as_ref().is_some_and(|status| status.phase == Phase::Idle)
}

/// The tasks of a supervised farm; they end with this.
#[derive(Default)]
struct Tasks(Vec<AbortHandle>);

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Spawns one task per printer at a concrete network: whether its futures are `Send` is only known there.
macro_rules! supervised {
    ($net:ty, $ports:expr, $tasks:ident) => {{
        let net = <$net>::new();
        let mut cards = Vec::new();
        for (protocol, port) in $ports {
            let card = Arc::new(watch::Sender::new(Card::default()));
            let host = Any::new(net.clone(), protocol, port, SimConfig::TEST_KEY);
            let (net, noted) = (net.clone(), card.clone());
            let task = tokio::spawn(async move { supervise(&host, &net, &noted).await });
            $tasks.0.push(task.abort_handle());
            cards.push(card);
        }
        cards
    }};
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_printers_live_in_spawned_tasks_on_both_http_stacks() {
    let farm = Farm::open().await;
    let mut tasks = Tasks::default();
    let hyper: Vec<Arc<watch::Sender<Card>>> = supervised!(HyperNet, farm.ports, tasks);
    let portable: Vec<Arc<watch::Sender<Card>>> = supervised!(PortableNet, farm.ports, tasks);
    for card in hyper.iter().chain(&portable) {
        until(card, idle).await;
    }
    for printer in [&farm.moonraker, &farm.delta] {
        printer.change(|m| (m.state, m.file) = ("printing", "a.gcode".into()));
    }
    for card in [&hyper[0], &hyper[1], &portable[0], &portable[1]] {
        let printing = |card: &Card| card.status.as_ref().is_some_and(|s| s.phase == Phase::Printing);
        until(card, printing).await;
    }
    assert_eq!(farm.octoprint.state_text(), "Operational");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_printer_keeps_its_last_status_and_comes_back() {
    let farm = Farm::open().await;
    let mut tasks = Tasks::default();
    let cards: Vec<Arc<watch::Sender<Card>>> = supervised!(HyperNet, farm.ports, tasks);
    for card in &cards {
        until(card, idle).await;
    }
    for (printer, card) in [(&farm.moonraker, &cards[0]), (&farm.delta, &cards[1])] {
        printer.change(|m| m.kicks += 1);
        let lost = until(card, |card| card.events.iter().any(|e| matches!(e, Event::Lost(_)))).await;
        assert_eq!(lost.status.unwrap().phase, Phase::Idle);
        let back = until(card, |card| card.events.len() == 3 && idle(card)).await;
        assert_eq!(back.events[2], Event::Resynced);
        assert_eq!(back.given_up, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn driver_that_gives_up_is_started_again() {
    let farm = Farm::open().await;
    let card = Arc::new(watch::Sender::new(Card::default()));
    let (net, noted) = (PortableNet::new(), card.clone());
    let host = Any::new(net.clone(), Protocol::Delta, farm.ports[1].1, "wrong");
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { supervise(&host, &net, &noted).await });
    until(&card, |card| card.given_up == 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_printers_do_not_slow_living_ones() {
    let farm = Farm::open().await;
    let (_silent, deaf) = silent().await;
    let (refusing, refused) = silent().await;
    drop(refusing);
    let dead = [deaf, refused].into_iter().flat_map(|port| farm.ports.map(|(protocol, _)| (protocol, port)));
    let ports: Vec<_> = dead.chain(farm.ports).collect();
    let mut tasks = Tasks::default();
    let cards: Vec<Arc<watch::Sender<Card>>> = supervised!(PortableNet, ports, tasks);
    for card in &cards[6..] {
        until(card, idle).await;
    }
    assert!(cards[..6].iter().all(|card| card.borrow().status.is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mixed_printers_live_behind_dyn_in_one_task() {
    let farm = Farm::open().await;
    let net = HyperNet::new();
    let hosts: Vec<Arc<dyn DynPrintHost>> = farm
        .ports
        .map(|(protocol, port)| Any::new(net.clone(), protocol, port, SimConfig::TEST_KEY))
        .map(|host| Arc::new(DynAny(host)) as Arc<dyn DynPrintHost>)
        .into();
    let farm_task = tokio::spawn(async move {
        let all: FuturesUnordered<_> = hosts
            .into_iter()
            .map(|host| async move {
                let idle = async {
                    let mut events = host.events().unwrap();
                    loop {
                        if let Event::Status(status) = events.next().await {
                            return status.phase;
                        }
                    }
                };
                match select(idle, host.run()).await {
                    Either::First(phase) => phase,
                    Either::Second(end) => panic!("{end:?}"),
                }
            })
            .collect();
        all.collect::<Vec<_>>().await
    });
    let phases = timeout(BOUND, farm_task).await.unwrap().unwrap();
    assert_eq!(phases, [Phase::Idle; 3]);
}
