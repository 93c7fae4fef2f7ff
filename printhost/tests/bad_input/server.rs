//! A scripted server on plain TCP. What it says is written out by hand; no codec of ours is involved.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
};

/// What the server does, in order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Reads the body of the request to its end.
    Hear,
    /// Says this.
    Say(Cow<'static, [u8]>),
    /// Says this so many times, or until nobody listens any more.
    Repeat(&'static [u8], u64),
    /// Says this, so many bytes at a time and so long after one another, or until nobody listens any more.
    Trickle(Cow<'static, [u8]>, usize, Duration),
    /// Goes on when it is told to.
    Wait(Arc<Notify>),
    /// Speaks the websocket's part after an upgrade: answers every text of the client.
    Converse(Converse),
    /// Says nothing more and reads nothing more.
    Hold,
    /// Ends the connection.
    Close,
    /// Resets the connection.
    Reset,
}

/// What a websocket's server does about a text.
#[derive(Clone)]
pub(crate) struct Converse(pub(crate) Arc<dyn Fn(&str) -> Answer + Send + Sync>);

impl std::fmt::Debug for Converse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Converse")
    }
}

/// All steps of one answer. After them the server reads the next request, unless the last one says otherwise.
pub(crate) type Answer = Vec<Step>;

/// Says this after the whole request, and keeps the connection.
pub(crate) fn say(text: impl Into<Cow<'static, [u8]>>) -> Answer {
    vec![Step::Hear, Step::Say(text.into())]
}

/// A whole answer; `fields` end with line breaks.
pub(crate) fn reply(status: u16, fields: &str, body: &str) -> Answer {
    let text = format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {}\r\n\r\n{body}", body.len());
    say(text.into_bytes())
}

/// A whole answer in JSON.
pub(crate) fn json(status: u16, body: &str) -> Answer {
    reply(status, "Content-Type: application/json\r\n", body)
}

/// Then says or does something else.
pub(crate) fn then(mut answer: Answer, step: Step) -> Answer {
    answer.push(step);
    answer
}

/// The head of a request, as text, and its body if that is JSON.
pub(crate) struct Heard<'a>(pub(crate) &'a str, pub(crate) &'a str);

impl Heard<'_> {
    /// Whether the request line begins like this.
    pub(crate) fn is(&self, begin: &str) -> bool {
        self.line().starts_with(begin)
    }

    /// The request line; of JSON-RPC the method that is called: `RPC printer.print.start`.
    pub(crate) fn line(&self) -> String {
        match rpc_method(self.1) {
            Some(method) => format!("RPC {method}"),
            None => self.0.lines().next().unwrap().to_owned(),
        }
    }

    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// What JSON-RPC calls.
pub(crate) fn rpc_method(text: &str) -> Option<&str> {
    let (_, method) = text.strip_prefix(r#"{"jsonrpc":"2.0""#)?.split_once(r#""method":""#)?;
    Some(&method[..method.find('"')?])
}

type Script = dyn Fn(&Heard<'_>) -> Option<Answer> + Send + Sync;

/// The server; it ends when dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Server {
    /// Answers as the script says, and where it says nothing as a healthy OctoPrint would.
    pub(crate) async fn start(script: impl Fn(&Heard<'_>) -> Option<Answer> + Send + Sync + 'static) -> Self {
        Self::greeting(Vec::new(), script).await
    }

    /// As [`Server::start`], and does something before it reads anything.
    pub(crate) async fn greeting(
        greeting: Answer,
        script: impl Fn(&Heard<'_>) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::with_capacity(64)));
        let (script, log): (Arc<Script>, _) = (Arc::new(script), heard.clone());
        let task = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (script, log, greeting) = (script.clone(), log.clone(), greeting.clone());
                tokio::spawn(async move { converse(tcp, greeting, &*script, &log).await });
            }
        });
        Self { port, heard, task }
    }

    /// The request lines so far.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn converse(mut tcp: TcpStream, greeting: Answer, script: &Script, log: &Mutex<Vec<String>>) {
    // Small pieces would wait for acknowledgements, and virtual time does not.
    tcp.set_nodelay(true).unwrap();
    let reset = {
        let (mut reader, mut writer) = tcp.split();
        talk(&mut reader, &mut writer, greeting, script, log).await
    };
    if reset {
        tcp.set_zero_linger().unwrap();
    }
}

