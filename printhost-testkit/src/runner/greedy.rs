mod moonraker;

use std::{
    format,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    string::String,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
    vec,
    vec::Vec,
};

use printhost_net::proto::websocket::handshake_accept;

/// What a [`GreedyHost`] makes its answers large with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Greed {
    /// Long texts that nobody knows.
    Padding,
    /// The same, without a length, in small chunks and fragments.
    Chunks,
    /// Texts with escapes.
    Escapes,
    /// Lists of nothing, and lists in lists.
    Lists,
    /// The texts that a client keeps.
    Texts,
    /// A long text where none belongs, in what tells of the printer.
    WrongTypes,
}

impl Greed {
    /// Every one.
    pub const ALL: [Self; 6] =
        [Self::Padding, Self::Chunks, Self::Escapes, Self::Lists, Self::Texts, Self::WrongTypes];
}

/// What a client takes, in bytes: the head of an answer, its JSON, a message of the websocket.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "these are a client's limits, and there are no others")]
pub struct Appetite {
    /// The head.
    pub head: usize,
    /// The JSON.
    pub json: usize,
    /// A message.
    pub message: usize,
}

/// An OctoPrint 1.x, a PrusaLink or a Moonraker, as far as a print needs one, and a server with a file at `/part.gcode`: its every answer is as large as a client takes.
///
/// It closes the websocket in the middle of an upload, and answers the upload when the client has read the printer anew,
/// or after two seconds: so that as much as possible goes on at once. Dropping it leaves its threads to the process.
#[derive(Debug)]
pub struct GreedyHost {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Which protocol a [`GreedyHost`] speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Speaks {
    /// OctoPrint's.
    OctoPrint,
    /// PrusaLink's, as on a Pi.
    PrusaLink,
    /// Moonraker's, with a Klipper.
    Moonraker,
}

#[derive(Debug)]
struct Shared {
    speaks: Speaks,
    greed: Greed,
    appetite: Appetite,
    /// Where the upload stands.
    uploading: AtomicBool,
    stored: AtomicBool,
    started: AtomicBool,
    /// How often the printer was read; how many requests came in all, and how many that change something.
    reads: AtomicU32,
    requests: AtomicU32,
    changes: AtomicU32,
    /// When the print was started.
    since: OnceLock<Instant>,
}

/// The path of the file that is uploaded to it.
const PATH: &str = "greedy/part.gcode";
/// The length of the file it serves.
const FILE: usize = 32 << 10;

impl GreedyHost {
    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    pub fn start(greed: Greed, appetite: Appetite) -> io::Result<Self> {
        Self::speaking(Speaks::OctoPrint, greed, appetite)
    }

    /// As [`Self::start`], in this protocol.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    pub fn speaking(speaks: Speaks, greed: Greed, appetite: Appetite) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            speaks,
            greed,
            appetite,
            uploading: AtomicBool::new(false),
            stored: AtomicBool::new(false),
            started: AtomicBool::new(false),
            reads: AtomicU32::new(0),
            requests: AtomicU32::new(0),
            changes: AtomicU32::new(0),
            since: OnceLock::new(),
        });
        let at = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&at);
                thread::spawn(move || shared.serve(stream));
            }
        });
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The path of the file that it takes.
    pub const fn path(&self) -> &'static str {
        PATH
    }

    /// How many requests came.
    pub fn requests(&self) -> u32 {
        self.shared.requests.load(Relaxed)
    }

    /// How many requests came that change something.
    pub fn changes(&self) -> u32 {
        self.shared.changes.load(Relaxed)
    }
}

