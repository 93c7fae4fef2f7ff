use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use printhost::{ErrorKind, PrintHost, Retry, Upload, net::HttpBackend, net_tokio::TokioConn};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    harness::{Zeros, host},
    prusalink::{FAMILIES, net, sim, with_key, with_password},
};

over_both!(
    file_is_sent_once_and_only_after_the_login_is_settled,
    refused_login_says_at_once_whether_it_was_the_key_or_the_password,
    challenge_is_answered_once_in_the_life_of_its_nonce,
);

const LEN: u64 = 1 << 20;
/// So short that it is over at every upload.
const SHORT: Duration = Duration::from_millis(250);

/// An upload stood at 0 % and ended with 408: its body went out before the digest was settled, or waited for `100
/// Continue`, which PrusaLink never says: OrcaSlicer/OrcaSlicer#5840. Here a small request settles the login right before
/// each file, also when the nonce of the last one is too old by then, and nothing is asked to be continued.
///
/// The control is a client that just sends its file: it is refused after all of it was sent.
async fn file_is_sent_once_and_only_after_the_login_is_settled<H: HttpBackend<TokioConn> + Clone>(http: H) {
    for family in FAMILIES {
        let sim = sim(PrusaLinkConfig::new(family).nonce_life(SHORT)).await;
        let tap = Tap::start(&sim).await;
        let host = with_password(net(http.clone()), &tap.address, &sim.config().password);
        for file in ["a.gcode", "b.gcode"] {
            host.upload(Upload::new(file, LEN, &mut Zeros))
                .await
                .unwrap_or_else(|e| panic!("{family:?}: {e}"));
            sleep(3 * SHORT).await;
        }
        let sent = tap.sent.lock().unwrap().clone();
        let puts: Vec<_> = sent.iter().filter(|head| head.starts_with("PUT ")).collect();
        assert_eq!(puts.len(), 2, "{family:?}: {sent:#?}");
        assert!(sent.iter().all(|head| !head.to_ascii_lowercase().contains("\r\nexpect:")), "{sent:#?}");
        let taken = sim.requests();
        let taken: Vec<_> = taken.iter().filter(|r| r.method == "PUT").map(|r| r.status).collect();
        assert_eq!(taken, [201, 201], "{family:?}");
        assert!(sim.challenges().0 >= 2, "{family:?}: no nonce was ever too old");
    }

    let sim = sim(PrusaLinkConfig::new(PrusaLinkFamily::Pi)).await;
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    let head = format!(
        "PUT /api/v1/files/local/x.gcode HTTP/1.1\r\nHost: x\r\nContent-Type: text/x.gcode\r\nContent-Length: {LEN}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while sent < LEN && stream.write_all(&[0; 4096]).await.is_ok() {
        sent += 4096;
    }
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.0 401") && sim.files().is_empty(), "{answer}");
}

/// People put the password where the key belongs and the other way round, and were told nothing but 401:
/// prusa3d/PrusaSlicer#12641, prusa3d/Prusa-Link#608, home-assistant/core#99653. Here one refusal says which of them the
/// host did not accept, nothing is tried again, and nothing is locked out.
///
/// The control is each of them where it belongs.
async fn refused_login_says_at_once_whether_it_was_the_key_or_the_password<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for family in FAMILIES {
        let sim = sim(PrusaLinkConfig::new(family)).await;
        let net = net(http.clone());
        // The test key of another kind of printer.
        let error = host(&net, &sim.url()).connect().await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Never), "{family:?}");
        let said = error.detail().unwrap().to_ascii_lowercase();
        assert!(said.contains("key") && !said.contains("password"), "{family:?}: {said}");
        assert_eq!(sim.requests().len(), 1, "{family:?}");

        let address = sim.addr().to_string();
        let error = with_password(&net, &address, "another").connect().await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Never), "{family:?}");
        let said = error.detail().unwrap().to_ascii_lowercase();
        assert!(said.contains("password") && !said.contains("key"), "{family:?}: {said}");
        assert_eq!(sim.requests().len(), 3, "{family:?}: a challenge and an answer to it");

        with_key(&net, &sim).connect().await.unwrap();
        with_password(&net, &address, &sim.config().password).connect().await.unwrap();
    }
}

/// Every request of a client went out without credentials first, was refused, and was sent again:
/// prusa3d/Prusa-Link-Web#507. Here an answer to a challenge serves as long as the host takes it, and a stale one is
/// renewed without anybody noticing.
///
/// The control forgets what it was told.
async fn challenge_is_answered_once_in_the_life_of_its_nonce<H: HttpBackend<TokioConn> + Clone>(http: H) {
    const CALLS: u32 = 20;
    for family in FAMILIES {
        let still = sim(PrusaLinkConfig::new(family)).await;
        let (address, password) = (still.addr().to_string(), still.config().password.clone());
        let host = with_password(net(http.clone()), &address, &password);
        for _ in 0..CALLS {
            host.status().await.unwrap();
        }
        assert_eq!(still.challenges(), (1, 0), "{family:?}");

        let forgetful = sim(PrusaLinkConfig::new(family)).await;
        for _ in 0..CALLS {
            let host = with_password(net(http.clone()), &forgetful.addr().to_string(), &password);
            host.status().await.unwrap();
        }
        assert_eq!(forgetful.challenges().0, CALLS, "{family:?}");

        let stale = sim(PrusaLinkConfig::new(family).nonce_life(SHORT)).await;
        let host = with_password(net(http.clone()), &stale.addr().to_string(), &password);
        let begun = Instant::now();
        while stale.challenges().1 < 3 {
            host.status().await.unwrap_or_else(|e| panic!("{family:?}: {e}"));
            assert!(begun.elapsed() < Duration::from_secs(20), "{family:?}: no nonce became too old");
        }
        let lives = begun.elapsed().as_millis() / SHORT.as_millis();
        let (challenges, _) = stale.challenges();
        assert!(u128::from(challenges) <= lives + 2, "{family:?}: {challenges} in {lives} lives");
    }
}

/// Passes on what is sent to a simulator, and keeps the heads of it.
struct Tap {
    address: String,
    sent: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Tap {
    async fn start(sim: &PrusaLinkSim) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, to) = (listener.local_addr().unwrap().to_string(), sim.addr());
        let sent = Arc::new(Mutex::new(Vec::new()));
        let (mut tasks, at) = (JoinSet::new(), sent.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let sent = at.clone();
                connections.spawn(async move {
                    let server = TcpStream::connect(to).await.unwrap();
                    pass(client, server, &sent).await;
                });
            }
        });
        Self { address, sent, _tasks: tasks }
    }
}

/// A piece that begins with a method is a head: drivers send each in one.
async fn pass(client: TcpStream, server: TcpStream, sent: &Mutex<Vec<String>>) {
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let up = async {
        let mut piece = vec![0; 64 << 10];
        while let Ok(n @ 1..) = from_client.read(&mut piece).await {
            let head = String::from_utf8_lossy(&piece[..n.min(2000)]).into_owned();
            if ["GET ", "PUT ", "POST ", "DELETE "].iter().any(|method| head.starts_with(method)) {
                sent.lock()
                    .unwrap()
                    .push(head.split("\r\n\r\n").next().unwrap_or_default().to_owned() + "\r\n");
            }
            if to_server.write_all(&piece[..n]).await.is_err() {
                break;
            }
        }
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    };
    let _ = timeout(Duration::from_secs(60), async { tokio::join!(up, down) }).await;
}
