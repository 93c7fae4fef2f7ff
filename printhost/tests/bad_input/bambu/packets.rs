//! MQTT that no broker speaks: each violation is told, and another connection is made unless that makes no sense.

use std::{sync::Arc, time::Duration};

use printhost::{AnyHost, Error, ErrorKind, Event, PrintHost as _, Retry, bambu::Bambu, beside};
use tokio::{sync::Notify, time::Instant};

use super::{
    super::harness::{Call, Scene, alone, decent, is_kind},
    harness::{MEMORY, config, host, lost, net, peak, while_live},
    printer::{Answer, Printer, Step, say},
    words::{CONNACK, bed, head, healthy_mqtt, message_on, packet, report_topic},
};

/// How long a login may take.
const LOGIN: Duration = Duration::from_secs(11);

/// A printer that does this once it is told to go on.
async fn doing(steps: Answer) -> (Printer, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let on = go.clone();
    let printer = Printer::start(Scene::Idle, move |told| {
        told.is("ORDER pushing.pushall").then(|| {
            let mut all = healthy_mqtt(told, Scene::Idle);
            all.push(Step::Wait(on.clone()));
            all.extend(steps.clone());
            all
        })
    })
    .await;
    (printer, go)
}

fn with_body(first: u8, body: &[u8]) -> Vec<u8> {
    [&packet(first, body.len()), body].concat()
}

