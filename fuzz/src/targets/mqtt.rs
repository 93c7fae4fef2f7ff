//! MQTT packets: whatever is read, mqttbytes reads as well, however it is cut; what mqttbytes writes is read, and the
//! other way round.

use std::num::NonZeroU16;

use bytes::BytesMut;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use mqttbytes::{
    QoS,
    v4::{self, ConnectReturnCode, SubscribeReasonCode},
};
use printhost_core::Secret;
use printhost_net::proto::mqtt::{
    Connect, Decoder, Packet, Quality, Refusal, TOPIC, Violation, encode_connect, encode_puback,
    encode_publish, encode_subscribe,
};

use crate::{cuts, memory};

const LIMIT: usize = 300;
const ACCEPTED: [u8; 4] = [0x20, 2, 0, 0];

/// A packet, as far as both codecs know it.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Accepted,
    Refused(u8),
    SubAck(u16, bool),
    Message { topic: String, payload: Vec<u8>, ack: Option<u16> },
    Skipped { len: usize, ack: Option<u16> },
    PubAck(u16),
    PingResp,
}

pub fn run(data: &[u8]) {
    // Most of what comes, comes after the login.
    let logged_in = [&ACCEPTED, data].concat();
    for wire in [data, &logged_in] {
        memory::within(TOPIC, || {
            let mut decoder = Decoder::new(LIMIT);
            let mut rest = wire;
            while let Ok((used, Some(_))) = decoder.decode(rest) {
                rest = &rest[used..];
            }
        });
        let whole = decode(&[wire]);
        for pieces in cuts::of(wire) {
            assert_eq!(decode(&pieces), whole);
        }
        judge(wire, &whole);
    }
    let _ = received(&mut Unstructured::new(data));
    let _ = sent(&mut Unstructured::new(data));
}

/// The packets up to the end or to what is wrong.
fn decode(pieces: &[&[u8]]) -> (Vec<Read>, Option<Violation>) {
    let mut decoder = Decoder::new(LIMIT);
    let (mut all, mut message) = (Vec::new(), None);
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let (used, packet) = match decoder.decode(rest) {
                Ok(decoded) => decoded,
                Err(violation) => return (all, Some(violation)),
            };
            rest = &rest[used..];
            let Some(packet) = packet else { break };
            assert!(message.is_none() || matches!(packet, Packet::Piece(_) | Packet::End { .. }));
            all.push(match packet {
                Packet::Begin { topic, len } => {
                    assert!(len <= LIMIT && topic.len() <= TOPIC);
                    message = Some((topic.to_owned(), len, Vec::new()));
                    continue;
                }
                Packet::Piece(bytes) => {
                    assert!(!bytes.is_empty());
                    message.as_mut().expect("begun").2.extend_from_slice(bytes);
                    continue;
                }
                Packet::End { ack } => {
                    let (topic, len, payload) = message.take().expect("begun");
                    assert_eq!(payload.len(), len);
                    Read::Message { topic, payload, ack }
                }
                Packet::Skipped { len, ack } => Read::Skipped { len, ack },
                Packet::Accepted => Read::Accepted,
                Packet::Refused(refusal) => Read::Refused(match refusal {
                    Refusal::Version => 1,
                    Refusal::Identifier => 2,
                    Refusal::Unavailable => 3,
                    Refusal::Credentials => 4,
                    Refusal::NotAuthorized => 5,
                    Refusal::Other(code) => code,
                    _ => unreachable!(),
                }),
                Packet::SubAck { id, granted } => Read::SubAck(id, granted),
                Packet::PubAck(id) => Read::PubAck(id),
                Packet::PingResp => Read::PingResp,
                _ => unreachable!(),
            });
        }
        assert!(rest.is_empty(), "nothing is found, and something is left");
    }
    (all, None)
}

/// mqttbytes checks less, so what it reads need not be right; but whatever we read, it reads the same.
fn judge(wire: &[u8], (all, violation): &(Vec<Read>, Option<Violation>)) {
    let mut stream = BytesMut::from(wire);
    for ours in all {
        let theirs = v4::read(&mut stream, usize::MAX);
        match (ours, theirs) {
            // It knows no such code, and no topic that is not UTF-8; those of what is skipped nobody looks at.
            (Read::Refused(6..), Err(mqttbytes::Error::InvalidConnectReturnCode(_)))
            | (Read::Skipped { .. }, Err(mqttbytes::Error::TopicNotUtf8)) => {}
            (ours, Ok(theirs)) => assert_eq!(*ours, read(theirs).expect("a server's packet")),
            (ours, theirs) => panic!("{ours:?} is {theirs:?}"),
        }
    }
    if violation.is_none() {
        match v4::read(&mut stream, usize::MAX) {
            Err(mqttbytes::Error::InsufficientBytes(_)) => {}
            theirs => panic!("{theirs:?} was passed over"),
        }
    }
}

fn read(packet: v4::Packet) -> Option<Read> {
    Some(match packet {
        v4::Packet::ConnAck(v4::ConnAck { code: ConnectReturnCode::Success, .. }) => Read::Accepted,
        v4::Packet::ConnAck(refused) => Read::Refused(refused.code as u8),
        v4::Packet::SubAck(v4::SubAck { pkid, return_codes }) => {
            Read::SubAck(pkid, !return_codes.contains(&SubscribeReasonCode::Failure))
        }
        v4::Packet::Publish(publish) => {
            let ack = (publish.qos == QoS::AtLeastOnce).then_some(publish.pkid);
            match publish.payload.len() {
                len if len > LIMIT || publish.topic.len() > TOPIC => Read::Skipped { len, ack },
                _ => Read::Message { topic: publish.topic, payload: publish.payload.to_vec(), ack },
            }
        }
        v4::Packet::PubAck(v4::PubAck { pkid }) => Read::PubAck(pkid),
        v4::Packet::PingResp => Read::PingResp,
        _ => return None,
    })
}

