//! The hub on a computer: `hub-host SOURCE PRINTER PATH`.
//!
//! Relays the file at the URL `SOURCE` into the printer at `PRINTER` (`octoprint://…`), stores it there as `PATH`,
//! prints it and follows the print to its end. The printer's key comes from the environment: `PRINTHOST_KEY`.

use std::{process::ExitCode, sync::Arc};

use hub_firmware::{Budget, Relay, RelayEvent, relay};
use printhost::{Event, Host, HyperNet, JobEnd, PrinterUrl, Started, net::BaseUrl};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [source, printer, path] = args.as_slice() else {
        return Err("usage: hub-host SOURCE PRINTER PATH".into());
    };
    let (server, file) = source.rsplit_once('/').ok_or("SOURCE has no path")?;
    let (server, file) = (BaseUrl::parse(server)?, format!("/{file}"));
    let printer: PrinterUrl = printer.parse()?;
    let key = std::env::var("PRINTHOST_KEY").map_err(|_| "PRINTHOST_KEY is not set")?;

    let net = HyperNet::with_tls(Arc::new(rustls::crypto::ring::default_provider()));
    let host = Host::new(net.clone(), &printer, key);
    let relayed = relay(&net, &host, &Budget::unlimited(), Relay::new(&server, &file, path), show).await?;
    match (relayed.uploaded.started, relayed.end) {
        (Started::Yes(_), Some(JobEnd::Finished)) => Ok(()),
        (Started::No(error), _) => Err(format!("stored, but not started: {error:#}").into()),
        (_, end) => Err(format!("the print did not finish: {end:?}").into()),
    }
}

fn show(event: RelayEvent<'_>) {
    match event {
        RelayEvent::Uploaded(uploaded) => println!("stored as {} ({} bytes)", uploaded.path, uploaded.len),
        RelayEvent::Printer(Event::Job { event: job, .. }) => println!("{job:?}"),
        RelayEvent::Printer(Event::Lost(error)) => println!("connection lost: {error}"),
        _ => {}
    }
}