#[tokio::test(start_paused = true)]
async fn packet_that_breaks_the_protocol_ends_the_connection_and_another_one_follows() {
    let _alone = alone().await;
    let topic = report_topic();
    let report = message_on(&topic, b"{}");
    let rows: Vec<(&str, Vec<u8>)> = vec![
        ("a length of five bytes", vec![0x30, 0xff, 0xff, 0xff, 0xff, 0x01]),
        ("type 0", vec![0x00, 0]),
        ("type 15", vec![0xf0, 0]),
        ("a client's packet", vec![0xc0, 0]),
        ("flags of an answer", vec![0xd3, 0]),
        ("a login that is answered again", CONNACK.into()),
        ("an answer to a subscription that nobody has made", vec![0x90, 3, 0, 9, 0]),
        ("a subscription that is refused now", vec![0x90, 3, 0, 1, 0x80]),
        ("an acknowledgement of what was not sent", vec![0x40, 2, 0x77, 0x77]),
        ("an acknowledgement of nothing", vec![0x40, 2, 0, 0]),
        ("an acknowledgement of another length", vec![0x40, 3, 0, 1, 0]),
        ("an answer to a ping with something in it", vec![0xd0, 1, 0]),
        ("QoS 2", with_body(0x34, &[0, 1, b'x', 0, 1, b'{', b'}'])),
        ("QoS 3", with_body(0x36, &[0, 1, b'x', 0, 1, b'{', b'}'])),
        ("no identifier", with_body(0x32, &[0, 1, b'x', 0, 0, b'{', b'}'])),
        ("no topic", with_body(0x30, &[0, 0, b'{', b'}'])),
        ("a topic that is not UTF-8", with_body(0x30, &[0, 2, 0xff, 0xfe])),
        ("a topic with a wildcard", message_on("device/+/report", b"{}")),
        ("a topic with a NUL", message_on("device/\0/report", b"{}")),
        ("a topic longer than its packet", with_body(0x30, &[0, 9, b'x'])),
        ("a message without a topic's length", with_body(0x30, &[0])),
        ("a message that is longer than it says", [&report[..], b"{\"print\":{}}"].concat()),
        ("plain text", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
    ];
    for (name, bytes) in rows {
        let (printer, go) = doing(say(bytes)).await;
        let host = host(&printer);
        let ((error, since), peak) = while_live(&host, async |mut events| {
            go.notify_one();
            let since = Instant::now();
            let told = async { (lost(&mut events).await, since.elapsed()) };
            let told = peak(told).await;
            while events.next().await != Event::Resynced {}
            told
        })
        .await;
        is_kind(name, &error, ErrorKind::Protocol);
        decent(name, &error);
        assert!(since < Duration::from_secs(1), "{name}: {since:?}");
        assert!(peak <= MEMORY, "{name}: {peak} bytes");
        assert_eq!(printer.times("CONNECT"), 2, "{name}");
    }
}

/// The control: with nothing wrong in it, the same is read, and the connection stays.
#[tokio::test(start_paused = true)]
async fn packets_that_may_come_at_any_time_end_nothing() {
    let _alone = alone().await;
    let topic = report_topic();
    let twice = with_body(0x3a, &[&[0, 1, b'x'][..], &[0, 1], b"{}"].concat());
    let fine =
        [vec![0xd0, 0], vec![0x40, 2, 0, 1], twice.clone(), twice, head(&topic, 0), bed(99.5)].concat();
    let (printer, go) = doing(say(fine)).await;
    let host = host(&printer);
    while_live(&host, async |mut events| {
        go.notify_one();
        loop {
            match events.next().await {
                Event::Status(status) if status.bed.unwrap().actual == Some(99.5) => break,
                Event::Status(_) => {}
                event => panic!("{event:?}"),
            }
        }
    })
    .await;
    assert_eq!(printer.times("CONNECT"), 1);
}

/// What is first told of a printer that speaks so to whoever comes, by a call and by the connection, within the time that a
/// login has.
async fn at_login(name: &str, place: &'static str, steps: Answer) -> (Error, Printer) {
    let printer = Printer::start(Scene::Idle, move |told| told.is(place).then(|| steps.clone())).await;
    let host = host(&printer);
    let mut events = host.events().unwrap();
    let begun = Instant::now();
    let told = async {
        tokio::select! {
            error = lost(&mut events) => error,
            end = host.run() => end.unwrap_err(),
        }
    };
    let (error, peak) = peak(told).await;
    assert!(begun.elapsed() < LOGIN, "{name}: {:?}", begun.elapsed());
    assert!(peak <= MEMORY, "{name}: {peak} bytes");
    decent(name, &error);
    // Whoever waits for it is told the same.
    let waiting = AnyHost::Bambu(Bambu::new(net(), config(&printer)));
    let call = beside(&waiting, Call::Status.make(&waiting)).await.flatten().unwrap_err();
    let kind = match error.kind() {
        ErrorKind::Protocol | ErrorKind::Busy => ErrorKind::Disconnected,
        kind => kind,
    };
    assert!([kind, error.kind()].contains(&call.kind()), "{name}: {call:?} of {error:?}");
    decent(name, &call);
    (error, printer)
}

#[tokio::test(start_paused = true)]
async fn every_answer_to_the_login_is_told_apart() {
    let _alone = alone().await;
    let code = |code: u8| say(vec![0x20, 2, 0, code]);
    let rows: Vec<(&str, Answer, ErrorKind)> = vec![
        ("another MQTT", code(1), ErrorKind::Protocol),
        ("a name that it does not take", code(2), ErrorKind::InvalidInput),
        ("unavailable", code(3), ErrorKind::Busy),
        ("a wrong code", code(4), ErrorKind::Unauthorized),
        ("not allowed", code(5), ErrorKind::Unauthorized),
        ("a code of tomorrow", code(6), ErrorKind::Protocol),
        ("the last code", code(255), ErrorKind::Protocol),
        ("half an answer", vec![Step::Say(vec![0x20, 2, 0].into()), Step::Close], ErrorKind::Disconnected),
        ("a longer answer", say(vec![0x20, 3, 0, 0, 0]), ErrorKind::Protocol),
        ("an answer to something else", say(vec![0x90, 3, 0, 1, 0]), ErrorKind::Protocol),
        ("a report", say(bed(50.0)), ErrorKind::Protocol),
        ("plain text", say(b"220 ready\r\n".as_slice()), ErrorKind::Protocol),
        ("silence", vec![Step::Hold], ErrorKind::Timeout),
        ("pings", vec![Step::Trickle(&[0xd0, 0], Duration::from_secs(1))], ErrorKind::Protocol),
        ("the end", vec![Step::Close], ErrorKind::Disconnected),
        ("a reset", vec![Step::Reset], ErrorKind::Disconnected),
    ];
    for (name, steps, kind) in rows {
        let (error, printer) = at_login(name, "CONNECT", steps).await;
        is_kind(name, &error, kind);
        if kind == ErrorKind::Unauthorized {
            // One of each host.
            assert_eq!((printer.times("CONNECT"), error.retry()), (2, Retry::Never), "{name}");
        }
        assert_eq!(printer.times("SUBSCRIBE"), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_answer_to_the_subscription_is_told_apart() {
    let _alone = alone().await;
    let rows: Vec<(&str, Answer, ErrorKind)> = vec![
        ("a refusal", say(vec![0x90, 3, 0, 1, 0x80]), ErrorKind::Forbidden),
        ("a QoS that was not asked for", say(vec![0x90, 3, 0, 1, 3]), ErrorKind::Protocol),
        ("another identifier", say(vec![0x90, 3, 0, 2, 0]), ErrorKind::Protocol),
        ("two answers", say(vec![0x90, 4, 0, 1, 0, 0]), ErrorKind::Protocol),
        ("a ping's answer", say(vec![0xd0, 0]), ErrorKind::Protocol),
        ("silence", vec![Step::Hold], ErrorKind::Timeout),
        ("the end", vec![Step::Close], ErrorKind::Disconnected),
        ("half of it", vec![Step::Say(vec![0x90, 3, 0].into()), Step::Close], ErrorKind::Disconnected),
        // Messages show that there is one, and these say nothing.
        (
            "reports of nothing for ever",
            vec![Step::Trickle(b"\x30\x03\x00\x01x", Duration::from_secs(1))],
            ErrorKind::Timeout,
        ),
    ];
    for (name, steps, kind) in rows {
        let (error, printer) = match name {
            "reports of nothing for ever" => told_nothing(steps).await,
            _ => at_login(name, "SUBSCRIBE", steps).await,
        };
        is_kind(name, &error, kind);
        assert_eq!(printer.times("ORDER print"), 0, "{name}");
    }
}

async fn told_nothing(steps: Answer) -> (Error, Printer) {
    let printer = Printer::start(Scene::Idle, move |told| told.is("SUBSCRIBE").then(|| steps.clone())).await;
    let host = host(&printer);
    let mut events = host.events().unwrap();
    let begun = Instant::now();
    let error = tokio::select! {
        error = lost(&mut events) => error,
        end = host.run() => panic!("{end:?}"),
    };
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    (error, printer)
}
