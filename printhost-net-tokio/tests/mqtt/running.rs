use std::{future::pending, time::Duration};

use mqttbytes::{QoS, v4::Packet};
use printhost_core::{Error, ErrorKind};
use printhost_net::mqtt::{Message, Options, Outbox};
use tokio::time::sleep;

use super::network::{HELD, Network, REQUEST, connected};

const OPTIONS: Options = Options::new(100);
/// When everything that can be done at once is done.
const SOON: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn texts_are_published_once_with_rising_identifiers_and_acknowledgements_are_told_in_any_order() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    let mut acknowledged = Vec::new();
    let run = client.run(&network, REQUEST, &outbox, |message| {
        if let Message::Acked(id) = message {
            acknowledged.push(id);
        }
        Ok(())
    });
    let script = async {
        for text in ["one", "two", "three"] {
            outbox.send(text.into()).await;
        }
        for (id, text) in [(1, "one"), (2, "two"), (3, "three")] {
            let Some(Packet::Publish(publish)) = server.next().await else { panic!("no PUBLISH") };
            assert_eq!((publish.pkid, publish.qos, publish.dup), (id, QoS::AtLeastOnce, false));
            assert_eq!((publish.topic.as_str(), &publish.payload[..]), (REQUEST, text.as_bytes()));
        }
        server.say(&[0x40, 2, 0, 2, 0x40, 2, 0, 1]).await;
        // What is not acknowledged is not sent again either.
        for _ in 0..10 {
            assert_eq!(server.next().await, Some(Packet::PingReq));
            server.say(&[0xd0, 0]).await;
        }
    };
    tokio::select! {
        end = run => panic!("{end:?}"),
        () = script => {}
    }
    assert_eq!(acknowledged, [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn nothing_waits_for_an_acknowledgement_and_identifiers_begin_anew_after_the_last() {
    const TEXTS: u32 = 65_540;
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    let run = client.run(&network, REQUEST, &outbox, |_| Ok(()));
    let fill = async {
        for _ in 0..TEXTS {
            outbox.send("{}".into()).await;
        }
        pending().await
    };
    let script = async {
        for n in 0..TEXTS {
            let Some(Packet::Publish(publish)) = server.next().await else { panic!("no PUBLISH") };
            assert_eq!(u32::from(publish.pkid), n % 65_535 + 1);
        }
    };
    tokio::select! {
        end = run => panic!("{end:?}"),
        () = fill => {}
        () = script => {}
    }
}

#[tokio::test(start_paused = true)]
async fn messages_come_in_pieces_and_those_of_qos_1_are_acknowledged_skipped_or_not() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    let mut told = Vec::new();
    let run = client.run(&network, REQUEST, &outbox, |message| {
        told.push(format!("{message:?}"));
        Ok(())
    });
    let script = async {
        let large = [&[0x32, 0x8a, 1, 0, 1, b't', 0, 8][..], &[b'x'; 133]].concat();
        server.say(b"\x32\x08\0\x01t\0\x07abc").await;
        assert_eq!(server.next().await, Some(Packet::PubAck(mqttbytes::v4::PubAck::new(7))));
        server.say(&large).await;
        assert_eq!(server.next().await, Some(Packet::PubAck(mqttbytes::v4::PubAck::new(8))));
        server.say(b"\x30\x05\0\x01td").await;
        sleep(SOON).await;
        server.say(b"e\x30\x03\0\x01t").await;
        sleep(SOON).await;
    };
    tokio::select! {
        end = run => panic!("{end:?}"),
        () = script => {}
    }
    let begin = |len| format!(r#"Begin {{ topic: "t", len: {len} }}"#);
    let expected = [
        &begin(3),
        "Piece([97, 98, 99])",
        "End",
        "Skipped(133)",
        &begin(2),
        "Piece([100])",
        "Piece([101])",
        "End",
        &begin(0),
        "End",
    ];
    assert_eq!(told, expected);
}

/// How the run ends when the host says this.
async fn end_of(said: &[u8]) -> Error {
    let (network, client, mut server) = connected(OPTIONS).await;
    server.say(said).await;
    client.run(&network, REQUEST, &Outbox::new(), |_| Ok(())).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn what_was_not_asked_for_ends_the_connection() {
    for said in [
        &[0x40, 2, 0, 1][..],   // nothing was published
        &[0x90, 3, 0, 1, 0],    // that is answered already
        &[0x20, 2, 0, 0],       // likewise
        &[0x34, 5, 0, 1, b't'], // QoS 2
        &[0xb0, 2, 0, 1],
    ] {
        assert_eq!(end_of(said).await.kind(), ErrorKind::Protocol, "{said:02x?}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_of_the_caller_ends_the_connection_and_the_host_is_told() {
    let (network, client, mut server) = connected(OPTIONS).await;
    server.say(b"\x30\x05\0\x01tde").await;
    let outbox = Outbox::new();
    let run = client.run(&network, REQUEST, &outbox, |_| Err(Error::new(ErrorKind::Conflict, "test")));
    assert_eq!(run.await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(server.next().await, Some(Packet::Disconnect));
    assert_eq!(server.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn dropped_run_disconnects_but_never_in_the_middle_of_a_packet() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    tokio::select! {
        biased;
        end = client.run(&network, REQUEST, &outbox, |_| Ok(())) => panic!("{end:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(server.next().await, Some(Packet::Disconnect));
    assert_eq!(server.next().await, None);

    let (network, client, mut server) = connected(OPTIONS).await;
    outbox.send("x".repeat(2 * HELD)).await;
    tokio::select! {
        biased;
        end = client.run(&network, REQUEST, &outbox, |_| Ok(())) => panic!("{end:?}"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(server.next().await, None, "half a packet, and nothing after it");
}

#[tokio::test(start_paused = true)]
async fn texts_that_were_not_sent_are_still_in_the_outbox() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let outbox = Outbox::new();
    for text in ["sent", &"y".repeat(2 * HELD), "kept", "kept too"] {
        outbox.send(text.into()).await;
    }
    let run = client.run(&network, REQUEST, &outbox, |_| Ok(()));
    let script = async {
        let Some(Packet::Publish(publish)) = server.next().await else { panic!("no PUBLISH") };
        assert_eq!(&publish.payload[..], b"sent");
        drop(server);
    };
    let (end, ()) = tokio::join!(run, script);
    assert_eq!(end.unwrap_err().kind(), ErrorKind::Disconnected);
    // The second was on its way: the host may have it.
    assert_eq!(outbox.try_receive().unwrap(), "kept");
    assert_eq!(outbox.try_receive().unwrap(), "kept too");
    assert!(outbox.is_empty());
}

#[tokio::test(start_paused = true)]
async fn topic_that_nobody_can_publish_to_is_refused_at_once() {
    let (network, client, _server) = connected(OPTIONS).await;
    let end = client.run(&network, "device/+/request", &Outbox::new(), |_| Ok(())).await;
    assert_eq!(end.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test(start_paused = true)]
async fn connection_can_be_spawned() {
    let (network, client, mut server) = connected(OPTIONS).await;
    let network: &'static Network = Box::leak(Box::new(network));
    let run = tokio::spawn(async move {
        client.run(network, REQUEST, &Outbox::new(), |_| Ok(())).await.unwrap_err().kind()
    });
    assert_eq!(server.next().await, Some(Packet::PingReq));
    drop(server);
    assert_eq!(run.await.unwrap(), ErrorKind::Disconnected);
}
