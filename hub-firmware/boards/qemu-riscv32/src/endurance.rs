//! Many relays in one boot, for `cargo xtask endure`: each is a round, and what it came to is printed.
//!
//! Drivers of an encrypted printer and of a plain one take turns.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::{fmt::Display, time::Duration};

use embassy_time::Instant;
use hub_firmware::{Budget, Relay, Relayed, relay};
use printhost::{
    AnyHost, Error, JobEnd, Net, PrintHost as _, PrinterUrl, Result as HubResult, Started,
    net::{BaseUrl, Limits},
};
use printhost_net_embassy::Tls;

use crate::{
    config::Config,
    console::{self, println},
    heap,
};

/// The hub keeps a printer's driver for so many rounds; then it goes, and with it everything that it held.
const ROUNDS_PER_DRIVER: u32 = 4;

/// Silence is waited for in many rounds.
pub(crate) const fn with_short_waits(mut limits: Limits) -> Limits {
    (limits.stall, limits.answer) = (Duration::from_secs(3), Duration::from_secs(6));
    limits
}

/// Does the rounds, each when a line comes on the console. `sockets` shows the sockets.
pub(crate) async fn run<N: Net>(
    net: &N,
    tls: &Tls,
    budget: &Budget,
    sockets: &impl core::fmt::Debug,
    config: Config,
) -> Result<(), String> {
    let get = |name| config.get(name).ok_or_else(|| format!("the configuration has no {name}"));
    let rounds: u32 = get("rounds")?.parse().map_err(describe)?;
    let plain: PrinterUrl = get("plain")?.parse().map_err(describe)?;
    let printers = [config.printer()?, plain];
    let source = BaseUrl::parse(get("source")?).map_err(describe)?;
    let (path, key) = (get("path")?, get("key")?);
    let defect = config.get("defect");

    println!("heap before: {}", heap::used());
    heap::reset_peak();
    let mut kept = None;
    for round in 1..=rounds {
        println!("ready\t{round}");
        console::line().await;
        let printer = &printers[((round - 1) / ROUNDS_PER_DRIVER) as usize % printers.len()];
        let host = kept.get_or_insert_with(|| AnyHost::new(net, printer, key));
        let started = Instant::now();
        {
            let (from, to) = (format!("/{round:04}.gcode"), format!("{path}/{round:04}.gcode"));
            let relayed = relay(net, host, budget, Relay::new(&source, &from, &to), |_| {}).await;
            if defect == Some("prints-twice") {
                let _ = host.start(&to).await;
            }
            println!("ended\t{round}\t{}\t{}", in_words(relayed), started.elapsed().as_millis());
        }
        if defect == Some("leaks") {
            core::mem::forget(String::from("a few bytes"));
        }
        net.parts().close_idle();
        let is_last = round % ROUNDS_PER_DRIVER == 0 || round == rounds;
        if is_last {
            kept = None;
            tls.forget_sessions();
        }
        let driver = if is_last { "gone" } else { "kept" };
        println!("round\t{round}\t{}\t{driver}\t{sockets:?}", heap::used());
    }
    println!("heap peak: {}", heap::peak());
    Ok(())
}

/// The outcome, and of an error its retry advice and text, tab-separated.
fn in_words(relayed: HubResult<Relayed>) -> String {
    let error = |outcome: &str, e: Error| format!("{outcome}{}\t{}\t{e}", e.kind().name(), e.retry().name());
    match relayed.map(|relayed| (relayed.uploaded.started, relayed.end)) {
        Err(e) => error("", e),
        Ok((Started::No(e), _)) => error("stored, not started: ", e),
        Ok((_, end)) => {
            let end = match end {
                Some(JobEnd::Finished) => "finished",
                Some(JobEnd::Cancelled) => "cancelled",
                Some(JobEnd::Failed { .. }) => "failed",
                _ => "unseen",
            };
            format!("{end}\t-\t-")
        }
    }
}

fn describe(error: impl Display) -> String {
    error.to_string()
}
