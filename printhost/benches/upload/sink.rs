//! A server that takes uploads as OctoPrint does, and throws them away as fast as the kernel can.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    mem::MaybeUninit,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use socket2::SockRef;

use crate::Result;

/// Linux throws away what was received instead of copying it.
const MSG_TRUNC: i32 = 0x20;

/// How much is thrown away at a time; this memory is never touched.
const DISCARD: usize = 4 << 20;

/// The files it was given: name and size.
type Files = Arc<Mutex<HashMap<String, u64>>>;

/// Prints its port, and serves until its standard input ends.
pub(crate) fn run() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    std::thread::spawn(move || {
        let files = Files::default();
        for stream in listener.incoming().flatten() {
            let files = files.clone();
            std::thread::spawn(move || {
                if let Err(error) = (Peer { stream, inbox: Vec::new() }).serve(&files) {
                    eprintln!("sink: {error}");
                }
            });
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

struct Peer {
    stream: TcpStream,
    /// What was read and not yet used.
    inbox: Vec<u8>,
}

impl Peer {
    fn serve(&mut self, files: &Files) -> Result {
        self.stream.set_nodelay(true)?;
        while let Some(head) = self.through("\r\n\r\n")? {
            let mut words = head.split(' ');
            let method = words.next().unwrap_or_default();
            let target = words.next().unwrap_or_default();
            let name = target.rsplit('/').next().unwrap_or_default();
            let (status, body) = match method {
                "GET" if target == "/api/version" => {
                    (200, r#"{"api":"0.1","server":"1.11.8","text":"OctoPrint 1.11.8"}"#.to_owned())
                }
                "GET" => match files.lock().map_err(|e| e.to_string())?.get(name) {
                    Some(size) => (
                        200,
                        format!(r#"{{"name":"{name}","path":"{name}","type":"machinecode","size":{size}}}"#),
                    ),
                    None => (404, String::new()),
                },
                "PUT" => {
                    let len = self.length(&head)?;
                    self.discard(len)?;
                    (201, String::new())
                }
                "POST" => {
                    let (name, size) = self.form(&head)?;
                    let body = format!(
                        r#"{{"done":true,"effectivePrint":false,"effectiveSelect":false,"files":{{"local":{{"name":"{name}","path":"{name}","origin":"local"}}}}}}"#
                    );
                    files.lock().map_err(|e| e.to_string())?.insert(name, size);
                    (201, body)
                }
                _ => return Err(format!("unexpected request: {head}").into()),
            };
            write!(
                self.stream,
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )?;
        }
        Ok(())
    }

    /// A form whose last field is the file: the file's name and size.
    fn form(&mut self, head: &str) -> Result<(String, u64)> {
        let len = self.length(head)?;
        let boundary = head
            .split_once("boundary=")
            .and_then(|(_, rest)| rest.split("\r\n").next())
            .ok_or("a form without boundary")?;
        let mut used = 0;
        let name = loop {
            let part = self.through("\r\n\r\n")?.ok_or("a form without file")?;
            used += part.len() as u64;
            if let Some((_, rest)) = part.split_once("filename=\"") {
                break rest.split('"').next().unwrap_or_default().to_owned();
            }
        };
        self.discard(len - used)?;
        let after = "\r\n--".len() + boundary.len() + "--\r\n".len();
        Ok((name, len - used - after as u64))
    }

    /// The length of the body, after telling a peer that asked to go on.
    fn length(&mut self, head: &str) -> Result<u64> {
        let head = head.to_ascii_lowercase();
        if head.contains("\r\nexpect: 100-continue\r\n") {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let (_, rest) = head.split_once("\r\ncontent-length:").ok_or("a body without length")?;
        Ok(rest.split("\r\n").next().unwrap_or_default().trim().parse()?)
    }

    /// Everything up to and including `end`; `None` when the peer has closed instead.
    fn through(&mut self, end: &str) -> Result<Option<String>> {
        loop {
            if let Some(at) = self.inbox.windows(end.len()).position(|w| w == end.as_bytes()) {
                let rest = self.inbox.split_off(at + end.len());
                return Ok(Some(String::from_utf8(std::mem::replace(&mut self.inbox, rest))?));
            }
            let mut buf = [0; 4096];
            match self.stream.read(&mut buf)? {
                0 if self.inbox.is_empty() => return Ok(None),
                0 => return Err("the peer closed within a request".into()),
                n => self.inbox.extend_from_slice(&buf[..n]),
            }
        }
    }

    fn discard(&mut self, len: u64) -> Result {
        let mut buf = vec![MaybeUninit::uninit(); DISCARD];
        let mut left = len - len.min(self.inbox.len() as u64);
        self.inbox.drain(..usize::try_from(len - left)?);
        let socket = SockRef::from(&self.stream);
        // Waking a sleeping receiver would be most of what sending costs, so this one does not sleep.
        socket.set_nonblocking(true)?;
        while left > 0 {
            let most = DISCARD.min(usize::try_from(left)?);
            match socket.recv_with_flags(&mut buf[..most], MSG_TRUNC) {
                Ok(0) => return Err("the peer closed within a body".into()),
                Ok(n) => left -= n as u64,
                Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                Err(e) => return Err(e.into()),
            }
        }
        Ok(socket.set_nonblocking(false)?)
    }
}
