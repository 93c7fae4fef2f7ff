//! Orders, and how each is seen to have an effect.

use printhost::{
    Axes, Command, ErrorKind, HeaterId, Outcome, PrintHost as _,
    bambu::{Blower, Lamp},
};
use printhost_sim::{BambuModel, bambu::three_mf};

use super::harness::{gcode, host, on, sim, told, until};

const MODELS: [BambuModel; 3] = [BambuModel::P1s, BambuModel::X1c, BambuModel::H2d];

#[tokio::test]
async fn what_a_report_shows_is_confirmed() {
    for model in MODELS {
        let sim = sim(model).await;
        let host = host(&sim);
        on(&host, async {
            let confirmed = Ok(Outcome::confirmed());
            let heat = |heater, celsius| Command::SetTemperature { heater, celsius };
            assert_eq!(host.command(heat(HeaterId::Tool(0), 60.0)).await, confirmed, "{model:?}");
            assert_eq!(host.command(heat(HeaterId::Bed, 40.0)).await, confirmed, "{model:?}");
            let targets = sim.targets();
            assert!(targets.first() == Some(&60.0) && targets.last() == Some(&40.0), "{targets:?}");
            assert_eq!(host.command(Command::SpeedFactor(124)).await, confirmed, "{model:?}");
            assert_eq!(host.status().await.unwrap().speed_factor, Some(124), "{model:?}");
            for is_on in [false, true, true] {
                assert_eq!(host.light(Lamp::Chamber, is_on).await, confirmed, "{model:?}");
                assert_eq!(sim.light("chamber_light"), Some(is_on));
            }
            for percent in [100, 33, 0] {
                assert_eq!(host.fan(Blower::Part, percent).await, confirmed, "{model:?}: {percent}");
            }
        })
        .await;
    }
}

#[tokio::test]
async fn what_no_report_shows_is_accepted() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    on(&host, async {
        let accepted = Ok(Outcome::accepted());
        assert_eq!(host.command(Command::Gcode("M400\n M17 ")).await, accepted);
        assert_eq!(host.command(Command::Home(Axes::ALL)).await, accepted);
        let jog = Command::Jog { x: 1.5, y: 0.0, z: -0.25, speed: Some(1200) };
        // Where it is known to be.
        let all_axes = 0b111;
        while host.report().await.unwrap().home_flag.is_none_or(|flags| flags & all_axes != all_axes) {}
        assert_eq!(host.command(jog).await, accepted);
    })
    .await;
    assert_eq!(sim.gcode_lines(), ["M400", "M17", "G28", "G91", "G0 X1.500 Z-0.250 F1200", "G90"]);
}

#[tokio::test]
async fn what_would_do_harm_is_refused_before_it_is_sent() {
    let sim = sim(BambuModel::A1Mini).await;
    let host = host(&sim);
    on(&host, async {
        let kind = async |command| host.command(command).await.unwrap_err().kind();
        let x = Axes { x: true, y: false, z: false };
        assert_eq!(kind(Command::Home(x)).await, ErrorKind::Unsupported);
        assert_eq!(kind(Command::Extrude { mm: 5.0, speed: None }).await, ErrorKind::Conflict);
        for percent in [99, 101, 110, 125, 165] {
            assert_eq!(kind(Command::SpeedFactor(percent)).await, ErrorKind::InvalidInput, "{percent}");
        }
        assert_eq!(kind(Command::Pause).await, ErrorKind::Conflict);
        assert_eq!(kind(Command::Cancel).await, ErrorKind::Conflict);
        assert_eq!(host.skip_objects(&[1]).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(kind(Command::EmergencyStop).await, ErrorKind::Unsupported);
        let chamber = Command::SetTemperature { heater: HeaterId::Chamber, celsius: 40.0 };
        assert_eq!(kind(chamber).await, ErrorKind::Unsupported);
        sim.put_file("long.gcode.3mf", &three_mf(&gcode(2000)));
        let mut events = host.events().unwrap();
        host.start("long.gcode.3mf").await.unwrap();
        until(&mut events, |status| status.phase == printhost::Phase::Printing).await;
        for command in [
            Command::Home(Axes::ALL),
            Command::Jog { x: 1.0, y: 0.0, z: 0.0, speed: None },
            Command::Extrude { mm: 1.0, speed: None },
        ] {
            assert_eq!(kind(command).await, ErrorKind::Conflict, "{command:?}");
        }
        assert_eq!(host.skip_objects(&[206]).await, Ok(Outcome::confirmed()));
    })
    .await;
    assert_eq!(told(&sim, "print"), ["project_file", "skip_objects"]);
}

#[tokio::test]
async fn calls_that_nobody_runs_the_connection_for_fail_at_once() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    for error in [
        host.status().await.map(drop).unwrap_err(),
        host.command(Command::Pause).await.map(drop).unwrap_err(),
        host.start("a.gcode.3mf").await.map(drop).unwrap_err(),
        host.delete("a.gcode.3mf").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotRunning, "{error}");
    }
    assert_eq!(sim.connections().2, 0);
    // With one that is run as long as the call takes, they do.
    let host = printhost::Attended::new(host);
    assert_eq!(host.command(Command::SpeedFactor(50)).await, Ok(Outcome::confirmed()));
    let info = host.connect().await.unwrap();
    assert_eq!(info.software, "Bambu Lab P1S");
    assert!(info.version.starts_with("01."), "{info:?}");
}
