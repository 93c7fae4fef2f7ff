//! From dialling to the subscription.

use alloc::vec::Vec;
use core::{num::NonZeroU16, time::Duration};

use embassy_futures::select::{Either, select};
use embedded_io_async::{Read, Write};
use printhost_core::{Clock as _, Error, ErrorKind, Result};

use super::{Login, Mqtt, Options, Received, broke};
use crate::{
    Dial, Net, Origin,
    proto::mqtt::{Connect, Decoder, Packet, Refusal, encode_connect, encode_subscribe},
};

/// Of the subscription.
pub(super) const ID: NonZeroU16 = NonZeroU16::MIN;
/// How long the host may take to answer the login and the subscription.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, logs in with a clean session, and subscribes to `topic`, which may have wildcards, with QoS 0.
///
/// Errors, beside those of [`Dial::dial`], at the latest 10 s after the connection is there:
/// [`ErrorKind::Unauthorized`] when the user or the password is refused,
/// [`ErrorKind::Busy`] when the service is unavailable,
/// [`ErrorKind::Forbidden`] when the subscription is refused,
/// [`ErrorKind::Disconnected`] when the host closes the connection, as printers do for a topic that is not theirs,
/// [`ErrorKind::Timeout`] when it does not answer,
/// [`ErrorKind::InvalidInput`] when a part of the login or the topic can never be right (then nothing was dialled).
pub async fn connect<N: Net>(
    net: &N,
    origin: &Origin,
    login: &Login<'_>,
    topic: &str,
    options: Options,
) -> Result<Mqtt<<N::Dial as Dial>::Conn>> {
    let Login { client_id, user, password } = *login;
    let hello = encode_connect(&Connect::new(client_id, user, password, options.seconds()))?;
    let subscribe = encode_subscribe(ID, topic)?;
    let parts = net.parts();
    let mut conn = parts.dial(origin).await?;
    let decoder = Decoder::new(options.limit);
    let mut received =
        Received { decoder, inbox: Vec::with_capacity(super::INBOX), at: 0, subscribing: true };
    let mut stage = "the login";
    let opening = async {
        send(&mut conn, &hello).await?;
        log_in(&mut conn, &mut received).await?;
        stage = "the subscription";
        send(&mut conn, &subscribe).await?;
        subscribed(&mut conn, &mut received).await
    };
    match select(opening, parts.clock().sleep(PATIENCE)).await {
        Either::First(result) => result?,
        Either::Second(()) => {
            return Err(Error::new(ErrorKind::Timeout, "mqtt")
                .with_detail(format_args!("no answer to {stage} for {} s", PATIENCE.as_secs())));
        }
    }
    Ok(Mqtt { conn, received, options })
}

/// What the answer to the subscription means.
pub(super) fn check(granted: bool) -> Result<()> {
    if granted {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Forbidden, "mqtt").with_detail("the host refuses the subscription"))
}

async fn send(conn: &mut impl Write, packet: &[u8]) -> Result<()> {
    conn.write_all(packet).await.map_err(broke)?;
    conn.flush().await.map_err(broke)
}

async fn log_in(conn: &mut impl Read, received: &mut Received) -> Result<()> {
    loop {
        let refusal = match received.next()? {
            None => {
                received.read(conn).await.map_err(|error| closed(error, "before it answered the login"))?;
                continue;
            }
            Some(Packet::Refused(refusal)) => refusal,
            // The decoder lets nothing else come first.
            Some(_) => return Ok(()),
        };
        let (kind, why) = match refusal {
            Refusal::Credentials => (ErrorKind::Unauthorized, "the user or the password is wrong"),
            Refusal::NotAuthorized => (ErrorKind::Unauthorized, "this user may not connect"),
            Refusal::Unavailable => (ErrorKind::Busy, "the host's MQTT service is unavailable"),
            Refusal::Version => (ErrorKind::Protocol, "the host does not speak MQTT 3.1.1"),
            Refusal::Identifier => (ErrorKind::InvalidInput, "the host does not take this client identifier"),
            Refusal::Other(_) => (ErrorKind::Protocol, "the host refuses the login, and nobody knows why"),
        };
        return Err(Error::new(kind, "mqtt").with_detail(why));
    }
}

/// Messages may come before the subscription is answered (3.8.4), and show that there is one.
async fn subscribed(conn: &mut impl Read, received: &mut Received) -> Result<()> {
    while !received.decoder.begins_message(&received.inbox[received.at..]) {
        match received.next()? {
            None => received.read(conn).await.map_err(|error| {
                closed(error, "right after SUBSCRIBE: a wrong serial number, or too many clients")
            })?,
            Some(Packet::SubAck { id, granted }) if id == ID.get() => {
                received.subscribing = false;
                return check(granted);
            }
            Some(_) => {
                return Err(Error::new(ErrorKind::Protocol, "mqtt")
                    .with_detail("the host answers the subscription with something else"));
            }
        }
    }
    Ok(())
}

fn closed(error: Error, when: &str) -> Error {
    Error::new(error.kind(), "mqtt").with_detail(format_args!("the host closed the connection {when}"))
}
