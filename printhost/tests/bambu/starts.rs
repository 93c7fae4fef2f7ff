//! A print is never started twice, nor into another one.

use std::time::{Duration, Instant};

use printhost::{
    ErrorKind, Event, Outcome, Phase, PrintHost as _, Retry, Started, Upload,
    bambu::{Calibrate, Spool, StartOptions, UrlForm},
};
use printhost_sim::{
    BambuConfig, BambuModel, BambuSim,
    bambu::{three_mf, three_mf_of},
};

use super::harness::{gcode, host, on, sim, told, until, upload};

#[tokio::test]
async fn printer_with_a_job_is_not_told_to_start_another() {
    let sim = sim(BambuModel::A1Mini).await;
    let host = host(&sim);
    sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
    sim.put_file("ours.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        let mut events = host.events().unwrap();
        assert!(sim.start_print("theirs.gcode.3mf"));
        // What somebody has just begun may not be told yet; the printer would refuse it as well.
        until(&mut events, |status| status.phase == Phase::Printing).await;
        let error = host.start("ours.gcode.3mf").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
        let file = three_mf(&gcode(10));
        let mut body = file.as_slice();
        let upload = Upload::new("next.gcode.3mf", file.len() as u64, &mut body).and_print();
        let uploaded = host.upload(upload).await.unwrap();
        assert!(matches!(&uploaded.started, Started::No(e) if e.kind() == ErrorKind::Conflict));
    })
    .await;
    assert!(told(&sim, "print").is_empty());
    assert_eq!(sim.prints_started(), 1);
}

/// What changes is told seldom, and everything when it is asked for.
#[tokio::test]
async fn job_that_was_begun_at_the_screen_a_moment_ago_is_seen_by_a_start() {
    for model in [BambuModel::P1s, BambuModel::X1c] {
        let config = BambuConfig::new(model).time_scale(20.0).report_every(Duration::from_secs(3600));
        let sim = BambuSim::start(config).await.unwrap();
        let host = host(&sim);
        sim.put_file("theirs.gcode.3mf", &three_mf(&gcode(2000)));
        sim.put_file("ours.gcode.3mf", &three_mf(&gcode(2000)));
        on(&host, async {
            host.connect().await.unwrap();
            assert!(sim.start_print("theirs.gcode.3mf"));
            while !matches!(sim.state_text(), "PREPARE" | "RUNNING") {
                tokio::task::yield_now().await;
            }
            let error = host.start("ours.gcode.3mf").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{model:?}: {error}");
        })
        .await;
        assert!(told(&sim, "print").is_empty(), "{model:?}");
    }
}

/// A printer that shows a print a second after it was told to begin.
async fn slow() -> BambuSim {
    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_millis(100));
    BambuSim::start(config.time_scale(1.0)).await.unwrap()
}

/// Two programs of one hub, a moment apart.
#[tokio::test]
async fn two_callers_start_one_print() {
    let sim = slow().await;
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    sim.put_file("b.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        let (a, b) = tokio::join!(host.start("a.gcode.3mf"), host.start("b.gcode.3mf"));
        let kinds = [a, b].map(|begun| begun.map_err(|e| e.kind()));
        assert!(kinds.contains(&Ok(Outcome::confirmed())), "{kinds:?}");
        let refused = [Err(ErrorKind::Busy), Err(ErrorKind::Conflict)];
        assert!(kinds.iter().any(|kind| refused.contains(kind)), "{kinds:?}");
    })
    .await;
    assert_eq!((told(&sim, "print").len(), sim.prints_accepted()), (1, 1));
}

/// Its printer has the order, and takes a while to show it.
#[tokio::test]
async fn start_that_was_dropped_is_not_sent_again_by_the_next() {
    let sim = slow().await;
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        let is_told = async {
            while told(&sim, "print").is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            begun = host.start("a.gcode.3mf") => panic!("{begun:?}"),
            () = is_told => {}
        }
        let again = host.start("a.gcode.3mf").await.unwrap_err();
        assert!(matches!(again.kind(), ErrorKind::Busy | ErrorKind::Conflict), "{again}");
    })
    .await;
    assert_eq!(told(&sim, "print").len(), 1);
}

#[tokio::test]
async fn file_that_is_not_complete_is_not_started_nor_named_as_if_it_were() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("a.gcode.3mf.part", &three_mf(&gcode(2000))[..200]);
    on(&host, async {
        assert_eq!(host.start("a.gcode.3mf.part").await.unwrap_err().kind(), ErrorKind::InvalidInput);
        let error = host.move_file("a.gcode.3mf.part", "a.gcode.3mf").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    })
    .await;
    assert!(told(&sim, "print").is_empty());
}

