//! The shape of Bambu Lab's MQTT: changes and commands on one stream.

use printhost_core::{Command, ErrorKind, Event, Outcome, Phase, PrintHost as _, Retry};
use tokio::time::Instant;

use super::{
    in_memory::{pair, synced},
    peers::{Protocol::Delta, Trap},
    supervise::running,
};

#[tokio::test(start_paused = true)]
async fn changes_before_the_full_report_are_not_published() {
    let (printer, host) = pair(Delta);
    printer.change(|m| (m.state, m.file, m.percent) = ("printing", "a.gcode".into(), 7));
    let mut events = host.events().unwrap();
    let (first, second) = running(&host, async { (events.next().await, events.next().await) }).await;
    assert_eq!(first, Event::Resynced);
    let Event::Status(status) = second else { panic!("{second:?}") };
    assert_eq!((status.phase, status.job.unwrap().path.as_deref()), (Phase::Printing, Some("a.gcode")));
}

#[tokio::test(start_paused = true)]
async fn change_is_published_merged_into_what_is_known() {
    let (printer, host) = pair(Delta);
    let mut events = host.events().unwrap();
    running(&host, async {
        host.start("a.gcode").await.unwrap();
        printer.change(|m| m.percent = 50);
        loop {
            let Event::Status(status) = events.next().await else { continue };
            let Some(job) = status.job else { continue };
            if job.progress == Some(0.5) {
                assert_eq!((status.phase, job.path.as_deref()), (Phase::Printing, Some("a.gcode")));
                break;
            }
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn command_is_confirmed_by_its_effect() {
    let (printer, host) = pair(Delta);
    running(&host, async {
        assert_eq!(host.start("a.gcode").await.unwrap(), Outcome::confirmed());
        assert_eq!(host.command(Command::Pause).await.unwrap(), Outcome::confirmed());
    })
    .await;
    assert_eq!(printer.orders(), ["print", "pause"]);
}

#[tokio::test(start_paused = true)]
async fn command_without_effect_is_unconfirmed_after_a_while_and_sent_once() {
    let (printer, host) = pair(Delta);
    printer.change(|m| m.trap = Some(Trap::Silence("pause")));
    let error = running(&host, async {
        synced(&host).await;
        let began = Instant::now();
        let error = host.command(Command::Pause).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 15);
        error
    })
    .await;
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst));
    assert_eq!(printer.orders(), ["pause"]);
}

#[tokio::test(start_paused = true)]
async fn command_that_nobody_runs_the_connection_for_fails_at_once() {
    let (_, host) = pair(Delta);
    assert_eq!(host.command(Command::Pause).await.unwrap_err().kind(), ErrorKind::NotRunning);
}
