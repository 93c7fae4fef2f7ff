//! A greedy Moonraker: questions by HTTP and calls on the websocket have the same answers.

use std::{
    format,
    io::{BufReader, Read as _, Write as _},
    net::TcpStream,
    string::String,
    sync::{
        atomic::Ordering::Relaxed,
        mpsc::{RecvTimeoutError, channel},
    },
    thread,
    time::{Duration, Instant},
    vec,
    vec::Vec,
};

use serde_json::Value;

use super::{FILE, Greed, PATH, Shared};

/// How long the print takes.
const PRINT: Duration = Duration::from_millis(900);
/// Between two bursts of what is pushed.
const PAUSE: Duration = Duration::from_millis(30);

impl Shared {
    pub(super) fn answer_as_moonraker(
        &self,
        stream: &mut TcpStream,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Option<()> {
        let kind = "application/json";
        let json = match (method, path.split('?').next()?) {
            ("HEAD", _) if !self.stored.load(Relaxed) => return self.send(stream, 404, kind, b"", false),
            ("HEAD", _) => return self.send(stream, 403, kind, b"", false),
            ("POST", "/server/files/upload") => {
                format!(
                    r#"{{"item":{{"path":"{PATH}","root":"gcodes","size":{FILE}}},"print_started":false}}"#
                )
            }
            ("POST", "/server/jsonrpc") => self.called(&serde_json::from_slice(body).ok()?),
            ("GET", path) => {
                format!(r#"{{"result":{}}}"#, self.result(&path[1..].replace('/', "."))?)
            }
            _ => return self.send(stream, 404, kind, b"{}", false),
        };
        let json = self.filled(json, self.appetite.json);
        self.send(stream, 200, kind, json.as_bytes(), self.greed == Greed::Chunks)
    }

    /// The websocket: closes once in an upload, and tells of the print to its end.
    pub(super) fn push_as_moonraker(
        &self,
        mut reader: BufReader<TcpStream>,
        mut stream: TcpStream,
        accept: &str,
    ) -> Option<()> {
        self.upgrade(&mut stream, accept)?;
        let (sender, calls) = channel();
        thread::spawn(move || {
            while let Some(text) = frame_of(&mut reader) {
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
        let message = self.appetite.message;
        let was_stored = self.stored.load(Relaxed);
        for round in 0_u32.. {
            let pause = Instant::now() + PAUSE;
            loop {
                match calls.recv_timeout(pause.saturating_duration_since(Instant::now())) {
                    Ok(text) => {
                        // A ping's answer, or a call.
                        if let Ok(call) = serde_json::from_slice(&text) {
                            let answer = self.called(&call);
                            self.frame(&mut stream, &self.filled(answer, message))?;
                        }
                    }
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return None,
                }
            }
            let update = self.update();
            self.frame(&mut stream, &self.filled(update.clone(), message))?;
            self.frame(&mut stream, &self.filled(update.clone(), message + 1))?;
            self.frame(&mut stream, &self.filled(update, 3 * message))?;
            stream.write_all(&[0x89, 125]).ok()?;
            stream.write_all(&[b'p'; 125]).ok()?;
            if !self.started.load(Relaxed) && round < 12 {
                // Jobs of others, which nobody takes out of the queue while a file is being stored.
                let path = format!("{round:02}{}", "y".repeat((message / 2).min(500)));
                for action in ["added", "finished"] {
                    let job = self.job_of(
                        round.into(),
                        &path,
                        if action == "added" { "in_progress" } else { "error" },
                    );
                    let notice = format!(
                        r#"{{"method":"notify_history_changed","params":[{{"action":"{action}","job":{job}}}]}}"#
                    );
                    self.frame(&mut stream, &self.filled(notice, message))?;
                }
            }
            if self.uploading.load(Relaxed) && !was_stored && round > 12 {
                return None;
            }
        }
        None
    }

    /// The answer to a call.
    fn called(&self, call: &Value) -> String {
        let (method, id) = (call["method"].as_str().unwrap_or_default(), &call["id"]);
        match self.result(method) {
            Some(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            None => {
                let words = self.text("Method not found");
                format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32601,"message":{words}}}}}"#)
            }
        }
    }

    fn result(&self, method: &str) -> Option<String> {
        Some(match method {
            "server.info" => {
                let version = self.text("v0.11.0");
                format!(
                    r#"{{"klippy_connected":true,"klippy_state":"ready","moonraker_version":{version},"api_version_string":{version}}}"#
                )
            }
            "server.connection.identify" => String::from(r#"{"connection_id":1}"#),
            "printer.objects.list" => format!(r#"{{"objects":[{}]}}"#, self.names()),
            "printer.objects.query" | "printer.objects.subscribe" => {
                self.reads.fetch_add(1, Relaxed);
                format!(r#"{{"eventtime":1.0,"status":{}}}"#, self.objects())
            }
            "server.history.list" => {
                let jobs: Vec<String> = (0..8).rev().map(|n| self.entry(n)).collect();
                format!(r#"{{"count":8,"jobs":[{}]}}"#, jobs.join(","))
            }
            "printer.print.start" => {
                self.changes.fetch_add(1, Relaxed);
                self.since.get_or_init(Instant::now);
                self.started.store(true, Relaxed);
                String::from("\"ok\"")
            }
            _ => return None,
        })
    }

    /// An entry of the history, with all that is known of its file.
    fn entry(&self, number: u64) -> String {
        let job = self.job_of(number, &format!("other{number}"), "completed");
        self.filled(job, self.appetite.json)
    }

    fn job_of(&self, number: u64, path: &str, status: &str) -> String {
        let (path, user) = (self.text(path), self.text("maker"));
        format!(
            r#"{{"job_id":"{number:06X}","filename":{path},"status":"{status}","user":{user},"exists":true}}"#
        )
    }

    fn names(&self) -> String {
        let mut names = vec![String::from("webhooks"), "heater_bed".into(), "extruder".into()];
        names.extend((1..if self.greed == Greed::Lists { 16 } else { 6 }).map(|n| format!("extruder{n}")));
        names.push(format!("temperature_sensor chamber{}", "c".repeat(36)));
        // More than are listed, and one again and again.
        names.extend((0..9).map(|n| format!("heater_fan {n}{}", "f".repeat(51))));
        names.extend((0..20).map(|_| String::from("fan")));
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        names.join(",")
    }

    /// All of them, as far as a message has room for.
    fn objects(&self) -> String {
        let heater = r#"{"temperature":20.0,"target":0.0,"can_extrude":true}"#;
        // Long texts leave no room for more.
        let (tools, fans) = if self.greed == Greed::Texts { (1, 0) } else { (8, 5) };
        let tools: String = (1..tools).map(|n| format!(r#","extruder{n}":{heater}"#)).collect();
        let fans: String = (0..fans)
            .map(|n| format!(r#","heater_fan {n}{}":{{"speed":1.0,"rpm":1.0}}"#, "f".repeat(51)))
            .collect();
        format!(
            r#"{{"webhooks":{{"state":"ready","state_message":{}}},{},"virtual_sdcard":{{"progress":0.5}},"heater_bed":{heater},"extruder":{heater},"fan":{{"speed":0.0}}{tools}{fans}}}"#,
            self.text("ready"),
            self.stats(),
        )
    }

    fn stats(&self) -> String {
        if self.greed == Greed::WrongTypes && self.stored.load(Relaxed) {
            return format!(r#""print_stats":"{}""#, "\u{7f}".repeat(self.appetite.message / 2));
        }
        let (state, path) = match self.since.get() {
            None => ("standby", self.text("other/")),
            Some(since) if since.elapsed() < PRINT => ("printing", format!("\"{PATH}\"")),
            Some(_) => ("complete", format!("\"{PATH}\"")),
        };
        let message = self.text("");
        format!(
            r#""print_stats":{{"state":"{state}","filename":{path},"message":{message},"total_duration":0.1,"print_duration":0.1}}"#
        )
    }

    fn update(&self) -> String {
        format!(r#"{{"method":"notify_status_update","params":[{{{}}},1.0]}}"#, self.stats())
    }
}

/// The payload of a client's next frame.
fn frame_of(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut head = [0; 2];
    reader.read_exact(&mut head).ok()?;
    let len = match head[1] & 0x7f {
        126 => {
            let mut len = [0; 2];
            reader.read_exact(&mut len).ok()?;
            u16::from_be_bytes(len).into()
        }
        127 => return None,
        len => usize::from(len),
    };
    let (mut mask, mut payload) = ([0; 4], vec![0; len]);
    reader.read_exact(&mut mask).ok()?;
    reader.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some(payload)
}
