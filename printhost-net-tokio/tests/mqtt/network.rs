//! A network of one connection in memory, with a server at its end that others wrote the codec of.

use std::{
    io,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
};

use bytes::BytesMut;
use embedded_io_async::{ErrorType, Read, Write};
use mqttbytes::v4::{self, ConnAck, ConnectReturnCode, Packet, SubAck, SubscribeReasonCode};
use printhost_core::{Result, Secret};
use printhost_net::{
    Conn, Dial, Http1, Limits, Origin, Parts,
    mqtt::{Login, Mqtt, Options, connect},
};
use printhost_net_tokio::{FromTokio, OsEntropy, TokioClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};

pub(crate) const REPORT: &str = "device/01P00A000000000/report";
pub(crate) const REQUEST: &str = "device/01P00A000000000/request";
/// How much the connection holds in each direction.
pub(crate) const HELD: usize = 16 << 10;

pub(crate) type Network = Parts<OneDial, Http1, TokioClock, OsEntropy>;

/// A network, and the server's end of the connection that will be made.
pub(crate) fn network() -> (Network, Server) {
    let (here, there) = tokio::io::duplex(HELD);
    let dial = OneDial(Mutex::new(Some(MemoryConn(BufReader::new(here)))));
    let parts = Parts::new(dial, Http1::HOST, TokioClock::default(), OsEntropy::default(), Limits::HOST);
    (parts, Server { stream: there, received: BytesMut::new() })
}

pub(crate) async fn open(network: &Network, options: Options) -> Result<Mqtt<MemoryConn>> {
    let password = Secret::new("12345678");
    let login = Login::new("printhost-1", "bblp", &password);
    connect(network, &Origin::http("printer", 8883), &login, REPORT, options).await
}

/// A client that is connected, and its server.
pub(crate) async fn connected(options: Options) -> (Network, Mqtt<MemoryConn>, Server) {
    let (network, mut server) = network();
    let (client, ()) = tokio::join!(open(&network, options), server.accept());
    (network, client.unwrap(), server)
}

/// What a server sees and says.
pub(crate) struct Server {
    stream: DuplexStream,
    received: BytesMut,
}

impl Server {
    /// The next packet; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Packet> {
        loop {
            match v4::read(&mut self.received, 1 << 20) {
                Ok(packet) => return Some(packet),
                Err(mqttbytes::Error::InsufficientBytes(_)) => {}
                Err(error) => panic!("{error}"),
            }
            if self.stream.read_buf(&mut self.received).await.unwrap() == 0 {
                return None;
            }
        }
    }

    pub(crate) async fn say(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// Lets the client log in and subscribe.
    pub(crate) async fn accept(&mut self) {
        assert!(matches!(self.next().await, Some(Packet::Connect(_))));
        self.say(&answer(ConnectReturnCode::Success)).await;
        let Some(Packet::Subscribe(subscribe)) = self.next().await else { panic!("no SUBSCRIBE") };
        self.say(&granted(subscribe.pkid)).await;
    }
}

pub(crate) fn answer(code: ConnectReturnCode) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    ConnAck::new(code, false).write(&mut bytes).unwrap();
    bytes.to_vec()
}

pub(crate) fn granted(id: u16) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let codes = vec![SubscribeReasonCode::Success(mqttbytes::QoS::AtMostOnce)];
    SubAck::new(id, codes).write(&mut bytes).unwrap();
    bytes.to_vec()
}

/// Dials once.
pub(crate) struct OneDial(Mutex<Option<MemoryConn>>);

impl Dial for OneDial {
    type Conn = MemoryConn;

    async fn dial(&self, _: &Origin) -> Result<MemoryConn> {
        Ok(self.0.lock().unwrap().take().expect("one connection is enough"))
    }
}

/// The client's end.
pub(crate) struct MemoryConn(BufReader<DuplexStream>);

type Stream = BufReader<DuplexStream>;

impl Conn for MemoryConn {
    type Reader<'a> = FromTokio<tokio::io::ReadHalf<&'a mut Stream>>;
    type Writer<'a> = FromTokio<tokio::io::WriteHalf<&'a mut Stream>>;

    async fn split(&mut self) -> io::Result<(Self::Reader<'_>, Self::Writer<'_>)> {
        let (reader, writer) = tokio::io::split(&mut self.0);
        Ok((FromTokio::new(reader), FromTokio::new(writer)))
    }

    fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(tokio::io::AsyncBufRead::poll_fill_buf(Pin::new(&mut self.0), &mut cx), Poll::Pending)
    }
}

impl ErrorType for MemoryConn {
    type Error = io::Error;
}

impl Read for MemoryConn {
    async fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf).await
    }
}

impl Write for MemoryConn {
    async fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.write(buf).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.0.flush().await
    }
}
