//! The MQTT broker: version 3.1.1 over TLS, as far as the printers have it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use mqttbytes::v4::{
    self, ConnAck, Connect, ConnectReturnCode, Packet, PingResp, PubAck, Publish, SubAck, Subscribe,
    SubscribeReasonCode, UnsubAck,
};
use mqttbytes::{Error, QoS};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::clients::Admitted;
use super::requests::{self, Answered};
use super::shared::{Shared, packet};

const USER: &str = "bblp";
/// For how long somebody may be connected without having logged in.
const LOGIN: Duration = Duration::from_secs(10);
/// No request is longer.
const LONGEST_PACKET: usize = 1 << 20;

/// How a connection ends.
enum End {
    /// As the client or the printer closes it.
    Close,
    /// With a TCP RST.
    Reset,
    /// Without the client having said so.
    Broken,
}

pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(serve(Arc::clone(&shared), stream)),
            // Out of file descriptors, most likely: the next attempt must not be at once.
            Err(_) => sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    shared.hears().await;
    let acceptor = TlsAcceptor::from(Arc::clone(&shared.mqtt_tls));
    let Ok(Ok(mut tls)) = timeout(LOGIN, acceptor.accept(stream)).await else { return };
    let mut buffer = BytesMut::new();
    let Ok(Ok(Some(Packet::Connect(connect)))) = timeout(LOGIN, next(&mut tls, &mut buffer)).await else {
        return;
    };
    if !may_enter(&shared, &connect) {
        let _ = send(&mut tls, |out| ConnAck::new(ConnectReturnCode::NotAuthorized, false).write(out)).await;
        let _ = tls.shutdown().await;
        return;
    }
    let admitted = shared.lock().clients.admit(&connect.client_id, &shared.config.mqtt);
    let Some(admitted) = admitted else { return };
    let number = admitted.number;
    let end =
        Connection { shared: &shared, tls, buffer, admitted, keep_alive: connect.keep_alive }.run().await;
    let mut inner = shared.lock();
    inner.clients.remove(number);
    if matches!(end, Ok(End::Broken) | Err(_)) {
        inner.clients.linger(shared.config.mqtt.stale_for);
    }
}

fn may_enter(shared: &Shared, connect: &Connect) -> bool {
    let code = shared.config.access_code.as_str();
    connect.login.as_ref().is_some_and(|login| login.username == USER && login.password == code)
}

/// A connection that has logged in.
struct Connection<'a> {
    shared: &'a Arc<Shared>,
    tls: TlsStream<TcpStream>,
    buffer: BytesMut,
    admitted: Admitted,
    keep_alive: u16,
}

