//! The application: relays the file and printer that the configuration names.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString},
};
use core::{fmt::Display, pin::pin};

use embassy_net::Stack;
use embassy_time::Instant;
use hub_firmware::{Budget, Relay, RelayEvent, SMALL, relay, status_memory, status_of};
use printhost::{
    AnyHost, ErrorKind, Event, JobEnd, JobEvent, Net, PrintHost, Started, Upload, Verified, net::BaseUrl,
};
use printhost_net_embassy::{Sockets, embassy_net_with_tls};
use static_cell::ConstStaticCell;

use crate::{
    BUFFER, CONNECTIONS, config::Config, console::println, endurance, entropy::Entropy, heap, trust,
};

/// Runs the application to its end.
pub(crate) async fn run(network: Stack<'static>, config: Config, entropy: Entropy) -> Result<(), String> {
    network.wait_config_up().await;
    if let Some(network) = network.config_v4() {
        println!("address: {} after {} ms", network.address, Instant::now().as_millis());
    }

    static BUFFERS: ConstStaticCell<[([u8; BUFFER], [u8; BUFFER]); CONNECTIONS]> =
        ConstStaticCell::new([([0; BUFFER], [0; BUFFER]); CONNECTIONS]);
    let buffers = BUFFERS.take();
    let sockets = Sockets::new(network, buffers);
    let rounds = config.get("rounds").is_some();
    let limits = if rounds { endurance::with_short_waits(SMALL) } else { SMALL };
    let tls = crate::tls(config, entropy)?.with_time(trust::time);
    let net = embassy_net_with_tls(&sockets, &tls, entropy).with_limits(limits);
    let budget = Budget::of_heap(heap::size());
    if rounds {
        return endurance::run(&net, &tls, &budget, &sockets, config).await;
    }

    if config.all("try").next().is_some() {
        return Box::pin(trust::run(&net, config)).await;
    }
    let printer = config.printer()?;
    let (source, source_path) = config.require("source")?.rsplit_once('/').ok_or("source: no path")?;
    let source = BaseUrl::parse(source).map_err(describe)?;
    let source_path = format!("/{source_path}");

    let before = heap::used();
    heap::reset_peak();
    let host = AnyHost::new(&net, &printer, config.require("key")?);
    let started = Instant::now();
    let mut stored = started;
    let order = Relay::new(&source, &source_path, config.require("path")?);
    let declared = order.memory(&net, &host);
    println!("heap declared: {declared}");
    let relayed = {
        let mut work = pin!(relay(&net, &host, &budget, order, |event| match event {
            RelayEvent::Uploaded(uploaded) => {
                stored = Instant::now();
                println!(
                    "uploaded: {} {} bytes {}",
                    uploaded.path,
                    uploaded.len,
                    verified(uploaded.verified)
                );
            }
            RelayEvent::Printer(Event::Job { event: job, .. }) => println!("{}", in_words(job)),
            RelayEvent::Printer(Event::Lost(error)) => println!("lost: {error}"),
            _ => {}
        }));
        println!("future of the relay: {}", size_of_val(&*work));
        println!("future of run: {}", size_of_val(&host.run()));
        println!("future of status: {}", size_of_val(&host.status()));
        println!("future of upload: {}", size_of_val(&host.upload(Upload::new("", 0, &mut &[][..]))));
        println!("host: {}", size_of_val(&host));
        work.as_mut().await
    };
    let relayed = match relayed {
        Err(error) if error.kind() == ErrorKind::Busy => {
            println!("refused: {error}");
            println!("retry: {}", error.retry().name());
            return Box::pin(smaller(&net, &host, &budget)).await;
        }
        Err(error) => {
            println!("heap peak: {}", heap::peak());
            return Err(describe(error));
        }
        Ok(relayed) => relayed,
    };

    let millis = (stored - started).as_millis().max(1);
    println!("KiB per second: {}", relayed.uploaded.len * 1000 / 1024 / millis);
    let result = match (relayed.uploaded.started, relayed.end) {
        (Started::Yes(_), Some(JobEnd::Finished)) => Ok(()),
        (Started::No(error), _) => Err(format!("not started: {error}")),
        _ => Err("the print did not finish".into()),
    };
    println!("heap before: {before}");
    println!("heap peak: {}", heap::peak());
    drop((host, relayed.uploaded.path));
    net.close_idle();
    tls.forget_sessions();
    println!("heap after: {}", heap::used());
    println!("dials: {}", sockets.dials());
    result
}

/// What still can be done when there is no memory for a relay.
async fn smaller<N: Net, H: PrintHost>(net: &N, host: &H, budget: &Budget) -> Result<(), String> {
    heap::reset_peak();
    println!("heap declared: {}", status_memory(net, host));
    let status = status_of(net, host, budget).await.map_err(describe)?;
    println!("the printer is {}", status.phase.name());
    println!("heap peak: {}", heap::peak());
    Ok(())
}

fn describe(error: impl Display) -> String {
    error.to_string()
}

/// Derived `Debug` would cost 20 KiB of flash.
fn in_words(job: &JobEvent) -> &'static str {
    match job {
        JobEvent::Started { .. } => "the print has started",
        JobEvent::Paused => "the print is paused",
        JobEvent::Resumed => "the print goes on",
        JobEvent::Finished => "the print has finished",
        JobEvent::Cancelled => "the print was cancelled",
        JobEvent::Failed { .. } => "the print has failed",
        _ => "the print is over",
    }
}

fn verified(verified: Verified) -> String {
    match verified {
        Verified::Sha1(hash) => format!("SHA-1 {}", hex(&hash)),
        Verified::Sha256(hash) => format!("SHA-256 {}", hex(&hash)),
        Verified::Size => "size".into(),
        _ => "not verified".into(),
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
