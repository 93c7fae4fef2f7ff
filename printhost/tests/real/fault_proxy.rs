//! A TCP proxy that forwards bytes and, at a chosen byte of an upload, does what networks and hosts do.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What happens to an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection is reset.
    Reset,
    /// The connection is closed.
    Close,
    /// Nothing moves any more.
    Stall,
    /// The proxy answers this instead of the host, and closes.
    Answer(&'static str),
    /// The same, but it goes on reading until the other side closes.
    AnswerAndRead(&'static str),
    /// Everything is forwarded; when the host answers, the connection is reset.
    LoseAnswer,
    /// Everything is forwarded, and then the connection is reset at once.
    CutAtEnd,
}

/// What happens to all connections there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    Reset,
    Close,
    Stall,
}

/// How far the last upload came.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Passage {
    /// The fault has happened.
    pub(crate) fired: bool,
    /// Bytes of the request that were forwarded.
    pub(crate) forwarded: u64,
    /// Bytes the request has.
    pub(crate) total: u64,
}

impl Passage {
    /// The host has everything.
    pub(crate) fn is_whole(&self) -> bool {
        self.total > 0 && self.forwarded == self.total
    }
}

struct Shared {
    host: String,
    /// The next fault, and at which part of the request, from 0 to 1.
    armed: Mutex<Option<(Fault, f64)>>,
    /// What it is done to, by the begin of its first line.
    request: Mutex<&'static str>,
    passage: Mutex<Passage>,
    cut: watch::Sender<(u64, Cut)>,
}

/// The proxy; it ends when dropped.
pub(crate) struct FaultProxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl FaultProxy {
    /// In front of a host.
    pub(crate) async fn start(host: String) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // So that a stall is felt before everything is in some buffer.
        socket.set_recv_buffer_size(32 << 10).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            host,
            armed: Mutex::default(),
            request: Mutex::new(UPLOAD),
            passage: Mutex::default(),
            cut: watch::Sender::new((0, Cut::Reset)),
        });
        let task = tokio::spawn(accept(listener, shared.clone()));
        Self { address, shared, task }
    }

    /// Does this to the next upload.
    pub(crate) fn arm(&self, fault: Fault, at: f64) {
        self.arm_for(UPLOAD, fault, at);
    }

    /// Does this to the next request that begins like this, instead of to an upload.
    pub(crate) fn arm_for(&self, request: &'static str, fault: Fault, at: f64) {
        *self.shared.request.lock().unwrap() = request;
        *self.shared.armed.lock().unwrap() = Some((fault, at));
        *self.shared.passage.lock().unwrap() = Passage::default();
    }

    /// How far the upload came since the proxy was armed.
    pub(crate) fn passage(&self) -> Passage {
        *self.shared.passage.lock().unwrap()
    }

    /// Does this to all connections, stalled ones included.
    pub(crate) fn cut(&self, cut: Cut) {
        self.shared.cut.send_modify(|(n, what)| (*n, *what) = (*n + 1, cut));
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.cut(Cut::Reset);
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        let shared = shared.clone();
        tokio::spawn(async move {
            if let Ok(host) = TcpStream::connect(&shared.host).await {
                let mut cut = shared.cut.subscribe();
                let mut carrier =
                    Carrier { client, host, shared: &shared, phase: Phase::Between(Vec::new()) };
                tokio::select! {
                    () = carrier.carry() => {}
                    _ = cut.changed() => {
                        let what = cut.borrow_and_update().1;
                        match what {
                            Cut::Reset => carrier.client.set_zero_linger().unwrap(),
                            Cut::Close => {}
                            Cut::Stall => drop(cut.changed().await),
                        }
                    }
                }
            }
        });
    }
}

/// One connection.
struct Carrier<'a> {
    client: TcpStream,
    host: TcpStream,
    shared: &'a Shared,
    phase: Phase,
}

