//! `watch PRINTER`, with the key in `PRINTHOST_KEY`.

use printhost::{Host, HyperNet};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1).ok_or("usage: watch PRINTER")?;
    let host = Host::new(HyperNet::new(), &url.parse()?, std::env::var("PRINTHOST_KEY")?);
    printhost_examples::watch(&host, |event| println!("{event:?}")).await?;
    Ok(())
}
