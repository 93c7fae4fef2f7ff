//! What a real Moonraker does that no suite knows of: logins with a password, the queue, the history, Klipper's restarts.
//! `PRINTHOST_MOONRAKER_URL` and `_KEY` in the environment; nobody is trusted there.

use std::{env, process::Command as Program, time::Duration};

use printhost::{
    Command, ErrorKind, Event, HyperNet, JobEvent, Page, Phase, PrintHost as _, PrinterUrl, Started, Upload,
    beside,
    moonraker::{Config, Moonraker},
};
use serde_json::{Value, json};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(60);
/// Moves for minutes.
const LONG: &str = "G28\nG90\nG1 X50 Y50 F6000\nG4 P60000\nG4 P60000\nG1 X60 Y60\n";
/// Moves for some seconds.
const SHORT: &str = "G28\nG90\nG1 X50 Y50 F6000\nG4 P1500\nG1 X60 Y60\n";

fn get(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask peers`"))
}

fn url() -> PrinterUrl {
    get("PRINTHOST_MOONRAKER_URL").parse().unwrap()
}

fn with_key() -> Moonraker<HyperNet> {
    Moonraker::new(HyperNet::new(), Config::with_key(url().base().clone(), get("PRINTHOST_MOONRAKER_KEY")))
}

fn with_password(password: &str) -> Moonraker<HyperNet> {
    Moonraker::new(HyperNet::new(), Config::with_password(url().base().clone(), "maker", password))
}

/// Somebody else: curl, with these header fields.
fn curl(path: &str, body: &Value, field: &str) -> Value {
    let mut curl = Program::new("curl");
    curl.args([
        "-s",
        "--noproxy",
        "*",
        "--max-time",
        "20",
        "-H",
        field,
        "-H",
        "Content-Type: application/json",
    ]);
    curl.args(["-d", &body.to_string(), &format!("{}{path}", url().base())]);
    serde_json::from_slice(&curl.output().unwrap().stdout).unwrap_or_default()
}

fn key() -> String {
    format!("X-Api-Key: {}", get("PRINTHOST_MOONRAKER_KEY"))
}

#[tokio::test]
#[ignore = "needs a Moonraker of its own"]
async fn login_that_was_ended_is_renewed_without_anybody_noticing() {
    let maker = json!({ "username": "maker", "password": "Secret123" });
    curl("/access/user", &maker, &key());
    let host = with_password("Secret123");
    assert_eq!(host.connect().await.unwrap().software, "Moonraker");
    // It ends all of this user's logins.
    let token = curl("/access/login", &maker, "X-Nothing: 0");
    let token = token["result"]["token"].as_str().expect("a token").to_owned();
    curl("/access/logout", &json!({}), &format!("Authorization: Bearer {token}"));
    host.status().await.unwrap();
    let mut body = SHORT.as_bytes();
    let upload = Upload::new("by maker.gcode", SHORT.len() as u64, &mut body).replacing();
    host.upload(upload).await.unwrap();
    let mut events = host.events().unwrap();
    let resynced = async { while events.next().await != Event::Resynced {} };
    timeout(PATIENCE, beside(&host, resynced)).await.expect("no connection for events").unwrap();
    host.delete("by maker.gcode").await.unwrap();

    let error = with_password("wrong").connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    let shown = format!("{error:#} {error:?}");
    assert!(shown.contains("API key") && !shown.contains("wrong"), "{shown}");
    let stranger = Moonraker::new(HyperNet::new(), Config::new(url().base().clone()));
    let error = stranger.connect().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.detail().unwrap().contains("an API key, or"), "{error}");
    assert_eq!(stranger.run().await.unwrap_err().kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
#[ignore = "needs a Moonraker of its own"]
async fn queue_prints_what_is_in_it_and_the_history_tells() {
    let host = with_key();
    let mut body = SHORT.as_bytes();
    host.upload(Upload::new("queued.gcode", SHORT.len() as u64, &mut body).replacing()).await.unwrap();
    host.pause_queue().await.unwrap();
    let ids: Vec<String> = host.job_queue().await.unwrap().jobs.into_iter().map(|job| job.id).collect();
    host.dequeue(&ids.iter().map(String::as_str).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(host.enqueue(&["nowhere.gcode"]).await.unwrap_err().kind(), ErrorKind::NotFound);
    let queue = host.enqueue(&["queued.gcode", "queued.gcode"]).await.unwrap();
    assert_eq!((queue.state.as_str(), queue.jobs.len()), ("paused", 2));
    assert_eq!(queue.jobs[0].path, "queued.gcode");
    let queue = host.dequeue(&[&queue.jobs[1].id]).await.unwrap();
    assert_eq!(queue.jobs.len(), 1);
    let before = host.history_totals().await.unwrap().jobs;

    let mut events = host.events().unwrap();
    let told = beside(&host, async {
        while events.next().await != Event::Resynced {}
        host.start_queue().await.unwrap();
        let mut told = Vec::new();
        while !told.last().is_some_and(JobEvent::is_end) {
            if let Event::Job { event, .. } = events.next().await {
                told.push(event);
            }
        }
        told
    });
    let told = timeout(PATIENCE, told).await.expect("it does not end").unwrap();
    assert_eq!(told, [JobEvent::Started { path: Some("queued.gcode".into()) }, JobEvent::Finished]);
    let newest = &host.history(Page::first(1)).await.unwrap()[0];
    assert_eq!((newest.path.as_deref(), newest.status.as_str()), (Some("queued.gcode"), "completed"));
    assert_eq!(newest.end, Some(JobEvent::Finished));
    assert_eq!(host.history_totals().await.unwrap().jobs, before + 1);
}

#[tokio::test]
#[ignore = "needs a Moonraker of its own"]
async fn restart_of_klipper_is_told_and_its_changes_come_again() {
    let host = with_key();
    let mut events = host.events().unwrap();
    let work = beside(&host, async {
        while events.next().await != Event::Resynced {}
        host.command(Command::EmergencyStop).await.unwrap();
        let mut until = async |wanted: Phase| loop {
            match events.next().await {
                Event::Status(status) if status.phase == wanted => return status,
                Event::Lost(error) => panic!("{error}"),
                _ => {}
            }
        };
        let status = until(Phase::Faulted).await;
        assert!(status.fault.unwrap().contains("Shutdown"), "{}", status.state_text);
        assert_eq!(host.start("queued.gcode").await.unwrap_err().kind(), ErrorKind::Conflict);
        let refused = host.command(Command::Gcode("G28")).await.unwrap_err();
        assert_eq!(
            (refused.kind(), refused.detail()),
            (ErrorKind::Conflict, Some("Shutdown due to webhooks request"))
        );
        host.command(Command::RestartFirmware).await.unwrap();
        until(Phase::Offline).await;
        until(Phase::Idle).await;
        // By a change that was pushed.
        host.command(Command::SpeedFactor(110)).await.unwrap();
        while until(Phase::Idle).await.speed_factor != Some(110) {}
        host.command(Command::SpeedFactor(100)).await.unwrap();
        while until(Phase::Idle).await.speed_factor != Some(100) {}
    });
    timeout(PATIENCE, work).await.expect("it does not come back").unwrap();
}

/// The simulated micro-controller stands still while this lives.
struct Mute;

impl Mute {
    fn begin() -> Self {
        signal("-STOP");
        Self
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        signal("-CONT");
    }
}

fn signal(signal: &str) {
    let kill = Program::new("kill").args([signal, &get("PRINTHOST_MOONRAKER_MCU")]).status();
    assert!(kill.unwrap().success());
}

#[tokio::test]
#[ignore = "needs a Moonraker of its own"]
async fn micro_controller_that_is_lost_is_a_fault_until_the_firmware_is_restarted() {
    let host = with_key();
    let mut body = LONG.as_bytes();
    let upload = Upload::new("lost.gcode", LONG.len() as u64, &mut body).replacing().and_print();
    assert!(matches!(host.upload(upload).await.unwrap().started, Started::Yes(_)));
    let mut events = host.events().unwrap();
    let work = beside(&host, async {
        while events.next().await != Event::Resynced {}
        let mut until = async |wanted: Phase| loop {
            match events.next().await {
                Event::Status(status) if status.phase == wanted => return status,
                Event::Lost(error) => panic!("{error}"),
                _ => {}
            }
        };
        until(Phase::Printing).await;
        let mute = Mute::begin();
        let status = until(Phase::Faulted).await;
        assert!(status.fault.unwrap().contains("Lost communication"), "{}", status.state_text);
        assert_eq!(host.start("lost.gcode").await.unwrap_err().kind(), ErrorKind::Conflict);
        drop(mute);
        // The first restart may find what was sent before: Klipper then asks for another one.
        while host.status().await.unwrap().phase != Phase::Idle {
            host.command(Command::RestartFirmware).await.unwrap();
            for _ in 0..50 {
                tokio::time::sleep(Duration::from_millis(100)).await;
                if host.status().await.is_ok_and(|status| status.phase == Phase::Idle) {
                    break;
                }
            }
        }
    });
    timeout(PATIENCE, work).await.expect("it does not come back").unwrap();
}
