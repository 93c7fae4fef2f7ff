use std::{
    format, fs,
    path::{Path, PathBuf},
    string::String,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
    vec,
    vec::Vec,
};

use printhost_core::{Error, ErrorKind, Result};
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use tokio::time::sleep;

use super::{
    FaultProxy,
    curl::{Curl, encoded},
    oracle_service::AskAnywhere,
};
use crate::{Activity, Answer, Content, Deed, Oracle, Question, Seen, Stored};

/// How long Moonraker and Klipper may take for what they were told.
const SOON: Duration = Duration::from_secs(30);
/// Colder than this nothing is, °C: for a moment Klipper takes what it has not measured yet for 0.
const MEASURED: f64 = 5.0;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// How long after Klipper has begun a print Moonraker may write it into its history: it is told four times a second.
const NOTED: Duration = Duration::from_secs(3);
const PRINTER: &str = "/printer/objects/query?webhooks=state&print_stats=state,filename&extruder=target,temperature\
     &heater_bed=target&gcode_move=speed_factor,extrude_factor&toolhead=homed_axes";

/// Knows the truth about a Moonraker with a Klipper, by asking it with the program `curl`, and the disk if it is at hand.
#[derive(Debug)]
pub struct MoonrakerOracle {
    curl: Curl,
    /// Where the files are, if not behind Moonraker alone.
    gcodes: Option<PathBuf>,
    proxy: Arc<FaultProxy>,
    /// How many prints the history had when the printer was brought to rest.
    before: AtomicU64,
}

impl MoonrakerOracle {
    /// Asks Moonraker at `url` (`http://127.0.0.1:7125`, past the proxy) with its key, for its files' content, too;
    /// faults happen in the proxy, through which the driver goes.
    pub fn new(url: impl Into<String>, key: impl Into<String>, proxy: Arc<FaultProxy>) -> Self {
        Self { curl: Curl::new(url, key), gcodes: None, proxy, before: AtomicU64::new(0) }
    }

    /// Looks at the files themselves, in the folder `gcodes` of `data`.
    pub fn on_disk(mut self, data: impl AsRef<Path>) -> Self {
        self.gcodes = Some(data.as_ref().join("gcodes"));
        self
    }

    /// Status of a GET, and its result if there is one.
    async fn get(&self, path: &str) -> Result<(u16, Value)> {
        let (status, body) = self.curl.run(path, &["--globoff"], None).await?;
        let mut answer: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok((status, answer["result"].take()))
    }

    /// A request without a body; anything but success is an error.
    async fn order(&self, method: &str, path: &str) -> Result<()> {
        let (status, body) = self.curl.run(path, &["--request", method], None).await?;
        accepted(path, status, &body)
    }

    async fn gcode(&self, script: &str) -> Result<()> {
        self.order("POST", &format!("/printer/gcode/script?script={}", encoded(script))).await
    }

    /// What Klipper says; nothing while it is not there.
    async fn klipper(&self) -> Result<Value> {
        let (status, mut answer) = self.get(PRINTER).await?;
        Ok(if status == 200 { answer["status"].take() } else { Value::Null })
    }

    async fn reset(&self) -> Result<Answer> {
        self.proxy.set(crate::Fault::None);
        let begun = Instant::now();
        loop {
            let (_, server) = self.get("/server/info").await?;
            let klipper = self.klipper().await?;
            let state = klipper["print_stats"]["state"].as_str().unwrap_or_default();
            let is_measured =
                klipper["extruder"]["temperature"].as_f64().is_some_and(|celsius| celsius > MEASURED);
            let ready = server["klippy_state"] == "ready" && is_measured;
            // What it was told a moment ago may not have been taken, so it is told again.
            let _ = match (activity(&klipper), state) {
                (Activity::Idle, "standby") if ready => break,
                (Activity::Idle, "standby") => Ok(()),
                (Activity::Idle, _) => self.gcode("SDCARD_RESET_FILE").await,
                (Activity::Printing | Activity::Paused, _) => {
                    self.order("POST", "/printer/print/cancel").await
                }
                (Activity::Faulted, _) => self.order("POST", "/printer/firmware_restart").await,
                _ => Ok(()),
            };
            if begun.elapsed() > SOON {
                return Err(Error::new(ErrorKind::Timeout, "oracle")
                    .with_detail(format_args!("the printer does not rest: {klipper}")));
            }
            sleep(LOOK).await;
        }
        self.order("DELETE", "/server/job_queue/job?all=true").await?;
        self.delete_all().await?;
        let klipper = self.klipper().await?;
        let is_off = ["extruder", "heater_bed"].iter().all(|heater| klipper[heater]["target"] == 0.0);
        if !is_off {
            self.gcode("TURN_OFF_HEATERS").await?;
        }
        if klipper["toolhead"]["homed_axes"] != "xyz" {
            // What is printed begins with a move.
            self.gcode("G28").await?;
        }
        let factors = &klipper["gcode_move"];
        if factors["speed_factor"] != 1.0 || factors["extrude_factor"] != 1.0 {
            self.gcode("M220 S100\nM221 S100").await?;
        }
        self.before.store(self.history().await?.0, Relaxed);
        self.proxy.forget();
        Ok(Answer::Done)
    }

