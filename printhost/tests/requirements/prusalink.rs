//! What the requirements about PrusaLink need.

use std::convert::Infallible;

use embedded_io_async::{ErrorType, Read};
use printhost::{
    AnyHost, BaseUrl, Net, PrinterUrl,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial, TokioParts},
    prusalink::{Config, PrusaLink},
};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, sync::Semaphore};

use super::harness;

pub(crate) const FAMILIES: [PrusaLinkFamily; 2] = [PrusaLinkFamily::Pi, PrusaLinkFamily::Buddy];

pub(crate) async fn sim(config: PrusaLinkConfig) -> PrusaLinkSim {
    PrusaLinkSim::start(config).await.unwrap()
}

pub(crate) fn net<H: HttpBackend<TokioConn>>(http: H) -> TokioParts<H> {
    harness::net(TokioDial::plain(), http)
}

pub(crate) fn with_key<N: Net>(net: N, sim: &PrusaLinkSim) -> AnyHost<N> {
    let url: PrinterUrl = sim.url().parse().unwrap();
    AnyHost::new(net, &url, sim.config().api_key.as_str())
}

pub(crate) fn with_password<N: Net>(net: N, address: &str, password: &str) -> PrusaLink<N> {
    let url = BaseUrl::parse(&format!("http://{address}")).unwrap();
    PrusaLink::new(net, Config::with_password(url, "maker", password).unwrap())
}

/// A file that somebody else begins to send, and how many bytes of it are still to come.
pub(crate) async fn foreign_transfer(sim: &PrusaLinkSim) -> (TcpStream, Vec<u8>) {
    let storage = if sim.config().family == PrusaLinkFamily::Pi { "local" } else { "usb" };
    let mut stream = TcpStream::connect(sim.addr()).await.unwrap();
    let head = format!(
        "PUT /api/v1/files/{storage}/foreign.gcode HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Type: text/x.gcode\r\n\
         Content-Length: 2000\r\n\r\n",
        sim.config().api_key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[b';'; 1000]).await.unwrap();
    (stream, vec![b';'; 1000])
}

/// A file that is read as far as it is let, and counts.
pub(crate) struct Held {
    pub(crate) left: usize,
    pub(crate) read: usize,
    pub(crate) lets: &'static Semaphore,
}

impl Held {
    /// Of this length; a piece is read for every permit.
    pub(crate) fn new(len: usize, lets: usize) -> Self {
        Self { left: len, read: 0, lets: Box::leak(Box::new(Semaphore::new(lets))) }
    }
}

impl ErrorType for Held {
    type Error = Infallible;
}

impl Read for Held {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        self.lets.acquire().await.unwrap().forget();
        let n = buf.len().min(self.left).min(1000);
        buf[..n].fill(b'\n');
        (self.left, self.read) = (self.left - n, self.read + n);
        Ok(n)
    }
}
