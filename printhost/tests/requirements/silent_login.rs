use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use printhost::{ErrorKind, Event, PrintHost, net::HttpBackend};
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::link::{Link, LinkConn, LinkNet, host, net};
use crate::server::{Step, say, then};

over_both!(; paused push_connection_that_brings_nothing_is_lost_within_5_s_and_logs_in_again);

/// With the milliseconds in which tokio's timers count.
const SOON: Duration = Duration::from_millis(5010);

const CONNECTED: &str = r#"{"connected":{}}"#;
const CURRENT: &str = r#"{"current":{"state":{"text":"Operational","flags":{"operational":true}}}}"#;

type Times = Arc<Mutex<Vec<Instant>>>;

/// OctoPrint closes nothing when it does not believe a login on its push connection: it merely never sends anything,
/// and what listens waits for ever and looks connected: OctoPrint/OctoPrint#4653. Here the silence is an error that
/// says so, and a new login follows.
///
/// The control gets one status after the login, and neither is lost nor logs in again.
async fn push_connection_that_brings_nothing_is_lost_within_5_s_and_logs_in_again<
    H: HttpBackend<LinkConn> + Clone,
>(
    http: H,
) {
    let (net, logins, sockets) = octoprint(http.clone(), &[CONNECTED]);
    let host_ = host(&net);
    let mut events = host_.events().unwrap();
    let told = async {
        loop {
            match events.next().await {
                Event::Status(_) => {}
                event => return (event, Instant::now()),
            }
        }
    };
    let (event, at) = tokio::select! {
        told = told => told,
        end = host_.run() => panic!("{end:?}"),
    };
    let Event::Lost(error) = event else { panic!("{event:?}") };
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, "run"));
    assert!(error.detail().unwrap().contains("login"), "{error}");
    let silence = at - sockets.lock().unwrap()[0];
    assert!(silence <= SOON, "after {silence:?}");
    assert_eq!(logins.lock().unwrap().len(), 1);

    // It goes on by itself.
    let (net, logins, sockets) = octoprint(http.clone(), &[CONNECTED]);
    let host_ = host(&net);
    tokio::select! {
        end = host_.run() => panic!("{end:?}"),
        () = sleep(Duration::from_secs(20)) => {}
    }
    assert!(logins.lock().unwrap().len() >= 2 && sockets.lock().unwrap().len() >= 2);
    let times = logins.lock().unwrap().clone();
    let between = times[1] - times[0];
    assert!(between < Duration::from_secs(10), "the second login came after {between:?}");

    let (net, logins, _) = octoprint(http, &[CONNECTED, CURRENT]);
    let host_ = host(&net);
    let mut events = host_.events().unwrap();
    let mut seen = Vec::new();
    let listen = async {
        loop {
            match events.next().await {
                Event::Status(_) => {}
                event => seen.push(event),
            }
        }
    };
    tokio::select! {
        end = host_.run() => panic!("{end:?}"),
        () = listen => {}
        () = sleep(Duration::from_secs(15)) => {}
    }
    assert_eq!((seen, logins.lock().unwrap().len()), (vec![Event::Resynced], 1));
}

/// A server that sends these on its push connection and then nothing; when it was logged in to, and connected to.
fn octoprint<H: HttpBackend<LinkConn>>(
    http: H,
    messages: &'static [&'static str],
) -> (LinkNet<H>, Times, Times) {
    let (logins, sockets) = (Times::default(), Times::default());
    let (login_times, socket_times) = (logins.clone(), sockets.clone());
    let net = net(http, Link::default(), move |heard| {
        if heard.is("POST /api/login") {
            login_times.lock().unwrap().push(Instant::now());
        }
        if !heard.is("GET /sockjs/websocket") {
            return None;
        }
        socket_times.lock().unwrap().push(Instant::now());
        let accept = derive_accept_key(heard.field("sec-websocket-key").unwrap().as_bytes());
        let mut answer = format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        )
        .into_bytes();
        for message in messages {
            // A text of less than 126 bytes, whole and unmasked.
            answer.extend([0x81, u8::try_from(message.len()).unwrap()]);
            answer.extend(message.as_bytes());
        }
        Some(then(say(answer), Step::Hold))
    });
    (net, logins, sockets)
}
