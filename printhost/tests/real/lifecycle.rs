use std::{fmt::Write as _, time::Duration};

use printhost::{
    AnyHost, Clock, Command, Confirmation, ErrorKind, Event, JobEnd, JobEvent, Page, Phase, PrintHost,
    Started, Upload, beside, follow, net::Net, net_tokio::PortableNet,
};
use sha1::{Digest, Sha1};

use super::peer::{Peer, hex};

/// Dwells that take about this long, padded with comments.
fn gcode(seconds: u32) -> Vec<u8> {
    let mut text = String::from("G28\nM140 S30\n");
    for i in 0..seconds * 4 {
        let _ = writeln!(
            text,
            "G1 X{} Y{} F6000 ; {}\nG4 P250",
            i % 20,
            i % 7,
            "padding ".repeat(i as usize % 9)
        );
    }
    text.into_bytes()
}

async fn until<N: Net>(host: &AnyHost<N>, what: &str, reached: impl Fn(Phase) -> bool) {
    let clock = host_clock();
    let start = clock.now();
    loop {
        let phase = host.status().await.unwrap().phase;
        if reached(phase) {
            return;
        }
        assert!(
            clock.now() - start < Duration::from_secs(20),
            "{what} did not come; the printer is {phase:?}"
        );
        clock.sleep(Duration::from_millis(50)).await;
    }
}

fn host_clock() -> printhost::net_tokio::TokioClock {
    printhost::net_tokio::TokioClock::default()
}

/// connect → upload → print → pause → resume → cancel → print to the end → download → delete
async fn whole_life<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.host(net);
    let id = std::process::id(); // a peer may live longer than one run of the tests
    let path = format!("life ü {id}/{name}.gcode");
    let encoded = format!("life%20%C3%BC%20{id}/{name}.gcode");
    // Long enough for all that happens before it is cancelled.
    let content = gcode(8);
    let sha1 = Sha1::digest(&content);

    let info = host.connect().await.unwrap();
    assert_eq!(
        (info.software.as_str(), info.version.as_str()),
        ("OctoPrint", peer.curl("/api/version").1["server"].as_str().unwrap())
    );
    if host.status().await.unwrap().phase != Phase::Idle {
        host.command(Command::ConnectPrinter).await.unwrap();
        until(&host, "idle", |p| p == Phase::Idle).await;
    }

    let events = host.events().unwrap();
    let mut seen = Vec::new();
    beside(&host, async {
        let mut body = &content[..];
        let uploaded =
            host.upload(Upload::new(&path, content.len() as u64, &mut body).and_print()).await.unwrap();
        assert_eq!((uploaded.path.as_str(), uploaded.len), (path.as_str(), content.len() as u64));
        assert_eq!(uploaded.verified, peer.verifies(sha1.into()));
        assert_eq!(uploaded.started, Started::Yes(Confirmation::Confirmed));
        assert_eq!(peer.stored(&encoded), Some((content.len() as u64, hex(&sha1))));

        until(&host, "printing", |p| p == Phase::Printing).await;
        assert_eq!(peer.state(), "Printing");
        assert_eq!(host.delete(&path).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(host.start(&path).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(host.command(Command::Pause).await.unwrap().confirmation, Confirmation::Confirmed);
        until(&host, "paused", |p| p == Phase::Paused).await;
        assert_eq!(peer.state(), "Paused");
        host.command(Command::Resume).await.unwrap();
        until(&host, "printing again", |p| p == Phase::Printing).await;
        assert_eq!(peer.state(), "Printing");
        host.command(Command::Cancel).await.unwrap();
        until(&host, "idle after cancel", |p| p == Phase::Idle).await;
        assert_eq!(peer.state(), "Operational");

        assert_eq!(host.start(&path).await.unwrap().confirmation, Confirmation::Confirmed);
        let end = follow(&host, events, &path, &host_clock(), |event| {
            if let Event::Job { event: job, .. } = event {
                seen.push(job.clone());
            }
        })
        .await
        .unwrap();
        // The first end the listener sees is that of the cancelled print.
        assert_eq!(end, JobEnd::Cancelled);
        let rest = host.events().unwrap();
        assert_eq!(follow(&host, rest, &path, &host_clock(), |_| ()).await.unwrap(), JobEnd::Finished);
        assert_eq!(peer.curl("/api/job").1["progress"]["completion"].as_f64(), Some(100.0));

        let mut copy = Vec::new();
        assert_eq!(host.download(&path, &mut copy).await.unwrap(), content.len() as u64);
        assert_eq!(copy, content);

        let listing = host.files(&format!("life ü {id}"), Page::first(100)).await.unwrap();
        let entry = listing.entries.iter().find(|e| e.path == path).expect("listed");
        assert_eq!(
            (entry.size, entry.sha1, entry.is_folder),
            (Some(content.len() as u64), (!peer.is_second()).then(|| sha1.into()), false)
        );

        let mut body = &content[..];
        let again = host.upload(Upload::new(&path, content.len() as u64, &mut body)).await;
        assert_eq!(again.unwrap_err().kind(), ErrorKind::Exists);

        host.delete(&path).await.unwrap();
        assert_eq!(peer.stored(&encoded), None);
        assert_eq!(host.delete(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
    })
    .await
    .unwrap();
    let path = Some(path);
    assert_eq!(seen, [JobEvent::Started { path }, JobEvent::Paused, JobEvent::Resumed, JobEvent::Cancelled]);
}

#[tokio::test]
async fn a_print_lives_through_every_stage_over_hyper() {
    tokio::spawn(whole_life(printhost::HyperNet::new(), "hyper")).await.unwrap();
}

#[tokio::test]
async fn a_print_lives_through_every_stage_over_the_portable_client() {
    tokio::spawn(whole_life(PortableNet::new(), "portable")).await.unwrap();
}
