//! How jobs end, and what is still known of it later.

use std::time::Duration;

use printhost::{Command, ErrorKind, Event, Outcome, Phase, PrintHost as _, bambu::StartOptions};
use printhost_sim::{BambuConfig, BambuModel, BambuSim, bambu::three_mf};

use super::harness::{gcode, host, on, sim, told, until};

async fn yield_until(mut is: impl FnMut() -> bool) {
    while !is() {
        tokio::task::yield_now().await;
    }
}

/// In its last percent, while the order was on its way.
#[tokio::test]
async fn job_that_has_ended_by_itself_was_not_cancelled() {
    // It tells nothing unless it is asked to.
    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_secs(3600));
    let sim = BambuSim::start(config.time_scale(20.0)).await.unwrap();
    let host = host(&sim);
    sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
    let mut events = host.events().unwrap();
    on(&host, async {
        while events.next().await != Event::Resynced {}
        assert!(sim.start_print("theirs.gcode.3mf"));
        yield_until(|| sim.state_text() == "RUNNING").await;
        sim.tell_everything();
        until(&mut events, |status| status.phase.has_job()).await;
        sim.finish_soon();
        yield_until(|| sim.state_text() == "FINISH").await;
        let tell = async {
            yield_until(|| !told(&sim, "print").is_empty()).await;
            sim.tell_everything();
        };
        let (cancelled, ()) = tokio::join!(host.command(Command::Cancel), tell);
        assert_eq!(cancelled.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(host.status().await.unwrap().phase, Phase::Finished);
    })
    .await;
}

/// A printer says FAILED until the next job, and why for a moment.
#[tokio::test]
async fn what_has_failed_is_never_ready_for_a_job_nor_is_its_reason_forgotten() {
    for model in [BambuModel::P1s, BambuModel::X1c] {
        let sim = sim(model).await;
        let host = host(&sim);
        sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
        let mut events = host.events().unwrap();
        on(&host, async {
            while events.next().await != Event::Resynced {}
            assert!(sim.start_print("theirs.gcode.3mf"));
            until(&mut events, |status| status.phase == Phase::Printing).await;
            assert!(sim.fail(0x0300_8014));
            until(&mut events, |status| status.fault.as_deref() == Some("0300_8014")).await;
            sim.set_error(0);
            sim.tell_everything();
            events.clear();
            sim.drop_connections();
            while events.next().await != Event::Resynced {}
            let status = host.status().await.unwrap();
            let what = (status.phase, status.fault.as_deref(), status.state_text.as_str());
            assert_eq!(what, (Phase::Faulted, Some("0300_8014"), "FAILED"), "{model:?}");
        })
        .await;
        // Nobody who comes later knows why, and it is no more ready for that.
        let later = super::harness::host(&sim);
        let status = on(&later, later.status()).await.unwrap();
        assert_eq!((status.phase, status.fault), (Phase::Faulted, None), "{model:?}");
    }
}

/// Its printer waits for ever, as nothing but its own screen says.
#[tokio::test]
async fn print_that_does_not_begin_can_be_cancelled() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("one.gcode.3mf", &three_mf(&gcode(10)));
    let options = StartOptions::default().plate(7);
    on(&host, async {
        host.connect().await.unwrap();
        let cancel = async {
            yield_until(|| sim.is_wedged()).await;
            assert_eq!(host.command(Command::Cancel).await, Ok(Outcome::accepted()));
        };
        tokio::select! {
            begun = host.start_with("one.gcode.3mf", &options) => panic!("{begun:?}"),
            () = cancel => {}
        }
    })
    .await;
    assert!(!sim.is_wedged());
    assert_eq!(told(&sim, "print"), ["project_file", "stop"]);
}
