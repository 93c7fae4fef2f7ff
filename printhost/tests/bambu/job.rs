//! A print, from the file to its end.

use printhost::{
    Command, Confirmation, Event, JobEnd, JobEvent, Outcome, Phase, PrintHost as _, Started, Upload,
    Verified, follow, net_tokio::TokioClock,
};
use printhost_sim::{BambuModel, bambu::three_mf};

use super::harness::{gcode, host, next_job, on, sim, told, until, upload};

const MODELS: [BambuModel; 5] =
    [BambuModel::P1s, BambuModel::X1c, BambuModel::A1Mini, BambuModel::H2d, BambuModel::P2s];

#[tokio::test]
async fn file_is_stored_printed_and_followed_to_its_end_on_every_model() {
    for model in MODELS {
        let sim = sim(model).await;
        let host = host(&sim);
        let mut events = host.events().unwrap();
        let end = on(&host, async {
            while events.next().await != Event::Resynced {}
            let file = three_mf(&gcode(20));
            let mut body = file.as_slice();
            events.clear();
            let path = "jobs/cube 1.gcode.3mf";
            let upload = Upload::new(path, file.len() as u64, &mut body).and_print();
            let uploaded = host.upload(upload).await.unwrap_or_else(|e| panic!("{model:?}: {e}"));
            assert_eq!((uploaded.path.as_str(), uploaded.verified), (path, Verified::Size));
            assert_eq!(uploaded.started, Started::Yes(Confirmation::Confirmed), "{model:?}");
            let mut jobs = Vec::new();
            let watch = |event: &Event| {
                if let Event::Job { event, inferred } = event {
                    jobs.push((event.clone(), *inferred));
                }
            };
            let end = follow(&host, events, path, &TokioClock::default(), watch).await.unwrap();
            let started = JobEvent::Started { path: Some(path.into()) };
            assert_eq!(jobs, [(started, false), (JobEvent::Finished, false)], "{model:?}");
            end
        })
        .await;
        assert_eq!(end, JobEnd::Finished, "{model:?}");
        assert_eq!((sim.prints_accepted(), sim.prints_started()), (1, 1), "{model:?}");
        assert_eq!(sim.latest_print(), ("jobs/cube 1.gcode.3mf".into(), "Metadata/plate_1.gcode".into()));
        assert_eq!(sim.connections().2, 1, "{model:?}: one connection for everything");
    }
}

#[tokio::test]
async fn print_is_paused_resumed_and_cancelled_and_each_is_seen() {
    for model in MODELS {
        let sim = sim(model).await;
        let host = host(&sim);
        let mut events = host.events().unwrap();
        on(&host, async {
            while events.next().await != Event::Resynced {}
            upload(&host, "long.gcode.3mf", &three_mf(&gcode(2000))).await.unwrap();
            assert_eq!(host.start("long.gcode.3mf").await, Ok(Outcome::confirmed()), "{model:?}");
            until(&mut events, |status| status.phase == Phase::Printing).await;
            for (command, state) in
                [(Command::Pause, "PAUSE"), (Command::Resume, "RUNNING"), (Command::Cancel, "FAILED")]
            {
                assert_eq!(host.command(command).await, Ok(Outcome::confirmed()), "{model:?}: {command:?}");
                assert_eq!(sim.state_text(), state, "{model:?}: {command:?}");
            }
            assert_eq!(host.status().await.unwrap().phase, Phase::Cancelled, "{model:?}");
        })
        .await;
        assert_eq!(told(&sim, "print"), ["project_file", "pause", "resume", "stop"], "{model:?}");
    }
}

#[tokio::test]
async fn job_that_somebody_else_starts_and_stops_is_told() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
    let mut events = host.events().unwrap();
    on(&host, async {
        while events.next().await != Event::Resynced {}
        assert!(sim.start_print("theirs.gcode.3mf"));
        let started = JobEvent::Started { path: Some("theirs.gcode.3mf".into()) };
        assert_eq!(next_job(&mut events).await, (started, false));
        until(&mut events, |status| status.phase == Phase::Printing).await;
        assert!(sim.pause());
        assert_eq!(next_job(&mut events).await, (JobEvent::Paused, false));
        assert!(sim.stop_print());
        assert_eq!(next_job(&mut events).await, (JobEvent::Cancelled, false));
    })
    .await;
    assert!(told(&sim, "print").is_empty());
}
