use std::time::Duration;

use printhost::{Event, Phase, PrintHost as _};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};

use crate::harness::{host, on};

/// A report that was larger than what a library takes ended the connection, again and again: bytebeamio/rumqtt#924, #614.
/// Here one of 256 KiB is read, and one of 10 MB is passed over on a connection that stays.
///
/// The control is in the middle: what is told after the huge one is read.
#[tokio::test]
async fn large_report_is_read_and_a_huge_one_passed_over() {
    for model in [BambuModel::P1s, BambuModel::X1c] {
        let config = BambuConfig::new(model).report_every(Duration::from_secs(3600));
        let sim = BambuSim::start(config).await.unwrap();
        sim.set_report_size(256 << 10);
        let host = host(&sim);
        let mut events = host.events().unwrap();
        on(&host, async {
            while events.next().await != Event::Resynced {}
            assert_eq!(host.status().await.unwrap().phase, Phase::Idle);
            sim.set_report_size(10 << 20);
            sim.tell_everything();
            sim.set_report_size(0);
            sim.gcode("M140 S55");
            sim.tell_everything();
            let told = async {
                loop {
                    if let Event::Status(status) = events.next().await
                        && status.bed.and_then(|bed| bed.target) == Some(55.0)
                    {
                        return;
                    }
                }
            };
            told.await;
            host.status().await.unwrap();
        })
        .await;
        assert_eq!(sim.connections().2, 1, "{model:?}");
    }
}
