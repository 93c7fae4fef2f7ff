//! A scripted server on plain TCP. What it says is written out by hand; no codec of ours is involved.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
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
    /// Says nothing more and reads nothing more.
    Hold,
    /// Ends the connection.
    Close,
    /// Resets the connection.
    Reset,
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

/// The head of a request, as text.
pub(crate) struct Heard<'a>(pub(crate) &'a str);

impl Heard<'_> {
    /// Whether the request line begins like this.
    pub(crate) fn is(&self, begin: &str) -> bool {
        self.0.starts_with(begin)
    }

    /// A header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
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
    let mut answer = greeting;
    let mut body = 0;
    loop {
        for step in answer {
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
        let heard = Heard(&head);
        log.lock().unwrap().push(head.lines().next().unwrap().to_owned());
        body = heard.field("content-length").map_or(0, |n| n.parse().unwrap());
        answer = script(&heard).unwrap_or_else(|| healthy(&heard));
    }
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

fn healthy(heard: &Heard<'_>) -> Answer {
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
