//! The conformance suite, on the simulator and, with the feature `real-peers`, on a real OctoPrint.

use printhost_core::Secret;
use printhost_net::{BaseUrl, Http1};
use printhost_net_tokio::{PortableNet, TokioClock, TokioDial};
use printhost_sim::{OctoPrintSim, SimConfig};
use printhost_testkit::{
    Bench, CASES, Verdict,
    mutants::{Defect, MutantBench},
    run,
    runner::{OctoPrintBench, judge, short_limits},
};
use tutorial_driver::TinyOctoPrint;

async fn bench(address: &str, key: &str) -> impl Bench + use<> {
    let net = PortableNet::build(TokioDial::plain(), Http1::HOST, short_limits());
    let make = move |url: &BaseUrl, key: Secret| TinyOctoPrint::new(net.clone(), url.clone(), key);
    OctoPrintBench::start(address, key, TokioClock::default(), make).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn driver_passes_on_the_simulator() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    judge(&bench(&sim.addr().to_string(), sim.api_key()).await, "tutorial-sim").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bench_finds_every_defect_it_can_judge() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let bench = bench(&sim.addr().to_string(), sim.api_key()).await;
    let mut found = 0;
    for defect in Defect::ALL {
        let case = CASES.iter().find(|case| case.name == defect.found_by()).unwrap();
        match run(case, &MutantBench::new(&bench, *defect)).await {
            Verdict::Failed(_) => found += 1,
            Verdict::Skipped(why) => println!("{defect:?} is not judged: {why}"),
            verdict => panic!("{defect:?} escaped {}: {verdict:?}", case.name),
        }
    }
    assert!(found > 0);
}

#[cfg(feature = "real-peers")]
#[tokio::test(flavor = "multi_thread")]
async fn driver_passes_on_a_real_octoprint() {
    let get = |name: &str| std::env::var(name).unwrap();
    let url = get("PRINTHOST_OCTOPRINT_URL");
    let address = url.trim_start_matches("octoprint://").trim_end_matches('/');
    judge(&bench(address, &get("PRINTHOST_OCTOPRINT_KEY")).await, "tutorial-real").await;
}
