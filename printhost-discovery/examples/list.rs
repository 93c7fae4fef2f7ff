//! Lists the printers on the network: `list [--watch] [interface…]`.

use std::time::Duration;

use printhost_core::Result;
use printhost_discovery::{Change, DiscoveredPrinter, Discovery, Options, discover};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (flags, interfaces): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|arg| arg == "--watch");
    let options = interfaces.into_iter().fold(Options::default(), Options::interface);
    if flags.is_empty() {
        discover(options, Duration::from_secs(3)).await?.iter().for_each(|printer| show(' ', printer));
        return Ok(());
    }
    let mut discovery = Discovery::new(options)?;
    while let Some(change) = discovery.next().await {
        let sign = match &change {
            Change::Found(_) => '+',
            Change::Lost(_) => '-',
            _ => '~',
        };
        show(sign, change.printer());
    }
    Ok(())
}

fn show(sign: char, printer: &DiscoveredPrinter) {
    let version = printer.version.as_deref().unwrap_or("-");
    let name = printer.url_by_name().unwrap_or_default();
    println!("{sign} {:<9} {version:<8} {:<40} {}  {name}", printer.kind, printer.name, printer.url());
}
