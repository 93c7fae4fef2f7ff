//! Stands between a printer's host and a driver on another machine, and answers what the conformance suite asks there.
//!
//! `cargo run -p printhost-testkit --features runner --example oracle -- octoprint 127.0.0.1:5000 KEY` prints the ports of
//! the proxy and of the oracle, and serves until its standard input ends. Likewise
//! `prusalink 127.0.0.1:8080 KEY [SUPERVISOR]`, with the number of the process that starts it anew, and
//! `moonraker 127.0.0.1:7125 KEY [DATA]`, with its folder.
//!
//! With the feature `bambu`, `bambu p1s` and `bambu x1c` simulate the printer as well, and print besides where its files
//! are (the port of another proxy), its serial number, its access code, and the SHA-256 of its key.

use std::{error::Error, sync::Arc};

use printhost_testkit::{
    Oracle,
    runner::{AskAnywhere, FaultProxy, MoonrakerOracle, OctoPrintOracle, OracleService, PrusaLinkOracle},
};
use tokio::io::AsyncReadExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    #[cfg(feature = "bambu")]
    if let ["bambu", model] = args.as_slice() {
        return bambu(model).await;
    }
    let [kind, address, key, rest @ ..] = args.as_slice() else {
        return Err("give the kind of host, its address (127.0.0.1:5000) and its key".into());
    };
    let proxy = Arc::new(FaultProxy::start(*address).await?);
    let (port, url) = (proxy.address().port(), format!("http://{address}"));
    match (*kind, rest) {
        ("octoprint", []) => serve(port, OctoPrintOracle::new(url, *key, proxy)).await,
        ("prusalink", []) => serve(port, PrusaLinkOracle::new(url, *key, proxy)).await,
        ("prusalink", [supervisor]) => {
            let oracle = PrusaLinkOracle::new(url, *key, proxy);
            serve(port, oracle.restarted_by(supervisor.parse()?)).await
        }
        ("moonraker", []) => serve(port, MoonrakerOracle::new(url, *key, proxy)).await,
        ("moonraker", [data]) => serve(port, MoonrakerOracle::new(url, *key, proxy).on_disk(data)).await,
        _ => Err("there is no such oracle".into()),
    }
}

#[cfg(feature = "bambu")]
async fn bambu(model: &str) -> Result<(), Box<dyn Error>> {
    use printhost_sim::{BambuModel, BambuSim};
    use printhost_testkit::runner::BambuOracle;

    let model = match model {
        "p1s" => BambuModel::P1s,
        "x1c" => BambuModel::X1c,
        _ => return Err("the models are p1s and x1c".into()),
    };
    let sim = BambuSim::start(BambuOracle::printer(model)).await?;
    let key: String = sim.key_pin().iter().map(|byte| format!("{byte:02x}")).collect();
    let oracle = BambuOracle::start(sim).await?;
    let (port, files) = oracle.ports();
    let (serial, code) = (oracle.sim().serial().to_owned(), oracle.sim().access_code().to_owned());
    let service = OracleService::start(Arc::new(oracle)).await?;
    println!("proxy {port}\noracle {}", service.address().port());
    println!("files {files}\nserial {serial}\ncode {code}\nkey {key}");
    until_told().await
}

async fn serve(proxy: u16, oracle: impl Oracle + AskAnywhere + 'static) -> Result<(), Box<dyn Error>> {
    let service = OracleService::start(Arc::new(oracle)).await?;
    println!("proxy {proxy}\noracle {}", service.address().port());
    until_told().await
}

/// Until the standard input ends.
async fn until_told() -> Result<(), Box<dyn Error>> {
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    Ok(())
}