/// Serves one connection, encrypted or not; true when it is to be reset.
pub(crate) async fn talk(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    greeting: Answer,
    script: &Script,
    log: &Mutex<Vec<String>>,
) -> bool {
    let mut inbox = Vec::new();
    let mut steps = VecDeque::from(greeting);
    let mut body = 0;
    loop {
        while let Some(step) = steps.pop_front() {
            let went = match step {
                Step::Hear => {
                    let early = body.min(inbox.len());
                    inbox.drain(..early);
                    skip(reader, std::mem::take(&mut body) - early).await
                }
                Step::Say(bytes) => writer.write_all(&bytes).await.is_ok() && writer.flush().await.is_ok(),
                Step::Repeat(bytes, times) => {
                    let mut left = times;
                    while left > 0 && writer.write_all(bytes).await.is_ok() {
                        left -= 1;
                    }
                    left == 0
                }
                Step::Trickle(bytes, piece, pause) => {
                    let mut left = bytes.chunks(piece);
                    loop {
                        let Some(piece) = left.next() else { break true };
                        if writer.write_all(piece).await.is_err() || writer.flush().await.is_err() {
                            break false;
                        }
                        tokio::time::sleep(pause).await;
                    }
                }
                Step::Converse(converse) => {
                    let text = next_text(reader, &mut inbox).await;
                    if let Some(text) = &text {
                        log.lock()
                            .unwrap()
                            .push(format!("WS {} {text}", rpc_method(text).unwrap_or_default()));
                        steps.extend((converse.0)(text));
                        steps.push_back(Step::Converse(converse));
                    }
                    text.is_some()
                }
                Step::Wait(notify) => {
                    notify.notified().await;
                    true
                }
                Step::Hold => {
                    // Longer than any limit, in virtual or in real time; the runtime ends it.
                    tokio::time::sleep(Duration::from_secs(1 << 20)).await;
                    false
                }
                Step::Close => false,
                Step::Reset => return true,
            };
            if !went {
                let _ = writer.shutdown().await;
                return false;
            }
        }
        let end = loop {
            if let Some(at) = inbox.windows(4).position(|w| w == b"\r\n\r\n") {
                break at + 4;
            }
            if !matches!(reader.read_buf(&mut inbox).await, Ok(n) if n > 0) {
                return false;
            }
        };
        let head: Vec<u8> = inbox.drain(..end).collect();
        let head = String::from_utf8(head).unwrap();
        let mut heard = Heard(&head, "");
        body = heard.field("content-length").map_or(0, |n| n.parse().unwrap());
        let mut json = Vec::new();
        if heard.field("content-type") == Some("application/json") {
            while inbox.len() < body {
                if !matches!(reader.read_buf(&mut inbox).await, Ok(n) if n > 0) {
                    return false;
                }
            }
            json.extend(inbox.drain(..std::mem::take(&mut body)));
        }
        heard.1 = str::from_utf8(&json).unwrap();
        log.lock().unwrap().push(heard.line());
        steps.extend(script(&heard).unwrap_or_else(|| healthy(&heard)));
    }
}

/// The next text that a websocket's client says, without a look at anything else; none when it has gone.
async fn next_text(reader: &mut (impl AsyncRead + Unpin), inbox: &mut Vec<u8>) -> Option<String> {
    loop {
        while let Some((opcode, payload)) = take_frame(inbox) {
            match opcode {
                1 => return Some(String::from_utf8(payload).unwrap()),
                8 => return None,
                _ => {}
            }
        }
        reader.read_buf(inbox).await.ok().filter(|n| *n > 0)?;
    }
}

/// A whole frame from the beginning: clients mask theirs, and ours does not fragment them.
fn take_frame(inbox: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (len, at) = match inbox.get(1)? & 0x7f {
        126 => (usize::from(u16::from_be_bytes(inbox.get(2..4)?.try_into().unwrap())), 4),
        127 => (u64::from_be_bytes(inbox.get(2..10)?.try_into().unwrap()) as usize, 10),
        len => (usize::from(len), 2),
    };
    let mask: [u8; 4] = inbox.get(at..at + 4)?.try_into().unwrap();
    if inbox.len() < at + 4 + len {
        return None;
    }
    let frame: Vec<u8> = inbox.drain(..at + 4 + len).collect();
    let payload = frame[at + 4..].iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
    Some((frame[0] & 0x0f, payload.collect()))
}

async fn skip(reader: &mut (impl AsyncRead + Unpin), mut left: usize) -> bool {
    let mut buf = [0; 4096];
    while left > 0 {
        let most = left.min(buf.len());
        match reader.read(&mut buf[..most]).await {
            Ok(n) if n > 0 => left -= n,
            _ => return false,
        }
    }
    true
}

/// An OctoPrint that does nothing, and does whatever it is told.
pub(crate) fn healthy(heard: &Heard<'_>) -> Answer {
    let file = r#"{"name":"x.gcode","path":"x.gcode","type":"machinecode","size":1,
        "hash":"0000000000000000000000000000000000000000"}"#;
    let operational = r#"{"text":"Operational","flags":{"operational":true,"ready":true}}"#;
    match heard.0 {
        r if r.starts_with("GET /api/version") => {
            json(200, r#"{"api":"0.1","server":"1.11.8","text":"OctoPrint"}"#)
        }
        r if r.starts_with("GET /api/printer") => json(200, &format!(r#"{{"state":{operational}}}"#)),
        r if r.starts_with("GET /api/job") => json(200, r#"{"job":{},"progress":{},"state":"Operational"}"#),
        r if r.starts_with("GET /api/files/local?") => json(200, &format!(r#"{{"files":[{file}]}}"#)),
        r if r.starts_with("GET /api/files/local/") => json(200, file),
        r if r.starts_with("GET /downloads/") => reply(200, "", "G28\n"),
        r if r.starts_with("POST /api/login") => json(200, r#"{"name":"admin","session":"sssss"}"#),
        r if r.starts_with("POST /api/files/local ") => {
            json(201, &format!(r#"{{"done":true,"files":{{"local":{file}}}}}"#))
        }
        _ => say(b"HTTP/1.1 204 X\r\n\r\n".as_slice()),
    }
}
