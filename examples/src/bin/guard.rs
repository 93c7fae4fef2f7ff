//! `guard DEGREES PRINTER`, with the key in `PRINTHOST_KEY`: pauses the print when the nozzle is further than that from
//! its target for two minutes, or on Ctrl-C.

#![recursion_limit = "100"] // Less than usual: a program of others has its own futures around these.

use std::time::Duration;

use printhost::{Host, HyperNet, Net as _};
use printhost_examples::{Limits, guard};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [degrees, url] = args.as_slice() else {
        return Err("usage: guard DEGREES PRINTER".into());
    };
    let net = HyperNet::new();
    let host = Host::new(net.clone(), &url.parse()?, std::env::var("PRINTHOST_KEY")?);
    let limits = Limits { degrees: degrees.parse()?, patience: Duration::from_secs(120) };
    let alarm = async {
        // Where there is no Ctrl-C there is no alarm.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    println!("{:?}", guard(&host, net.parts().clock(), limits, alarm).await?);
    Ok(())
}
