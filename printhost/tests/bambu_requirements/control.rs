use std::time::{Duration, Instant};

use printhost::{Command, ErrorKind, Outcome, Phase, PrintHost as _, Retry, bambu::Lamp};
use printhost_sim::{BambuControl, BambuModel, bambu::three_mf};

use crate::harness::{gcode, host, on, sim, told};

const SOON: Duration = Duration::from_secs(5);

/// With a firmware that wants orders to be signed, software that cannot sign them looked as if it worked: the printer
/// dropped what it was told, silently or with an answer that nobody read (SoftFever/OrcaSlicer#8063, #15004; TFyre's
/// bambu-farm). Here that is an error of its own within five seconds, in each of the ways in which printers say it; and all
/// can be read meanwhile. A start that gets no answer at all may only be a slow one: whether it was carried out is then
/// open, and another one is not sent so soon.
///
/// The control is the same printer, once control is open: it obeys.
#[tokio::test]
async fn blocked_control_is_an_error_of_its_own_within_five_seconds() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::H2d] {
        for control in [BambuControl::Failed, BambuControl::Bare, BambuControl::Silent] {
            let sim = sim(model).await;
            sim.set_control(control);
            sim.put_file("x.gcode.3mf", &three_mf(&gcode(2000)));
            let host = host(&sim);
            on(&host, async {
                host.connect().await.unwrap();
                let start = host.start("x.gcode.3mf");
                let speed = host.command(Command::SpeedFactor(50));
                for (name, result) in [("start", timed(start).await), ("speed", timed(speed).await)] {
                    let (result, took) = result;
                    let error = result.unwrap_err();
                    // The others say in their reports that they want signatures, so that nothing is sent.
                    let says_nothing = model == BambuModel::P1s;
                    let is_open = says_nothing && control == BambuControl::Silent && name == "start";
                    let kind = if is_open { ErrorKind::Unconfirmed } else { ErrorKind::ControlBlocked };
                    assert_eq!(error.kind(), kind, "{model:?} {control:?} {name}: {error}");
                    // With the order before this one the printer has shown the same.
                    let was_shown = says_nothing && control == BambuControl::Bare && name == "speed";
                    if is_open || was_shown {
                        assert_eq!(error.retry(), Retry::ReadFirst, "{model:?} {control:?} {name}: {error}");
                    }
                    assert!(took < SOON, "{model:?} {control:?} {name}: {took:?}");
                    let advice = [error.kind().advice(), error.detail().unwrap_or_default()];
                    assert!(advice.iter().any(|text| text.contains("developer mode")), "{error}");
                }
                if control == BambuControl::Silent && model == BambuModel::P1s {
                    let again = host.start("x.gcode.3mf").await.unwrap_err();
                    assert_eq!(again.kind(), ErrorKind::Busy, "{again}");
                    assert_eq!(told(&sim, "print").len(), 2);
                }
                assert_eq!(host.status().await.unwrap().phase, Phase::Idle, "{model:?} {control:?}");
                assert_eq!(sim.prints_accepted(), 0);

                sim.set_control(BambuControl::Open);
                sim.set_health(&[]);
                sim.tell_everything();
                loop {
                    let report = host.report().await.unwrap();
                    if report.needs_signature() != Some(true) && report.hms.is_empty() {
                        break;
                    }
                }
                let opened = host.command(Command::SpeedFactor(50)).await;
                assert_eq!(opened, Ok(Outcome::confirmed()), "{model:?} {control:?}");
            })
            .await;
        }
    }
}

/// An order whose effect shows nowhere is blocked, too; and what needs no signature is obeyed.
#[tokio::test]
async fn what_needs_no_signature_works_while_control_is_blocked() {
    let sim = sim(BambuModel::P1s).await;
    sim.set_control(BambuControl::Silent);
    let host = host(&sim);
    on(&host, async {
        let (result, took) = timed(host.command(Command::Gcode("M17"))).await;
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ControlBlocked);
        assert!(took < SOON, "{took:?}");
        assert_eq!(host.light(Lamp::Chamber, false).await, Ok(Outcome::confirmed()));
    })
    .await;
    assert!(sim.gcode_lines().is_empty());
    assert_eq!(told(&sim, "print"), ["gcode_line"]);
}

async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let begun = Instant::now();
    let result = work.await;
    (result, begun.elapsed())
}
