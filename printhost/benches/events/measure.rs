//! The rounds, the table and the verdicts.

use std::time::Duration;

use futures::StreamExt as _;
use printhost::{
    AnyHost, Event, Events, HyperNet, Net, PrintHost, PrinterStatus, PrinterUrl, net_tokio::PortableNet,
};
use tokio::{
    net::TcpStream,
    runtime::Builder,
    time::{sleep, timeout},
};

use crate::{Result, server::Server};

const ROUNDS: u32 = 2000;
/// Of the controls, which are slow.
const FEW: u32 = 200;
/// Not counted.
const WARM: u32 = 100;
/// Between two changes, so that everybody sleeps when one comes; a real printer tells of four a second.
const PAUSE: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// The bar: at most so many times what a plain client takes, median against median.
const MOST_OF_PLAIN: f64 = 2.0;
/// What one of the controls waits before it hands on a status, and how often another one asks.
const LATE: Duration = Duration::from_millis(5);
const ASKS: Duration = Duration::from_millis(20);

/// Who takes a change.
struct Row {
    name: &'static str,
    /// Nanoseconds, sorted.
    took: Vec<u64>,
}

impl Row {
    fn at(&self, part: f64) -> f64 {
        let at = ((self.took.len() - 1) as f64 * part) as usize;
        self.took[at] as f64 / 1e3
    }
}

/// Returns whether every bar is met.
pub(crate) fn run() -> Result<bool> {
    let server = Server::start()?;
    // One thread, as on a hub: what the driver takes is not hidden by another core.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(async {
        // The plain client before and after the drivers: what the machine did meanwhile would show.
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>([
            plain(&server, "tokio-tungstenite alone").await?,
            driver(&server, HyperNet::new(), "driver, HyperNet", How::Pushed, ROUNDS).await?,
            driver(&server, PortableNet::new(), "driver, PortableNet", How::Pushed, ROUNDS).await?,
            plain(&server, "tokio-tungstenite again").await?,
            driver(&server, HyperNet::new(), "control: 5 ms late", How::Late, FEW).await?,
            driver(&server, HyperNet::new(), "control: asks every 20 ms", How::Asked, FEW).await?,
        ])
    })?;
    let [before, hyper, portable, after, late, asked] = &rows;
    println!("{:28} {:>10} {:>10} {:>10}  µs from writing to having it", "", "median", "p90", "p99");
    for row in &rows {
        println!("{:28} {:10.1} {:10.1} {:10.1}", row.name, row.at(0.5), row.at(0.9), row.at(0.99));
    }
    let plain = before.at(0.5).min(after.at(0.5));
    let mut met = true;
    let mut verdict = |is_met: bool, what: String| {
        met &= is_met;
        println!("{:8} {what}", if is_met { "met" } else { "NOT MET" });
    };
    for row in [hyper, portable] {
        let ratio = row.at(0.5) / plain;
        verdict(
            ratio <= MOST_OF_PLAIN,
            format!("{}: at most {MOST_OF_PLAIN} times the plain client: {ratio:.2}", row.name),
        );
    }
    for row in [late, asked] {
        let ratio = row.at(0.5) / plain;
        verdict(ratio > MOST_OF_PLAIN, format!("{} misses the bar: {ratio:.0}", row.name));
    }
    Ok(met)
}

/// A websocket and nothing else.
async fn plain(server: &Server, name: &'static str) -> Result<Row> {
    let stream = TcpStream::connect(server.addr).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{}/websocket", server.addr);
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    let mut took = Vec::new();
    for round in 0..WARM + ROUNDS {
        sleep(PAUSE).await;
        server.push(1 + round % 200)?;
        let message = timeout(PATIENCE, socket.next()).await?.ok_or("closed")??;
        let nanos = server.since_written();
        if !message.to_text()?.contains("notify_status_update") {
            return Err(format!("unexpected: {message}").into());
        }
        if round >= WARM {
            took.push(nanos);
        }
    }
    took.sort_unstable();
    Ok(Row { name, took })
}

/// How a status comes to who wants it.
#[derive(Clone, Copy)]
enum How {
    Pushed,
    /// As by a driver that sleeps before it publishes.
    Late,
    /// As by a driver that asks again and again.
    Asked,
}

async fn driver<N: Net>(server: &Server, net: N, name: &'static str, how: How, rounds: u32) -> Result<Row> {
    let url: PrinterUrl = format!("moonraker://{}", server.addr).parse()?;
    let host = AnyHost::new(net, &url, "");
    let mut events = host.events()?;
    let work = async {
        while events.next().await != Event::Resynced {}
        let mut took = Vec::new();
        for round in 0..WARM.min(rounds) + rounds {
            sleep(PAUSE).await;
            // Not the target of the round before, nor of the row before.
            let target = 1 + round % 200;
            server.push(target)?;
            if let How::Asked = how {
                // The first time that it asks is anywhere in its rhythm.
                sleep(ASKS * (round % 20) / 20).await;
            }
            timeout(PATIENCE, comes(&host, &mut events, how, target)).await??;
            let nanos = server.since_written();
            if round >= WARM.min(rounds) {
                took.push(nanos);
            }
        }
        took.sort_unstable();
        Ok(Row { name, took })
    };
    tokio::select! {
        row = work => row,
        end = host.run() => Err(format!("the driver ended: {end:?}").into()),
    }
}

/// Until the status has this target.
async fn comes<N: Net>(host: &AnyHost<N>, events: &mut Events<'_>, how: How, target: u32) -> Result {
    let has =
        |status: &PrinterStatus| status.tools.first().is_some_and(|tool| tool.target == Some(target as f32));
    loop {
        match how {
            How::Asked => {
                if has(&host.status().await?) {
                    return Ok(());
                }
                sleep(ASKS).await;
            }
            How::Pushed | How::Late => {
                if let Event::Status(status) = events.next().await
                    && has(&status)
                {
                    if matches!(how, How::Late) {
                        sleep(LATE).await;
                    }
                    return Ok(());
                }
            }
        }
    }
}
