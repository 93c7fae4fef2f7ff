use alloc::{
    format,
    string::{String, ToString},
    vec,
    vec::Vec,
};

use bytes::BytesMut;
use core::num::NonZeroU16;
use mqttbytes::{
    QoS,
    v4::{self, SubscribeReasonCode},
};
use printhost_core::{ErrorKind, Secret};

use super::*;

const ACCEPTED: &[u8] = &[0x20, 2, 0, 0];

/// A packet as somebody else has it: a message in one piece.
#[derive(Clone, Debug, PartialEq)]
enum Whole {
    Message { topic: String, payload: Vec<u8>, ack: Option<u16> },
    Other(String),
}

/// Everything that is decoded, and what is wrong with the rest.
fn decode(limit: usize, pieces: &[&[u8]]) -> (Vec<Whole>, Option<Violation>) {
    let mut decoder = Decoder::new(limit);
    let mut all = Vec::new();
    let mut message = None;
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let (used, packet) = match decoder.decode(rest) {
                Ok(decoded) => decoded,
                Err(violation) => return (all, Some(violation)),
            };
            rest = &rest[used..];
            match packet {
                None => break,
                Some(Packet::Begin { topic, len }) => message = Some((topic.to_string(), len, Vec::new())),
                Some(Packet::Piece(bytes)) => {
                    assert!(!bytes.is_empty());
                    message.as_mut().unwrap().2.extend_from_slice(bytes);
                }
                Some(Packet::End { ack }) => {
                    let (topic, len, payload) = message.take().unwrap();
                    assert_eq!(payload.len(), len);
                    all.push(Whole::Message { topic, payload, ack });
                }
                Some(packet) => {
                    assert!(message.is_none());
                    all.push(Whole::Other(format!("{packet:?}")));
                }
            }
        }
        assert!(rest.is_empty());
    }
    (all, None)
}

fn after_login(limit: usize, wire: &[u8]) -> (Vec<Whole>, Option<Violation>) {
    let (mut all, violation) = decode(limit, &[ACCEPTED, wire]);
    assert_eq!(all.remove(0), Whole::Other("Accepted".into()));
    (all, violation)
}

fn id(id: u16) -> NonZeroU16 {
    NonZeroU16::new(id).unwrap()
}

fn message(qos: QoS, id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut publish = v4::Publish::new(topic, qos, payload);
    publish.pkid = id;
    let mut bytes = BytesMut::new();
    publish.write(&mut bytes).unwrap();
    bytes.to_vec()
}

/// What a server may send, by another codec.
fn conversation() -> (Vec<u8>, Vec<Whole>) {
    let mut wire = BytesMut::new();
    v4::ConnAck::new(v4::ConnectReturnCode::Success, true).write(&mut wire).unwrap();
    let codes = |code| vec![code];
    v4::SubAck::new(1, codes(SubscribeReasonCode::Success(QoS::AtMostOnce))).write(&mut wire).unwrap();
    v4::SubAck::new(0x102, codes(SubscribeReasonCode::Failure)).write(&mut wire).unwrap();
    let mut all: Vec<_> =
        ["Accepted", "SubAck { id: 1, granted: true }", "SubAck { id: 258, granted: false }"]
            .map(|packet| Whole::Other(packet.into()))
            .into();
    // Around the lengths at which the length has a byte more.
    for len in [0, 1, 116, 117, 118, 119, 300, 16_374, 16_375] {
        let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
        for (qos, ack) in [(QoS::AtMostOnce, None), (QoS::AtLeastOnce, Some(0xfffe))] {
            wire.extend_from_slice(&message(qos, ack.unwrap_or(0), "Würfel/r", &payload));
            all.push(Whole::Message { topic: "Würfel/r".into(), payload: payload.clone(), ack });
        }
        v4::PubAck::new(len + 1).write(&mut wire).unwrap();
        all.push(Whole::Other(format!("PubAck({})", len + 1)));
    }
    v4::PingResp.write(&mut wire).unwrap();
    all.push(Whole::Other("PingResp".into()));
    (wire.to_vec(), all)
}

#[test]
fn what_another_codec_writes_is_read_however_it_is_cut() {
    let (wire, all) = conversation();
    let expected = (all, None);
    assert_eq!(decode(1 << 20, &[&wire]), expected);
    for at in 0..=1200 {
        let (a, b) = wire.split_at(at);
        assert_eq!(decode(1 << 20, &[a, b]), expected, "split at {at}");
    }
    for size in [1, 2, 3, 7, 64, 509, 512] {
        let pieces: Vec<&[u8]> = wire.chunks(size).collect();
        assert_eq!(decode(1 << 20, &pieces), expected, "in pieces of {size}");
    }
}

