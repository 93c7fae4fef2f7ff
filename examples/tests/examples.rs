//! The examples, on a simulated printer.

use std::time::Duration;

use printhost::{
    ErrorKind, Event, Host, HyperNet, JobEnd, JobEvent, Net as _, Phase, PrintHost as _, Upload,
    net_tokio::FromTokio,
};
use printhost_examples::{Guarded, Limits, guard, keep_line, upload_hotter};
use printhost_sim::{Fault, OctoPrintSim, On, SimConfig};
use tokio::sync::{mpsc, oneshot};

const LONG: &[u8] = b"G28\nG4 P3600000\n";

async fn printer(time_scale: f64) -> (OctoPrintSim, HyperNet, Host) {
    let sim = OctoPrintSim::start(SimConfig::default().time_scale(time_scale)).await.unwrap();
    let net = HyperNet::new();
    let host = Host::new(net.clone(), &sim.url().parse().unwrap(), sim.api_key());
    (sim, net, host)
}

async fn print(host: &Host, gcode: &[u8]) {
    let mut body = gcode;
    host.upload(Upload::new("job.gcode", gcode.len() as u64, &mut body).and_print()).await.unwrap();
}

#[tokio::test]
async fn example_prints_and_sees_the_end() {
    let (sim, net, host) = printer(20.0).await;
    let mut statuses = 0;
    let gcode = b"G28\nG4 P5000\nG1 X10 F6000\n";
    let end = printhost_examples::print_and_follow(&net, &host, "cube.gcode", gcode, |event| {
        statuses += usize::from(matches!(event, Event::Status(_)));
    });
    assert_eq!(end.await.unwrap(), JobEnd::Finished);
    assert!(statuses > 0); // a slow listener skips some
    assert_eq!(sim.files()[0].data.as_deref(), Some(&gcode[..]));
}

#[tokio::test]
async fn example_tells_a_print_that_breaks_off_from_one_that_ends() {
    let (sim, net, host) = printer(1.0).await;
    let end = printhost_examples::print_and_follow(&net, &host, "job.gcode", LONG, |event| {
        if matches!(event, Event::Status(status) if status.phase == Phase::Printing) {
            sim.fail_firmware();
        }
    });
    let end = end.await.unwrap();
    assert!(matches!(end, JobEnd::Failed { .. }), "{end:?}");
}

#[tokio::test]
async fn watching_ends_when_the_key_is_refused() {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let host = Host::new(HyperNet::new(), &sim.url().parse().unwrap(), "not-the-key");
    let error = printhost_examples::watch(&host, |_| ()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn every_printer_has_its_line_and_one_that_is_unplugged_leaves_the_others_alone() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let mut sims = Vec::new();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..3 {
        let (sim, _, host) = printer(1.0).await;
        let tell = tell.clone();
        tasks.spawn(
            async move { keep_line(&host, |line| drop(tell.send((n, line.to_owned())))).await.map(drop) },
        );
        sims.push(sim);
    }
    let mut lines = [const { String::new() }; 3];
    let mut until = async |wanted: [&str; 3]| {
        while !lines.iter().zip(wanted).all(|(line, wanted)| line.starts_with(wanted)) {
            let (n, line) = told.recv().await.unwrap();
            lines[n] = line;
        }
        lines.clone()
    };
    until(["idle", "idle", "idle"]).await;
    let host = Host::new(HyperNet::new(), &sims[0].url().parse().unwrap(), sims[0].api_key());
    print(&host, LONG).await;
    let lines = until(["printing", "idle", "idle"]).await;
    assert!(lines[0].contains("job.gcode"), "{lines:?}");
    sims[0].unplug_printer();
    until(["faulted", "idle", "idle"]).await;
    drop(sims.remove(1));
    until(["faulted", "lost", "idle"]).await;
}

#[tokio::test]
async fn file_that_changes_on_its_way_is_stored_as_changed_and_told_in_full() {
    let (sim, _, host) = printer(1.0).await;
    let gcode = "M104 S95\nM140 S60\nG1 X1\nM109 S95\n".repeat(1000);
    let mut reports = Vec::new();
    let open = async || Ok(FromTokio::new(gcode.as_bytes()));
    let uploaded = upload_hotter(&host, "hot.gcode", 10, open, |done, total| reports.push((done, total)));
    let uploaded = uploaded.await.unwrap();
    let expected = gcode.replace("S95", "S105"); // longer than before
    assert_eq!(uploaded.len, expected.len() as u64);
    assert_eq!(sim.files()[0].data.as_deref(), Some(expected.as_bytes()));
    assert_eq!(reports.last(), Some(&(uploaded.len, uploaded.len)));
    assert!(reports.windows(2).all(|two| two[0].0 < two[1].0));
}

/// How many orders about the job the printer has got.
fn orders(sim: &OctoPrintSim) -> usize {
    sim.requests().iter().filter(|r| r.method == "POST" && r.path == "/api/job").count()
}

fn never() -> std::future::Pending<()> {
    std::future::pending()
}

const SOON: Limits = Limits { degrees: 20.0, patience: Duration::from_millis(500) };

#[tokio::test]
async fn nozzle_out_of_control_pauses_the_print_once() {
    let (sim, net, host) = printer(1.0).await;
    print(&host, b"M104 S250\nG4 P3600000\n").await;
    let guarded = guard(&host, net.parts().clock(), SOON, never()).await.unwrap();
    assert!(matches!(guarded, Guarded::PausedByNozzle(250.0, actual) if actual < 230.0), "{guarded:?}");
    assert!(["Pausing", "Paused"].contains(&sim.state_text().as_str()), "{}", sim.state_text());
    assert_eq!(orders(&sim), 1);
}

#[tokio::test]
async fn heating_up_within_the_limits_is_left_alone() {
    let (sim, net, host) = printer(50.0).await;
    print(&host, b"M109 S200\nG4 P50000\n").await;
    let limits = Limits { patience: Duration::from_secs(60), ..SOON };
    let guarded = guard(&host, net.parts().clock(), limits, never()).await.unwrap();
    assert_eq!(guarded, Guarded::Over(JobEvent::Finished));
    assert_eq!(orders(&sim), 0);
}

#[tokio::test]
async fn alarm_whose_pause_is_answered_by_silence_is_not_sent_again() {
    let (sim, net, host) = printer(1.0).await;
    print(&host, LONG).await;
    sim.inject(Fault::LoseAnswer, On::request("POST", "/api/job"));
    let (smoke, detector) = oneshot::channel();
    smoke.send(()).unwrap();
    let alarm = async { detector.await.unwrap_or_default() };
    let guarded = guard(&host, net.parts().clock(), SOON, alarm).await.unwrap();
    assert_eq!(guarded, Guarded::PausedByAlarm); // settled by reading
    assert_eq!(orders(&sim), 1);
}

#[tokio::test]
async fn firmware_that_fails_ends_the_watch_without_an_order() {
    let (sim, net, host) = printer(1.0).await;
    print(&host, LONG).await;
    let mut events = host.events().unwrap();
    let listening = async {
        while events.next().await != Event::Resynced {}
        sim.fail_firmware();
    };
    let clock = net.parts().clock();
    let (guarded, ()) = tokio::join!(guard(&host, clock, SOON, never()), listening);
    assert!(matches!(guarded, Ok(Guarded::Over(JobEvent::Failed { .. }))), "{guarded:?}");
    assert_eq!(orders(&sim), 0);
}
