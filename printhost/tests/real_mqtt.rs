//! The MQTT client against Debian's mosquitto, which is set up as printers are: TLS 1.2, a certificate of version 1, a user
//! with a password. What it gets and sends, mosquitto's own clients send and get.

#[path = "real/mosquitto.rs"]
mod mosquitto;

use std::{
    cell::Cell,
    pin::pin,
    time::{Duration, Instant},
};

use mosquitto::{DEVICE, Mosquitto, PASSWORD, REPORT, REQUEST};
use printhost::{
    Error, ErrorKind, HyperNet, Result, Secret, Trust,
    net::{
        Origin,
        mqtt::{Login, Message, Mqtt, Options, Outbox, connect},
    },
    net_tokio::TokioConn,
};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);
const OPTIONS: Options = Options::new(16 << 20);

fn net() -> HyperNet {
    HyperNet::with_tls(rustls::crypto::ring::default_provider().into())
}

async fn open(net: &HyperNet, origin: &Origin, password: &str, options: Options) -> Result<Mqtt<TokioConn>> {
    let password = Secret::new(password);
    connect(net, origin, &Login::new("printhost", "bblp", &password), REPORT, options).await
}

/// A connection that notes whole messages, and what was skipped and acknowledged, until there are so many of them.
async fn noted(
    net: &HyperNet,
    client: Mqtt<TokioConn>,
    outbox: &Outbox,
    many: usize,
) -> (Vec<Vec<u8>>, Vec<usize>, Vec<u16>) {
    let (mut messages, mut skipped, mut acknowledged) = (Vec::new(), Vec::new(), Vec::new());
    let mut message = Vec::new();
    let run = client.run(net, REQUEST, outbox, |part| {
        match part {
            Message::Begin { topic, .. } => assert_eq!(topic, REPORT),
            Message::Piece(bytes) => message.extend_from_slice(bytes),
            Message::End => messages.push(std::mem::take(&mut message)),
            Message::Skipped(len) => skipped.push(len),
            Message::Acked(id) => acknowledged.push(id),
            _ => {}
        }
        match messages.len() + skipped.len() + acknowledged.len() == many {
            true => Err(Error::new(ErrorKind::Conflict, "enough")),
            false => Ok(()),
        }
    });
    let end = timeout(PATIENCE, run).await.expect("it does not come").unwrap_err();
    assert_eq!(end.operation(), "enough", "{end}");
    (messages, skipped, acknowledged)
}

#[tokio::test]
async fn device_with_a_certificate_of_version_1_is_believed_by_its_key_and_by_its_authority() {
    let broker = Mosquitto::start().await;
    assert!(!broker.speaks("-tls1_3") && broker.speaks("-tls1_2"));
    let net = net();
    for trust in [Mosquitto::pin(), Mosquitto::authority(DEVICE)] {
        open(&net, &broker.origin(trust), PASSWORD, OPTIONS).await.unwrap();
    }
    for (trust, kind) in [
        (Trust::PinnedKey([7; 32]), ErrorKind::PinMismatch),
        (Mosquitto::authority("01P00A000000009"), ErrorKind::Untrusted),
    ] {
        let error = open(&net, &broker.origin(trust), PASSWORD, OPTIONS).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

#[tokio::test]
async fn wrong_password_is_unauthorized_within_10_s() {
    let broker = Mosquitto::start().await;
    let began = Instant::now();
    let error = open(&net(), &broker.origin(Mosquitto::pin()), "87654321", OPTIONS).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(!format!("{error:#} {error:?}").contains("87654321"));
}

#[tokio::test]
async fn messages_of_any_size_arrive_as_they_were_sent() {
    let broker = Mosquitto::start().await;
    let net = net();
    let of = |len: usize| (0..len).map(|n| (n * n / 7) as u8).collect::<Vec<_>>();
    let (retained, large, small) = (of(10 << 20), of(256 << 10), of(100));
    broker.publish(&retained, &["-r"]);
    let client = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS).await.unwrap();
    broker.publish(&large, &[]);
    broker.publish(&small, &["-q", "1"]);
    let (messages, ..) = noted(&net, client, &Outbox::new(), 3).await;
    assert!(messages == [retained, large, small], "not what was sent");
}

#[tokio::test]
async fn message_above_the_limit_is_skipped_and_the_connection_kept() {
    let broker = Mosquitto::start().await;
    let net = net();
    let client = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, Options::new(1000)).await.unwrap();
    broker.publish(&vec![b'x'; 256 << 10], &[]);
    broker.publish(b"after", &[]);
    let (messages, skipped, _) = noted(&net, client, &Outbox::new(), 2).await;
    assert_eq!((messages, skipped), (vec![b"after".to_vec()], vec![256 << 10]));
}