#[test]
fn message_above_the_limit_is_skipped_and_its_size_told_however_it_is_cut() {
    let (first, second) = (vec![b'x'; 101], vec![b'y'; 100]);
    let wire = [
        ACCEPTED,
        &message(QoS::AtMostOnce, 0, "t", &first),
        &message(QoS::AtLeastOnce, 7, "t", &first),
        &message(QoS::AtMostOnce, 0, &"t".repeat(TOPIC + 1), b"z"),
        &message(QoS::AtMostOnce, 0, &"t".repeat(TOPIC), &second),
    ]
    .concat();
    let skipped = |len, ack: Option<u16>| Whole::Other(format!("{:?}", Packet::Skipped { len, ack }));
    let all = vec![
        Whole::Other("Accepted".into()),
        skipped(101, None),
        skipped(101, Some(7)),
        skipped(1, None),
        Whole::Message { topic: "t".repeat(TOPIC), payload: second, ack: None },
    ];
    for size in [1, 5, 100, 10_000] {
        let pieces: Vec<&[u8]> = wire.chunks(size).collect();
        assert_eq!(decode(100, &pieces), (all.clone(), None), "in pieces of {size}");
    }
    let largest = [ACCEPTED, &[0x30, 0xff, 0xff, 0xff, 0x7f, 0, 1, b't']].concat();
    assert_eq!(decode(100, &[&largest]).1, None);
}

#[test]
fn packets_that_no_server_may_send_are_refused() {
    for (wire, violation) in [
        (&[0x20, 2, 0, 0][..], Violation::AnsweredTwice),
        (&[0x00], Violation::Type(0)),
        (&[0x10], Violation::Type(1)),
        (&[0x50, 2, 0, 1], Violation::Type(5)), // QoS 2: PUBREC
        (&[0x62, 2, 0, 1], Violation::Type(6)), // PUBREL
        (&[0x70, 2, 0, 1], Violation::Type(7)), // PUBCOMP
        (&[0x82], Violation::Type(8)),
        (&[0xa2], Violation::Type(10)),
        (&[0xb0, 2, 0, 1], Violation::Type(11)), // no UNSUBSCRIBE was sent
        (&[0xc0, 0], Violation::Type(12)),
        (&[0xe0, 0], Violation::Type(14)),
        (&[0xf0], Violation::Type(15)),
        (&[0x34], Violation::Quality), // QoS 2
        (&[0x36], Violation::Quality), // QoS 3
        (&[0x38], Violation::Flags),   // QoS 0 again
        (&[0x41], Violation::Flags),
        (&[0x98], Violation::Flags),
        (&[0xd4], Violation::Flags),
        (&[0x30, 0x80, 0x80, 0x80, 0x80], Violation::Length),
        (&[0x40, 3], Violation::Size),
        (&[0x40, 0], Violation::Size),
        (&[0x90, 4], Violation::Size), // one topic was asked for
        (&[0x90, 2], Violation::Size),
        (&[0xd0, 1], Violation::Size),
        (&[0x30, 0], Violation::Size),
        (&[0x30, 1], Violation::Size),
        (&[0x30, 4, 0, 3], Violation::Size),
        (&[0x32, 4, 0, 1], Violation::Size), // no room for the identifier
        (&[0x30, 2, 0, 0], Violation::Topic),
        (&[0x30, 3, 0, 1, 0xff], Violation::Topic),
        (&[0x30, 3, 0, 1, b'+'], Violation::Topic),
        (&[0x30, 3, 0, 1, b'#'], Violation::Topic),
        (&[0x30, 3, 0, 1, 0], Violation::Topic),
        (&[0x32, 5, 0, 1, b't', 0, 0], Violation::Identifier),
        (&[0x40, 2, 0, 0], Violation::Identifier),
        (&[0x90, 3, 0, 0, 0], Violation::Identifier),
        (&[0x90, 3, 0, 1, 3], Violation::ReturnCode),
        (&[0x90, 3, 0, 1, 0x81], Violation::ReturnCode),
    ] {
        assert_eq!(after_login(100, wire), (vec![], Some(violation)), "{wire:02x?}");
        assert!(!violation.to_string().is_empty());
        for end in 0..wire.len() {
            // Nothing is given out before it is known to be right.
            assert_eq!(after_login(100, &wire[..end]).0, [], "{wire:02x?} cut at {end}");
        }
    }
}

