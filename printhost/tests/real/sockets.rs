use std::{cell::Cell, fmt::Write as _, time::Duration};

use printhost::{
    AnyHost, Clock, ErrorKind, Event, HyperNet, JobEvent, PrintHost, Upload, beside,
    net::{Limits, Net, Parts},
    net_tokio::{Hyper, OsEntropy, TokioClock, TokioDial},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    fault_proxy::{Cut, FaultProxy},
    peer::Peer,
};

/// Five seconds in one, so that a silent connection is given up after four.
struct Fast(TokioClock);

const PACE: u32 = 5;

impl Clock for Fast {
    fn now(&self) -> Duration {
        self.0.now() * PACE
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration / PACE).await;
    }
}

/// Cuts the connections again and again while a file is printed.
async fn print_under_cuts<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let direct = peer.host(HyperNet::new());
    let proxy = FaultProxy::start(peer.url.base().origin.authority().to_string()).await;
    let host =
        AnyHost::new(net, &format!("octoprint://{}", proxy.address).parse().unwrap(), peer.key.as_str());

    let mut gcode = String::from("G28\n");
    for i in 0..24 {
        let _ = writeln!(gcode, "G1 X{} F6000\nG4 P250", i % 20);
    }
    let path = format!("socket-{}-{name}.gcode", std::process::id());
    direct.upload(Upload::new(&path, gcode.len() as u64, &mut gcode.as_bytes())).await.unwrap();

    let cuts = [Cut::Reset, Cut::Stall, Cut::Close, Cut::Reset, Cut::Stall, Cut::Reset];
    let mut events = host.events().unwrap();
    let mut jobs = Vec::new();
    let (mut lost, mut resynced) = (Vec::new(), 0);
    let sent = Cell::new(0);
    let story = async {
        loop {
            match events.next().await {
                Event::Resynced => {
                    resynced += 1;
                    assert_eq!(
                        resynced,
                        lost.len() + 1,
                        "one Resynced for the beginning and each Lost: {lost:?}"
                    );
                    match cuts.get(sent.get()) {
                        _ if resynced == 1 => {
                            direct.start(&path).await.unwrap();
                        }
                        Some(cut) => {
                            proxy.cut(*cut);
                            sent.set(sent.get() + 1);
                        }
                        None => {}
                    }
                }
                Event::Lost(error) => {
                    lost.push(error.kind());
                    assert_eq!(lost.len(), resynced, "one Lost for each Resynced: {lost:?}");
                }
                Event::Job { event: job, .. } => {
                    // The first cut comes once the job has been seen.
                    if matches!(job, JobEvent::Started { .. }) {
                        proxy.cut(cuts[0]);
                        sent.set(1);
                    }
                    jobs.push(job);
                }
                Event::Skipped(n) => panic!("{n} events skipped"),
                _ => {}
            }
            let is_over = jobs.last().is_some_and(JobEvent::is_end);
            if is_over && lost.len() == cuts.len() && resynced == lost.len() + 1 {
                return;
            }
        }
    };
    let bounded = tokio::time::timeout(Duration::from_secs(60), beside(&host, story)).await;
    let Ok(ended) = bounded else {
        panic!("{} cuts, lost: {lost:?}, resynced {resynced} times, {jobs:?}", sent.get())
    };
    ended.unwrap();
    println!("over {name}: {} cuts, lost: {lost:?}, resynced {resynced} times, {jobs:?}", sent.get());
    assert_eq!(jobs, [JobEvent::Started { path: Some(path.clone()) }, JobEvent::Finished]);
    assert_eq!((sent.get(), resynced), (cuts.len(), cuts.len() + 1));
    direct.delete(&path).await.unwrap();
}

/// In front of the host: what the first push connection sends after its handshake never arrives.
async fn swallows_the_first_login(host: String) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut deaf = true;
        while let Ok((mut client, _)) = listener.accept().await {
            let mut first = vec![0; 4096];
            let n = client.read(&mut first).await.unwrap();
            let swallows = deaf && first[..n].starts_with(b"GET /sockjs");
            deaf &= !swallows;
            let mut up = TcpStream::connect(&host).await.unwrap();
            tokio::spawn(async move {
                up.write_all(&first[..n]).await.unwrap();
                if swallows {
                    let _ = tokio::io::copy(&mut up, &mut client).await;
                } else {
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut up).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_brings_no_data_is_told_and_done_again() {
    let peer = Peer::from_environment();
    let address = swallows_the_first_login(peer.url.base().origin.authority().to_string()).await;
    let limits = Limits::HOST;
    let clock = Fast(TokioClock::default());
    let parts = Parts::new(TokioDial::plain(), Hyper::default(), clock, OsEntropy::default(), limits);
    let host = AnyHost::new(&parts, &format!("octoprint://{address}").parse().unwrap(), peer.key.as_str());
    let mut events = host.events().unwrap();
    let work = async {
        let first = events.next().await;
        let Event::Lost(error) = first else { panic!("{first:?}") };
        assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, "run"));
        assert_eq!(error.detail(), Some("the login brought no data"));
        assert_eq!(events.next().await, Event::Resynced);
    };
    tokio::time::timeout(Duration::from_secs(30), beside(&host, work)).await.expect("in time").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_events_come_back_in_pairs_and_no_job_is_told_twice_over_hyper() {
    let limits = Limits::HOST;
    let parts = Parts::new(
        TokioDial::plain(),
        Hyper::default(),
        Fast(TokioClock::default()),
        OsEntropy::default(),
        limits,
    );
    print_under_cuts(&parts, "hyper").await;
}
