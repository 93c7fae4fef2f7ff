use std::time::Duration;

use printhost::{Command, ErrorKind, Event, Outcome, PrintHost as _, Retry};
use printhost_sim::{BambuModel, bambu::three_mf};
use tokio::time::Instant;

use super::clock::pass;
use crate::harness::{gcode, host, on, sim, told};

/// A connection whose other end has gone looked alive for a minute or for ever (maziggy/bambuddy and greghesp/ha-bambulab
/// both have watchdogs of 60 s). Here it is told as lost within 30 s.
///
/// The control is the same printer until then: 35 s without anything to do are no loss.
#[tokio::test]
async fn silence_is_a_loss_within_thirty_seconds() {
    let sim = sim(BambuModel::X1c).await;
    let host = host(&sim);
    let mut events = host.events().unwrap();
    let silent = async {
        while events.next().await != Event::Resynced {}
        sim.set_silent(true);
        let begun = Instant::now();
        let lost = async {
            loop {
                if let Event::Lost(error) = events.next().await {
                    return (error, begun.elapsed());
                }
            }
        };
        tokio::join!(lost, pass(40)).0
    };
    let (error, after) = tokio::select! {
        told = silent => told,
        end = host.run() => panic!("{end:?}"),
    };
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(after <= Duration::from_secs(30), "{after:?}");
}

#[tokio::test]
async fn printer_with_nothing_to_tell_is_not_lost() {
    let config = printhost_sim::BambuConfig::new(BambuModel::P1s).report_every(Duration::from_secs(3600));
    let sim = printhost_sim::BambuSim::start(config).await.unwrap();
    let host = host(&sim);
    let mut events = host.events().unwrap();
    let idle = async {
        while events.next().await != Event::Resynced {}
        tokio::select! {
            () = pass(45) => None,
            error = async {
                loop {
                    if let Event::Lost(error) = events.next().await {
                        return error;
                    }
                }
            } => Some(error),
        }
    };
    tokio::select! {
        lost = idle => assert_eq!(lost, None),
        end = host.run() => panic!("{end:?}"),
    }
    assert_eq!(sim.connections().2, 1);
}

/// Some go on to tell and hear nothing any more. An order to such a one makes another connection, with another client id,
/// on which such a one hears again, and is read; the order is not sent again.
///
/// The control: on the new connection the same printer obeys.
#[tokio::test]
async fn printer_that_hears_nothing_is_connected_to_anew_and_nothing_is_sent_twice() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("x.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        sim.set_zombie(true);
        let begun = Instant::now();
        let cured = async {
            while sim.client_ids().len() < 2 {
                tokio::task::yield_now().await;
            }
            sim.set_zombie(false);
        };
        let order = host.command(Command::SpeedFactor(50));
        let error = tokio::join!(order, cured).0.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst), "{error}");
        let took = begun.elapsed();
        assert!((Duration::from_secs(10)..Duration::from_secs(30)).contains(&took), "{took:?}");
        assert_eq!(host.command(Command::SpeedFactor(166)).await, Ok(Outcome::confirmed()));
    })
    .await;
    assert_eq!(told(&sim, "print"), ["print_speed"; 2]);
    let mut ids = sim.client_ids();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert!(all >= 2 && ids.len() == all, "{ids:?}");
}
