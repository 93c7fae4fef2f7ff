//! Hosts and peers in memory, on tokio's paused clock.

use printhost_core::PrintHost as _;
use printhost_net_tokio::TokioClock;

use super::{
    memory_net::{MemoryParts, memory_net, serve},
    peers::{Printer, Protocol},
    supervise::Any,
};

pub const ALL: [Protocol; 3] = [Protocol::Moonraker, Protocol::Delta, Protocol::OctoPrint];

pub type TestNet = &'static MemoryParts<TokioClock>;

/// A network with more sockets than anybody needs.
pub fn network() -> TestNet {
    Box::leak(Box::new(memory_net(TokioClock::default(), 64, true)))
}

/// A printer that listens on a port, served by a task.
pub fn printer(net: TestNet, port: u16, protocol: Protocol) -> &'static Printer {
    let printer: &'static Printer = Box::leak(Box::new(Printer::new()));
    let listener = net.dialer().listen(port);
    tokio::spawn(serve(listener, move |conn| printer.serve(protocol, conn)));
    printer
}

/// A printer and the driver for it.
pub fn pair(protocol: Protocol) -> (&'static Printer, Any<TestNet>) {
    let net = network();
    (printer(net, 80, protocol), Any::new(net, protocol, 80, "key1"))
}

/// Waits until the printer's connection is up, while it is being run.
pub async fn synced(host: &Any<TestNet>) {
    let mut events = host.events().unwrap();
    while events.next().await != printhost_core::Event::Resynced {}
}
