use std::time::{Duration, Instant};

use printhost::{ErrorKind, PrintHost as _, Started, Upload, Verified, bambu::Bambu};
use printhost_sim::{BambuConfig, BambuFault, BambuModel, BambuSessions, BambuSim, bambu::three_mf};

use super::clock::pass;
use crate::harness::{config, gcode, host, net, on, sim, told, upload};

/// Servers that insist on the session of the control connection refuse everything (522) to software that opens a new one:
/// tobiasbischoff/bambu-cli#2. Here data connections resume it where the server does, insists, or refuses to.
#[tokio::test]
async fn data_connections_resume_the_session_where_the_server_insists() {
    for (sessions, resumes) in
        [(BambuSessions::Required, true), (BambuSessions::Accepted, true), (BambuSessions::Never, false)]
    {
        let mut config = BambuConfig::new(BambuModel::P2s);
        config.ftps.sessions = sessions;
        let sim = BambuSim::start(config).await.unwrap();
        let host = host(&sim);
        on(&host, upload(&host, "x.gcode.3mf", &[7; 100_000])).await.unwrap();
        assert_eq!(sim.sessions_resumed() > 0, resumes, "{sessions:?}");
    }
}

/// Some firmwares of the A1 answer no handshake on data connections: maziggy/bambuddy#1401 and others. That is found out
/// once, and kept. The control is a model that is not known for it: its files are never sent in the clear.
#[tokio::test]
async fn a1_that_hangs_when_encrypted_is_spoken_to_in_the_clear_from_then_on_and_no_other_is() {
    let hanging = async |model| {
        let mut config = BambuConfig::new(model);
        config.ftps.clear_data_only = true;
        BambuSim::start(config).await.unwrap()
    };
    let sim = hanging(BambuModel::A1Mini).await;
    let a1 = host(&sim);
    on(&a1, async {
        upload(&a1, "one.gcode.3mf", &[7; 1000]).await.unwrap();
        let begun = Instant::now();
        upload(&a1, "two.gcode.3mf", &[7; 1000]).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(5), "it was not kept");
    })
    .await;
    let other = hanging(BambuModel::P1s).await;
    let p1s = host(&other);
    let error = on(&p1s, upload(&p1s, "one.gcode.3mf", &[7; 1000])).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unreachable), "{error}");
    assert_eq!(other.bytes_received(), 0);
    let strict = Bambu::new(net(), config(&sim).with_encrypted_files_only());
    let received = sim.bytes_received();
    let error = on(&strict, upload(&strict, "three.gcode.3mf", &[7; 1000])).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unreachable), "{error}");
    assert_eq!(sim.bytes_received(), received);
}

/// The word that a file is stored comes after half a minute on an H2D, and as an error on a P2S (maziggy/bambuddy#1417);
/// software took that for a failure, or printed what was not there. Here the size decides, and nothing is printed that has
/// another one. The control is a file that really was cut off.
#[tokio::test]
async fn late_or_wrong_word_of_a_stored_file_is_made_up_for_by_its_size() {
    let sim = sim(BambuModel::P2s).await;
    let host = host(&sim);
    let content = three_mf(&gcode(2000));
    let print = async |path: &'static str| {
        let mut body = content.as_slice();
        host.upload(Upload::new(path, content.len() as u64, &mut body).and_print()).await
    };
    on(&host, async {
        host.connect().await.unwrap();
        sim.inject(BambuFault::Truncate(content.len() as u64 - 1));
        let error = print("cut.gcode.3mf").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
        assert!(told(&sim, "print").is_empty());
        sim.inject(BambuFault::LateCompletion(Duration::from_secs(15)));
        assert_eq!(upload(&host, "late.gcode.3mf", &content).await.unwrap().verified, Verified::Size);
        sim.inject(BambuFault::BrokenThoughWhole);
        let uploaded = print("whole.gcode.3mf").await.unwrap();
        assert!(matches!(uploaded.started, Started::Yes(_)), "{uploaded:?}");
    })
    .await;
    assert_eq!((told(&sim, "print").len(), sim.latest_print().0.as_str()), (1, "whole.gcode.3mf"));
}

/// Where the word never comes at all, software waited for ever, or gave up at once. Here it is waited for a minute at least,
/// and then the size decides. The control is a word that comes late: it is not waited for any longer.
#[tokio::test]
async fn word_that_never_comes_is_made_up_for_by_the_size_after_a_minute_at_least() {
    const LATE: Duration = Duration::from_secs(40);
    for (fault, least, most) in
        [(BambuFault::NoCompletion, 60, 200), (BambuFault::LateCompletion(LATE), LATE.as_secs(), 60)]
    {
        let sim = sim(BambuModel::P2s).await;
        let host = host(&sim);
        sim.inject(fault);
        let content = vec![7; 100_000];
        let begun = tokio::time::Instant::now();
        let stored = async { (upload(&host, "x.gcode.3mf", &content).await, begun.elapsed()) };
        let (stored, took) = tokio::join!(stored, async {
            while sim.bytes_received() < content.len() as u64 {
                tokio::task::yield_now().await;
            }
            pass(most).await;
        })
        .0;
        assert_eq!(stored.unwrap().verified, Verified::Size, "{fault:?}");
        assert!((least..most).contains(&took.as_secs()), "{fault:?}: {took:?}");
        let size = sim.files().into_iter().find(|file| file.path == "x.gcode.3mf").map(|file| file.size);
        assert_eq!(size, Some(100_000), "{fault:?}");
    }
}