impl Shared {
    /// Until the client closes.
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        loop {
            let (mut line, mut length, mut key) = (String::new(), 0, None);
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            loop {
                let mut field = String::new();
                reader.read_line(&mut field).ok().filter(|n| *n > 0)?;
                let Some((name, value)) = field.trim_end().split_once(": ") else { break };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.parse().ok()?,
                    "sec-websocket-key" => key = Some(handshake_accept(value)),
                    _ => {}
                }
            }
            let mut words = line.split(' ');
            let (method, path) = (words.next()?, words.next()?);
            if let Some(accept) = key {
                return match self.speaks {
                    Speaks::Moonraker => self.push_as_moonraker(reader, stream, &accept),
                    _ => self.push(stream, &accept),
                };
            }
            self.requests.fetch_add(1, Relaxed);
            if !["GET", "HEAD"].contains(&method) && path != "/api/login" {
                self.changes.fetch_add(1, Relaxed);
            }
            let upload = match self.speaks {
                Speaks::OctoPrint => method == "POST" && path == "/api/files/local",
                Speaks::PrusaLink => method == "PUT",
                Speaks::Moonraker => path == "/server/files/upload",
            };
            if upload {
                self.uploading.store(true, Relaxed);
            }
            let reads = self.reads.load(Relaxed);
            let mut body = Vec::new();
            if !upload {
                (&mut reader).take(length).read_to_end(&mut body).ok()?;
            } else {
                io::copy(&mut (&mut reader).take(length), &mut io::sink()).ok()?;
            }
            if upload {
                let since = Instant::now();
                while self.reads.load(Relaxed) == reads && since.elapsed() < Duration::from_secs(2) {
                    thread::sleep(Duration::from_millis(10));
                }
                self.stored.store(true, Relaxed);
                self.uploading.store(false, Relaxed);
            }
            self.answer(&mut stream, method, path, &body)?;
        }
    }

    fn answer(&self, stream: &mut TcpStream, method: &str, path: &str, body: &[u8]) -> Option<()> {
        match self.speaks {
            _ if path == "/part.gcode" => {}
            Speaks::PrusaLink => return self.answer_as_prusalink(stream, method, path),
            Speaks::Moonraker => return self.answer_as_moonraker(stream, method, path, body),
            Speaks::OctoPrint => {}
        }
        let file = format!(r#"{{"path":"{PATH}","type":"machinecode","size":{FILE}}}"#);
        let json = match (method, path.split('?').next()?) {
            ("GET", "/part.gcode") => return self.send(stream, 200, "text/plain", &vec![b';'; FILE], false),
            ("GET", "/api/version") => String::from(r#"{"server":"1.11.8","text":"OctoPrint 1.11.8"}"#),
            ("POST", "/api/login") => self.login(),
            ("GET", "/api/printer") => {
                self.reads.fetch_add(1, Relaxed);
                self.printer()
            }
            ("GET", "/api/job") => {
                format!("{{{},\"state\":{}}}", self.job(), self.text("Operational"))
            }
            ("POST", "/api/files/local") => format!(r#"{{"done":true,"files":{{"local":{file}}}}}"#),
            ("GET", _) if self.stored.load(Relaxed) => file,
            ("POST", _) => {
                self.started.store(true, Relaxed);
                return self.send(stream, 204, "application/json", b"", false);
            }
            _ => return self.send(stream, 404, "application/json", b"{}", false),
        };
        let json = self.filled(json, self.appetite.json);
        self.send(stream, 200, "application/json", json.as_bytes(), self.greed == Greed::Chunks)
    }

    fn answer_as_prusalink(&self, stream: &mut TcpStream, method: &str, path: &str) -> Option<()> {
        let (stored, started) = (self.stored.load(Relaxed), self.started.load(Relaxed));
        let mut nothing = |status| self.send(stream, status, "text/html", b"", false);
        let json = match (method, path) {
            ("PUT", _) => return nothing(201),
            ("POST", _) => {
                self.reads.store(0, Relaxed);
                self.started.store(true, Relaxed);
                return nothing(204);
            }
            (_, "/api/version") => String::from(
                r#"{"text":"PrusaLink 0.8.1","server":"0.8.1","sdk":"0.8.1","capabilities":{"upload-by-put":true}}"#,
            ),
            (_, "/api/v1/storage") => {
                let more = match self.greed {
                    Greed::Lists => ",{}".repeat(self.appetite.json / 3 - 60),
                    _ => String::new(),
                };
                format!(r#"{{"storage_list":[{{"path":"/local","name":"PrusaLink gcodes"}}{more}]}}"#)
            }
            (_, "/api/v1/status") => {
                let reads = self.reads.fetch_add(1, Relaxed);
                match (self.greed, stored, started, reads) {
                    (Greed::WrongTypes, true, _, _) => {
                        format!(r#"{{"printer":"{}"}}"#, "\u{7f}".repeat(self.appetite.json / 2))
                    }
                    (_, _, false, _) => self.status("IDLE", ""),
                    (_, _, true, 0..4) => self.status("PRINTING", r#","job":{"id":1,"progress":50.0}"#),
                    _ => self.status("FINISHED", ""),
                }
            }
            (_, "/api/v1/job") => {
                let file =
                    format!(r#""path":"/PrusaLink gcodes/{PATH}","display_name":"part.gcode","size":{FILE}"#);
                format!(r#"{{"id":1,"file":{{{file}}}}}"#)
            }
            (_, "/api/v1/transfer") => return nothing(204),
            (_, path) if path.ends_with("/greedy") => String::from(r#"{"type":"FOLDER"}"#),
            (_, path) if path.ends_with(PATH) && stored => {
                let refs = format!(r#"{{"download":{},"thumbnail":{}}}"#, self.text("/a/"), self.text("/b/"));
                format!(r#"{{"type":"PRINT_FILE","display_name":"part.gcode","size":{FILE},"refs":{refs}}}"#)
            }
            _ => return self.send(stream, 404, "application/json", b"{}", false),
        };
        let json = self.filled(json, self.appetite.json);
        self.send(stream, 200, "application/json", json.as_bytes(), self.greed == Greed::Chunks)
    }

    fn status(&self, state: &str, job: &str) -> String {
        let line = format!(r#"{{"ok":true,"message":{}}}"#, self.text("OK"));
        format!(
            r#"{{"printer":{{"state":"{state}","temp_nozzle":20.0,"fan_print":0,"status_printer":{line}}}{job}}}"#
        )
    }

    /// An answer with a head as long as it may be.
    fn send(&self, stream: &mut TcpStream, status: u16, kind: &str, body: &[u8], chunks: bool) -> Option<()> {
        let length = match chunks {
            true => String::from("Transfer-Encoding: chunked"),
            false => format!("Content-Length: {}", body.len()),
        };
        let length = if status == 204 { String::from("X-No: body") } else { length };
        let mut head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{length}\r\n").into_bytes();
        while head.len() + 40 < self.appetite.head {
            let most = (self.appetite.head - head.len() - 12).min(600);
            head.extend_from_slice(b"X-More: ");
            head.extend(core::iter::repeat_n(b'x', most));
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        stream.write_all(&head).ok()?;
        if !chunks {
            return stream.write_all(body).ok();
        }
        for piece in body.chunks(100) {
            write!(stream, "{:x}\r\n", piece.len()).ok()?;
            stream.write_all(piece).ok()?;
            stream.write_all(b"\r\n").ok()?;
        }
        stream.write_all(b"0\r\n\r\n").ok()
    }

    fn login(&self) -> String {
        match self.greed {
            Greed::Lists => {
                let roles = "\"\",".repeat(self.appetite.json / 3 - 60);
                format!(r#"{{"name":"n","session":"s","needs":{{"role":[{roles}"x"]}}}}"#)
            }
            Greed::Escapes => {
                let long = "\\\"".repeat(250);
                format!(r#"{{"name":"{long}","session":"{long}"}}"#)
            }
            _ => String::from(r#"{"name":"n","session":"s"}"#),
        }
    }

    fn printer(&self) -> String {
        let heaters: Vec<String> =
            (0..16).map(|tool| format!(r#""tool{tool}":{{"actual":20.0,"target":0.0}}"#)).collect();
        format!(r#"{{{},"temperature":{{{}}}}}"#, self.state("Operational"), heaters.join(","))
    }

    fn state(&self, text: &str) -> String {
        if self.greed == Greed::WrongTypes && self.stored.load(Relaxed) {
            return format!(r#""state":"{}""#, "\u{7f}".repeat(self.appetite.json / 2));
        }
        format!(r#""state":{{"text":{},"flags":{{"operational":true}},"error":""}}"#, self.text(text))
    }

    fn job(&self) -> String {
        let path = match (self.greed, self.started.load(Relaxed)) {
            (Greed::Texts, false) => self.text("other/"),
            _ => format!("\"{PATH}\""),
        };
        format!(r#""job":{{"file":{{"path":{path},"size":{FILE}}}}},"progress":{{"completion":100.0}}"#)
    }

    /// Of a text that a client keeps.
    fn text(&self, text: &str) -> String {
        match self.greed {
            Greed::Texts => format!("\"{text}{}\"", "x".repeat(self.appetite.message / 4)),
            _ => format!("\"{text}\""),
        }
    }

    /// JSON of `len` bytes.
    fn filled(&self, object: String, len: usize) -> String {
        let mut filled = object;
        let Some(room) = len.checked_sub(filled.len() + r#","":[""]"#.len()) else { return filled };
        filled.pop();
        filled.push_str(r#","":["#);
        let end = filled.len() + room;
        match self.greed {
            Greed::Lists => {
                filled.push_str(&"[".repeat(100.min(room / 4)));
                filled.push_str(&"]".repeat(100.min(room / 4)));
                filled.push(',');
                while filled.len() + 3 < end {
                    filled.push_str("\"\",");
                }
            }
            Greed::Escapes => {
                while filled.len() + 1000 < end {
                    filled.push_str(&format!("\"{}\\n{}\",", "x".repeat(500), "x".repeat(480)));
                }
            }
            _ => {}
        }
        let rest = end.saturating_sub(filled.len());
        filled.push('"');
        filled.push_str(&"x".repeat(rest));
        filled.push_str("\"]}");
        filled
    }

    fn upgrade(&self, stream: &mut TcpStream, accept: &str) -> Option<()> {
        let head = format!(
            "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\
             X-More: {}\r\n\r\n",
            "x".repeat(1500)
        );
        stream.write_all(head.as_bytes()).ok()
    }

    /// The websocket: closes once in an upload, and ends the print after its start.
    fn push(&self, mut stream: TcpStream, accept: &str) -> Option<()> {
        self.upgrade(&mut stream, accept)?;
        let message = self.appetite.message;
        let current = |filled: usize| {
            let current = format!(r#"{{"current":{{{},{}}}}}"#, self.state("Operational"), self.job());
            self.filled(current, filled)
        };
        let was_uploading = self.stored.load(Relaxed);
        for round in 0_u32.. {
            self.frame(&mut stream, &current(message))?;
            self.frame(&mut stream, &current(message + 1))?;
            self.frame(&mut stream, &current(3 * message))?;
            stream.write_all(&[0x89, 125]).ok()?;
            stream.write_all(&[b'p'; 125]).ok()?;
            if !self.started.load(Relaxed) && round < 12 {
                // Jobs of others, which nobody takes out of the queue while a file is being stored.
                let path = format!("{round:02}{}", "y".repeat(message / 2 - 100));
                let event = format!(r#"{{"event":{{"type":"PrintStarted","payload":{{"path":"{path}"}}}}}}"#);
                self.frame(&mut stream, &self.filled(event, message))?;
            }
            if self.started.load(Relaxed) {
                thread::sleep(Duration::from_millis(300));
                let event =
                    |kind: &str| format!(r#"{{"event":{{"type":"{kind}","payload":{{"path":"{PATH}"}}}}}}"#);
                self.frame(&mut stream, &event("PrintStarted"))?;
                self.frame(&mut stream, &self.filled(event("PrintDone"), message))?;
            }
            thread::sleep(Duration::from_millis(30));
            if self.uploading.load(Relaxed) && !was_uploading && round > 12 {
                return None;
            }
        }
        None
    }

    /// A text, whole or in fragments.
    fn frame(&self, stream: &mut TcpStream, text: &str) -> Option<()> {
        let piece = if self.greed == Greed::Chunks { 7 } else { usize::MAX };
        let mut frames = Vec::new();
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(piece).collect();
        for (i, piece) in pieces.iter().enumerate() {
            let fin = if i + 1 == pieces.len() { 0x80 } else { 0 };
            frames.push(fin | u8::from(i == 0));
            match u8::try_from(piece.len()) {
                Ok(short @ ..126) => frames.push(short),
                _ => {
                    frames.push(126);
                    frames.extend_from_slice(&u16::try_from(piece.len()).ok()?.to_be_bytes());
                }
            }
            frames.extend_from_slice(piece);
        }
        stream.write_all(&frames).ok()
    }
}
