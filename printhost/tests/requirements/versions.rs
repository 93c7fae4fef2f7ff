use std::{net::SocketAddr, time::Duration};

use futures::future::join_all;
use printhost::{
    Command, Confirmation, ErrorKind, Event, HeaterId, JobEvent, Page, Phase, PrintHost, Started, Upload,
    Verified, beside,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    drivers::Driver,
    harness::{net, until_free},
};

over_both!(version_that_nobody_knows_is_worked_with_and_never_refused);

/// What an OctoPrint may say of itself, and the version that a caller then sees.
const OCTOPRINTS: [(&str, &str); 9] = [
    (r#"{"api":"9","server":"3.7.2-nightly","text":"OctoPrint 3.7.2-nightly"}"#, "3.7.2-nightly"),
    (r#"{"server":"3.7.2-nightly"}"#, "3.7.2-nightly"),
    (
        r#"{"api":"0.1","server":"1.99.0.dev1+g0123abc.dirty","text":"OctoPrint 1.99"}"#,
        "1.99.0.dev1+g0123abc.dirty",
    ),
    (r#"{"api":9,"server":"3.7","text":["OctoPrint"]}"#, "3.7"),
    (r#"{"api":null,"server":"nightly","text":null,"codename":"new","nested":{"a":[1]}}"#, "nightly"),
    (r#"{"api":"0.1","server":"","text":"OctoPrint"}"#, ""),
    (r#"{"api":"0.1","text":"OctoPrint, by a vendor"}"#, ""),
    (r#"{"api":"","server":"999999999999999999999.0","text":""}"#, "999999999999999999999.0"),
    (r#"{"api":"0.1","server":"v1.11.8-rc1 (fork)","text":"OctoPrint"}"#, "v1.11.8-rc1 (fork)"),
];

/// What PrusaLink says decides by more than its version: whether it is one, which, and whether it takes files.
const PIS: [(&str, &str); 3] = [
    (
        r#"{"api":"9","server":"3.7-nightly","original":"PrusaLink I9","text":"PrusaLink 3.7-nightly","sdk":9,"capabilities":{"upload-by-put":true,"new":1}}"#,
        "3.7-nightly",
    ),
    (r#"{"text":"PrusaLink","sdk":null,"firmware":"3.14","capabilities":{"upload-by-put":true}}"#, ""),
    (
        r#"{"server":["0.8"],"original":"PrusaLink I3MK3S","text":"PrusaLink, by a vendor","capabilities":{"upload-by-put":true}}"#,
        "",
    ),
];
const FIRMWARES: [(&str, &str); 2] = [
    (
        r#"{"api":"9.0-fork","server":"9","text":"PrusaLink","capabilities":{"upload-by-put":true}}"#,
        "9.0-fork",
    ),
    (r#"{"api":null,"nozzle_diameter":"?","text":"PrusaLink","capabilities":{"upload-by-put":true}}"#, ""),
];

/// Of Moonrakers most come from a git working tree, and some from a vendor.
const MOONRAKERS: [(&str, &str); 4] = [
    (
        r#"{"result":{"klippy_connected":true,"klippy_state":"ready","moonraker_version":"v9.9.9-1000-g0123abc-dirty","api_version":[99,0,0],"api_version_string":"99.0.0"}}"#,
        "v9.9.9-1000-g0123abc-dirty",
    ),
    (
        r#"{"result":{"klippy_connected":true,"klippy_state":"ready","moonraker_version":"?","api_version":"new"}}"#,
        "?",
    ),
    (r#"{"result":{"klippy_connected":true,"klippy_state":"ready"}}"#, ""),
    (
        r#"{"result":{"klippy_connected":true,"klippy_state":"ready","moonraker_version":"v0.8 by a vendor","components":{}}}"#,
        "v0.8 by a vendor",
    ),
];

/// A client that compares version numbers refuses hosts that would have worked, with every release it does not know yet
/// and every fork: home-assistant/core#86230, home-assistant/core#95529. Here the version is told to the caller and
/// decides at most which of two names something is called by; what a host can do shows when it is asked.
///
/// The control is no OctoPrint at all, and refused.
async fn version_that_nobody_knows_is_worked_with_and_never_refused<H: HttpBackend<TokioConn> + Clone>(
    http: H,
) {
    for (driver, all) in [
        (Driver::OctoPrint, &OCTOPRINTS[..]),
        (Driver::PrusaLinkPi, &PIS[..]),
        (Driver::PrusaLinkFirmware, &FIRMWARES[..]),
        (Driver::Moonraker, &MOONRAKERS[..]),
    ] {
        join_all(all.iter().map(|(told, version)| is_worked_with(driver, http.clone(), told, version))).await;
        let sim = driver.sim(1.0).await;
        let other = r#"{"version":"3.7.2","name":"another server","result":{"name":"another server"}}"#;
        let other = Relabelled::start(driver, sim.addr(), other).await;
        let error = driver.host(net(TokioDial::plain(), http.clone()), other.address).connect().await;
        assert_eq!(error.unwrap_err().kind(), ErrorKind::Protocol, "{driver:?}");
    }
}

async fn is_worked_with<H: HttpBackend<TokioConn>>(
    driver: Driver,
    http: H,
    told: &'static str,
    version: &str,
) {
    let sim = driver.sim(10.0).await;
    let relabelled = Relabelled::start(driver, sim.addr(), told).await;
    let net = net(TokioDial::plain(), http);
    let host = driver.host(&net, relabelled.address);

    let info = host.connect().await.unwrap_or_else(|e| panic!("{told}: {e}"));
    assert_eq!((info.software.to_lowercase().as_str(), info.version.as_str()), (driver.scheme(), version));
    assert_eq!(host.status().await.unwrap().phase, Phase::Idle, "{told}");
    let mut events = host.events().unwrap();
    let print = beside(&host, async {
        while events.next().await != Event::Resynced {}
        let content = "G28\n".to_owned() + &"G4 P250\n".repeat(400);
        let mut body = content.as_bytes();
        let upload = Upload::new("x.gcode", content.len() as u64, &mut body).and_print();
        let done = host.upload(upload).await.unwrap();
        // What a host tells of a file is used, whatever the host is called.
        match driver {
            Driver::OctoPrint => assert!(matches!(done.verified, Verified::Sha1(_)), "{told}: {done:?}"),
            Driver::Moonraker => assert!(matches!(done.verified, Verified::Sha256(_)), "{told}: {done:?}"),
            _ => assert_eq!(done.verified, Verified::Size, "{told}"),
        }
        assert_eq!(done.started, Started::Yes(Confirmation::Confirmed), "{told}");
        while !matches!(events.next().await, Event::Job { event: JobEvent::Started { .. }, .. }) {}
        for command in [Command::Pause, Command::Resume, Command::Cancel] {
            host.command(command).await.unwrap_or_else(|e| panic!("{told}: {command:?}: {e}"));
        }
        while !matches!(events.next().await, Event::Job { event: JobEvent::Cancelled, .. }) {}
        until_free(driver, &host).await;
    });
    tokio::time::timeout(Duration::from_secs(60), print).await.expect(told).unwrap();
    if host.capabilities().set_temperature {
        let heat = Command::SetTemperature { heater: HeaterId::Bed, celsius: 30.0 };
        host.command(heat).await.unwrap();
    }
    assert_eq!(host.files("", Page::first(9)).await.unwrap().entries.len(), 1, "{told}");
    host.download("x.gcode", &mut Vec::new()).await.unwrap();
    host.delete("x.gcode").await.unwrap();
    if host.capabilities().printer_connection {
        host.command(Command::DisconnectPrinter).await.unwrap();
        host.command(Command::ConnectPrinter).await.unwrap();
    }
    // Else the driver has seen the simulator's true version.
    assert!(!sim.requests().iter().any(|r| r.path == driver.probe()), "{:?}", sim.requests());
}

/// A simulator that says another thing of its version.
struct Relabelled {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Relabelled {
    async fn start(driver: Driver, sim: SocketAddr, told: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(relabel(driver, client, sim, told));
            }
        });
        Self { address, _tasks: tasks }
    }
}

/// Looks at the first request of a connection only: after an answer about the version it is closed.
async fn relabel(driver: Driver, mut client: TcpStream, sim: SocketAddr, told: &str) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    if head.starts_with(format!("GET {} ", driver.probe()).as_bytes()) {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{told}",
            told.len()
        );
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    }
    let mut server = TcpStream::connect(sim).await.unwrap();
    if server.write_all(&head).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
