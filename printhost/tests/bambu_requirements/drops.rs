use std::time::{Duration, Instant};

use printhost::{Event, PrintHost as _};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};

use crate::harness::{host, sim};

/// A printer that ends every connection at once (too many other clients, a wrong serial number, a mode that is off) was
/// dialled again and again, which some answer by locking up: greghesp/ha-bambulab#1756, #1584, #1484. Here it is left alone
/// for a minute after the fifth time, and what is told says why that may be.
///
/// The control is a printer whose connections end as often, but not at once: it is dialled again as soon as ever.
#[tokio::test]
async fn printer_that_drops_five_connections_is_left_alone_and_the_reason_is_told() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let mut events = host.events().unwrap();
    let watch = async {
        let mut told = Vec::new();
        loop {
            match events.next().await {
                Event::Resynced => sim.drop_connections(),
                Event::Lost(error) => told.push(error.detail().unwrap_or_default().to_owned()),
                _ => {}
            }
            if told.len() == 5 {
                return told;
            }
        }
    };
    let told = tokio::select! {
        told = tokio::time::timeout(Duration::from_secs(40), watch) => told.unwrap(),
        end = host.run() => panic!("{end:?}"),
    };
    assert!(told[..4].iter().all(|why| !why.contains("serial number may be wrong")), "{told:?}");
    for cause in ["serial number", "other programs", "LAN mode"] {
        assert!(told[4].contains(cause), "{told:?}");
    }
    assert_eq!(sim.connections().2, 5);
}

#[tokio::test]
async fn dropped_printer_is_not_dialled_for_a_while_and_one_that_lasted_is_at_once() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let mut events = host.events().unwrap();
    let quiet = async {
        let mut cuts = 0;
        let mut last = Instant::now();
        loop {
            if events.next().await == Event::Resynced && cuts < 5 {
                cuts += 1;
                sim.drop_connections();
                last = Instant::now();
            }
            if cuts == 5 {
                // Four times as long as the longest wait so far.
                tokio::time::sleep(Duration::from_secs(5)).await;
                return (last.elapsed(), sim.connections().2);
            }
        }
    };
    let (quiet_for, dialled) = tokio::select! {
        quiet = quiet => quiet,
        end = host.run() => panic!("{end:?}"),
    };
    assert!(quiet_for >= Duration::from_secs(5) && dialled == 5, "{dialled}");

    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_millis(100));
    let other = BambuSim::start(config).await.unwrap();
    let host = crate::harness::host(&other);
    let mut events = host.events().unwrap();
    let back = async {
        while events.next().await != Event::Resynced {}
        tokio::time::sleep(Duration::from_secs(11)).await;
        other.drop_connections();
        let cut = Instant::now();
        while events.next().await != Event::Resynced {}
        cut.elapsed()
    };
    tokio::select! {
        back = back => assert!(back < Duration::from_secs(3), "{back:?}"),
        end = host.run() => panic!("{end:?}"),
    }
}
