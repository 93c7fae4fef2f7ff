//! Stands between an OctoPrint and a driver on another machine, and answers what the conformance suite asks there.
//!
//! `cargo run -p printhost-testkit --features runner --example octoprint_oracle -- 127.0.0.1:5000 KEY` prints the ports
//! of the proxy and of the oracle, and serves until its standard input ends.

use std::{error::Error, sync::Arc};

use printhost_testkit::runner::{FaultProxy, OctoPrintOracle, OracleService};
use tokio::io::AsyncReadExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, key] = args.as_slice() else {
        return Err("give the address of an OctoPrint (127.0.0.1:5000) and its key".into());
    };
    let proxy = Arc::new(FaultProxy::start(address.as_str()).await?);
    let proxy_port = proxy.address().port();
    let oracle = OctoPrintOracle::new(format!("http://{address}"), key.as_str(), proxy);
    let service = OracleService::start(Arc::new(oracle)).await?;
    println!("proxy {proxy_port}\noracle {}", service.address().port());
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    Ok(())
}
