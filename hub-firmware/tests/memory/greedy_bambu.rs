//! A Bambu Lab printer that says as much as it may, without encryption, as far as a print needs one. What it says is
//! invented.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{self, Receiver},
    },
    thread,
};

use printhost_testkit::runner::Greed;

/// The file that it takes, and what its name is until it is whole.
const PATH: &str = "greedy/part.gcode";

/// How often everything is told while a file comes: before the connection for reports is cut, and when it is there again.
const ROUNDS: u32 = 2;

/// Two ports, of the connection for reports and of the one for files.
pub(crate) struct GreedyBambu {
    pub(crate) mqtt: u16,
    pub(crate) ftp: u16,
}

#[derive(Default)]
struct Shared {
    coming: Mutex<Coming>,
    round: Condvar,
    stored: AtomicU64,
    renamed: AtomicBool,
    started: AtomicBool,
}

/// What is told while a file comes.
#[derive(Default)]
struct Coming {
    is_now: bool,
    /// The connection for reports was cut.
    is_cut: bool,
    /// How often everything was told since.
    rounds: u32,
}

impl GreedyBambu {
    pub(crate) fn start(greed: Greed, json: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let at = shared.clone();
        let mqtt = listen(move |stream| at.mqtt(stream, greed, json))?;
        let ftp = listen(move |stream| shared.ftp(stream))?;
        Ok(Self { mqtt, ftp })
    }
}

fn listen(serve: impl Fn(TcpStream) -> Option<()> + Send + Sync + 'static) -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream));
        }
    });
    Ok(port)
}