/// A topic of any length, among them those around the longest that is kept.
fn topic(u: &mut Unstructured<'_>) -> Result<String> {
    let len = match u.arbitrary::<u8>()? {
        250.. => *u.choose(&[TOPIC - 1, TOPIC, TOPIC + 1, 1000])?,
        len => usize::from(len % 40) + 1,
    };
    let wide = len > 2 && u.arbitrary()?;
    Ok(if wide {
        "ü".to_owned() + &"/t".repeat(len)[..len - 2]
    } else {
        "d/r".repeat(len)[..len].to_owned()
    })
}

/// A payload of any length, among them those where the length of the packet takes a byte more.
fn payload(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = match u.int_in_range(0..=1023_u16)? {
        1020.. => *u.choose(&[16_383, 16_384, 70_000])?,
        900.. => *u.choose(&[118, 122, 124, 126, 127, 128, LIMIT, LIMIT + 1])?,
        len => usize::from(len % 320),
    };
    let first: u8 = u.arbitrary()?;
    Ok((0..len).map(|n| (n as u8).wrapping_mul(61).wrapping_add(first)).collect())
}

fn id(u: &mut Unstructured<'_>) -> Result<NonZeroU16> {
    Ok(NonZeroU16::new(u.arbitrary()?).unwrap_or(NonZeroU16::MAX))
}

fn received(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut wire, mut expected) = (BytesMut::from(&ACCEPTED[..]), vec![Read::Accepted]);
    for _ in 0..u.int_in_range(1..=5)? {
        let packet = match u.int_in_range(0..=7)? {
            0 => v4::Packet::PubAck(v4::PubAck::new(id(u)?.get())),
            1 => v4::Packet::PingResp,
            2 => {
                let code = *u.choose(&[
                    SubscribeReasonCode::Success(QoS::AtMostOnce),
                    SubscribeReasonCode::Success(QoS::AtLeastOnce),
                    SubscribeReasonCode::Failure,
                ])?;
                v4::Packet::SubAck(v4::SubAck::new(id(u)?.get(), vec![code]))
            }
            _ => {
                let qos = if u.arbitrary()? { QoS::AtLeastOnce } else { QoS::AtMostOnce };
                let mut publish = v4::Publish::new(topic(u)?, qos, payload(u)?);
                publish.retain = u.arbitrary()?;
                if qos == QoS::AtLeastOnce {
                    (publish.pkid, publish.dup) = (id(u)?.get(), u.arbitrary()?);
                }
                v4::Packet::Publish(publish)
            }
        };
        let written = match &packet {
            v4::Packet::PubAck(packet) => packet.write(&mut wire),
            v4::Packet::SubAck(packet) => packet.write(&mut wire),
            v4::Packet::Publish(packet) => packet.write(&mut wire),
            _ => v4::PingResp.write(&mut wire),
        };
        written.expect("a packet");
        expected.push(read(packet).expect("a server's packet"));
    }
    let expected = (expected, None);
    assert_eq!(decode(&[&wire]), expected);
    // Single bytes of a long message tell nothing new.
    for pieces in cuts::of(&wire).into_iter().filter(|pieces| pieces.len() < 10_000) {
        assert_eq!(decode(&pieces), expected);
    }
    Ok(())
}

fn written(packet: &[u8]) -> v4::Packet {
    let mut stream = BytesMut::from(packet);
    let packet = v4::read(&mut stream, usize::MAX).expect("a packet");
    assert!(stream.is_empty(), "there is something after it");
    packet
}

fn sent(u: &mut Unstructured<'_>) -> Result<()> {
    let (topic, payload, id, again) = (topic(u)?, payload(u)?, id(u)?, u.arbitrary()?);
    for quality in [Quality::AtMostOnce, Quality::AtLeastOnce { id, again }] {
        let packet = encode_publish(&topic, quality, &payload).expect("a topic");
        let v4::Packet::Publish(publish) = written(&packet) else { panic!("no PUBLISH") };
        let expected = match quality {
            Quality::AtLeastOnce { .. } => (QoS::AtLeastOnce, id.get(), again),
            _ => (QoS::AtMostOnce, 0, false),
        };
        assert_eq!((publish.qos, publish.pkid, publish.dup), expected);
        assert_eq!((publish.retain, &publish.topic, &publish.payload[..]), (false, &topic, &payload[..]));
    }
    let packet = encode_subscribe(id, &topic).expect("a topic");
    let v4::Packet::Subscribe(subscribe) = written(&packet) else { panic!("no SUBSCRIBE") };
    assert_eq!((subscribe.pkid, subscribe.filters.len(), &subscribe.filters[0].path), (id.get(), 1, &topic));
    assert_eq!(written(&encode_puback(id.get())), v4::Packet::PubAck(v4::PubAck::new(id.get())));

    let texts = [super::text(u)?, super::text(u)?, super::text(u)?];
    let [client_id, user, password] = texts;
    let secret = Secret::new(password);
    match encode_connect(&Connect::new(client_id, user, &secret, id.get())) {
        Ok(packet) => {
            let v4::Packet::Connect(connect) = written(&packet) else { panic!("no CONNECT") };
            assert_eq!((connect.client_id.as_str(), connect.keep_alive), (client_id, id.get()));
            assert!(connect.clean_session && connect.last_will.is_none());
            let login = (!user.is_empty()).then(|| v4::Login::new(user, password));
            assert_eq!(connect.login, login);
        }
        Err(_) => assert!(texts.concat().contains(char::is_control)),
    }
    Ok(())
}