impl Connection<'_> {
    async fn run(mut self) -> io::Result<End> {
        send(&mut self.tls, |out| ConnAck::new(ConnectReturnCode::Success, false).write(out)).await?;
        let gone = Arc::clone(&self.admitted.gone);
        let patience = match self.keep_alive {
            0 => Duration::from_secs(24 * 3600),
            seconds => Duration::from_millis(u64::from(seconds) * 1500),
        };
        let mut silence = self.shared.silent.subscribe();
        // What the client sends counts, and nothing else.
        let mut deadline = Instant::now() + patience;
        loop {
            if *silence.borrow_and_update() {
                tokio::select! {
                    () = self.shared.hears() => {}
                    () = gone.notified() => return Ok(End::Close),
                }
            }
            let sender = self.admitted.sender.clone();
            tokio::select! {
                () = gone.notified() => return Ok(End::Close),
                _ = silence.changed() => {}
                Some(out) = self.admitted.queue.recv() => {
                    tokio::select! {
                        () = gone.notified() => return Ok(End::Close),
                        written = write(&mut self.tls, &out) => written?,
                    }
                }
                read = timeout_at(deadline, next(&mut self.tls, &mut self.buffer)) => {
                    let Ok(read) = read else { return Ok(End::Broken) };
                    let Some(packet) = read? else { return Ok(End::Broken) };
                    deadline = Instant::now() + patience;
                    if let Some(end) = self.handle(packet, &sender).await? {
                        if matches!(end, End::Reset) {
                            // Fails only on a connection that is gone already.
                            let _ = self.tls.get_ref().0.set_zero_linger();
                        }
                        return Ok(end);
                    }
                }
            }
        }
    }

    async fn handle(&mut self, packet: Packet, sender: &mpsc::Sender<Bytes>) -> io::Result<Option<End>> {
        match packet {
            Packet::Publish(publish) => return self.published(publish, sender).await,
            Packet::Subscribe(subscribe) => return self.subscribed(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => {
                for topic in &unsubscribe.topics {
                    if let Some(reports) = self.topic(topic) {
                        self.shared.lock().clients.subscribe(self.admitted.number, reports, false);
                    }
                }
                send(&mut self.tls, |out| UnsubAck::new(unsubscribe.pkid).write(out)).await?;
            }
            Packet::PingReq => send(&mut self.tls, |out| PingResp.write(out)).await?,
            Packet::PubAck(_) => {}
            // Nothing else is for a broker, or is used by these printers.
            _ => return Ok(Some(End::Close)),
        }
        Ok(None)
    }

    async fn published(&mut self, publish: Publish, sender: &mpsc::Sender<Bytes>) -> io::Result<Option<End>> {
        if publish.qos == QoS::ExactlyOnce {
            return Ok(Some(End::Close));
        }
        if self.topic(&publish.topic) == Some(false) {
            if let Some(packet) = packet(&publish.topic, publish.payload.to_vec()) {
                self.shared.lock().clients.publish(false, &packet);
            }
            if requests::handle(self.shared, &publish.payload) == Answered::Lost {
                return Ok(Some(End::Reset));
            }
        }
        if publish.qos == QoS::AtLeastOnce {
            let mut out = BytesMut::new();
            PubAck::new(publish.pkid).write(&mut out).map_err(invalid)?;
            let delay = self.shared.config.mqtt.puback_delay;
            if delay.is_zero() {
                write(&mut self.tls, &out).await?;
            } else {
                let sender = sender.clone();
                self.shared.spawn(async move {
                    sleep(delay).await;
                    // Who is gone needs none.
                    let _ = sender.send(out.freeze()).await;
                });
            }
        }
        Ok(None)
    }

    async fn subscribed(&mut self, subscribe: Subscribe) -> io::Result<Option<End>> {
        let rules = &self.shared.config.mqtt;
        let mut codes = Vec::new();
        let mut ends = None;
        for filter in &subscribe.filters {
            match self.topic(&filter.path) {
                Some(false) if rules.resets_on_request_topic => return Ok(Some(End::Reset)),
                Some(reports) => {
                    self.shared.lock().clients.subscribe(self.admitted.number, reports, true);
                }
                None if rules.closes_on_wrong_serial => ends = Some(End::Close),
                None => {}
            }
            codes.push(SubscribeReasonCode::Success(QoS::AtMostOnce));
        }
        send(&mut self.tls, |out| SubAck::new(subscribe.pkid, codes).write(out)).await?;
        Ok(ends)
    }

    /// Whether a topic is that of this printer's reports, or of requests to it.
    fn topic(&self, topic: &str) -> Option<bool> {
        let rest = topic.strip_prefix("device/")?.strip_prefix(&*self.shared.config.serial)?;
        match rest {
            "/report" => Some(true),
            "/request" => Some(false),
            _ => None,
        }
    }
}

/// The next packet; none at the end. What was read of it is kept when this is dropped.
async fn next(tls: &mut TlsStream<TcpStream>, buffer: &mut BytesMut) -> io::Result<Option<Packet>> {
    loop {
        match v4::read(buffer, LONGEST_PACKET) {
            Ok(packet) => return Ok(Some(packet)),
            Err(Error::InsufficientBytes(_)) => {}
            Err(error) => return Err(invalid(error)),
        }
        if tls.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

async fn send(
    tls: &mut TlsStream<TcpStream>,
    encode: impl FnOnce(&mut BytesMut) -> Result<usize, Error>,
) -> io::Result<()> {
    let mut out = BytesMut::new();
    encode(&mut out).map_err(invalid)?;
    write(tls, &out).await
}

async fn write(tls: &mut TlsStream<TcpStream>, bytes: &[u8]) -> io::Result<()> {
    tls.write_all(bytes).await?;
    tls.flush().await
}

fn invalid(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{error:?}"))
}
