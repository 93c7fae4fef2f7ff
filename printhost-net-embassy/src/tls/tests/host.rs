//! A host in memory: rustls, on a connection without a network.

use alloc::{rc::Rc, string::ToString as _, sync::Arc, vec};
use core::{
    cell::{Cell, RefCell},
    convert::Infallible,
    future::poll_fn,
    task::Poll,
};
use std::sync::LazyLock;

use embedded_io_async::{ErrorType, Read, Write};
use printhost_net::{Conn, Origin, Trust};
use rand_core::{TryCryptoRng, TryRng};
use rcgen::{CertifiedKey, KeyPair};
use rustls::{ServerConfig, ServerConnection, crypto::ring, pki_types::PrivatePkcs8KeyDer};

/// What a host does now with what it has heard.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    Answer,
    Nothing,
    Close,
}

/// A host that may be connected to, again and again.
pub(super) struct Host(Rc<State>);

struct State {
    does: Cell<Does>,
    heard: Cell<usize>,
}

static IDENTITY: LazyLock<CertifiedKey<KeyPair>> =
    LazyLock::new(|| rcgen::generate_simple_self_signed(["printer".to_string()]).unwrap());

static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(|| {
    let key = PrivatePkcs8KeyDer::from(IDENTITY.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![IDENTITY.cert.der().clone()], key.into())
        .unwrap();
    Arc::new(config)
});

impl Host {
    pub(super) fn new(does: Does) -> Self {
        Self(Rc::new(State { does: Cell::new(does), heard: Cell::new(0) }))
    }

    /// From here on.
    pub(super) fn now(&self, does: Does) {
        self.0.does.set(does);
    }

    /// How many bytes it was sent, on all connections.
    pub(super) fn heard(&self) -> usize {
        self.0.heard.get()
    }

    /// Where it is, and that it is to be believed.
    pub(super) fn origin(&self) -> Origin {
        Origin::tls("printer", 990, Trust::Ca(IDENTITY.cert.der().to_vec()))
    }

    /// A connection to it.
    pub(super) fn line(&self) -> Line {
        let server = ServerConnection::new(CONFIG.clone()).unwrap();
        Line { host: self.0.clone(), server: Rc::new(RefCell::new(server)) }
    }
}

/// Both halves of a connection, and each.
#[derive(Clone)]
pub(super) struct Line {
    host: Rc<State>,
    server: Rc<RefCell<ServerConnection>>,
}

impl ErrorType for Line {
    type Error = Infallible;
}

impl Read for Line {
    async fn read(&mut self, mut buf: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|_| match self.host.does.get() {
            Does::Close => Poll::Ready(Ok(0)),
            Does::Answer if self.server.borrow().wants_write() => {
                Poll::Ready(Ok(self.server.borrow_mut().write_tls(&mut buf).unwrap()))
            }
            _ => Poll::Pending,
        })
        .await
    }
}

impl Write for Line {
    async fn write(&mut self, mut buf: &[u8]) -> Result<usize, Infallible> {
        let mut server = self.server.borrow_mut();
        let n = server.read_tls(&mut buf).unwrap();
        self.host.heard.set(self.host.heard.get() + n);
        server.process_new_packets().unwrap();
        Ok(n)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

impl Conn for Line {
    type Reader<'a> = Self;
    type Writer<'a> = Self;

    async fn split(&mut self) -> Result<(Self, Self), Infallible> {
        Ok((self.clone(), self.clone()))
    }

    fn is_quiet(&mut self) -> bool {
        true
    }
}

/// Random numbers for tests, which keep no secret.
#[derive(Default)]
pub(super) struct Dice(u64);

impl TryRng for Dice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    /// SplitMix64.
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(z ^ z >> 31)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}
