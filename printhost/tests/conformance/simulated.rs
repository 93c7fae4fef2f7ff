use printhost::net::Net;
use printhost_sim::{OctoPrintSim, SimConfig};
use printhost_testkit::runner::judge;

use super::bench::{bench, hyper, portable};

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
