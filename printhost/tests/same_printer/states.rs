use std::collections::BTreeSet;

use printhost::{
    BaseUrl, HyperNet, Net,
    net_tokio::PortableNet,
    octoprint::{Config, OctoPrint},
};
use printhost_sim::{OctoPrintSim, SimConfig};
use serde_json::Value;

use super::{
    fields::{Motion, differences, moved},
    leaves::forgotten,
    octorest::{self, OctoRest},
    ours,
};

/// In this order, each from the one before, with the phase that the printer must then be seen in.
const STATES: [(&str, &str, Motion); 7] = [
    ("idle", "idle", Motion::Resting),
    ("heating", "idle", Motion::Resting),
    ("printing", "printing", Motion::Printing),
    ("paused", "paused", Motion::Resting),
    ("cancelled", "idle", Motion::Resting),
    ("disconnected", "offline", Motion::Resting),
    ("failed", "faulted", Motion::Resting),
];

/// How often both look until the printer has been at rest for as long as that takes.
const ATTEMPTS: u32 = 10;

async fn both_see_the_same<N: Net>(net: N, octorest: OctoRest) {
    let url = BaseUrl::parse(&octorest.url).unwrap();
    let host = OctoPrint::new(net, Config::new(url, octorest.key.as_str()));
    let mut found = Vec::new();
    for (state, phase, motion) in STATES {
        let mut theirs = sees(&octorest, state).await;
        for attempt in 1.. {
            let before = octorest::fields(&theirs);
            assert_eq!(forgotten(&theirs), BTreeSet::new(), "{state}");
            assert_eq!(before["state/phase"], phase, "OctoRest, {state}");
            let ours = ours::fields(&host).await;
            theirs = sees(&octorest, "as it is").await;
            let after = octorest::fields(&theirs);
            let moved = moved(&before, &after, motion);
            if moved.is_empty() {
                let in_state = |difference| format!("{state}: {difference}");
                found.extend(differences(&before, &ours, &after, motion).into_iter().map(in_state));
                println!("{state}: {} fields", ours.len());
                break;
            }
            // OctoPrint analyses files when it finds the time.
            assert!(attempt < ATTEMPTS, "{state} is not at rest: {}", moved.join("\n"));
            println!("{state}, again: {}", moved.join("; "));
        }
    }
    sees(&octorest, "removed").await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// On a thread of its own: the simulator lives on this one's runtime.
async fn sees(octorest: &OctoRest, state: &'static str) -> Value {
    let octorest =
        OctoRest { url: octorest.url.clone(), key: octorest.key.clone(), folder: octorest.folder.clone() };
    tokio::task::spawn_blocking(move || octorest.sees(state)).await.unwrap()
}

async fn on_the_simulator<N: Net>(net: N) {
    let sim = OctoPrintSim::start(SimConfig::default().analysis(true)).await.unwrap();
    let (url, key) = (format!("http://{}", sim.addr()), sim.api_key().to_owned());
    both_see_the_same(net, OctoRest { url, key, folder: "same".into() }).await;
}

async fn on_the_real_octoprint<N: Net>(net: N) {
    let get =
        |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask peers`"));
    let url = get("PRINTHOST_OCTOPRINT_URL").replace("octoprint://", "http://");
    let octorest =
        OctoRest { url, key: get("PRINTHOST_OCTOPRINT_KEY"), folder: format!("same-{}", std::process::id()) };
    both_see_the_same(net, octorest).await;
}

#[tokio::test]
async fn octorest_and_the_driver_see_the_same_simulator_over_hyper() {
    on_the_simulator(HyperNet::new()).await;
}

#[tokio::test]
async fn octorest_and_the_driver_see_the_same_simulator_over_the_portable_client() {
    on_the_simulator(PortableNet::new()).await;
}

#[tokio::test]
async fn octorest_and_the_driver_see_the_same_real_octoprint_over_hyper() {
    on_the_real_octoprint(HyperNet::new()).await;
}

#[tokio::test]
async fn octorest_and_the_driver_see_the_same_real_octoprint_over_the_portable_client() {
    on_the_real_octoprint(PortableNet::new()).await;
}