#[tokio::test]
async fn file_that_is_not_there_is_not_found_and_nothing_is_sent() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let error = on(&host, host.start("missing.gcode.3mf")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    assert!(told(&sim, "print").is_empty());
}

/// The printer says that it has the order, and raises an error a moment later.
#[tokio::test]
async fn error_that_follows_the_answer_is_the_start_s() {
    let sim = sim(BambuModel::X1c).await;
    let host = host(&sim);
    sim.put_file("bad.gcode.3mf", b"no archive");
    let begun = Instant::now();
    let options = StartOptions::default().plate(1);
    let error = on(&host, host.start_with("bad.gcode.3mf", &options)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(
        begun.elapsed() < Duration::from_secs(15) && error.detail().unwrap().contains("0500_4003"),
        "{error}"
    );
    assert_eq!((told(&sim, "print").len(), sim.prints_started()), (1, 0));
}

#[tokio::test]
async fn plate_and_options_are_the_ones_that_were_asked_for() {
    let sim = sim(BambuModel::H2d).await;
    let host = host(&sim);
    sim.put_file("two.gcode.3mf", &three_mf_of(&[(1, &gcode(10)), (2, &gcode(10))]));
    let mut options = StartOptions::default().plate(2).spools([Spool::ams(0, 3), Spool::External]);
    (options.timelapse, options.bed_levelling) = (true, Calibrate::Auto);
    options.url_form = Some(UrlForm::Usb);
    on(&host, async {
        assert_eq!(host.start_with("two.gcode.3mf", &options).await, Ok(Outcome::confirmed()));
    })
    .await;
    assert_eq!(sim.latest_print(), ("two.gcode.3mf".into(), "Metadata/plate_2.gcode".into()));
    let order = sim.requests().into_iter().find(|r| r["print"]["command"] == "project_file").unwrap();
    let print = &order["print"];
    assert_eq!(print["url"], "file:///media/usb0/two.gcode.3mf");
    assert_eq!((&print["timelapse"], &print["use_ams"]), (&true.into(), &true.into()));
    assert_eq!((&print["bed_leveling"], &print["auto_bed_leveling"]), (&false.into(), &2.into()));
    assert_eq!(print["ams_mapping"], serde_json::json!([3, -1]));
    let ids: Vec<_> = ["task_id", "subtask_id", "project_id"].map(|id| print[id].as_str().unwrap()).into();
    assert!(ids.iter().all(|id| *id == ids[0] && id.parse::<i32>().is_ok_and(|id| id > 0)), "{ids:?}");
}

/// Nobody can say whether it was taken until the printer is read again.
#[tokio::test]
async fn start_whose_answer_is_lost_is_settled_by_reading_and_begins_once() {
    for model in [BambuModel::P1s, BambuModel::X1c] {
        let sim = sim(model).await;
        let host = host(&sim);
        sim.put_file("once.gcode.3mf", &three_mf(&gcode(2000)));
        on(&host, async {
            host.connect().await.unwrap();
            sim.lose_next_answer();
            assert_eq!(host.start("once.gcode.3mf").await, Ok(Outcome::confirmed()), "{model:?}");
        })
        .await;
        assert_eq!((told(&sim, "print").len(), sim.prints_started()), (1, 1), "{model:?}");
        assert_eq!(sim.connections().2, 2);
    }
}

#[tokio::test]
async fn only_plate_is_printed_after_its_upload_whatever_its_number_and_none_of_several() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let no_plate = three_mf_of(&[]);
    let two = three_mf_of(&[(1, &gcode(10)), (2, &gcode(10))]);
    let third = three_mf_of(&[(3, &gcode(2000))]);
    on(&host, async {
        let print = async |path: &str, file: &[u8]| {
            let mut body = file;
            let upload = Upload::new(path, file.len() as u64, &mut body).and_print();
            host.upload(upload).await.unwrap().started
        };
        for (path, file, names) in
            [("none.gcode.3mf", &no_plate, "no plate"), ("two.gcode.3mf", &two, "1, 2")]
        {
            let Started::No(error) = print(path, file).await else { panic!("{path} was started") };
            assert_eq!((error.kind(), error.retry()), (ErrorKind::InvalidInput, Retry::Never), "{error}");
            assert!(error.detail().unwrap().contains(names), "{error}");
        }
        assert!(told(&sim, "print").is_empty());
        assert!(matches!(print("third.gcode.3mf", &third).await, Started::Yes(_)));
    })
    .await;
    assert_eq!(sim.latest_print(), ("third.gcode.3mf".into(), "Metadata/plate_3.gcode".into()));
}