    async fn delete_all(&self) -> Result<()> {
        let (_, listing) = self.get("/server/files/directory?path=gcodes").await?;
        let names = |entries: &Value, name: &str| -> Vec<String> {
            let entries = entries.as_array().into_iter().flatten();
            entries.filter_map(|entry| entry[name].as_str().map(encoded)).collect()
        };
        for folder in names(&listing["dirs"], "dirname") {
            self.order("DELETE", &format!("/server/files/directory?path=gcodes/{folder}&force=true")).await?;
        }
        for file in names(&listing["files"], "filename") {
            self.order("DELETE", &format!("/server/files/gcodes/{file}")).await?;
        }
        Ok(())
    }

    /// How many prints there have ever been, and the last one. They are numbered from 1, in hexadecimal.
    async fn history(&self) -> Result<(u64, Value)> {
        let (_, history) = self.get("/server/history/list?limit=1&order=desc").await?;
        let last = history["jobs"].get(0).cloned().unwrap_or_default();
        let number = last["job_id"].as_str().and_then(|id| u64::from_str_radix(id, 16).ok());
        Ok((number.unwrap_or_default(), last))
    }

    async fn printer(&self) -> Result<Seen> {
        let begun = Instant::now();
        loop {
            let klipper = self.klipper().await?;
            let (count, last) = self.history().await?;
            let (activity, file) = (activity(&klipper), &klipper["print_stats"]["filename"]);
            let runs = matches!(activity, Activity::Printing | Activity::Paused);
            if runs && last["status"] != "in_progress" && begun.elapsed() < NOTED {
                sleep(LOOK).await;
                continue;
            }
            let target = |heater: &str| klipper[heater]["target"].as_f64().map(|celsius| celsius as f32);
            return Ok(Seen {
                activity,
                file: file.as_str().filter(|file| !file.is_empty()).map(Into::into),
                plate: None,
                prints: count.saturating_sub(self.before.load(Relaxed)) as u32,
                tool_target: target("extruder"),
                bed_target: target("heater_bed"),
            });
        }
    }

    async fn files(&self) -> Result<Vec<String>> {
        let (_, list) = self.get("/server/files/list?root=gcodes").await?;
        let path = |file: &Value| file["path"].as_str().map(String::from);
        let mut paths: Vec<String> = list.as_array().into_iter().flatten().filter_map(path).collect();
        paths.sort();
        Ok(paths)
    }

    async fn stored(&self, path: &str) -> Result<Option<Stored>> {
        let content = match &self.gcodes {
            Some(gcodes) => fs::read(gcodes.join(path)).ok(),
            None => {
                let route = format!("/server/files/gcodes/{}", encoded(path));
                match self.curl.run(&route, &[], None).await? {
                    (404, _) => None,
                    (status, content) => accepted(&route, status, &content).map(|()| Some(content))?,
                }
            }
        };
        Ok(content
            .map(|content| Stored { len: content.len() as u64, sha1: Some(Sha1::digest(&content).into()) }))
    }

    async fn act(&self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Store { path, len, seconds } => self.store(path, *len, *seconds).await,
            Deed::Start(path) => {
                self.order("POST", &format!("/printer/print/start?filename={}", encoded(path))).await
            }
            Deed::Pause => self.order("POST", "/printer/print/pause").await,
            Deed::Resume => self.order("POST", "/printer/print/resume").await,
            Deed::Cancel => self.order("POST", "/printer/print/cancel").await,
            Deed::StoreProject { .. } | Deed::Disconnect => Err(Error::unsupported("oracle")),
        }
    }

    async fn store(&self, path: &str, len: u64, seconds: u32) -> Result<()> {
        let (mut content, mut bytes) = (Content::new(len, seconds), vec![0; len as usize]);
        content.fill(&mut bytes);
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let (folder, file) = (format!("path={folder}"), format!("file=@-;filename=\"{name}\""));
        let args = ["--form-string", folder.as_str(), "--form", file.as_str()];
        let (status, answer) = self.curl.run("/server/files/upload", &args, Some(&bytes)).await?;
        accepted("/server/files/upload", status, &answer)
    }

    async fn answer(&self, question: &Question) -> Result<Answer> {
        match question {
            Question::Reset => self.reset().await,
            Question::Printer => self.printer().await.map(Answer::Printer),
            Question::Files => self.files().await.map(Answer::Files),
            Question::Stored(path) => self.stored(path).await.map(Answer::Stored),
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

impl Oracle for MoonrakerOracle {
    async fn ask(&self, question: &Question) -> Result<Answer> {
        self.answer(question).await
    }
}

impl AskAnywhere for MoonrakerOracle {
    async fn ask_anywhere(&self, question: Question) -> Result<Answer> {
        self.answer(&question).await
    }
}

fn accepted(path: &str, status: u16, answer: &[u8]) -> Result<()> {
    match status {
        200..300 => Ok(()),
        _ => Err(Error::new(ErrorKind::HostFault, "oracle")
            .with_http(status)
            .with_detail(format_args!("{path}: {}", String::from_utf8_lossy(answer)))),
    }
}

/// How a print ended is the driver's to tell; the printer is at rest then.
fn activity(klipper: &Value) -> Activity {
    match (klipper["webhooks"]["state"].as_str(), klipper["print_stats"]["state"].as_str()) {
        (None, _) => Activity::Offline,
        (Some("shutdown" | "error"), _) => Activity::Faulted,
        (Some("ready"), Some("printing")) => Activity::Printing,
        (Some("ready"), Some("paused")) => Activity::Paused,
        (Some("ready"), _) => Activity::Idle,
        _ => Activity::Changing,
    }
}
