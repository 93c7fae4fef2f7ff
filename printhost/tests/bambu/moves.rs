//! What is moved by hand, and when it is not.

use std::time::Duration;

use printhost::{Axes, Command, ErrorKind, Outcome, PrintHost as _};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};

use super::harness::{host, on};

const JOG: Command<'_> = Command::Jog { x: 0.0, y: 0.0, z: -1.0, speed: None };

/// The firmware itself does not look, and would run the nozzle into the bed.
#[tokio::test]
async fn axis_of_which_the_printer_does_not_say_that_it_was_homed_is_not_moved() {
    for home_flag in [false, true] {
        let mut config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_millis(100));
        config.home_flag = home_flag;
        let sim = BambuSim::start(config).await.unwrap();
        let host = host(&sim);
        on(&host, async {
            let error = host.command(JOG).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
            assert!(error.detail().unwrap().contains("homed"), "{error}");
            assert_eq!(host.command(Command::Home(Axes::ALL)).await, Ok(Outcome::accepted()));
            let is_homed =
                async { while host.report().await.unwrap().home_flag.is_none_or(|flags| flags & 4 == 0) {} };
            match home_flag {
                true => {
                    is_homed.await;
                    assert_eq!(host.command(JOG).await, Ok(Outcome::accepted()));
                }
                // Nobody can say whether it has ended.
                false => assert_eq!(host.command(JOG).await.unwrap_err().kind(), ErrorKind::Conflict),
            }
        })
        .await;
        let lines = sim.gcode_lines();
        assert_eq!(lines.iter().any(|line| line.starts_with("G0")), home_flag, "{lines:?}");
    }
}
