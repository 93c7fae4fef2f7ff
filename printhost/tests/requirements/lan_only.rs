use std::{
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use printhost::{
    Axes, Camera, Command, Error, ErrorKind, Event, HeaterId, JobEvent, Page, PrintHost, Result, Started,
    Upload, beside,
    net::{BaseUrl, Dial, HttpBackend, Limits, Origin, Parts},
    net_tokio::{OsEntropy, TokioClock, TokioConn, TokioDial},
    octoprint::{Config, OctoPrint, app_keys},
};
use printhost_sim::{OctoPrintSim, SimConfig};

use super::harness::until_idle;

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
/// The control asks for a picture of a camera elsewhere: that is refused and noted.
async fn everything_works_where_nothing_but_the_printer_can_be_reached<H: HttpBackend<TokioConn>>(http: H) {
    let config = SimConfig::default().time_scale(20.0).webcam(true).approve_apps_after(1);
    let sim = OctoPrintSim::start(config).await.unwrap();
    let dial = OnlyThePrinter {
        printer: sim.addr(),
        tcp: TokioDial::plain(),
        let_through: AtomicUsize::new(0),
        refused: Mutex::default(),
    };
    let net = Parts::new(dial, http, TokioClock::default(), OsEntropy::default(), Limits::HOST);
    let refused = || net.dialer().refused.lock().unwrap().clone();
    let url = BaseUrl::parse(&format!("http://{NAME}")).unwrap();
    let host = OctoPrint::new(&net, Config::new(url.clone(), SimConfig::TEST_KEY));

    host.connect().await.unwrap();
    host.status().await.unwrap();
    everything_around_a_print(&host, &sim).await;
    everything_else(&host).await;
    let asked = app_keys::request_app_key(&net, &url, "tests", None).await.unwrap();
    asked.wait().await.unwrap();
    assert_eq!(refused(), [""; 0]);
    assert!(net.dialer().let_through.load(Relaxed) > 0);

    let mut elsewhere = Camera::default();
    elsewhere.snapshot = Some("http://cloud.example/picture.jpg".into());
    let error = host.snapshot(&elsewhere, &mut Vec::new()).await.unwrap_err();
    assert_eq!((error.kind(), refused()), (ErrorKind::Unreachable, vec!["http://cloud.example".into()]));
}

type Host<'a, H> = OctoPrint<&'a Parts<OnlyThePrinter, H, TokioClock, OsEntropy>>;

async fn everything_around_a_print<H: HttpBackend<TokioConn>>(host: &Host<'_, H>, sim: &OctoPrintSim) {
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
        until_idle(host).await;
        host.start("a/b.gcode").await.unwrap();
        host.command(Command::Cancel).await.unwrap();
        while !matches!(events.next().await, Event::Job { event: JobEvent::Cancelled, .. }) {}
        until_idle(host).await;
    });
    tokio::time::timeout(Duration::from_secs(60), work).await.unwrap().unwrap();
    assert_eq!(sim.files()[0].path, "a/b.gcode");
}

async fn everything_else<H: HttpBackend<TokioConn>>(host: &Host<'_, H>) {
    let mut taken = Vec::new();
    host.files("", Page::first(10)).await.unwrap();
    host.file_info("a/b.gcode").await.unwrap();
    host.download("a/b.gcode", &mut taken).await.unwrap();
    host.move_file("a/b.gcode", "c.gcode").await.unwrap();
    host.create_folder("d/e").await.unwrap();
    host.delete("c.gcode").await.unwrap();
    let cameras = host.cameras().await.unwrap();
    // Whether there is a picture or not: it is asked for at the printer.
    let _ = host.snapshot(&cameras[0], &mut taken).await;
    for command in [
        Command::Gcode("M117 hello"),
        Command::SetTemperature { heater: HeaterId::Tool(0), celsius: 30.0 },
        Command::Home(Axes::ALL),
        Command::Jog { x: 1.0, y: 0.0, z: 0.0, speed: None },
        Command::DisconnectPrinter,
        Command::ConnectPrinter,
    ] {
        host.command(command).await.unwrap_or_else(|e| panic!("{command:?}: {e}"));
    }
    host.printer_profiles().await.unwrap();
    host.connection_settings().await.unwrap();
    host.system_info().await.unwrap();
    host.current_user().await.unwrap();
    host.job_details().await.unwrap();
}
