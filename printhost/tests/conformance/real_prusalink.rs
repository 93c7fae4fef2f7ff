//! `cargo xtask peers` starts a PrusaLink for these, and says where it is: `PRINTHOST_PRUSALINK_URL`, `_KEY`,
//! `_PASSWORD` (of `maker`) and `_SUPERVISOR` (a process that starts it anew on `SIGHUP`) in the environment. Not part of every change's tests: 0.8.1 can fail to answer a start for ever.

use printhost::{AnyHost, BaseUrl, PrinterUrl, Protocol, Secret, net::Net, net_tokio::TokioClock};
use printhost_testkit::runner::{PrusaLinkBench, judge};

use super::bench::{hyper, portable, with_password};

fn get(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

fn address() -> String {
    get("PRINTHOST_PRUSALINK_URL").trim_start_matches("prusalink://").trim_end_matches('/').into()
}

/// Who starts it anew.
fn supervisor() -> u32 {
    get("PRINTHOST_PRUSALINK_SUPERVISOR").parse().unwrap()
}

async fn with_the_key<N: Net + Clone>(net: N, column: &str) {
    let key = get("PRINTHOST_PRUSALINK_KEY");
    let make = move |url: &BaseUrl, key: Secret| {
        AnyHost::new(net.clone(), &PrinterUrl::new(Protocol::PrusaLink, url.clone()), key)
    };
    let bench = PrusaLinkBench::start(&address(), &key, &key, TokioClock::default(), make).await.unwrap();
    judge(&bench.restarted_by(supervisor()), column).await;
}

async fn with_the_password<N: Net + Clone>(net: N, column: &str) {
    let (password, key) = (get("PRINTHOST_PRUSALINK_PASSWORD"), get("PRINTHOST_PRUSALINK_KEY"));
    let bench =
        PrusaLinkBench::start(&address(), &password, &key, TokioClock::default(), with_password(net)).await;
    judge(&bench.unwrap().restarted_by(supervisor()), column).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PrusaLink of its own"]
async fn prusalink_driver_passes_with_the_key_over_hyper() {
    with_the_key(hyper(), "prusalink-0.8.1-hyper").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PrusaLink of its own"]
async fn prusalink_driver_passes_with_the_password_over_the_portable_client() {
    with_the_password(portable(), "prusalink-0.8.1-portable").await;
}
