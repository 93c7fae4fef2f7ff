use core::{cell::Cell, cmp::Ordering, fmt, net::SocketAddr};

use embassy_net::{
    Stack,
    tcp::{Error as TcpError, State, TcpReader, TcpSocket, TcpWriter},
};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, channel::Channel};
use embassy_time::{Duration, Timer};
use embedded_io_async::{ErrorType, Read, Write};
use printhost_net::{Conn, Pressure};

/// How often it is looked whether the end of a connection was acknowledged.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// A fixed number of TCP sockets. They are lent to connections and come back; none is ever made or dropped later,
/// so the memory of all connections together is what the buffers are.
pub struct Sockets<'d, const N: usize> {
    pub(crate) stack: Stack<'d>,
    free: Channel<NoopRawMutex, TcpSocket<'d>, N>,
    dialling: Cell<usize>,
    dials: Cell<u32>,
}

impl<'d, const N: usize> Sockets<'d, N> {
    /// One socket per pair of a receive and a send buffer.
    pub fn new<const RECEIVE: usize, const SEND: usize>(
        stack: Stack<'d>,
        buffers: &'d mut [([u8; RECEIVE], [u8; SEND]); N],
    ) -> Self {
        let free = Channel::new();
        for (receive, send) in buffers {
            let _ = free.try_send(TcpSocket::new(stack, receive, send)); // it has room for exactly these
        }
        Self { stack, free, dialling: Cell::new(0), dials: Cell::new(0) }
    }

    /// How many connections have been opened since the start.
    pub fn dials(&self) -> u32 {
        self.dials.get()
    }

    pub(crate) fn pressure(&self) -> Pressure {
        // A dial counts from its beginning, when it still asks for the address.
        pressure(self.dialling.get(), self.free.len())
    }

    /// To be held by a dial until it has its socket.
    pub(crate) fn dialling(&self) -> Dialling<'_> {
        Dialling::new(&self.dialling)
    }

    /// Waits for a free socket.
    pub(crate) async fn borrow(&self) -> Lent<'_, 'd, N> {
        let socket = self.free.receive().await;
        self.dials.set(self.dials.get().wrapping_add(1));
        Lent { socket: Some(socket), home: self }
    }
}

impl<const N: usize> fmt::Debug for Sockets<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sockets({} of {N} free)", self.free.len())
    }
}

pub(crate) fn pressure(dialling: usize, free: usize) -> Pressure {
    match dialling.cmp(&free) {
        Ordering::Greater => Pressure::Waiting,
        Ordering::Equal => Pressure::Full,
        Ordering::Less => Pressure::Free,
    }
}

/// Counts a dial, also when it is dropped.
pub(crate) struct Dialling<'a>(&'a Cell<usize>);

impl<'a> Dialling<'a> {
    pub(crate) fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Dialling<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A plain connection. Dropping it resets it at once and gives its socket back.
pub(crate) struct Lent<'h, 'd, const N: usize> {
    socket: Option<TcpSocket<'d>>,
    home: &'h Sockets<'d, N>,
}

impl<'d, const N: usize> Lent<'_, 'd, N> {
    pub(crate) fn socket(&mut self) -> &mut TcpSocket<'d> {
        match &mut self.socket {
            Some(socket) => socket,
            None => unreachable!("only drop takes it"),
        }
    }
}

impl<const N: usize> Drop for Lent<'_, '_, N> {
    fn drop(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            socket.abort();
            let _ = self.home.free.try_send(socket); // there is room: it was borrowed from here
        }
    }
}

impl<const N: usize> Conn for Lent<'_, '_, N> {
    type Reader<'a>
        = TcpReader<'a>
    where
        Self: 'a;
    type Writer<'a>
        = TcpWriter<'a>
    where
        Self: 'a;

    async fn split(&mut self) -> Result<(TcpReader<'_>, TcpWriter<'_>), TcpError> {
        Ok(self.socket().split())
    }

    fn is_quiet(&mut self) -> bool {
        let socket = self.socket();
        socket.may_recv() && socket.may_send() && !socket.can_recv()
    }

    fn peer(&self) -> Option<SocketAddr> {
        let peer = self.socket.as_ref()?.remote_endpoint()?;
        Some(SocketAddr::new(peer.addr.into(), peer.port))
    }

    /// Waits until the peer has acknowledged the end, after which a reset takes nothing back.
    async fn finish(&mut self) -> Result<(), TcpError> {
        let socket = self.socket();
        socket.flush().await?;
        socket.close();
        // embassy-net wakes nobody for this.
        while matches!(socket.state(), State::FinWait1 | State::Closing | State::LastAck) {
            Timer::after(LOOK_AGAIN).await;
        }
        Ok(())
    }
}

impl<const N: usize> ErrorType for Lent<'_, '_, N> {
    type Error = TcpError;
}

impl<const N: usize> Read for Lent<'_, '_, N> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, TcpError> {
        self.socket().read(buf).await
    }
}

impl<const N: usize> Write for Lent<'_, '_, N> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, TcpError> {
        self.socket().write(buf).await
    }

    async fn flush(&mut self) -> Result<(), TcpError> {
        self.socket().flush().await
    }
}

impl<const N: usize> fmt::Debug for Lent<'_, '_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent")
    }
}