#[test]
fn login_is_answered_first_and_with_a_code() {
    for wire in [&[0x30_u8][..], &[0x40], &[0x90], &[0xd0]] {
        assert_eq!(decode(100, &[wire]), (vec![], Some(Violation::Unannounced)));
    }
    assert_eq!(decode(100, &[&[0x20, 2, 2, 0]]), (vec![], Some(Violation::Flags)));
    for (code, refusal) in [
        (1, Refusal::Version),
        (2, Refusal::Identifier),
        (3, Refusal::Unavailable),
        (4, Refusal::Credentials),
        (5, Refusal::NotAuthorized),
        (6, Refusal::Other(6)),
    ] {
        let refused = Whole::Other(format!("{:?}", Packet::Refused(refusal)));
        // A refused login is not accepted by what follows.
        let wire = [0x20, 2, 0, code, 0x30];
        assert_eq!(decode(100, &[&wire]), (vec![refused], Some(Violation::Unannounced)));
    }
}

fn read(packet: &[u8]) -> v4::Packet {
    let mut bytes = BytesMut::from(packet);
    let read = v4::read(&mut bytes, 1 << 20).unwrap();
    assert!(bytes.is_empty());
    read
}

#[test]
fn what_is_written_another_codec_reads() {
    let password = Secret::new("12345678");
    let packet = encode_connect(&Connect::new("client", "bblp", &password, 20)).unwrap();
    let v4::Packet::Connect(connect) = read(&packet) else { panic!("{packet:02x?}") };
    assert_eq!((connect.client_id.as_str(), connect.keep_alive), ("client", 20));
    assert_eq!((connect.clean_session, connect.last_will), (true, None));
    assert_eq!(connect.login, Some(v4::Login::new("bblp", "12345678")));
    let nobody = encode_connect(&Connect::new("", "", &password, 0)).unwrap();
    assert_eq!(nobody, b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0");

    let v4::Packet::Subscribe(subscribe) = read(&encode_subscribe(id(0x1234), "a/+").unwrap()) else {
        panic!()
    };
    assert_eq!((subscribe.pkid, subscribe.filters.len()), (0x1234, 1));
    assert_eq!((subscribe.filters[0].path.as_str(), subscribe.filters[0].qos), ("a/+", QoS::AtMostOnce));

    for len in [0, 1, 119, 120, 121, 122, 123, 124, 125, 126, 16_378, 16_379, 16_380, 70_000] {
        let payload = vec![b'p'; len];
        for (quality, qos, pkid, dup) in [
            (Quality::AtMostOnce, QoS::AtMostOnce, 0, false),
            (Quality::AtLeastOnce { id: id(1), again: false }, QoS::AtLeastOnce, 1, false),
            (Quality::AtLeastOnce { id: id(65535), again: true }, QoS::AtLeastOnce, 65535, true),
        ] {
            let packet = encode_publish("a/b", quality, &payload).unwrap();
            assert_eq!(packet.len(), packet.capacity(), "no more than is needed");
            let v4::Packet::Publish(publish) = read(&packet) else { panic!() };
            assert_eq!((publish.qos, publish.pkid, publish.dup, publish.retain), (qos, pkid, dup, false));
            assert_eq!((publish.topic.as_str(), &publish.payload[..]), ("a/b", &payload[..]));
        }
    }
    assert_eq!(read(&encode_puback(0xabcd)), v4::Packet::PubAck(v4::PubAck::new(0xabcd)));
    assert_eq!(read(&PINGREQ), v4::Packet::PingReq);
    assert_eq!(read(&DISCONNECT), v4::Packet::Disconnect);
}

#[test]
fn what_can_never_be_right_is_not_written() {
    let password = Secret::new("12345678");
    let long = "x".repeat(65536);
    for (client_id, user) in [("a\0b", "u"), ("a\nb", "u"), (&long, "u"), ("c", "u\0"), ("c", &long)] {
        let error = encode_connect(&Connect::new(client_id, user, &password, 20)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(!format!("{error:?}").contains("12345678"));
    }
    for topic in ["", "a\0", &long] {
        assert_eq!(encode_subscribe(id(1), topic).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    for topic in ["", "a/+", "#", "a\0", &long] {
        let error = encode_publish(topic, Quality::AtMostOnce, b"").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