#[tokio::test]
async fn texts_arrive_once_and_in_order_and_are_acknowledged() {
    let broker = Mosquitto::start().await;
    let net = net();
    let listener = broker.subscriber(REQUEST, 3);
    let client = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS).await.unwrap();
    let outbox = Outbox::new();
    for text in ["one", "two", "three"] {
        outbox.send(text.into()).await;
    }
    let (.., acknowledged) = noted(&net, client, &outbox, 3).await;
    assert_eq!(acknowledged, [1, 2, 3]);
    let heard = listener.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(heard).unwrap(), "1 one\n1 two\n1 three\n", "QoS and text");
    assert!(!broker.log().contains("d1, q1"), "something was sent again");
}

#[tokio::test]
async fn idle_and_busy_connections_outlive_their_keep_alive() {
    let broker = Mosquitto::start().await;
    let net = net();
    let client = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS.keep_alive(2)).await.unwrap();
    assert!(broker.log().contains("c1, k2"), "clean session, keep-alive: {}", broker.log());
    let count = Cell::new(0);
    let outbox = Outbox::new();
    let mut run = pin!(client.run(&net, REQUEST, &outbox, |message| {
        count.set(count.get() + usize::from(message == Message::End));
        Ok(())
    }));
    // The broker closes after 3 s without a packet from us, whatever it sends itself.
    let idle = timeout(Duration::from_secs(4), &mut run).await;
    assert!(idle.is_err(), "{idle:?}");
    let mut talker = broker.talker();
    let busy = timeout(Duration::from_secs(4), &mut run).await;
    assert!(busy.is_err(), "{busy:?}");
    talker.kill().unwrap();
    talker.wait().unwrap();
    assert!(count.get() > 20, "{count:?} messages");
    assert!(!broker.log().contains("exceeded timeout"), "{}", broker.log());
}

#[tokio::test]
async fn broker_that_is_killed_is_lost_at_once() {
    let mut broker = Mosquitto::start().await;
    let net = net();
    let client = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS).await.unwrap();
    broker.kill();
    let outbox = Outbox::new();
    let end = timeout(Duration::from_secs(5), client.run(&net, REQUEST, &outbox, |_| Ok(())));
    assert_eq!(end.await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
}

#[tokio::test]
async fn broker_that_stands_still_is_dead_after_one_and_a_quarter_keep_alives() {
    let broker = Mosquitto::start().await;
    let net = net();
    let client = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS.keep_alive(2)).await.unwrap();
    broker.stop();
    let began = Instant::now();
    let end = client.run(&net, REQUEST, &Outbox::new(), |_| Ok(())).await.unwrap_err();
    assert_eq!(end.kind(), ErrorKind::Timeout, "{end}");
    assert!((2400..4000).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn second_client_of_the_same_identifier_ends_the_first() {
    let broker = Mosquitto::start().await;
    let net = net();
    let first = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS).await.unwrap();
    let _second = open(&net, &broker.origin(Mosquitto::pin()), PASSWORD, OPTIONS).await.unwrap();
    let outbox = Outbox::new();
    let end = timeout(Duration::from_secs(5), first.run(&net, REQUEST, &outbox, |_| Ok(())));
    assert_eq!(end.await.unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
}
