//! `cargo xtask peers` starts a Moonraker with a Klipper for these, and says where it is: `PRINTHOST_MOONRAKER_URL`,
//! `_KEY`, and `_DATA` (its folder) in the environment.

use printhost::{AnyHost, BaseUrl, PrinterUrl, Protocol, Secret, net::Net, net_tokio::TokioClock};
use printhost_testkit::runner::{MoonrakerBench, judge};

use super::bench::{hyper, portable};

pub(crate) fn get(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask peers`"))
}

pub(crate) fn address() -> String {
    get("PRINTHOST_MOONRAKER_URL").trim_start_matches("moonraker://").trim_end_matches('/').into()
}

/// The empty secret is none.
async fn with<N: Net + Clone>(net: N, secret: &str, column: &str) {
    let (key, data) = (get("PRINTHOST_MOONRAKER_KEY"), get("PRINTHOST_MOONRAKER_DATA"));
    let make = move |url: &BaseUrl, key: Secret| {
        AnyHost::new(net.clone(), &PrinterUrl::new(Protocol::Moonraker, url.clone()), key)
    };
    let bench = MoonrakerBench::start(&address(), secret, &key, TokioClock::default(), make).await;
    judge(&bench.unwrap().on_disk(data), column).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Moonraker of its own"]
async fn moonraker_driver_passes_with_the_key_over_hyper() {
    with(hyper(), &get("PRINTHOST_MOONRAKER_KEY"), "moonraker-0.11.0-key-hyper").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Moonraker of its own"]
async fn moonraker_driver_passes_on_a_trusted_machine_over_the_portable_client() {
    with(portable(), "", "moonraker-0.11.0-trusted-portable").await;
}
