use std::time::Duration;

use printhost::{AnyHost, BaseUrl, PrinterUrl, Protocol, Secret, Trust, net::Net, net_tokio::TokioClock};
use printhost_sim::{
    BambuModel, BambuSim, MoonrakerConfig, MoonrakerSim, OctoPrintSim, PrusaLinkConfig, PrusaLinkFamily,
    PrusaLinkSim, SimConfig,
};
use printhost_testkit::{
    Bench,
    runner::{BambuBench, BambuOracle, MoonrakerBench, PrusaLinkBench, judge},
};

use super::bench::{bench, encrypted, hyper, portable, with_password};

async fn on_the_simulator<N: Net + Clone>(net: N, column: &str) {
    // Not faster: cases tell a print that goes on from one that has ended.
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let bench = bench(net, &sim.addr().to_string(), sim.api_key()).await;
    judge(&bench, column).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn octoprint_driver_passes_on_the_simulator_over_hyper() {
    on_the_simulator(hyper(), "octoprint-sim-hyper").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn octoprint_driver_passes_on_the_simulator_over_the_portable_client() {
    on_the_simulator(portable(), "octoprint-sim-portable").await;
}

/// With the key over hyper, with the password over the portable client.
async fn on_the_simulated_prusalink<N: Net + Clone>(
    net: N,
    family: PrusaLinkFamily,
    column: &str,
    key: bool,
) {
    // Nobody is there to confirm the end of a print, and eleven seconds are long.
    let config = PrusaLinkConfig::new(family).end_shown_for(Duration::from_secs(2));
    let sim = PrusaLinkSim::start(config).await.unwrap();
    let (address, config, clock) = (sim.addr().to_string(), sim.config(), TokioClock::default());
    if key {
        let make = move |url: &BaseUrl, key: Secret| {
            AnyHost::new(net.clone(), &PrinterUrl::new(Protocol::PrusaLink, url.clone()), key)
        };
        let bench = PrusaLinkBench::start(&address, &config.api_key, &config.api_key, clock, make).await;
        judge(&bench.unwrap(), column).await;
    } else {
        let bench =
            PrusaLinkBench::start(&address, &config.password, &config.api_key, clock, with_password(net))
                .await;
        judge(&bench.unwrap(), column).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prusalink_driver_passes_on_the_simulated_pi_over_hyper() {
    on_the_simulated_prusalink(hyper(), PrusaLinkFamily::Pi, "prusalink-sim-pi-hyper", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prusalink_driver_passes_on_the_simulated_pi_over_the_portable_client() {
    on_the_simulated_prusalink(portable(), PrusaLinkFamily::Pi, "prusalink-sim-pi-portable", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prusalink_driver_passes_on_the_simulated_firmware_over_hyper() {
    on_the_simulated_prusalink(hyper(), PrusaLinkFamily::Buddy, "prusalink-sim-buddy-hyper", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prusalink_driver_passes_on_the_simulated_firmware_over_the_portable_client() {
    on_the_simulated_prusalink(portable(), PrusaLinkFamily::Buddy, "prusalink-sim-buddy-portable", false)
        .await;
}

/// With the key over hyper, trusted over the portable client.
async fn on_the_simulated_moonraker<N: Net + Clone>(net: N, column: &str, trusted: bool) {
    // Not faster, as above.
    let config = MoonrakerConfig::default().trusted(trusted);
    let sim = MoonrakerSim::start(config).await.unwrap();
    let (address, key, clock) = (sim.addr().to_string(), sim.api_key(), TokioClock::default());
    let secret = if trusted { "" } else { &key };
    let make = move |url: &BaseUrl, key: Secret| {
        AnyHost::new(net.clone(), &PrinterUrl::new(Protocol::Moonraker, url.clone()), key)
    };
    let bench = MoonrakerBench::start(&address, secret, &key, clock, make).await;
    judge(&bench.unwrap(), column).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moonraker_driver_passes_on_the_simulator_over_hyper() {
    on_the_simulated_moonraker(hyper(), "moonraker-sim-key-hyper", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moonraker_driver_passes_on_the_simulator_over_the_portable_client() {
    on_the_simulated_moonraker(portable(), "moonraker-sim-trusted-portable", true).await;
}

/// There is no HTTP in this, so it is the same with any client of HTTP.
pub(crate) async fn bambu(model: BambuModel) -> impl Bench {
    let sim = BambuSim::start(BambuOracle::printer(model)).await.unwrap();
    let (net, authorities) = (encrypted(), sim.authority_pem().into_bytes());
    let make = move |url: &str, code: Secret| {
        let url: PrinterUrl = url.parse().unwrap();
        AnyHost::new(net.clone(), &url.with_trust(Trust::Ca(authorities.clone())), code)
    };
    BambuBench::start(sim, TokioClock::default(), make).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn bambu_driver_passes_on_the_simulated_p1s() {
    judge(&bambu(BambuModel::P1s).await, "bambu-sim-p1s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bambu_driver_passes_on_the_simulated_x1c() {
    judge(&bambu(BambuModel::X1c).await, "bambu-sim-x1c").await;
}
