use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use printhost::{
    Command, Event, JobEvent, PrintHost, Started, Upload, beside,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial},
};
use serde_json::Value;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use super::{drivers::Driver, harness::net};

over_both!(websocket_that_is_cut_again_and_again_is_back_within_2_s_and_doubles_nothing);

/// So often it is cut, the last time with nobody there for a while.
const CUTS: usize = 4;
/// After so many changes that it brought of a print.
const CHANGES: usize = 3;
const SOON: Duration = Duration::from_secs(2);
const AWAY: Duration = Duration::from_millis(2100);

/// Moonraker's websocket was opened and closed all the time, and what listened told of jobs anew with each connection or
/// of nothing any more: Arksine/moonraker#454. Here it is back within two seconds, subscribes once on every connection,
/// is sent the whole state once, says so once, and tells of the job's begin and end once each.
///
/// Two controls: with nobody there for longer, two seconds are not kept; and who took every whole state that shows a print
/// for a begin would have told of one on every connection.
async fn websocket_that_is_cut_again_and_again_is_back_within_2_s_and_doubles_nothing<
    H: HttpBackend<TokioConn>,
>(
    http: H,
) {
    let sim = Driver::Moonraker.sim(1.0).await;
    let relay = Relay::start(sim.addr()).await;
    let host = Driver::Moonraker.host(net(TokioDial::plain(), http), relay.address);
    let mut events = host.events().unwrap();
    let (mut told, mut jobs) = (Vec::new(), Vec::new());
    let work = async {
        while events.next().await != Event::Resynced {}
        let content = "G4 P250\n".repeat(4000);
        let mut body = content.as_bytes();
        let upload = Upload::new("x.gcode", content.len() as u64, &mut body).and_print();
        assert!(matches!(host.upload(upload).await.unwrap().started, Started::Yes(_)));
        relay.cut(CUTS);
        while jobs.last() != Some(&(JobEvent::Cancelled, false)) {
            match events.next().await {
                Event::Status(_) => {}
                Event::Job { event, inferred } => jobs.push((event, inferred)),
                event => {
                    told.push((event, Instant::now()));
                    if told.len() == 2 * CUTS {
                        host.command(Command::Cancel).await.unwrap();
                    }
                }
            }
        }
    };
    timeout(Duration::from_secs(90), beside(&host, work)).await.unwrap().unwrap();

    let seen = relay.seen();
    assert_eq!(seen.len(), CUTS + 1);
    for (n, pair) in told.chunks(2).enumerate() {
        let [(Event::Lost(_), _), (Event::Resynced, at)] = pair else { panic!("{told:?}") };
        let after = *at - seen[n].cut.unwrap();
        assert_eq!(after <= SOON, n + 1 < CUTS, "{n}: {after:?}");
    }
    let started = JobEvent::Started { path: Some("x.gcode".into()) };
    assert_eq!(jobs, [(started, false), (JobEvent::Cancelled, false)]);
    assert!(seen.iter().all(|c| (c.subscribed.len(), c.states.len()) == (1, 1)), "{seen:#?}");

    let begins = seen.iter().filter(|c| c.states[0]["print_stats"]["state"] == "printing").count();
    assert_eq!(begins, CUTS, "{seen:#?}");
}

/// What one connection carried.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// The numbers of calls that subscribe.
    subscribed: Vec<Value>,
    /// What they are answered with.
    states: Vec<Value>,
    changes: usize,
    cut: Option<Instant>,
}

#[derive(Default)]
struct Book {
    seen: Vec<Seen>,
    /// How often it is still to be cut.
    cuts: usize,
    closed_until: Option<Instant>,
}

/// Reads along on websockets, and cuts them.
struct Relay {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    _tasks: JoinSet<()>,
}

impl Relay {
    async fn start(sim: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mut tasks, book) = (JoinSet::new(), Arc::<Mutex<Book>>::default());
        let shared = book.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let is_closed =
                    shared.lock().unwrap().closed_until.is_some_and(|until| Instant::now() < until);
                if !is_closed {
                    connections.spawn(carry(client, sim, shared.clone()));
                }
            }
        });
        Self { address, book, _tasks: tasks }
    }

    fn cut(&self, times: usize) {
        self.book.lock().unwrap().cuts = times;
    }

    fn seen(&self) -> Vec<Seen> {
        self.book.lock().unwrap().seen.clone()
    }
}

async fn carry(mut client: TcpStream, sim: SocketAddr, book: Arc<Mutex<Book>>) {
    let mut server = TcpStream::connect(sim).await.unwrap();
    const UPGRADE: &[u8] = b"GET /websocket ";
    let mut begin = [0; UPGRADE.len()];
    if !matches!(client.peek(&mut begin).await, Ok(n) if begin[..n] == *UPGRADE) {
        let _ = copy_bidirectional(&mut client, &mut server).await;
        return;
    }
    let mut client = tokio_tungstenite::accept_async(client).await.unwrap();
    let (mut server, _) =
        tokio_tungstenite::client_async(format!("ws://{sim}/websocket"), server).await.unwrap();
    let number = {
        let seen = &mut book.lock().unwrap().seen;
        seen.push(Seen::default());
        seen.len() - 1
    };
    loop {
        tokio::select! {
            Some(Ok(message)) = client.next() => {
                let call = json(&message);
                if call["method"] == "printer.objects.subscribe" {
                    book.lock().unwrap().seen[number].subscribed.push(call["id"].clone());
                }
                if server.send(message).await.is_err() {
                    return;
                }
            }
            Some(Ok(message)) = server.next() => {
                let told = json(&message);
                if client.send(message).await.is_err() {
                    return;
                }
                if note(&mut book.lock().unwrap(), number, &told) {
                    return;
                }
            }
            else => return,
        }
    }
}

fn json(message: &Message) -> Value {
    message.to_text().ok().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Whether the connection is to be cut after this.
fn note(book: &mut Book, number: usize, told: &Value) -> bool {
    let seen = &mut book.seen[number];
    if seen.subscribed.contains(&told["id"]) {
        seen.states.push(told["result"]["status"].clone());
    }
    if book.cuts == 0 || told["method"] != "notify_status_update" {
        return false;
    }
    seen.changes += 1;
    let is_over = seen.changes == CHANGES;
    if is_over {
        seen.cut = Some(Instant::now());
        book.cuts -= 1;
        book.closed_until = (book.cuts == 0).then(|| Instant::now() + AWAY);
    }
    is_over
}
