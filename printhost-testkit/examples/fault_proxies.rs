//! Stands between a device and several hosts, with faults that are ordered from outside.
//!
//! `cargo run -p printhost-testkit --features runner --example fault_proxies -- 127.0.0.1:5000 127.0.0.1:8000` prints the
//! port of the proxy in front of each host, one a line. Each line of its standard input is an order as JSON, a proxy, the
//! number of a connection from now on or `null`, and a [`Fault`]: `[0, 1, {"ResetAnswerAt": 900}]`. It answers with
//! whether that proxy's fault before this one has happened, and serves until its standard input ends.

use std::error::Error;

use printhost_testkit::{Fault, runner::FaultProxy};
use tokio::io::{AsyncBufReadExt as _, BufReader};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut proxies = Vec::new();
    for host in std::env::args().skip(1) {
        proxies.push(FaultProxy::start(host).await?);
    }
    for proxy in &proxies {
        println!("{}", proxy.address().port());
    }
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    while let Some(line) = orders.next_line().await? {
        let (proxy, nth, fault): (usize, Option<u64>, Fault) = serde_json::from_str(&line)?;
        let proxy = proxies.get(proxy).ok_or("there is no such proxy")?;
        println!("{}", proxy.has_happened());
        match nth {
            Some(nth) => proxy.set_on(nth, fault),
            None => proxy.set(fault),
        }
    }
    Ok(())
}
