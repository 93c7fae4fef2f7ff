//! A host in front of a scripted printer, and what must hold of every call.

use std::{sync::Arc, time::Duration};

use printhost::{
    AnyHost, Error, Event, Events, HyperNet, PrintHost, Result, Trust,
    bambu::{Bambu, Config},
    beside,
    net_tokio::{Hyper, TokioDial},
};

use super::{
    super::harness::{Call, KEY, decent, limits},
    printer::{Printer, trust},
    words::SERIAL,
};
use crate::HEAP;

/// What anything may take at most, the printer's own part included: both ends of three connections with their TLS, a chunk
/// of 128 KiB, and what is known of the printer.
pub(crate) const MEMORY: usize = 768 << 10;

/// Nothing takes longer, in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) fn net() -> HyperNet {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    HyperNet::build(TokioDial::with_tls(provider), Hyper::default(), limits())
}

/// The printer, as its owner knows it.
pub(crate) fn config(printer: &Printer) -> Config {
    config_with(printer, trust())
}

pub(crate) fn config_with(printer: &Printer, trust: Trust) -> Config {
    Config::new("127.0.0.1", SERIAL, KEY, trust).with_ports(printer.mqtt, printer.ftps)
}

pub(crate) fn host(printer: &Printer) -> Bambu<HyperNet> {
    Bambu::new(net(), config(printer))
}

/// Makes a call while the connection is run.
pub(crate) async fn make(config: Config, call: Call) -> Result<()> {
    let host = AnyHost::Bambu(Bambu::new(net(), config));
    let made = tokio::time::timeout(PATIENCE, beside(&host, call.make(&host))).await;
    made.unwrap_or_else(|_| panic!("{call:?} hangs")).flatten()
}

/// As [`make`]; in bounded memory, and an error must be a decent one.
pub(crate) async fn measured(name: &str, printer: &Printer, call: Call) -> Result<()> {
    let (result, peak) = peak(make(config(printer), call)).await;
    assert!(peak <= MEMORY, "{name}: {call:?} takes {peak} bytes");
    if let Err(error) = &result {
        decent(&format!("{name}: {call:?}"), error);
    }
    result
}

/// As [`measured`]; it must fail.
pub(crate) async fn fails(name: &str, printer: &Printer, call: Call) -> Error {
    match measured(name, printer, call).await {
        Err(error) => error,
        Ok(()) => panic!("{name}: {call:?} succeeds"),
    }
}

/// What something takes at its peak.
pub(crate) async fn peak<T>(work: impl Future<Output = T>) -> (T, usize) {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let done = work.await;
    (done, HEAP.peak_usage().saturating_sub(before))
}

/// Does something with a printer of which everything is known.
pub(crate) async fn while_live<T>(host: &Bambu<HyperNet>, work: impl AsyncFnOnce(Events<'_>) -> T) -> T {
    let mut events = host.events().unwrap();
    let work = async {
        while events.next().await != Event::Resynced {}
        work(events).await
    };
    tokio::select! {
        end = host.run() => panic!("{end:?}"),
        done = tokio::time::timeout(PATIENCE, work) => done.expect("it hangs"),
    }
}

/// The next loss of a connection.
pub(crate) async fn lost(events: &mut Events<'_>) -> Error {
    loop {
        if let Event::Lost(error) = events.next().await {
            return error;
        }
    }
}
