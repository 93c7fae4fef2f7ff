use futures::future::join_all;
use printhost_sim::{BambuModel, OctoPrintSim, SimConfig};
use printhost_testkit::{
    Bench, CASES, Case, Verdict,
    mutants::{Defect, MutantBench},
    run,
};

use super::{
    bench::{bench, hyper},
    simulated::bambu,
};

/// Printers that are used side by side, since most cases wait most of the time.
const PRINTERS: usize = 4;
const SMALL_PRINTERS: usize = 8;

/// Those of projects, which others than Bambu Lab printers do not print.
const PROJECTS: &[Defect] = &[
    Defect::StartsFirstPlate,
    Defect::OnlySaysProjectStarted,
    Defect::ChoosesPlates,
    Defect::StartsAnotherPlate,
    Defect::MakesUpForMissingPlates,
    Defect::PrintsDamagedProjects,
];

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_found_by_the_case_named_for_it() {
    let shares = Defect::ALL.chunks(Defect::ALL.len().div_ceil(PRINTERS));
    let escaped = async |defects| {
        let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
        let bench = bench(hyper(), &sim.addr().to_string(), sim.api_key()).await;
        escaped(&bench, defects, PROJECTS).await
    };
    let escaped = join_all(shares.map(escaped)).await.concat();
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

/// Its oracle shares no code with that of the others.
#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_found_on_a_simulated_p1s_where_it_can_be() {
    const CANNOT: &[Defect] = &[
        // Their cases need what is not claimed.
        Defect::InventsTemperatures,
        Defect::IgnoresHash,
        // The driver reads the printer before each start, and refuses the second one unsent.
        Defect::RepeatsLostStarts,
    ];
    let shares = Defect::ALL.chunks(Defect::ALL.len().div_ceil(SMALL_PRINTERS));
    let escaped = async |defects| escaped(&bambu(BambuModel::P1s).await, defects, CANNOT).await;
    let escaped = join_all(shares.map(escaped)).await.concat();
    assert!(escaped.is_empty(), "{}", escaped.join("\n"));
}

/// Those of the defects that are not found, on a printer of their own; and found ones that cannot be.
async fn escaped(bench: &impl Bench, defects: &[Defect], cannot: &[Defect]) -> Vec<String> {
    let mut escaped = Vec::new();
    for defect in defects {
        let case = CASES.iter().find(|case| case.name == defect.found_by()).unwrap();
        let verdict = run(case, &MutantBench::new(bench, *defect)).await;
        println!("{defect:?}: {} {verdict:?}", case.name);
        if matches!(verdict, Verdict::Failed(_)) == cannot.contains(defect) {
            escaped.push(format!("{defect:?} and {}: {verdict:?}", case.name));
        }
    }
    escaped
}

#[tokio::test(flavor = "multi_thread")]
async fn mutant_without_a_defect_passes_all_that_mutants_fail() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let bench = bench(hyper(), &sim.addr().to_string(), sim.api_key()).await;
    passes(&bench, &of(Defect::ALL)).await;
    passes(&bambu(BambuModel::P1s).await, &of(PROJECTS)).await;
}

/// The cases that find these.
fn of(defects: &[Defect]) -> Vec<&'static Case> {
    CASES.iter().filter(|case| defects.iter().any(|d| d.found_by() == case.name)).collect()
}

async fn passes(bench: &impl Bench, cases: &[&Case]) {
    let flawless = MutantBench::new(bench, Defect::Nothing);
    for case in cases {
        let verdict = run(case, &flawless).await;
        // Where nothing is unclaimed there is nothing to refuse.
        let sound = matches!(&verdict, Verdict::Passed)
            || matches!(&verdict, Verdict::Skipped(why) if why == "everything is claimed")
            || matches!(&verdict, Verdict::Skipped(_) if case.needs.contains(&"projects"));
        assert!(sound, "{}: {verdict:?}", case.name);
    }
}
