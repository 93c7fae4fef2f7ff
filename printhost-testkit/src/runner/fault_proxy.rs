use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    string::String,
    sync::{
        Arc, Mutex, PoisonError,
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
    /// The fault and a number that tells it from the one before.
    fault: watch::Sender<(u64, Fault)>,
    /// For faults that happen once.
    spent: Mutex<u64>,
    traffic: AtomicU64,
    changes: AtomicU64,
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
            fault: watch::Sender::new((0, Fault::None)),
            spent: Mutex::new(0),
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
        self.shared.fault.send_modify(|now| *now = (now.0 + 1, fault));
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

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        shared.traffic.fetch_add(1000, Relaxed);
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // Nobody is left to be told when a connection cannot be carried on.
            let _ = carry(client, &shared).await;
        });
    }
}

/// One connection, since the present fault.
struct Progress {
    fault: (u64, Fault),
    up: u64,
    down: u64,
    /// The request whose answer is to be lost has gone by.
    changing: bool,
}

impl Progress {
    fn begin(&mut self, fault: (u64, Fault)) {
        *self = Self { fault, up: 0, down: 0, changing: false };
    }
}

/// Until one side closes, or a fault has happened.
async fn carry(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut faults = shared.fault.subscribe();
    let now = *faults.borrow_and_update();
    if now.1 == Fault::Gone {
        return client.set_zero_linger();
    }
    let mut host = TcpStream::connect(&shared.host).await?;
    let mut progress = Progress { fault: now, up: 0, down: 0, changing: false };
    let (mut up, mut down) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        tokio::select! {
            biased;
            changed = faults.changed() => {
                let fault = *faults.borrow_and_update();
                if changed.is_err() || matches!(fault.1, Fault::Gone | Fault::CutAll) {
                    return client.set_zero_linger();
                }
                progress.begin(fault);
            }
            n = client.read(&mut up) => {
                let n = n?;
                if n == 0 {
                    return Ok(());
                }
                shared.traffic.fetch_add(n as u64, Relaxed);
                if !upwards(&mut up[..n], &mut host, &mut progress, shared).await? {
                    return end(client, progress.fault.1, &mut faults).await;
                }
            }
            n = host.read(&mut down) => {
                let n = n?;
                if n == 0 {
                    return Ok(());
                }
                if !downwards(&down[..n], &mut client, &mut progress, shared).await? {
                    return end(client, progress.fault.1, &mut faults).await;
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
    match progress.fault.1 {
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
    match progress.fault.1 {
        Fault::LoseAnswer if progress.changing => Ok(false),
        Fault::ResetAnswerAt(at) if to >= at && is_first(shared, progress) => {
            let before = usize::try_from(at.saturating_sub(from)).unwrap_or(usize::MAX).min(bytes.len());
            client.write_all(&bytes[..before]).await?;
            Ok(false)
        }
        _ => client.write_all(bytes).await.map(|()| true),
    }
}

/// A fault happens to one connection only, the first that gets there.
fn is_first(shared: &Shared, progress: &Progress) -> bool {
    let mut spent = shared.spent.lock().unwrap_or_else(PoisonError::into_inner);
    let stalls = matches!(progress.fault.1, Fault::StallAt(_));
    let first = *spent != progress.fault.0 || stalls;
    *spent = progress.fault.0;
    first
}

async fn end(client: TcpStream, fault: Fault, faults: &mut watch::Receiver<(u64, Fault)>) -> io::Result<()> {
    if let Fault::StallAt(_) = fault {
        // Silent until something else is wanted.
        let _ = faults.changed().await;
    }
    client.set_zero_linger()
}
