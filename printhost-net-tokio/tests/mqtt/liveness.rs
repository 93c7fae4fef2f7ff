use std::{cell::RefCell, time::Duration};

use mqttbytes::v4::Packet;
use printhost_core::{Error, ErrorKind};
use printhost_net::mqtt::{Mqtt, Options, Outbox};
use tokio::time::{Instant, sleep};

use super::network::{HELD, MemoryConn, Network, REQUEST, Server, connected};

const OPTIONS: Options = Options::new(1 << 20);
const PINGRESP: [u8; 2] = [0xd0, 0];
const MESSAGE: &[u8] = b"\x30\x05\0\x01tde";
/// No link may look alive for longer.
const MOST: Duration = Duration::from_secs(30);

async fn run(network: &Network, client: Mqtt<MemoryConn>, outbox: &Outbox) -> Error {
    client.run(network, REQUEST, outbox, |_| Ok(())).await.unwrap_err()
}

/// Reads until the client has gone, and tells when each packet came, in seconds.
async fn times(server: &mut Server, seen: &RefCell<Vec<(Packet, u64)>>) {
    let began = Instant::now();
    while let Some(packet) = server.next().await {
        seen.borrow_mut().push((packet, began.elapsed().as_secs()));
    }
}

#[tokio::test(start_paused = true)]
async fn silent_host_is_pinged_after_10_s_and_dead_after_25() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let (began, seen) = (Instant::now(), RefCell::default());
    let outbox = Outbox::new();
    let ended = async {
        let error = run(&network, client, &outbox).await;
        (error, began.elapsed())
    };
    let ((error, after), ()) = tokio::join!(ended, times(&mut server, &seen));
    assert_eq!((error.kind(), after.as_secs()), (ErrorKind::Timeout, 25), "{error}");
    let seen = seen.into_inner();
    assert_eq!(seen.first(), Some(&(Packet::PingReq, 10)));
    assert_eq!(seen.last(), Some(&(Packet::Disconnect, 25)));
    assert!(seen[1..seen.len() - 1].iter().all(|(packet, _)| *packet == Packet::PingReq), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn host_that_answers_pings_is_alive_however_long_it_says_nothing_else() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    let script = async {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(3600) {
            let asked = Instant::now();
            assert_eq!(server.next().await, Some(Packet::PingReq));
            assert!(asked.elapsed() <= Duration::from_secs(20));
            // As late as may be.
            sleep(Duration::from_secs(9)).await;
            server.say(&PINGRESP).await;
        }
    };
    tokio::select! {
        error = run(&network, client, &outbox) => panic!("{error}"),
        () = script => {}
    }
}

#[tokio::test(start_paused = true)]
async fn host_that_talks_all_the_time_gets_pings_within_its_keep_alive() {
    let (network, client, mut server) = connected(OPTIONS.keep_alive(2)).await;
    let outbox = Outbox::new();
    let script = async {
        let mut heard = Instant::now();
        for _ in 0..10_000 {
            server.say(MESSAGE).await;
            tokio::select! {
                packet = server.next() => {
                    assert_eq!(packet, Some(Packet::PingReq));
                    assert!(heard.elapsed() <= Duration::from_secs(2), "{:?}", heard.elapsed());
                    heard = Instant::now();
                }
                () = sleep(Duration::from_millis(100)) => {}
            }
        }
        assert!(heard.elapsed() <= Duration::from_secs(2));
    };
    tokio::select! {
        error = run(&network, client, &outbox) => panic!("{error}"),
        () = script => {}
    }
}

#[tokio::test(start_paused = true)]
async fn silent_host_is_dead_in_time_however_much_is_said_to_it() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let (began, seen) = (Instant::now(), RefCell::default());
    let outbox = Outbox::new();
    let ended = async {
        let talk = async {
            loop {
                sleep(Duration::from_secs(3)).await;
                outbox.send("{}".into()).await;
            }
        };
        tokio::select! {
            error = run(&network, client, &outbox) => (error, began.elapsed()),
            () = talk => unreachable!(),
        }
    };
    let ((error, after), ()) = tokio::join!(ended, times(&mut server, &seen));
    assert_eq!((error.kind(), after.as_secs()), (ErrorKind::Timeout, 25), "{error}");
    assert!(seen.borrow().contains(&(Packet::PingReq, 10)), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn host_that_stops_reading_is_dead_in_time_whether_it_talks_or_not() {
    for talks in [false, true] {
        let (network, client, mut server) = connected(OPTIONS).await;
        let outbox = Outbox::new();
        outbox.send("x".repeat(2 * HELD)).await;
        outbox.send("never sent".into()).await;
        let began = Instant::now();
        let talk = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                if talks {
                    server.say(MESSAGE).await;
                }
            }
        };
        let error = tokio::select! {
            error = run(&network, client, &outbox) => error,
            () = talk => unreachable!(),
        };
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
        assert!(began.elapsed() <= MOST, "{talks}: {:?}", began.elapsed());
        assert_eq!(outbox.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn host_that_stops_reading_and_wants_acknowledgements_is_dead_in_time_and_nothing_piles_up() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    outbox.send("x".repeat(2 * HELD)).await;
    let began = Instant::now();
    let talk = async {
        loop {
            server.say(b"\x32\x07\0\x01t\0\x07de").await;
        }
    };
    let error = tokio::select! {
        error = run(&network, client, &outbox) => error,
        () = talk => unreachable!(),
    };
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(began.elapsed() <= MOST, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn slow_message_is_a_sign_of_life() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    let script = async {
        server.say(&[0x30, 200, 1, 0, 1, b't']).await;
        for _ in 0..197 {
            sleep(Duration::from_secs(20)).await;
            server.say(b"x").await;
        }
    };
    tokio::select! {
        error = run(&network, client, &outbox) => panic!("{error}"),
        () = script => {}
    }
}

#[tokio::test(start_paused = true)]
async fn keep_alive_beyond_what_notices_a_dead_link_in_time_is_the_nearest_that_does() {
    for (asked, dead) in [(0, 1250), (1, 1250), (2, 2500), (24, 30_000), (u16::MAX, 30_000)] {
        let (network, client, mut server) = connected(OPTIONS.keep_alive(asked)).await;
        let began = Instant::now();
        let seen = RefCell::default();
        let outbox = Outbox::new();
        let ended = async {
            run(&network, client, &outbox).await;
            began.elapsed().as_millis()
        };
        let (after, ()) = tokio::join!(ended, times(&mut server, &seen));
        assert!((dead..=dead + 5).contains(&after), "{asked}: {after}");
    }
}
