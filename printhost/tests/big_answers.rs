//! Printers whose answers are larger than what a small board holds: little of them is wanted, and that is read as they
//! come.

use std::time::Duration;

use printhost::{
    AnyHost, Command, Event, HeaterId, Phase, PrintHost, PrinterUrl, beside,
    net::{Http1, HttpBackend, Limits, Parts},
    net_tokio::{Hyper, OsEntropy, TokioClock, TokioConn, TokioDial},
};
use printhost_sim::{MoonrakerConfig, MoonrakerSim};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

const SOON: Duration = Duration::from_secs(30);
/// Bytes of JSON that are held.
const JSON: usize = 3 << 10;

#[tokio::test]
async fn klipper_with_400_macros_is_followed_and_steered_over_hyper() {
    followed_and_steered(Hyper::default(), crowded()).await;
}

#[tokio::test]
async fn klipper_with_400_macros_is_followed_and_steered_over_the_portable_client() {
    followed_and_steered(Http1::HOST, crowded()).await;
}

#[tokio::test]
async fn moonraker_full_of_warnings_is_followed_and_steered_over_hyper() {
    followed_and_steered(Hyper::default(), warned()).await;
}

#[tokio::test]
async fn moonraker_full_of_warnings_is_followed_and_steered_over_the_portable_client() {
    followed_and_steered(Http1::HOST, warned()).await;
}

/// Its hot ends come behind the macros.
fn crowded() -> (MoonrakerConfig, &'static str) {
    let names = (0..400).map(|n| format!("_CLEAN_THE_NOZZLE_AND_PURGE_{n}"));
    let config = names.fold(MoonrakerConfig::default(), MoonrakerConfig::with_macro);
    (config.extruders(2), "/printer/objects/list")
}

fn warned() -> (MoonrakerConfig, &'static str) {
    let config = (0..60).fold(MoonrakerConfig::default(), |config, n| {
        config.warning(format!(
            "Unparsed config option 'option_{n}: true' detected in section [section_{n}]. This may be an option no longer \
             available or could be the result of a module that failed to load."
        ))
    });
    (config.extruders(2), "/server/info")
}

async fn followed_and_steered<H: HttpBackend<TokioConn>>(http: H, (config, large): (MoonrakerConfig, &str)) {
    let sim = MoonrakerSim::start(config.time_scale(100.0)).await.unwrap();
    assert!(length(&sim, large).await > 2 * JSON, "{large} is what this is about");

    let mut limits = Limits::DEVICE;
    (limits.json, limits.message, limits.chunk) = (JSON, JSON, 1 << 10);
    let net = Parts::new(TokioDial::plain(), http, TokioClock::default(), OsEntropy::default(), limits);
    let url: PrinterUrl = format!("moonraker://{}", sim.addr()).parse().unwrap();
    let host = AnyHost::new(net, &url, "");
    timeout(SOON, host.connect()).await.unwrap().unwrap();
    let status = timeout(SOON, host.status()).await.unwrap().unwrap();
    assert_eq!((status.phase, status.tools.len()), (Phase::Idle, 2));

    let mut events = host.events().unwrap();
    let work = async {
        while events.next().await != Event::Resynced {}
        let set = Command::SetTemperature { heater: HeaterId::Tool(1), celsius: 60.0 };
        host.command(set).await.unwrap();
        loop {
            if let Event::Status(status) = events.next().await
                && status.tools.get(1).is_some_and(|tool| tool.target == Some(60.0))
            {
                break;
            }
        }
    };
    timeout(SOON, beside(&host, work)).await.unwrap().unwrap();
    assert!(sim.targets().contains(&("extruder1".into(), 60.0)), "{:?}", sim.targets());
}

/// How long an answer is, as another client reads it.
async fn length(sim: &MoonrakerSim, path: &str) -> usize {
    let mut connection = TcpStream::connect(sim.addr()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    answer.len()
}
