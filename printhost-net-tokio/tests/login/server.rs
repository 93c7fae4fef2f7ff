//! A server that wants digest authentication, by the formulas of RFC 7616 and RFC 2069.

use std::{
    collections::HashMap,
    fmt::Write as _,
    io::{BufRead, BufReader, Read, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use sha2::{Digest as _, Sha256};

pub(super) const USER: &str = "mäker";
pub(super) const PASSWORD: &str = "secret-password";
/// Does as well.
pub(super) const KEY: &str = "secret-key";
/// Of everything that does not stream; longer bodies are only counted.
const SHORT: usize = 1 << 16;

/// What the server is like.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    /// The fields of a 401, with `NONCE` for the nonce.
    pub(super) asks: &'static [&'static str],
    /// Every nonce is good for so many requests, and is stale then.
    pub(super) nonce_serves: usize,
    /// A nonce that is too old is called stale; otherwise the server pretends never to have given it.
    pub(super) says_stale: bool,
    /// Counts have to rise.
    pub(super) counts: bool,
}

impl Rules {
    /// As PrusaLink on a Raspberry Pi asks, with the hash that this test can do.
    pub(super) const COUNTING: Self = Self {
        asks: &[
            r#"Digest realm="Administrator",qop="auth",algorithm="SHA-256-sess",nonce="NONCE",opaque="o=p""#,
        ],
        nonce_serves: usize::MAX,
        says_stale: true,
        counts: true,
    };
    /// Without `qop`, as Prusa's firmware does.
    pub(super) const PLAIN: Self = Self {
        asks: &[r#"Digest realm="Printer API", algorithm=SHA-256, nonce="NONCE""#],
        counts: false,
        ..Self::COUNTING
    };
}

/// One request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Method and target.
    pub(super) line: String,
    /// As many bytes as came.
    pub(super) body: u64,
    pub(super) authorized: bool,
    pub(super) status: u16,
}

/// The server.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    rules: Rules,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    connections: usize,
    /// How many requests each nonce has served, and the last of their counts.
    nonces: Vec<(usize, u32)>,
}

impl Server {
    pub(super) fn start(rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { rules, state: Mutex::default() });
        let server = Self { address, shared: shared.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                shared.state.lock().unwrap().connections += 1;
                std::thread::spawn(move || shared.serve(stream.unwrap()));
            }
        });
        server
    }

    /// What it has seen since it was last asked.
    pub(super) fn seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.state.lock().unwrap().seen)
    }

    /// The statuses of that.
    pub(super) fn statuses(&self) -> Vec<u16> {
        self.seen().iter().map(|seen| seen.status).collect()
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.state.lock().unwrap().connections
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        while let Some((line, fields)) = head(&mut reader) {
            let (method, target) = line.split_once(' ').unwrap();
            let length: u64 = fields.get("content-length").map_or(0, |n| n.parse().unwrap());
            let authorization = fields.get("authorization");
            let (status, stale) = match fields.get("x-api-key") {
                Some(key) if key == KEY => (done(method, target), false),
                _ => self.judge(method, target, authorization),
            };
            let mut body = Vec::new();
            let taken = (&mut reader).take(length);
            // What streams is refused while it comes, and counted to its end.
            let body_len = if length > SHORT as u64 && status == 401 {
                stream.write_all(&self.answer(401, stale, "")).unwrap();
                std::io::copy(&mut { taken }, &mut std::io::sink()).unwrap_or(0)
            } else if length > SHORT as u64 {
                std::io::copy(&mut { taken }, &mut std::io::sink()).unwrap_or(0)
            } else {
                { taken }.read_to_end(&mut body).unwrap() as u64
            };
            let authorized = authorization.is_some();
            let seen = Seen { line: line.clone(), body: body_len, authorized, status };
            self.state.lock().unwrap().seen.push(seen);
            if length > SHORT as u64 && status == 401 {
                return;
            }
            // An answer that quotes what it was sent.
            let echo = format!("{authorization:?} {}", String::from_utf8_lossy(&body));
            if stream.write_all(&self.answer(status, stale, &echo)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, status: u16, stale: bool, body: &str) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {status} Whatever\r\n");
        if status == 401 {
            let nonce = self.state.lock().unwrap().nonces.len() - 1;
            for field in self.rules.asks {
                let stale = if stale && field.starts_with("Digest") { ", stale=true" } else { "" };
                let field = field.replace("NONCE", &format!("nonce{nonce}"));
                write!(text, "WWW-Authenticate: {field}{stale}\r\n").unwrap();
            }
        }
        write!(text, "Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        text.into_bytes()
    }

    /// The status, and whether a refusal is for the nonce only.
    fn judge(&self, method: &str, target: &str, authorization: Option<&String>) -> (u16, bool) {
        let rules = &self.rules;
        let mut state = self.state.lock().unwrap();
        let Some(value) = authorization.and_then(|value| value.strip_prefix("Digest ")) else {
            state.nonces.push((0, 0));
            return (401, false);
        };
        let of = parameters(value);
        let get = |name: &str| of.get(name).map(String::as_str).unwrap_or_default();
        let realm = if rules.counts { "Administrator" } else { "Printer API" };
        let mut key = hash(&[USER, realm, PASSWORD]);
        if get("algorithm").ends_with("-sess") {
            key = hash(&[&key, get("nonce"), get("cnonce")]);
        }
        let request = hash(&[method, target]);
        let expected = match get("qop") {
            "" => hash(&[&key, get("nonce"), &request]),
            qop => hash(&[&key, get("nonce"), get("nc"), get("cnonce"), qop, &request]),
        };
        assert_eq!(get("uri"), target);
        let believed = get("username") == USER && get("response") == expected;
        let number: Option<usize> = get("nonce").strip_prefix("nonce").and_then(|n| n.parse().ok());
        let count = u32::from_str_radix(get("nc"), 16).unwrap_or(0);
        if let Some((served, last)) = number.and_then(|number| state.nonces.get_mut(number))
            && believed
            && *served < rules.nonce_serves
            && (count > *last || !rules.counts)
        {
            (*served, *last) = (*served + 1, count);
            return (done(method, target), false);
        }
        state.nonces.push((0, 0));
        (401, believed && rules.says_stale)
    }
}

/// The status of what is let in.
fn done(method: &str, target: &str) -> u16 {
    match (method, target) {
        (_, "/refused") => 409,
        ("GET", _) => 200,
        _ => 201,
    }
}

/// First line without the version, and fields by small name.
fn head(reader: &mut impl BufRead) -> Option<(String, HashMap<String, String>)> {
    let mut first = None;
    let mut fields = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        match (line.trim_end(), &first) {
            ("", Some(_)) => return first.map(|line| (line, fields)),
            (line, None) => first = Some(line.strip_suffix(" HTTP/1.1")?.to_owned()),
            (line, Some(_)) => {
                let (name, value) = line.split_once(':')?;
                fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
        }
    }
}

/// `a="b", c=d`, of texts without quotes and commas in them.
fn parameters(value: &str) -> HashMap<String, String> {
    let pairs = value.split(',').filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

fn hash(parts: &[&str]) -> String {
    Sha256::digest(parts.join(":")).iter().map(|byte| format!("{byte:02x}")).collect()
}
