//! A program that looks after printers: one task for each, whatever it speaks.

use core::{convert::Infallible, time::Duration};

use embassy_futures::select::{Either, select};
use printhost_core::{Backoff, Clock as _, Event, PrintHost as _, PrinterStatus, Result, Secret};
use printhost_net::{BaseUrl, Net, Origin};
use printhost_net_tokio::HyperNet;
use printhost_octoprint::{Config, OctoPrint};
use tokio::sync::watch;

use super::{moonraker_shape::Moonraker, mqtt_shape::DeltaPrinter, peers::Protocol};

printhost_core::any_host! {
    /// A printer of any of the three shapes.
    pub enum Any<N: Net> {
        /// Calls and events over one websocket.
        Moonraker(Moonraker<N>),
        /// Changes and commands over one stream.
        Delta(DeltaPrinter<N>),
        /// Requests, and a push channel.
        OctoPrint(OctoPrint<N>),
    }
}

printhost_core::dyn_host! {
    /// The same behind `dyn`.
    pub struct DynAny(Any<HyperNet>)
}

impl<N: Net> Any<N> {
    /// The printer at a port of this machine.
    pub fn new(net: N, protocol: Protocol, port: u16, key: &str) -> Self {
        let origin = Origin::http("127.0.0.1", port);
        match protocol {
            Protocol::Moonraker => Self::Moonraker(Moonraker::new(net, BaseUrl::new(origin))),
            Protocol::Delta => Self::Delta(DeltaPrinter::new(net, origin, Secret::new(key))),
            Protocol::OctoPrint => {
                Self::OctoPrint(OctoPrint::new(net, Config::new(BaseUrl::new(origin), key)))
            }
        }
    }
}

/// What a program shows of a printer.
#[derive(Clone, Debug, Default)]
pub struct Card {
    /// The last one, kept while the printer is away.
    pub status: Option<PrinterStatus>,
    /// Whether the status is the present one.
    pub online: bool,
    /// Everything but statuses.
    pub events: Vec<Event>,
    /// How often the connection was given up by the driver itself.
    pub given_up: u32,
}

impl Card {
    /// Notes what happened.
    pub fn note(&mut self, event: Event) {
        match event {
            Event::Status(status) => self.status = Some(status),
            other => {
                match other {
                    Event::Lost(_) => self.online = false,
                    Event::Resynced => self.online = true,
                    _ => {}
                }
                self.events.push(other);
            }
        }
    }
}

/// Looks after one printer for ever: a driver that gives up is started again after a while.
pub async fn supervise<N: Net>(host: &Any<N>, net: &N, card: &watch::Sender<Card>) -> Infallible {
    let parts = net.parts();
    let mut backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(60));
    loop {
        let watching = async {
            let mut events = host.events()?;
            loop {
                let event = events.next().await;
                card.send_modify(|card| card.note(event));
            }
        };
        // The watch comes first: a listener sees what happens after it was made.
        let _ended: Result<Infallible> = match select(watching, host.run()).await {
            Either::First(end) | Either::Second(end) => end,
        };
        card.send_modify(|card| (card.online, card.given_up) = (false, card.given_up + 1));
        parts.clock().sleep(backoff.delay(parts.entropy())).await;
    }
}

/// Runs the connection beside some work, the connection first; at most for ten (paused) minutes.
pub async fn running<N: Net, T>(host: &Any<N>, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(600), select(host.run(), work)).await.expect("in time") {
        Either::First(end) => panic!("the connection was given up: {end:?}"),
        Either::Second(value) => value,
    }
}