/// A packet for the printer's topic; one with a number is acknowledged.
fn published(greed: Greed, json: &str, number: Option<u16>) -> Vec<u8> {
    let json = match greed {
        // Longer than anything that a printer sends, and nothing of it is read.
        Greed::Padding => format!("{},\"\":\"{}\"}}", &json[..json.len() - 1], "x".repeat(200_000)),
        Greed::Lists => {
            format!("{},\"\":[{}]}}", &json[..json.len() - 1], vec!["[[]]"; 1000].join(","))
        }
        _ => json.to_owned(),
    };
    let topic = format!("device/{}/report", super::bambu::SERIAL);
    let number = number.map(u16::to_be_bytes);
    let len = 2 + topic.len() + number.map_or(0, |number| number.len()) + json.len();
    let mut packet = vec![if number.is_some() { 0x32 } else { 0x30 }];
    let mut rest = len;
    while rest > 0x7F {
        packet.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    packet.push(rest as u8);
    packet.extend((topic.len() as u16).to_be_bytes());
    packet.extend(topic.as_bytes());
    packet.extend(number.into_iter().flatten());
    packet.extend(json.as_bytes());
    packet
}

/// A text of so many bytes, as it is when it is read.
fn text(greed: Greed, len: usize) -> String {
    match greed {
        Greed::Escapes => "\\u00fc".repeat(len / 2),
        Greed::WrongTypes => "\u{7f}".repeat(len),
        _ => "x".repeat(len),
    }
}

/// Elements, until they have so many bytes of texts: what a message may have.
fn list(name: &str, element: &str, of_texts: usize, most: usize) -> String {
    let len = (most / of_texts).clamp(1, 40);
    format!(r#""{name}":[{}]"#, vec![element; len].join(","))
}

/// Everything that is kept of a report, and each message as long as it may be.
fn reports(greed: Greed, json: usize) -> Vec<String> {
    let (word, id, path) = (text(greed, 128), text(greed, 64), text(greed, 256));
    // What a driver reads of a message: two thirds in texts, and a sixth as many values.
    let (most, values) = (json / 3 * 2 - 60, json / 6 - 8);
    let value = if greed == Greed::WrongTypes { format!("\"{}\"", text(greed, 100)) } else { "7".into() };
    let module = format!(
        r#"{{"name":"{w}","product_name":"{w}","hw_ver":"{w}","sw_ver":"{w}","loader_ver":"{w}","sn":"{w}"}}"#,
        w = text(greed, 14)
    );
    let fields = |names: &[&str], value: &str| {
        let fields: Vec<String> = names.iter().map(|name| format!(r#""{name}":"{value}""#)).collect();
        fields.join(",")
    };
    let own = fields(&["print_type", "nozzle_type", "lifecycle"], &word);
    let ids =
        ["task_id", "subtask_id", "project_id", "profile_id", "job_id", "fail_reason", "mc_print_error_code"];
    let update = fields(&["status", "message", "module"], &word);
    let camera = fields(&["resolution", "rtsp_url"], &word);
    let mut parts = vec![
        format!(r#"{own},{}"#, fields(&ids, &id)),
        format!(r#""subtask_name":"{path}""#),
        format!(r#""ipcam":{{{camera}}},"xcam":{{"halt_print_sensitivity":"{word}"}}"#),
        format!(r#""upgrade_state":{{{update},"ota_new_version_number":"{id}"}}"#),
        format!(r#""upload":{{{}}}"#, fields(&["status", "message"], &word)),
        list("hms", &format!(r#"{{"attr":1,"code":2,"ts_unix":"{id}"}}"#), 66, most),
        list("lights_report", &format!(r#"{{"node":"{word}","mode":"{word}"}}"#), 256, most),
        format!(
            r#""upgrade_state":{{{}}}"#,
            list(
                "new_ver_list",
                &format!(r#"{{"name":"{word}","cur_ver":"{id}","new_ver":"{id}"}}"#),
                256,
                most
            )
        ),
        ["stg", "s_obj", "mapping"].map(|name| list(name, &value, value.len(), most / 4)).join(","),
        format!(r#""net":{{"conf":1,{}}}"#, list("info", r#"{"ip":1,"mask":2}"#, 2, most)),
        format!(
            r#""device":{{"nozzle":{{{}}},"extruder":{{{}}},"airduct":{{{}}}}}"#,
            list("info", &format!(r#"{{"id":1,"type":"{word}","sn":"{id}"}}"#), 194, most / 2),
            list("info", r#"{"id":1,"temp":2,"hnow":3,"info":4,"snow":5}"#, 5, most / 8),
            list("parts", r#"{"id":16,"func":1,"state":50,"range":9}"#, 6, most / 8),
        ),
        format!(
            r#""ams":{{{}}}"#,
            list(
                "ams",
                &format!(r#"{{"id":1,"tray":[{}]}}"#, vec![format!(r#"{{"tag_uid":"{id}"}}"#); 4].join(",")),
                260,
                most
            )
        ),
        // As many values, and as many bytes, as a message may say.
        vec![format!(r#""subtask_name":"{path}""#); most / 256].join(","),
        vec![r#""mc_percent":4"#; values].join(","),
    ];
    for part in &mut parts {
        *part = format!(r#"{{"print":{{"command":"push_status","msg":1,{part}}}}}"#);
    }
    parts.push(format!(
        r#"{{"info":{{"command":"get_version","sequence_id":"1",{}}}}}"#,
        list("module", &module, 86, 1024)
    ));
    // Answers to orders that nobody has sent.
    let answers = ["print", "info", "system", "pushing", "xcam"].map(|category| {
        let (command, reason) = (text(greed, 64), text(greed, 256));
        format!(
            r#""{category}":{{"command":"{command}","sequence_id":"9","result":"fail","reason":"{reason}"}}"#
        )
    });
    parts.push(format!("{{{}}}", answers.join(",")));
    parts
}

/// The text of a field of an order.
fn field<'a>(order: &'a str, name: &str) -> &'a str {
    let at = order.find(&format!("\"{name}\":\""));
    at.and_then(|at| order[at + name.len() + 4..].split('"').next()).unwrap_or_default()
}

/// The connection for reports.
#[derive(Clone)]
struct Line {
    stream: Arc<Mutex<TcpStream>>,
    greed: Greed,
}

impl Line {
    fn say(&self, packet: &[u8]) -> Option<()> {
        self.stream.lock().ok()?.write_all(packet).ok()
    }

    fn tell(&self, json: &str) -> Option<()> {
        self.send(&published(self.greed, json, None))
    }

    /// And waits until it was taken, and all that was told before.
    fn tell_until_taken(&self, json: &str, taken: &Receiver<u16>) -> Option<()> {
        const NUMBER: u16 = 7;
        self.send(&published(self.greed, json, Some(NUMBER)))?;
        taken.recv().ok().filter(|number| *number == NUMBER).map(drop)
    }

    fn send(&self, packet: &[u8]) -> Option<()> {
        if self.greed != Greed::Chunks {
            return self.say(packet);
        }
        let mut stream = self.stream.lock().ok()?;
        packet.chunks(7).try_for_each(|piece| stream.write_all(piece)).ok()
    }

    fn cut(&self) {
        let _ = self.stream.lock().map(|stream| stream.shutdown(Shutdown::Both));
    }
}

impl Shared {
    fn mqtt(self: &Arc<Self>, stream: TcpStream, greed: Greed, json: usize) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let line = Line { stream: Arc::new(Mutex::new(stream)), greed };
        let (take, taken) = mpsc::channel();
        let mut taken = Some(taken);
        loop {
            let mut head = [0];
            reader.read_exact(&mut head).ok()?;
            let (mut len, mut shift) = (0, 0);
            loop {
                let mut byte = [0];
                reader.read_exact(&mut byte).ok()?;
                len |= usize::from(byte[0] & 0x7F) << shift;
                shift += 7;
                if byte[0] < 0x80 {
                    break;
                }
            }
            let mut body = vec![0; len];
            reader.read_exact(&mut body).ok()?;
            match head[0] >> 4 {
                1 => line.say(&[0x20, 2, 0, 0])?,
                4 => take.send(u16::from_be_bytes([body[0], body[1]])).ok()?,
                8 => {
                    line.say(&[0x90, 3, body[0], body[1], 0])?;
                    let (at, line, taken) = (self.clone(), line.clone(), taken.take()?);
                    thread::spawn(move || at.push(&line, &taken, json));
                }
                12 => line.say(&[0xD0, 0])?,
                3 => {
                    let topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                    line.say(&[0x40, 2, body[topic], body[topic + 1]])?;
                    let order = String::from_utf8_lossy(&body[topic + 2..]).into_owned();
                    self.obey(&order, &line, json)?;
                }
                _ => {}
            }
        }
    }

    fn obey(&self, order: &str, line: &Line, json: usize) -> Option<()> {
        let number = field(order, "sequence_id");
        match field(order, "command") {
            "pushall" => {
                let state = if self.started.load(Relaxed) { "RUNNING" } else { "IDLE" };
                line.tell(&format!(
                    r#"{{"print":{{"command":"push_status","msg":0,"gcode_state":"{state}","gcode_file":"/{PATH}"}}}}"#
                ))
            }
            "get_version" => {
                let reports = reports(line.greed, json);
                line.tell(&reports.iter().rev().nth(1)?.replace("\"1\"", &format!("\"{number}\"")))
            }
            "gcode_file" => {
                let reason = text(line.greed, 256);
                line.tell(&format!(
                    r#"{{"print":{{"command":"gcode_file","sequence_id":"{number}","result":"success","reason":"{reason}"}}}}"#
                ))?;
                self.started.store(true, Relaxed);
                Some(())
            }
            _ => Some(()),
        }
    }

    /// Tells everything again and again, and jobs of others while a file comes; then how the print goes.
    fn push(&self, line: &Line, taken: &Receiver<u16>, json: usize) -> Option<()> {
        let state = |state: &str, path: &str| {
            format!(
                r#"{{"print":{{"command":"push_status","msg":1,"gcode_state":"{state}","gcode_file":"{path}"}}}}"#
            )
        };
        while !self.started.load(Relaxed) {
            for report in reports(line.greed, json) {
                line.tell(&report)?;
            }
            let is_coming = self.coming().is_now;
            if is_coming {
                for job in 0..12 {
                    let path = format!("/{job:02}{}.gcode", "y".repeat(240));
                    line.tell(&state("RUNNING", &path))?;
                    line.tell(&state("FINISH", &path))?;
                }
            }
            line.tell_until_taken(
                r#"{"print":{"command":"push_status","msg":1,"gcode_state":"IDLE"}}"#,
                taken,
            )?;
            if is_coming && self.is_to_be_cut() {
                line.cut();
                return None;
            }
        }
        line.tell_until_taken(&state("RUNNING", &format!("/{PATH}")), taken)?;
        line.tell_until_taken(&state("FINISH", &format!("/{PATH}")), taken)
    }

    fn coming(&self) -> MutexGuard<'_, Coming> {
        self.coming.lock().unwrap()
    }

    /// Counts a round. The connection is cut once, in the middle of a file.
    fn is_to_be_cut(&self) -> bool {
        let mut coming = self.coming();
        coming.rounds += 1;
        let is_to_be_cut = !coming.is_cut && coming.rounds == ROUNDS;
        if is_to_be_cut {
            (coming.is_cut, coming.rounds) = (true, 0);
        }
        self.round.notify_all();
        is_to_be_cut
    }

    /// The connection for files: every reply is long.
    fn ftp(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut stream = stream;
        let long = "z".repeat(505);
        let mut say =
            |code: u16, words: &str| write!(stream, "{code}-{words}\r\n{long}\r\n{code} {long}\r\n").ok();
        say(220, "")?;
        let mut data: Option<TcpListener> = None;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let (verb, argument) = line.trim_end().split_once(' ').unwrap_or((line.trim_end(), ""));
            let is_ours = argument.trim_start_matches('/') == PATH && self.renamed.load(Relaxed)
                || argument.ends_with(".part")
                    && self.stored.load(Relaxed) > 0
                    && !self.renamed.load(Relaxed);
            match verb {
                "USER" => say(331, ""),
                "PASS" => say(230, ""),
                "SIZE" if is_ours => write!(reader.get_ref(), "213 {}\r\n", self.stored.load(Relaxed)).ok(),
                "RNFR" if is_ours => say(350, ""),
                "SIZE" | "RNFR" | "DELE" => say(550, ""),
                "RNTO" => {
                    self.renamed.store(true, Relaxed);
                    say(250, "")
                }
                "PASV" => {
                    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
                    let port = listener.local_addr().ok()?.port();
                    data = Some(listener);
                    write!(reader.get_ref(), "227 x (127,0,0,1,{},{})\r\n", port >> 8, port & 0xFF).ok()
                }
                "LIST" => {
                    let (mut file, _) = data.take()?.accept().ok()?;
                    say(150, "")?;
                    for entry in 0..40 {
                        let _ = write!(
                            file,
                            "-rw-r--r-- 1 {o} {o} 12345678 Jan 01 00:00 {entry:03}{}\r\n",
                            "n".repeat(250),
                            o = "o".repeat(350)
                        );
                    }
                    drop(file);
                    say(226, "")
                }
                "STOR" => {
                    let (mut file, _) = data.take()?.accept().ok()?;
                    say(150, "")?;
                    self.coming().is_now = true;
                    let mut first = vec![0; 4096];
                    let mut len = file.read(&mut first).ok()? as u64;
                    // Until the other connection was cut, and is there again.
                    let is_early = |coming: &mut Coming| !coming.is_cut || coming.rounds < ROUNDS;
                    self.round.wait_while(self.coming(), is_early).ok()?.is_now = false;
                    len += io::copy(&mut file, &mut io::sink()).ok()?;
                    self.stored.store(len, Relaxed);
                    say(226, "")
                }
                "QUIT" => {
                    say(221, "")?;
                    None
                }
                _ => say(250, ""),
            }?;
        }
    }
}