/// A printer that is told a plate which is not there answers, and does nothing for ever.
#[tokio::test(flavor = "multi_thread")]
async fn start_that_never_begins_is_unconfirmed_and_sent_once() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("one.gcode.3mf", &three_mf(&gcode(10)));
    let options = StartOptions::default().plate(7);
    let work = host.start_with("one.gcode.3mf", &options);
    let error = tokio::time::timeout(Duration::from_secs(90), printhost::beside(&host, work));
    let error = error.await.unwrap().unwrap().unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unconfirmed, Retry::ReadFirst), "{error}");
    assert_eq!((told(&sim, "print").len(), sim.prints_started()), (1, 0));
}

#[tokio::test]
async fn plain_gcode_is_started_by_its_name() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let mut events = host.events().unwrap();
    on(&host, async {
        while events.next().await != Event::Resynced {}
        upload(&host, "plain one.gcode", gcode(10).as_bytes()).await.unwrap();
        assert_eq!(host.start("plain one.gcode").await, Ok(Outcome::confirmed()));
        let job = host.status().await.unwrap().job.unwrap();
        assert_eq!(job.path.as_deref(), Some("plain one.gcode"));
    })
    .await;
    assert_eq!(told(&sim, "print"), ["gcode_file"]);
}

/// A printer that shows the end of a print shows the file's name, too, which says nothing of the next one.
#[tokio::test]
async fn same_gcode_is_confirmed_again_only_when_it_has_begun_again() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("again.gcode", gcode(4).as_bytes());
    let mut events = host.events().unwrap();
    on(&host, async {
        while events.next().await != Event::Resynced {}
        for begun in 1..=2 {
            assert_eq!(host.start("again.gcode").await, Ok(Outcome::confirmed()));
            assert_ne!(sim.state_text(), "FINISH", "{begun}");
            super::harness::until(&mut events, |status| status.phase == printhost::Phase::Finished).await;
            assert_eq!(sim.prints_started(), begun);
        }
    })
    .await;
}

/// The orders to print a project, as they were sent.
fn projects(sim: &BambuSim) -> Vec<serde_json::Value> {
    let print = |mut request: serde_json::Value| request["print"].take();
    sim.requests().into_iter().map(print).filter(|print| print["command"] == "project_file").collect()
}

#[tokio::test]
async fn project_that_somebody_else_has_stored_is_read_and_started_by_its_only_plate() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::P2s] {
        let sim = sim(model).await;
        let host = host(&sim);
        sim.put_file("two.gcode.3mf", &three_mf_of(&[(2, &gcode(10)), (4, &gcode(10))]));
        sim.put_file("jobs/third.gcode.3mf", &three_mf_of(&[(3, &gcode(2000))]));
        sim.put_file("model.3mf", &three_mf_of(&[]));
        on(&host, async {
            for (path, names) in [("two.gcode.3mf", "2, 4"), ("model.3mf", "no plate")] {
                let error = host.start(path).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
                assert!(error.detail().unwrap().contains(names), "{error}");
            }
            assert!(projects(&sim).is_empty());
            assert_eq!(host.start("jobs/third.gcode.3mf").await, Ok(Outcome::confirmed()), "{model:?}");
        })
        .await;
        assert_eq!(sim.latest_print(), ("jobs/third.gcode.3mf".into(), "Metadata/plate_3.gcode".into()));
        assert_eq!(projects(&sim)[0]["md5"], "");
    }
}

#[tokio::test]
async fn md5_of_what_was_stored_goes_with_its_start_and_keeps_another_file_from_being_printed() {
    let sim = sim(BambuModel::P2s).await;
    let host = host(&sim);
    let ours = three_mf(&gcode(2000));
    let looks_the_same = |other: &Vec<u8>| other.len() == ours.len() && *other != ours;
    let theirs = (2000..).map(|seconds| three_mf(&gcode(seconds))).find(looks_the_same).unwrap();
    on(&host, async {
        upload(&host, "a.gcode.3mf", &ours).await.unwrap();
        sim.put_file("a.gcode.3mf", &theirs);
        let error = host.start("a.gcode.3mf").await.unwrap_err();
        assert_eq!((error.kind(), sim.prints_started()), (ErrorKind::Corrupted, 0), "{error}");
        // Who starts it again wants what is there now.
        assert_eq!(host.start("a.gcode.3mf").await, Ok(Outcome::confirmed()));
        host.command(printhost::Command::Cancel).await.unwrap();
        host.upload(Upload::new("a.gcode.3mf", ours.len() as u64, &mut ours.as_slice()).replacing())
            .await
            .unwrap();
        assert_eq!(host.start("a.gcode.3mf").await, Ok(Outcome::confirmed()));
    })
    .await;
    let sent: Vec<_> = projects(&sim).iter().map(|print| print["md5"].as_str().unwrap().to_owned()).collect();
    let is_hex =
        |text: &str| text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F'));
    assert!(is_hex(&sent[0]) && sent[1].is_empty() && sent[2] == sent[0], "{sent:?}");
}

