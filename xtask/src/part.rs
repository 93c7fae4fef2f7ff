//! A G-code file that xtask makes up, and an HTTP server that has it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::steps::Result;

/// In how many pieces a second's bytes are sent by a server that has a rate.
const PIECES: usize = 50;

/// A print of a few seconds, padded with comments to a size.
pub(crate) fn gcode(size: usize) -> Vec<u8> {
    gcode_of_moves(20, size)
}

/// A print of as many moves, five of which take a second, padded with comments to a size.
pub(crate) fn gcode_of_moves(moves: usize, size: usize) -> Vec<u8> {
    let mut text = String::from("G28\n");
    for i in 0..moves {
        text.push_str(&format!("G1 X{} Y{} F6000\nG4 P200\n", i % 20, i % 7));
    }
    let mut line: u64 = 0;
    while text.len() < size {
        line += 1;
        // Lines that differ, so that a lost or swapped piece changes the hash.
        text.push_str(&format!("; {line} {:016x}\n", line.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
    }
    text.truncate(size);
    text.into_bytes()
}

pub(crate) fn sha1_of(bytes: &[u8]) -> Result<String> {
    let mut sum = Command::new("sha1sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sha1sum: {error}"))?;
    sum.stdin
        .take()
        .ok_or("sha1sum: no input")?
        .write_all(bytes)
        .map_err(|error| format!("sha1sum: {error}"))?;
    let output = sum.wait_with_output().map_err(|error| format!("sha1sum: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).chars().take_while(|c| *c != ' ').collect())
}

/// Serves one file over HTTP on a free port, as long as this program runs.
pub(crate) fn serve(file: Arc<Vec<u8>>) -> Result<u16> {
    serve_each(usize::MAX, move |_| Some(file.clone()))
}

/// As [`serve`], with a file for each path, and no faster than this many bytes a second.
pub(crate) fn serve_each(
    rate: usize,
    file_at: impl Fn(&str) -> Option<Arc<Vec<u8>>> + Send + Sync + 'static,
) -> Result<u16> {
    listen(move |stream| answer(stream, rate, &file_at, |_| ()))
}

/// As [`serve`], no faster than this many bytes a second, and the second half once it is told to go on.
pub(crate) fn serve_in_halves(rate: usize, file: Arc<Vec<u8>>, go_on: Receiver<()>) -> Result<u16> {
    let go_on = Mutex::new(Some(go_on));
    listen(move |stream| {
        answer(stream, rate, &|_: &str| Some(file.clone()), |sent| {
            if sent >= file.len() / 2
                && let Some(go_on) = go_on.lock().ok().and_then(|mut go_on| go_on.take())
            {
                // Nobody may be there any more to tell it.
                let _ = go_on.recv();
            }
        })
    })
}

fn listen(answer: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("file server: {error}"))?;
    let port = listener.local_addr().map_err(|error| format!("file server: {error}"))?.port();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            std::thread::spawn(move || answer(stream));
        }
    });
    Ok(port)
}

fn answer(
    mut stream: TcpStream,
    rate: usize,
    file_at: &impl Fn(&str) -> Option<Arc<Vec<u8>>>,
    mut between: impl FnMut(usize),
) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let Some(file) = file_at(head.split(' ').nth(1)?) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").ok();
    };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len()).ok()?;
    let mut sent = 0;
    for piece in file.chunks((rate / PIECES).max(1)) {
        between(sent);
        stream.write_all(piece).ok()?;
        sent += piece.len();
        if rate != usize::MAX {
            std::thread::sleep(Duration::from_secs(1) / PIECES as u32);
        }
    }
    Some(())
}
