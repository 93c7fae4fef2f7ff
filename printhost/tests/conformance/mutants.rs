use printhost_sim::{OctoPrintSim, SimConfig};
use printhost_testkit::{
    CASES, Verdict,
    mutants::{Defect, MutantBench},
    run,
};

use super::bench::{bench, hyper};

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_found_by_the_case_named_for_it() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let bench = bench(hyper(), &sim.addr().to_string(), sim.api_key()).await;
    let mut escaped = Vec::new();
    for defect in Defect::ALL {
        let case = CASES.iter().find(|case| case.name == defect.found_by()).unwrap();
        let verdict = run(case, &MutantBench::new(&bench, *defect)).await;
        println!("{defect:?}: {} {verdict:?}", case.name);
        if !matches!(verdict, Verdict::Failed(_)) {
            escaped.push(format!("{defect:?} escaped {}: {verdict:?}", case.name));
        }
    }
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}
