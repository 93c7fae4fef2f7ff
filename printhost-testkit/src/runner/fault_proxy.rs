use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    string::String,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    vec,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::Fault;

/// Forwards TCP connections to a host, and does to them what networks do.
///
/// It knows nothing of what it carries, except that a request which changes something begins with `POST`, `PUT`,
/// `DELETE` or `PATCH`. Dropping it resets all connections.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    host: String,
    order: watch::Sender<Order>,
    /// The order that was carried out last.
    spent: Mutex<u64>,
    accepted: AtomicU64,
    traffic: AtomicU64,
    changes: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    /// Tells it from the one before.
    number: u64,
    fault: Fault,
    /// The only connection that it is for, counted from the first.
    only: Option<u64>,
}

impl Order {
    fn is_for(&self, connection: u64) -> bool {
        self.only.is_none_or(|only| only == connection)
    }
}

impl FaultProxy {
    /// In front of `host` (`address:port`), on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub async fn start(host: impl Into<String>) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // So that a stall is felt before everything is in some buffer.
        socket.set_recv_buffer_size(32 << 10)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(64)?;
        let shared = Arc::new(Shared {
            host: host.into(),
            order: watch::Sender::new(Order { number: 1, fault: Fault::None, only: None }),
            spent: Mutex::new(0),
            accepted: AtomicU64::new(0),
            traffic: AtomicU64::new(0),
            changes: AtomicU64::new(0),
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Ok(Self { address, shared, accepting })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Does this from now on, instead of what it did before.
    pub fn set(&self, fault: Fault) {
        self.order(fault, None);
    }

    /// As [`FaultProxy::set`], but only to the `nth` of the connections that are made from now on, the first being 0.
    /// [`Fault::Gone`] and [`Fault::CutAll`] are of all connections.
    pub fn set_on(&self, nth: u64, fault: Fault) {
        self.order(fault, Some(self.shared.accepted.load(Relaxed) + nth));
    }

    fn order(&self, fault: Fault, only: Option<u64>) {
        self.shared.order.send_modify(|now| *now = Order { number: now.number + 1, fault, only });
    }

    /// Whether the present fault has been done to a connection.
    pub fn has_happened(&self) -> bool {
        self.shared.order.borrow().number == *self.shared.spent()
    }

    /// Bytes that came from the driver, and a thousand for every connection, since the last [`FaultProxy::forget`].
    pub fn traffic(&self) -> u64 {
        self.shared.traffic.load(Relaxed)
    }

    /// Requests of the driver that change something, since the last [`FaultProxy::forget`].
    pub fn changes(&self) -> u64 {
        self.shared.changes.load(Relaxed)
    }

    /// Counts from zero again.
    pub fn forget(&self) {
        self.shared.traffic.store(0, Relaxed);
        self.shared.changes.store(0, Relaxed);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn spent(&self) -> MutexGuard<'_, u64> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        shared.traffic.fetch_add(1000, Relaxed);
        let connection = shared.accepted.fetch_add(1, Relaxed);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Nobody is left to be told when a connection cannot be carried on.
            let _ = carry(client, connection, &shared).await;
        });
    }
}

/// One connection, since the present fault.
struct Progress {
    connection: u64,
    order: Order,
    up: u64,
    down: u64,
    /// The request whose answer is to be lost has gone by.
    changing: bool,
}

impl Progress {
    const fn new(connection: u64, order: Order) -> Self {
        Self { connection, order, up: 0, down: 0, changing: false }
    }

    fn fault(&self) -> Fault {
        if self.order.is_for(self.connection) { self.order.fault } else { Fault::None }
    }
}

/// Until one side closes, or a fault has happened.
async fn carry(mut client: TcpStream, connection: u64, shared: &Shared) -> io::Result<()> {
    let mut orders = shared.order.subscribe();
    let now = *orders.borrow_and_update();
    if now.fault == Fault::Gone {
        *shared.spent() = now.number;
        return client.set_zero_linger();
    }
    let mut host = TcpStream::connect(&shared.host).await?;
    let mut progress = Progress::new(connection, now);
    let (mut up, mut down) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        tokio::select! {
            biased;
            changed = orders.changed() => {
                let order = *orders.borrow_and_update();
                if changed.is_err() || matches!(order.fault, Fault::Gone | Fault::CutAll) {
                    *shared.spent() = order.number;
                    return client.set_zero_linger();
                }
                progress = Progress::new(connection, order);
            }
            n = client.read(&mut up) => {
                let n = n?;
                if n == 0 {
                    return Ok(());
                }
                shared.traffic.fetch_add(n as u64, Relaxed);
                if !upwards(&mut up[..n], &mut host, &mut progress, shared).await? {
                    return end(client, progress.fault(), &mut orders).await;
                }
            }
            n = host.read(&mut down) => {
                let n = n?;
                if n == 0 {
                    return Ok(());
                }
                if !downwards(&down[..n], &mut client, &mut progress, shared).await? {
                    return end(client, progress.fault(), &mut orders).await;
                }
            }
        }
    }
}

/// False when the connection is to end.
async fn upwards(
    bytes: &mut [u8],
    host: &mut TcpStream,
    progress: &mut Progress,
    shared: &Shared,
) -> io::Result<bool> {
    let (from, to) = (progress.up, progress.up + bytes.len() as u64);
    progress.up = to;
    let changes = [&b"POST "[..], b"PUT ", b"DELETE ", b"PATCH "].iter().any(|verb| bytes.starts_with(verb));
    shared.changes.fetch_add(changes.into(), Relaxed);
    match progress.fault() {
        Fault::ResetAt(at) | Fault::StallAt(at) if to >= at && is_first(shared, progress) => {
            let before = usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX).min(bytes.len());
            host.write_all(&bytes[..before]).await?;
            return Ok(false);
        }
        Fault::FlipAt(at) if (from..to).contains(&at) && is_first(shared, progress) => {
            bytes[(at - from) as usize] ^= 1;
        }
        Fault::LoseAnswer if !progress.changing => {
            progress.changing = changes && is_first(shared, progress);
        }
        _ => {}
    }
    host.write_all(bytes).await?;
    Ok(true)
}

async fn downwards(
    bytes: &[u8],
    client: &mut TcpStream,
    progress: &mut Progress,
    shared: &Shared,
) -> io::Result<bool> {
    let (from, to) = (progress.down, progress.down + bytes.len() as u64);
    progress.down = to;
    match progress.fault() {
        Fault::LoseAnswer if progress.changing => Ok(false),
        Fault::ResetAnswerAt(at) | Fault::StallAnswerAt(at) | Fault::CloseAnswerAt(at)
            if to >= at && is_first(shared, progress) =>
        {
            let before = usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX).min(bytes.len());
            client.write_all(&bytes[..before]).await?;
            Ok(false)
        }
        _ => client.write_all(bytes).await.map(|()| true),
    }
}

/// A fault happens to one connection only, the first that gets there.
fn is_first(shared: &Shared, progress: &Progress) -> bool {
    let mut spent = shared.spent();
    let stalls = matches!(progress.fault(), Fault::StallAt(_) | Fault::StallAnswerAt(_));
    let first = *spent != progress.order.number || stalls;
    *spent = progress.order.number;
    first
}

async fn end(mut client: TcpStream, fault: Fault, orders: &mut watch::Receiver<Order>) -> io::Result<()> {
    match fault {
        Fault::CloseAnswerAt(_) => return client.shutdown().await,
        // Silent until something else is wanted.
        Fault::StallAt(_) | Fault::StallAnswerAt(_) => drop(orders.changed().await),
        _ => {}
    }
    client.set_zero_linger()
}
