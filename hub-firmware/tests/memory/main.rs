//! What the hub declares is enough, whatever both servers send; and a declaration that is too small is found out.

mod bambu;
mod greedy_bambu;

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use greedy_bambu::GreedyBambu;
use hub_firmware::{Budget, Relay, SMALL, relay, status_memory, status_of};
use printhost::{
    AnyHost, ErrorKind, PrintHost, PrinterUrl,
    net::{BaseUrl, Http1, Limits, Parts},
};
use printhost_net_tokio::{OsEntropy, TokioClock, TokioDial};
use printhost_testkit::runner::{Appetite, Greed, GreedyHost, Speaks};
use tokio::{runtime::Builder, time::timeout};

#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// One at a time: all share the heap.
static TURN: Mutex<()> = Mutex::new(());

/// Runs a test when no other one does, and makes nothing of its own before.
fn alone(test: impl Future<Output = ()>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

/// What tokio takes for connections and timers.
const TOKIO: usize = 2 << 10;

/// How long a relay may go on here.
const LONGEST: Duration = Duration::from_secs(10);

/// Limits as the emulated board has them.
const JSON: usize = SMALL.json;
const MESSAGE: usize = SMALL.message;
const PATH: &str = "greedy/part.gcode";

/// A greedy host in a process of its own, lest its heap is counted; it ends with its standard input.
struct Server {
    process: Child,
    address: String,
}

impl Server {
    fn start(speaks: Speaks, greed: Greed) -> Self {
        Self::speaking(&format!("{speaks:?}"), greed)
    }

    /// A printer, with two ports for an address.
    fn bambu(greed: Greed) -> Self {
        Self::speaking("Bambu", greed)
    }

    fn speaking(speaks: &str, greed: Greed) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "--nocapture", "greedy_host_of_another_process"])
            .env("GREED", format!("{greed:?}"))
            .env("SPEAKS", speaks)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address =
            lines.find_map(|line| line.unwrap().strip_prefix("address ").map(str::to_owned)).unwrap();
        std::thread::spawn(move || lines.count());
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "what the other tests talk to"]
fn greedy_host_of_another_process() {
    let greed = std::env::var("GREED").unwrap();
    let greed = Greed::ALL.into_iter().find(|known| format!("{known:?}") == greed).unwrap();
    let appetite = Appetite { head: 2 << 10, json: JSON, message: MESSAGE };
    let speaks = match std::env::var("SPEAKS").unwrap().as_str() {
        "Bambu" => {
            let printer = GreedyBambu::start(greed, JSON).unwrap();
            println!("\naddress {} {}", printer.mqtt, printer.ftp);
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            return;
        }
        "OctoPrint" => Speaks::OctoPrint,
        "Moonraker" => Speaks::Moonraker,
        _ => Speaks::PrusaLink,
    };
    let host = GreedyHost::speaking(speaks, greed, appetite).unwrap();
    println!("\naddress {}", host.address());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

type Net = Parts<TokioDial, Http1, TokioClock, OsEntropy>;

fn limits() -> Limits {
    let mut limits = SMALL;
    limits.stall = Duration::from_secs(3);
    limits
}

fn net() -> Net {
    Parts::new(TokioDial::plain(), Http1::DEVICE, TokioClock::default(), OsEntropy::default(), limits())
}

/// What was declared, what was taken, and how it ended.
type Measured = (usize, usize, Result<(), ErrorKind>);

/// Relays a file between the two sides of a greedy host.
async fn measured(speaks: Speaks, greed: Greed) -> Measured {
    let server = Server::start(speaks, greed);
    let source = BaseUrl::parse(&format!("http://{}", server.address)).unwrap();
    let scheme = format!("{speaks:?}").to_ascii_lowercase();
    let url: PrinterUrl = format!("{scheme}://{}", server.address).parse().unwrap();
    let net = net();
    let host = AnyHost::new(&net, &url, "a-key-of-some-length");
    relayed(&net, &host, &source, LONGEST).await
}

async fn relayed<N: printhost::Net, H: PrintHost>(
    net: &N,
    host: &H,
    source: &BaseUrl,
    longest: Duration,
) -> Measured {
    let order = Relay::new(source, "/part.gcode", PATH);
    let declared = order.memory(net, host);
    let budget = Budget::new(declared);
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    // A printer that cannot be read is waited for as long as it takes.
    let ended = timeout(longest, relay(net, host, &budget, order, |_| {})).await;
    let taken = HEAP.peak_usage() - before;
    let ended = ended.map_or(Err(ErrorKind::Timeout), |ended| ended.map(|_| ()).map_err(|e| e.kind()));
    (declared, taken, ended)
}

#[test]
fn relay_takes_no_more_than_it_declares_from_a_greedy_host() {
    alone(relay_takes_no_more_than_it_declares(Speaks::OctoPrint, 5));
}

#[test]
fn relay_takes_no_more_than_it_declares_from_a_greedy_prusalink() {
    alone(relay_takes_no_more_than_it_declares(Speaks::PrusaLink, 5));
}

#[test]
fn relay_takes_no_more_than_it_declares_from_a_greedy_moonraker() {
    alone(relay_takes_no_more_than_it_declares(Speaks::Moonraker, 8));
}

/// And a declaration of a `part` of that would be found out: no host can make everything large at the same time.
async fn relay_takes_no_more_than_it_declares(speaks: Speaks, part: usize) {
    let (mut most, mut too_small) = (0, 0);
    for greed in Greed::ALL {
        let (declared, taken, ended) = measured(speaks, greed).await;
        println!("{speaks:?}, {greed:?}: {taken} of {declared} bytes, {ended:?}");
        assert!(taken <= declared + TOKIO, "{speaks:?}, {greed:?}: {taken} of {declared} bytes");
        assert!(ended.is_ok() || greed == Greed::WrongTypes, "{greed:?}: {ended:?}");
        (most, too_small) = (most.max(taken), declared / part);
    }
    assert!(most > too_small + TOKIO, "{most} bytes, and {too_small} would have passed");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_sent() {
    alone(refused_before_anything_is_sent());
}

async fn refused_before_anything_is_sent() {
    let host =
        GreedyHost::start(Greed::Padding, Appetite { head: 2 << 10, json: JSON, message: MESSAGE }).unwrap();
    let source = BaseUrl::parse(&format!("http://{}", host.address())).unwrap();
    let url: PrinterUrl = format!("octoprint://{}", host.address()).parse().unwrap();
    let net = net();
    let printer = AnyHost::new(&net, &url, "a-key-of-some-length");
    let order = Relay::new(&source, "/part.gcode", PATH);
    let (much, little) = (order.memory(&net, &printer), status_memory(&net, &printer));
    assert!(little < much / 2, "{little} and {much} bytes");
    let budget = Budget::new(much - 1);
    let refused = relay(&net, &printer, &budget, order, |_| {}).await.unwrap_err();
    assert_eq!((refused.kind(), refused.operation(), host.requests()), (ErrorKind::Busy, "relay", 0));
    status_of(&net, &printer, &budget).await.unwrap();
    assert_eq!(host.changes(), 0);
    let rest = budget.admit("something else", much - 1).unwrap();
    assert_eq!(status_of(&net, &printer, &budget).await.unwrap_err().kind(), ErrorKind::Busy);
    drop(rest);
    status_of(&net, &printer, &budget).await.unwrap();
}
