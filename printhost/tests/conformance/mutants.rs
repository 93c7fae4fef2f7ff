use futures::future::join_all;
use printhost_sim::{OctoPrintSim, SimConfig};
use printhost_testkit::{
    CASES, Verdict,
    mutants::{Defect, MutantBench},
    run,
};

use super::bench::{bench, hyper};

/// Printers that are used side by side, since most cases wait most of the time.
const PRINTERS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_found_by_the_case_named_for_it() {
    let shares = Defect::ALL.chunks(Defect::ALL.len().div_ceil(PRINTERS));
    let escaped = join_all(shares.map(escaped)).await.concat();
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

/// Those of the defects that are not found, on a printer of their own.
async fn escaped(defects: &[Defect]) -> Vec<String> {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let bench = bench(hyper(), &sim.addr().to_string(), sim.api_key()).await;
    let mut escaped = Vec::new();
    for defect in defects {
        let case = CASES.iter().find(|case| case.name == defect.found_by()).unwrap();
        let verdict = run(case, &MutantBench::new(&bench, *defect)).await;
        println!("{defect:?}: {} {verdict:?}", case.name);
        if !matches!(verdict, Verdict::Failed(_)) {
            escaped.push(format!("{defect:?} escaped {}: {verdict:?}", case.name));
        }
    }
    escaped
}

#[tokio::test(flavor = "multi_thread")]
async fn mutant_without_a_defect_passes_all_that_mutants_fail() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let bench = bench(hyper(), &sim.addr().to_string(), sim.api_key()).await;
    let flawless = MutantBench::new(&bench, Defect::Nothing);
    for case in CASES.iter().filter(|case| Defect::ALL.iter().any(|d| d.found_by() == case.name)) {
        let verdict = run(case, &flawless).await;
        // Where nothing is unclaimed there is nothing to refuse.
        let sound = matches!(&verdict, Verdict::Passed)
            || matches!(&verdict, Verdict::Skipped(why) if why == "everything is claimed");
        assert!(sound, "{}: {verdict:?}", case.name);
    }
}
