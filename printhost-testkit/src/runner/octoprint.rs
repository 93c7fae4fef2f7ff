use std::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    time::{Duration, Instant},
    vec,
    vec::Vec,
};

use printhost_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    FaultProxy,
    curl::{Curl, encoded},
    oracle_service::AskAnywhere,
};
use crate::{Activity, Answer, Content, Deed, Oracle, Question, Seen, Stored};

/// How long OctoPrint may take for what it was told.
const SOON: Duration = Duration::from_secs(30);

/// Knows the truth about an OctoPrint, real or simulated, by asking it with the program `curl`.
#[derive(Debug)]
pub struct OctoPrintOracle {
    curl: Curl,
    proxy: Arc<FaultProxy>,
}

impl OctoPrintOracle {
    /// Asks OctoPrint at `url` (`http://127.0.0.1:5000`, past the proxy) with a key that may do everything; faults
    /// happen in the proxy, through which the driver goes.
    pub fn new(url: impl Into<String>, key: impl Into<String>, proxy: Arc<FaultProxy>) -> Self {
        Self { curl: Curl::new(url, key), proxy }
    }

    /// Status and JSON of a request.
    async fn curl(&self, path: &str, args: &[&str], stdin: Option<&[u8]>) -> Result<(u16, Value)> {
        let (status, body) = self.curl.run(path, args, stdin).await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    async fn get(&self, path: &str) -> Result<(u16, Value)> {
        self.curl(path, &[], None).await
    }

    /// POST of some JSON; anything but success is an error.
    async fn post(&self, path: &str, body: &Value) -> Result<()> {
        let (status, answer) = self
            .curl(path, &["--header", "Content-Type: application/json", "--data", &body.to_string()], None)
            .await?;
        accepted(path, status, &answer)
    }

    async fn state(&self) -> Result<String> {
        let (_, job) = self.get("/api/job").await?;
        // 2.0.0rc7 may go on saying "Starting" through the whole print.
        let prints = job["progress"]["completion"].as_f64().is_some_and(|percent| percent > 0.0);
        Ok(match job["state"].as_str().unwrap_or_default() {
            "Starting" if prints => "Printing".into(),
            state => state.into(),
        })
    }

    async fn reset(&self) -> Result<Answer> {
        self.proxy.set(crate::Fault::None);
        let begun = Instant::now();
        loop {
            match activity(&self.state().await?) {
                Activity::Idle => break,
                // What it was told a moment ago may not have been taken, so it is told again.
                Activity::Printing | Activity::Paused => {
                    let _ = self.post("/api/job", &json!({ "command": "cancel" })).await;
                }
                Activity::Offline | Activity::Faulted => {
                    let _ = self.post("/api/connection", &json!({ "command": "connect" })).await;
                }
                Activity::Changing => {}
            }
            if begun.elapsed() > SOON {
                return Err(Error::new(ErrorKind::Timeout, "oracle").with_detail("the printer does not rest"));
            }
            sleep(Duration::from_millis(30)).await;
        }
        // Files before their folders: 2.0.0rc7 goes on telling of a file whose folder was deleted.
        let (_, listing) = self.get("/api/files/local?recursive=true").await?;
        for path in files(&listing["files"]).iter().filter_map(|file| file["path"].as_str()) {
            self.delete(path).await?;
        }
        for path in
            entries(&listing["files"]).filter(|e| e["type"] == "folder").filter_map(|e| e["path"].as_str())
        {
            self.delete(path).await?;
        }
        let printer = self.printer().await?;
        if printer.tool_target.is_some_and(|celsius| celsius != 0.0) {
            self.post("/api/printer/tool", &json!({ "command": "target", "targets": { "tool0": 0 } }))
                .await?;
        }
        if printer.bed_target.is_some_and(|celsius| celsius != 0.0) {
            self.post("/api/printer/bed", &json!({ "command": "target", "target": 0 })).await?;
        }
        self.proxy.forget();
        Ok(Answer::Done)
    }

    /// A file just printed is held for a moment longer.
    async fn delete(&self, path: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            let route = format!("/api/files/local/{}", encoded(path));
            let (status, answer) = self.curl(&route, &["--request", "DELETE"], None).await?;
            match status {
                200..300 | 404 => return Ok(()),
                409 if begun.elapsed() < SOON => sleep(Duration::from_millis(30)).await,
                _ => return accepted(&route, status, &answer),
            }
        }
    }

