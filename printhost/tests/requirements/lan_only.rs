use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use printhost::{
    AnyHost, Axes, Camera, Command, Error, ErrorKind, Event, HeaterId, JobEvent, Page, PrintHost, Result,
    Started, Upload, beside,
    net::{BaseUrl, Dial, HttpBackend, Limits, Origin, Parts},
    net_tokio::{OsEntropy, TokioClock, TokioConn, TokioDial},
    octoprint::app_keys,
};

use super::{
    drivers::{Driver, Sim},
    harness::until_free,
};

over_both!(everything_works_where_nothing_but_the_printer_can_be_reached);

/// A name that only this network knows.
const NAME: &str = "printer.lan";

/// Resolves the printer's name and connects to it; refuses and notes everything else.
struct OnlyThePrinter {
    printer: SocketAddr,
    tcp: TokioDial,
    let_through: AtomicUsize,
    refused: Mutex<Vec<String>>,
}

impl Dial for OnlyThePrinter {
    type Conn = TokioConn;

    async fn dial(&self, to: &Origin) -> Result<TokioConn> {
        if *to != Origin::http(NAME, 80) {
            self.refused.lock().unwrap().push(to.to_string());
            return Err(Error::new(ErrorKind::Unreachable, "connect").with_detail("there is no internet"));
        }
        self.let_through.fetch_add(1, Relaxed);
        self.tcp.dial(&Origin::http(self.printer.ip().to_string(), self.printer.port())).await
    }
}

/// A program that asks something on the internet first (a name server, its maker's cloud, a clock) cannot even send
/// a file to a printer in the same room when there is none: OrcaSlicer/OrcaSlicer#5933. Here nothing but the printer is
/// ever looked up or dialled.
///
/// The control asks for a picture of a camera elsewhere, or of PrusaLink for a printer there: that is refused and noted.
async fn everything_works_where_nothing_but_the_printer_can_be_reached<H: HttpBackend<TokioConn> + Clone>(
    http: H,
) {
    for driver in Driver::ALL {
        let sim = driver.sim(20.0).await;
        let dial = OnlyThePrinter {
            printer: sim.addr(),
            tcp: TokioDial::plain(),
            let_through: AtomicUsize::new(0),
            refused: Mutex::default(),
        };
        let net = Parts::new(dial, http.clone(), TokioClock::default(), OsEntropy::default(), Limits::HOST);
        let refused = || net.dialer().refused.lock().unwrap().clone();
        let host = driver.host(&net, format!("{NAME}:80"));

        host.connect().await.unwrap();
        host.status().await.unwrap();
        everything_around_a_print(driver, &host, &sim).await;
        everything_else(&host).await;
        what_it_has_beside(&host).await;
        assert_eq!(refused(), [""; 0], "{driver:?}");
        assert!(net.dialer().let_through.load(Relaxed) > 0);

        let mut elsewhere = Camera::default();
        elsewhere.snapshot = Some("http://cloud.example/picture.jpg".into());
        let error = match driver {
            // Asks no other host whatever a camera says of itself.
            Driver::PrusaLinkPi | Driver::PrusaLinkFirmware => {
                driver.host(&net, "cloud.example:80").connect().await.map(drop)
            }
            _ => host.snapshot(&elsewhere, &mut Vec::new()).await.map(drop),
        };
        let error = error.unwrap_err();
        assert_eq!(
            (error.kind(), refused()),
            (ErrorKind::Unreachable, vec!["http://cloud.example".into()]),
            "{driver:?}"
        );
    }
}

type Host<'a, H> = AnyHost<&'a Parts<OnlyThePrinter, H, TokioClock, OsEntropy>>;

async fn everything_around_a_print<H: HttpBackend<TokioConn>>(driver: Driver, host: &Host<'_, H>, sim: &Sim) {
    let mut events = host.events().unwrap();
    let content = "G28\n".to_owned() + &"G4 P250\n".repeat(400);
    let work = beside(host, async {
        while events.next().await != Event::Resynced {}
        let mut body = content.as_bytes();
        let upload = Upload::new("a/b.gcode", content.len() as u64, &mut body).and_print();
        let uploaded = host.upload(upload).await.unwrap();
        assert!(matches!(uploaded.started, Started::Yes(_)), "{uploaded:?}");
        host.command(Command::Pause).await.unwrap();
        host.command(Command::Resume).await.unwrap();
        host.command(Command::Cancel).await.unwrap();
        while !matches!(events.next().await, Event::Job { event: JobEvent::Cancelled, .. }) {}
        until_free(driver, host).await;
        host.start("a/b.gcode").await.unwrap();
        host.command(Command::Cancel).await.unwrap();
        while !matches!(events.next().await, Event::Job { event: JobEvent::Cancelled, .. }) {}
        until_free(driver, host).await;
    });
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap().unwrap();
    assert_eq!(sim.files()[0].path, "a/b.gcode");
}

async fn everything_else<H: HttpBackend<TokioConn>>(host: &Host<'_, H>) {
    let mut taken = Vec::new();
    host.files("", Page::first(10)).await.unwrap();
    host.file_info("a/b.gcode").await.unwrap();
    host.download("a/b.gcode", &mut taken).await.unwrap();
    let can = host.capabilities();
    let file = if can.move_file { "c.gcode" } else { "a/b.gcode" };
    if can.move_file {
        host.move_file("a/b.gcode", file).await.unwrap();
    }
    host.create_folder("d/e").await.unwrap();
    host.delete(file).await.unwrap();
    for camera in host.cameras().await.unwrap() {
        // Whether there is a picture or not: it is asked for at the printer.
        let _ = host.snapshot(&camera, &mut taken).await;
    }
    for command in [
        Command::Gcode("M117 hello"),
        Command::SetTemperature { heater: HeaterId::Tool(0), celsius: 30.0 },
        Command::Home(Axes::ALL),
        Command::Jog { x: 1.0, y: 0.0, z: 0.0, speed: None },
        Command::DisconnectPrinter,
        Command::ConnectPrinter,
    ] {
        match host.command(command).await {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind(), ErrorKind::Unsupported, "{command:?}: {e}"),
        }
    }
}

/// What only one kind has.
async fn what_it_has_beside<H: HttpBackend<TokioConn>>(host: &Host<'_, H>) {
    match host {
        AnyHost::OctoPrint(host) => {
            host.printer_profiles().await.unwrap();
            host.connection_settings().await.unwrap();
            host.system_info().await.unwrap();
            host.current_user().await.unwrap();
            host.job_details().await.unwrap();
            let url = BaseUrl::parse(&format!("http://{NAME}")).unwrap();
            let asked = app_keys::request_app_key(host.net(), &url, "tests", None).await.unwrap();
            asked.wait().await.unwrap();
        }
        AnyHost::PrusaLink(host) => assert_eq!(host.present_transfer().await.unwrap(), None),
        AnyHost::Moonraker(host) => {
            host.job_queue().await.unwrap();
        }
        _ => unreachable!("another kind of printer"),
    }
}
