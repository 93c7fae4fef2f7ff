use printhost::net::Net;
use printhost_testkit::runner::judge;

use super::bench::{bench, hyper, portable};

async fn on_the_real_one<N: Net + Clone>(net: N, back_end: &str) {
    let get =
        |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask peers`"));
    let url = get("PRINTHOST_OCTOPRINT_URL");
    let address = url.trim_start_matches("octoprint://").trim_end_matches('/');
    let bench = bench(net, address, &get("PRINTHOST_OCTOPRINT_KEY")).await;
    judge(&bench, &format!("octoprint-{}-{back_end}", get("PRINTHOST_OCTOPRINT_VERSION"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn octoprint_driver_passes_on_the_real_octoprint_over_hyper() {
    on_the_real_one(hyper(), "hyper").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn octoprint_driver_passes_on_the_real_octoprint_over_the_portable_client() {
    on_the_real_one(portable(), "portable").await;
}