    async fn printer(&self) -> Result<Seen> {
        let (_, job) = self.get("/api/job").await?;
        let (_, printer) = self.get("/api/printer").await?;
        let (_, listing) = self.get("/api/files/local?recursive=true").await?;
        let activity = activity(job["state"].as_str().unwrap_or_default());
        let running = matches!(activity, Activity::Printing | Activity::Paused | Activity::Changing);
        let target =
            |heater: &str| printer["temperature"][heater]["target"].as_f64().map(|celsius| celsius as f32);
        let over: u64 = files(&listing["files"])
            .iter()
            .map(|file| {
                let count = |end: &str| file["prints"][end].as_u64().unwrap_or_default();
                count("success") + count("failure")
            })
            .sum();
        Ok(Seen {
            activity,
            file: job["job"]["file"]["path"].as_str().map(Into::into),
            plate: None,
            prints: over as u32 + u32::from(running),
            tool_target: target("tool0"),
            bed_target: target("bed"),
        })
    }

    async fn stored(&self, path: &str) -> Result<Answer> {
        let (status, file) = self.get(&format!("/api/files/local/{}", encoded(path))).await?;
        // 500: its folder does not exist either.
        let len = file["size"].as_u64().filter(|_| status == 200);
        Ok(Answer::Stored(len.map(|len| Stored { len, sha1: file["hash"].as_str().and_then(sha1) })))
    }

    async fn act(&self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Store { path, len, seconds } => self.store(path, *len, *seconds).await,
            Deed::Start(path) => {
                let route = format!("/api/files/local/{}", encoded(path));
                self.post(&route, &json!({ "command": "select", "print": true })).await
            }
            Deed::Pause => self.post("/api/job", &json!({ "command": "pause", "action": "pause" })).await,
            Deed::Resume => self.post("/api/job", &json!({ "command": "pause", "action": "resume" })).await,
            Deed::Cancel => self.post("/api/job", &json!({ "command": "cancel" })).await,
            Deed::StoreProject { .. } => Err(Error::unsupported("oracle")),
            Deed::Disconnect => self.post("/api/connection", &json!({ "command": "disconnect" })).await,
        }
    }

    async fn store(&self, path: &str, len: u64, seconds: u32) -> Result<()> {
        let (mut content, mut bytes) = (Content::new(len, seconds), vec![0; len as usize]);
        content.fill(&mut bytes);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (folder, file) = (format!("path={folder}"), format!("file=@-;filename=\"{name}\""));
        let args = ["--form-string", folder.as_str(), "--form", file.as_str()];
        let (status, answer) = self.curl("/api/files/local", &args, Some(&bytes)).await?;
        accepted("/api/files/local", status, &answer)
    }

    async fn answer(&self, question: &Question) -> Result<Answer> {
        match question {
            Question::Reset => self.reset().await,
            Question::Printer => self.printer().await.map(Answer::Printer),
            Question::Files => {
                let (_, listing) = self.get("/api/files/local?recursive=true").await?;
                let path = |file: &&Value| file["path"].as_str().map(String::from);
                let mut paths: Vec<String> = files(&listing["files"]).iter().filter_map(path).collect();
                paths.sort();
                Ok(Answer::Files(paths))
            }
            Question::Stored(path) => self.stored(path).await,
            Question::Do(deed) => self.act(deed).await.map(|()| Answer::Done),
            Question::Break(fault) => {
                self.proxy.set(*fault);
                Ok(Answer::Done)
            }
            Question::Traffic => Ok(Answer::Traffic(self.proxy.traffic())),
            Question::Changes => Ok(Answer::Changes(self.proxy.changes())),
        }
    }
}

impl Oracle for OctoPrintOracle {
    async fn ask(&self, question: &Question) -> Result<Answer> {
        self.answer(question).await
    }
}

impl AskAnywhere for OctoPrintOracle {
    async fn ask_anywhere(&self, question: Question) -> Result<Answer> {
        self.answer(&question).await
    }
}

fn accepted(path: &str, status: u16, answer: &Value) -> Result<()> {
    match status {
        200..300 => Ok(()),
        _ => Err(Error::new(ErrorKind::HostFault, "oracle")
            .with_http(status)
            .with_detail(format_args!("{path}: {answer}"))),
    }
}

fn activity(state: &str) -> Activity {
    match state {
        "Operational" => Activity::Idle,
        "Printing" => Activity::Printing,
        "Paused" => Activity::Paused,
        "Offline" => Activity::Offline,
        _ if state.starts_with("Error") || state == "Offline after error" => Activity::Faulted,
        _ => Activity::Changing,
    }
}

fn entries(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// All files of a recursive listing.
fn files(list: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    for entry in entries(list) {
        match entry["type"] == "folder" {
            true => all.extend(files(&entry["children"])),
            false => all.push(entry),
        }
    }
    all
}

fn sha1(hex: &str) -> Option<[u8; 20]> {
    let bytes: Option<Vec<u8>> =
        (0..hex.len() / 2).map(|i| u8::from_str_radix(hex.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    bytes?.try_into().ok()
}
