//! The application: relays the file and printer that the configuration names.

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt::Display;

use embassy_executor::Spawner;
use embassy_net::Stack;
use embassy_time::Instant;
use hub_firmware::{Relay, RelayEvent, relay};
use printhost::{AnyHost, Event, JobEnd, PrinterUrl, Started, net::BaseUrl};
use printhost_net_embassy::{Sockets, embassy_net};
use static_cell::ConstStaticCell;

use crate::{config::Config, console::println, entropy::Entropy, heap, stack};

/// One for the server, one for requests to the printer, one for what it pushes.
const CONNECTIONS: usize = 3;
/// Each connection has so much for receiving and as much for sending, in bytes.
const BUFFER: usize = 4096;

/// Runs the application to its end.
pub(crate) async fn run(
    network: Stack<'static>,
    _spawner: Spawner,
    config: Config,
    entropy: Entropy,
) -> Result<(), String> {
    let get = |name| config.get(name).ok_or_else(|| format!("the configuration has no {name}"));
    let printer: PrinterUrl = get("printer")?.parse().map_err(describe)?;
    let (source, source_path) = get("source")?.rsplit_once('/').ok_or("source: no path")?;
    let source = BaseUrl::parse(source).map_err(describe)?;
    let source_path = format!("/{source_path}");

    network.wait_config_up().await;
    if let Some(network) = network.config_v4() {
        println!("address: {} after {} ms", network.address, Instant::now().as_millis());
    }

    static BUFFERS: ConstStaticCell<[([u8; BUFFER], [u8; BUFFER]); CONNECTIONS]> =
        ConstStaticCell::new([([0; BUFFER], [0; BUFFER]); CONNECTIONS]);
    let buffers = BUFFERS.take();
    let sockets = Sockets::new(network, buffers);
    let net = embassy_net(&sockets, entropy);
    let host = AnyHost::new(&net, &printer, get("key")?);

    let before = heap::used();
    heap::reset_peak();
    let started = Instant::now();
    let mut stored = started;
    let order = Relay::new(&source, &source_path, get("path")?);
    let work = relay(&net, &host, order, |event| match event {
        RelayEvent::Uploaded(uploaded) => {
            stored = Instant::now();
            println!("uploaded: {} {} bytes {:?}", uploaded.path, uploaded.len, uploaded.verified);
        }
        RelayEvent::Printer(Event::Job(job)) => println!("job: {job:?}"),
        RelayEvent::Printer(Event::Lost(error)) => println!("lost: {error}"),
        _ => {}
    });
    println!("future: relay={} host={}", size_of_val(&work), size_of_val(&host));
    let relayed = work.await.map_err(describe)?;

    let millis = (stored - started).as_millis().max(1);
    println!("rate: {} KiB/s", relayed.uploaded.len * 1000 / 1024 / millis);
    println!(
        "relay: heap before={before} peak={} after={} stack peak={}",
        heap::peak(),
        heap::used(),
        stack::peak()
    );
    println!("dials: {}", sockets.dials());
    match (relayed.uploaded.started, relayed.end) {
        (Started::Yes(_), Some(JobEnd::Finished)) => {
            println!("finished");
            Ok(())
        }
        (Started::No(error), _) => Err(format!("not started: {error}")),
        (_, end) => Err(format!("the print did not finish: {end:?}")),
    }
}

fn describe(error: impl Display) -> String {
    error.to_string()
}