/// Where in the client's bytes.
enum Phase {
    /// Between uploads; the last bytes seen.
    Between(Vec<u8>),
    /// In the head of an upload, which is held back.
    Head(Vec<u8>),
    /// In an upload: how much is forwarded of how much, and where what happens.
    Body { forwarded: u64, total: u64, fault: Fault, at: u64 },
}

const UPLOAD: &str = "POST /api/files/local HTTP/1.1\r\n";

impl Carrier<'_> {
    /// Until one side closes or a fault has happened.
    async fn carry(&mut self) {
        let mut up = vec![0; 16 << 10];
        let mut down = vec![0; 16 << 10];
        loop {
            tokio::select! {
                n = self.client.read(&mut up) => match n {
                    Ok(n) if n > 0 => {
                        if !self.forward(&up[..n]).await {
                            return;
                        }
                    }
                    _ => return,
                },
                n = self.host.read(&mut down) => match n {
                    Ok(n) if n > 0 => {
                        if self.client.write_all(&down[..n]).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                },
            }
        }
    }

    /// Forwards bytes of the client; false at the end.
    async fn forward(&mut self, bytes: &[u8]) -> bool {
        match &mut self.phase {
            Phase::Between(last) => {
                let known = last.len();
                last.extend_from_slice(bytes);
                let request = *self.shared.request.lock().unwrap();
                match last.windows(request.len()).position(|w| w == request.as_bytes()) {
                    None => {
                        let keep = last.len().saturating_sub(request.len());
                        last.drain(..keep);
                        self.host.write_all(bytes).await.is_ok()
                    }
                    Some(at) => {
                        assert!(at >= known, "the line came in one piece");
                        let head = last.split_off(at);
                        self.phase = Phase::Head(Vec::new());
                        Box::pin(self.forward(&head)).await
                    }
                }
            }
            Phase::Head(head) => {
                head.extend_from_slice(bytes);
                let Some(end) = head.windows(4).position(|w| w == b"\r\n\r\n") else { return true };
                let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
                let total = end as u64 + 4 + length.map_or(0, |n| n.parse::<u64>().unwrap());
                let (fault, part) = self.shared.armed.lock().unwrap().take().unwrap_or((Fault::None, 1.0));
                let at = match fault {
                    Fault::None | Fault::LoseAnswer | Fault::CutAtEnd => total,
                    _ => ((total as f64 * part) as u64).min(total - 1),
                };
                let head = std::mem::take(head);
                self.phase = Phase::Body { forwarded: 0, total, fault, at };
                self.pass(&head).await
            }
            Phase::Body { .. } => self.pass(bytes).await,
        }
    }

    /// Forwards bytes of an upload as far as they may go.
    async fn pass(&mut self, bytes: &[u8]) -> bool {
        let Phase::Body { forwarded, total, fault, at } = &mut self.phase else { return true };
        let (fault, total) = (*fault, *total);
        let most = bytes.len().min((*at - *forwarded) as usize);
        if self.host.write_all(&bytes[..most]).await.is_err() {
            return false;
        }
        *forwarded += most as u64;
        let there = *forwarded == *at;
        *self.shared.passage.lock().unwrap() =
            Passage { fired: there && fault != Fault::None, forwarded: *forwarded, total };
        if !there {
            return true;
        }
        match fault {
            Fault::None => {
                self.phase = Phase::Between(Vec::new());
                return true;
            }
            Fault::Reset => self.client.set_zero_linger().unwrap(),
            Fault::Close => {}
            Fault::Stall => std::future::pending().await,
            Fault::Answer(text) => {
                let _ = self.client.write_all(text.as_bytes()).await;
            }
            Fault::AnswerAndRead(text) => {
                let _ = self.client.write_all(text.as_bytes()).await;
                let mut rest = vec![0; 16 << 10];
                while self.client.read(&mut rest).await.is_ok_and(|n| n > 0) {}
            }
            Fault::LoseAnswer => {
                let _ = self.host.read(&mut [0]).await;
                self.client.set_zero_linger().unwrap();
            }
            Fault::CutAtEnd => self.client.set_zero_linger().unwrap(),
        }
        false
    }
}