#[tokio::test]
async fn names_that_urls_and_shells_trip_over_are_started_as_they_are() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::A1Mini] {
        let sim = sim(model).await;
        let host = host(&sim);
        on(&host, async {
            for name in ["größe 1 µm.gcode.3mf", "100% + #1 50%20.gcode.3mf", "it's \"a\" b;c&d=e.gcode.3mf"]
            {
                let path = format!("Aufträge #2/{name}");
                let file = three_mf(&gcode(2000));
                let mut body = file.as_slice();
                let request = Upload::new(&path, file.len() as u64, &mut body).and_print();
                let uploaded = host.upload(request).await.unwrap();
                assert!(matches!(uploaded.started, Started::Yes(_)), "{model:?}: {:?}", uploaded.started);
                assert_eq!(sim.latest_print().0, path);
                assert_eq!(host.status().await.unwrap().job.unwrap().path, Some(path));
                host.command(printhost::Command::Cancel).await.unwrap();
            }
        })
        .await;
        assert_eq!(sim.prints_accepted(), 3);
    }
}

#[tokio::test]
async fn spool_that_is_not_there_is_refused_before_anything_is_sent() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        let options = StartOptions::default().spools([Spool::ams(0, 1), Spool::ams(2, 0)]);
        let error = host.start_with("a.gcode.3mf", &options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.detail().unwrap().contains("AMS 2"), "{error}");
        assert!(projects(&sim).is_empty());
        let options = StartOptions::default().spools([Spool::ams(0, 1)]);
        assert_eq!(host.start_with("a.gcode.3mf", &options).await, Ok(Outcome::confirmed()));
    })
    .await;
}

#[tokio::test]
async fn without_a_card_nothing_is_sent() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    sim.set_card(false);
    on(&host, async {
        let error = host.start("a.gcode.3mf").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(error.detail().unwrap().contains("no card"), "{error}");
        let file = three_mf(&gcode(10));
        let mut body = file.as_slice();
        let request = Upload::new("b.gcode.3mf", file.len() as u64, &mut body).and_print();
        host.upload(request).await.unwrap_err();
    })
    .await;
    assert!(told(&sim, "print").is_empty());
}

#[tokio::test]
async fn start_that_the_printer_refuses_is_refused_at_once_and_can_be_tried_again() {
    for model in [BambuModel::P1s, BambuModel::A1Mini] {
        let sim = sim(model).await;
        let host = host(&sim);
        sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
        on(&host, async {
            sim.refuse_next_project("ERROR STATE");
            let begun = Instant::now();
            let error = host.start("a.gcode.3mf").await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (ErrorKind::Conflict, Retry::Never), "{error}");
            assert!(error.detail().unwrap().contains("ERROR STATE"), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(10));
            assert_eq!(host.start("a.gcode.3mf").await, Ok(Outcome::confirmed()), "{model:?}");
        })
        .await;
        assert_eq!((projects(&sim).len(), sim.prints_accepted()), (2, 1));
    }
}

/// A printer that shows an error until another print begins, and then the same one.
#[tokio::test]
async fn error_that_was_shown_before_is_seen_when_it_comes_again() {
    let sim = slow().await;
    let host = host(&sim);
    sim.put_file("bad.gcode.3mf", b"no archive");
    let options = StartOptions::default().plate(1);
    on(&host, async {
        for _ in 0..2 {
            let error = host.start_with("bad.gcode.3mf", &options).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    })
    .await;
    assert_eq!((projects(&sim).len(), sim.prints_started()), (2, 0));
}

/// The printer has the order, loses the connection, and takes longer to unpack the file than that takes to come back.
#[tokio::test]
async fn start_under_which_the_connection_ends_is_waited_for_on_the_next_one() {
    let config = BambuConfig::new(BambuModel::P1s).report_every(Duration::from_millis(100));
    let sim = BambuSim::start(config.preparation_scale(1.0 / 7.0)).await.unwrap();
    let host = host(&sim);
    sim.put_file("a.gcode.3mf", &three_mf(&gcode(2000)));
    on(&host, async {
        host.connect().await.unwrap();
        sim.lose_next_answer();
        assert_eq!(host.start("a.gcode.3mf").await, Ok(Outcome::confirmed()));
    })
    .await;
    assert_eq!((projects(&sim).len(), sim.prints_accepted(), sim.connections().2), (1, 1, 2));
}
