use std::{
    format,
    string::{String, ToString as _},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
    vec,
    vec::Vec,
};

use printhost_core::{Error, ErrorKind, Result};
use serde_json::Value;
use sha1::{Digest as _, Sha1};
use tokio::{process::Command, sync::OnceCell, task::AbortHandle, time::sleep};

use super::{
    FaultProxy,
    curl::{Curl, encoded},
    oracle_service::AskAnywhere,
};
use crate::{Activity, Answer, Content, Deed, Oracle, Question, Seen, Stored};

/// How long PrusaLink may take for what it was told: it shows the end of a print for 11 seconds.
const SOON: Duration = Duration::from_secs(60);
/// Between two looks for new jobs.
const LOOK: Duration = Duration::from_millis(400);

/// Knows the truth about a PrusaLink, on a Pi or in a firmware, by asking it with the program `curl`.
#[derive(Debug)]
pub struct PrusaLinkOracle {
    curl: Curl,
    proxy: Arc<FaultProxy>,
    jobs: Arc<Mutex<Jobs>>,
    storage: OnceCell<Storage>,
    /// Who starts it anew when told so by a signal.
    supervisor: Option<u32>,
    watching: AbortHandle,
}

/// Where its files are.
#[derive(Debug)]
struct Storage {
    /// The address of its root.
    route: &'static str,
    /// How paths in it begin where jobs are told.
    shown: &'static str,
}

const PI: Storage = Storage { route: "/api/v1/files/local", shown: "/PrusaLink gcodes" };
const FIRMWARE: Storage = Storage { route: "/api/v1/files/usb", shown: "/usb" };

/// Every print has a number, one higher than the one before.
#[derive(Debug, Default)]
struct Jobs {
    newest: Option<u64>,
    /// The first since the printer was brought to rest.
    first: Option<u64>,
    /// Prints were seen since then.
    begun: bool,
}

impl Jobs {
    fn see(&mut self, id: u64) {
        self.begun = true;
        self.first = self.first.or(Some(id));
        self.newest = self.newest.max(Some(id));
    }

    /// Nothing has been printed from now on. One that was started anew may give the last number once more.
    fn forget(&mut self, restarted: bool) {
        self.begun = false;
        self.first = match self.newest {
            Some(newest) if !restarted => Some(newest + 1),
            _ => None,
        };
        if restarted {
            self.newest = None;
        }
    }

    fn prints(&self) -> u32 {
        match (self.newest, self.first) {
            (Some(newest), Some(first)) => (newest + 1 - first) as u32,
            _ => self.begun.into(),
        }
    }
}

impl Drop for PrusaLinkOracle {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

impl PrusaLinkOracle {
    /// Asks PrusaLink at `url` (`http://127.0.0.1:8080`, past the proxy) with its key; faults happen in the proxy,
    /// through which the driver goes.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub fn new(url: impl Into<String>, key: impl Into<String>, proxy: Arc<FaultProxy>) -> Self {
        let (curl, jobs) = (Curl::new(url, key), Arc::new(Mutex::new(Jobs::default())));
        let watching = tokio::spawn(watch(curl.clone(), Arc::clone(&jobs))).abort_handle();
        Self { curl, proxy, jobs, storage: OnceCell::new(), supervisor: None, watching }
    }

    /// It is started anew by the process of this number on `SIGHUP`, and after every print is: 0.8.1 at times answers no
    /// start any more once a print was stopped.
    pub const fn restarted_by(mut self, process: u32) -> Self {
        self.supervisor = Some(process);
        self
    }

    async fn storage(&self) -> Result<&Storage> {
        let asked = async || {
            let (_, told) = self.get("/api/v1/storage").await?;
            let is_usb =
                told["storage_list"][0]["path"].as_str().is_some_and(|path| path.starts_with("/usb"));
            Ok(if is_usb { FIRMWARE } else { PI })
        };
        self.storage.get_or_try_init(asked).await
    }

    async fn route(&self, path: &str) -> Result<String> {
        Ok(format!("{}/{}", self.storage().await?.route, encoded(path)))
    }

    /// Ends it, and waits until it is there again.
    async fn restart(&self, supervisor: u32) -> Result<()> {
        let failed = |what: &str| Error::new(ErrorKind::HostFault, "oracle").with_detail(what);
        let told = Command::new("kill").args(["-HUP", &supervisor.to_string()]).status().await;
        if !told.is_ok_and(|status| status.success()) {
            return Err(failed("PrusaLink cannot be started anew"));
        }
        let begun = Instant::now();
        let mut was_away = false;
        loop {
            match self.state().await {
                Ok((state, None)) if was_away && state == "IDLE" => {
                    let (_, info) = self.get("/api/v1/info").await?;
                    if info["serial"].is_string() && info["nozzle_diameter"].is_number() {
                        return Ok(());
                    }
                }
                Ok(_) => {}
                Err(_) => was_away = true,
            }
            if begun.elapsed() > SOON {
                return Err(failed("PrusaLink is not there again"));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn get(&self, path: &str) -> Result<(u16, Value)> {
        get(&self.curl, path).await
    }

    /// A request without a body; anything but success is an error.
    async fn order(&self, method: &str, path: &str) -> Result<()> {
        let (status, body) = self.curl.run(path, &["--request", method], None).await?;
        accepted(path, status, &body)
    }

    async fn state(&self) -> Result<(String, Option<u64>)> {
        let (_, status) = self.get("/api/v1/status").await?;
        let state = status["printer"]["state"].as_str().unwrap_or_default();
        let id = status["job"]["id"].as_u64();
        if let Some(id) = id {
            self.with_jobs(|jobs| jobs.see(id));
        }
        Ok((state.into(), id))
    }

    fn with_jobs<T>(&self, act: impl FnOnce(&mut Jobs) -> T) -> T {
        act(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn reset(&self) -> Result<Answer> {
        self.proxy.set(crate::Fault::None);
        let begun = Instant::now();
        loop {
            let (state, id) = self.state().await?;
            match (state.as_str(), id) {
                ("IDLE" | "READY", None) => break,
                ("STOPPED" | "FINISHED", None) if self.supervisor.is_some() => {
                    self.with_jobs(|jobs| jobs.begun = true);
                    break;
                }
                // What it was told a moment ago may not have been taken, so it is told again.
                ("PRINTING" | "PAUSED", Some(id)) => {
                    let _ = self.order("DELETE", &format!("/api/v1/job/{id}")).await;
                }
                _ => {}
            }
            if begun.elapsed() > SOON {
                return Err(Error::new(ErrorKind::Timeout, "oracle")
                    .with_detail(format_args!("the printer does not rest: {state}")));
            }
            sleep(Duration::from_millis(100)).await;
        }
        let restarts = self.supervisor.filter(|_| self.with_jobs(|jobs| jobs.begun));
        if let Some(supervisor) = restarts {
            self.restart(supervisor).await?;
        }
        let (files, folders) = self.tree().await?;
        for path in files.iter().chain(folders.iter().rev()) {
            self.delete(path).await?;
        }
        while self.tree().await? != (Vec::new(), Vec::new()) {
            sleep(Duration::from_millis(50)).await;
        }
        self.with_jobs(|jobs| jobs.forget(restarts.is_some()));
        self.proxy.forget();
        Ok(Answer::Done)
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let route = self.route(path).await?;
        let (status, body) = self.curl.run(&route, &["--request", "DELETE"], None).await?;
        if status == 404 { Ok(()) } else { accepted(&route, status, &body) }
    }

    /// Files and folders, each folder before what is in it.
    async fn tree(&self) -> Result<(Vec<String>, Vec<String>)> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        let mut todo = vec![String::new()];
        while let Some(folder) = todo.pop() {
            let (_, listing) = self.get(&self.route(&folder).await?).await?;
            for entry in listing["children"].as_array().into_iter().flatten() {
                let name = entry["display_name"].as_str().unwrap_or_default();
                let path = if folder.is_empty() { name.into() } else { format!("{folder}/{name}") };
                match entry["type"] == "FOLDER" {
                    true => {
                        folders.push(path.clone());
                        todo.push(path);
                    }
                    false => files.push(path),
                }
            }
        }
        files.sort();
        Ok((files, folders))
    }

    async fn printer(&self) -> Result<Seen> {
        let (_, status) = self.get("/api/v1/status").await?;
        let (code, job) = self.get("/api/v1/job").await?;
        let printer = &status["printer"];
        if let Some(id) = job["id"].as_u64().filter(|_| code == 200) {
            self.with_jobs(|jobs| jobs.see(id));
        }
        let target = |field: &str| printer[field].as_f64().map(|celsius| celsius as f32);
        Ok(Seen {
            activity: activity(printer["state"].as_str().unwrap_or_default()),
            file: self.job_path(&job["file"]).await?,
            plate: None,
            prints: self.with_jobs(|jobs| jobs.prints()),
            tool_target: target("target_nozzle"),
            bed_target: target("target_bed"),
        })
    }

    /// The firmware tells the folder, in short names, and the file's name beside it.
    async fn job_path(&self, file: &Value) -> Result<Option<String>> {
        let shown = self.storage().await?.shown;
        let Some(path) = file["path"].as_str().and_then(|path| path.strip_prefix(shown)) else {
            return Ok(None);
        };
        let path = path.trim_start_matches('/');
        if shown == PI.shown {
            return Ok(Some(path.into()));
        }
        let mut full = String::new();
        for short in path.split('/').filter(|short| !short.is_empty()) {
            let (_, listing) = self.get(&self.route(&full).await?).await?;
            let all = listing["children"].as_array().map(Vec::as_slice).unwrap_or_default();
            let name =
                all.iter().find(|entry| entry["name"] == short).and_then(|e| e["display_name"].as_str());
            full.push_str(name.unwrap_or(short));
            full.push('/');
        }
        Ok(file["display_name"].as_str().map(|name| full + name))
    }

    /// The content itself is looked at: PrusaLink keeps no hash.
    async fn stored(&self, path: &str) -> Result<Option<Stored>> {
        let (status, file) = self.get(&self.route(path).await?).await?;
        let Some(download) = file["refs"]["download"].as_str().filter(|_| status == 200) else {
            return Ok(None);
        };
        let (status, body) = self.curl.run(&encoded(download), &[], None).await?;
        let sha1 = (status == 200).then(|| Sha1::digest(&body).into());
        Ok(file["size"].as_u64().map(|len| Stored { len, sha1 }))
    }

    async fn act(&self, deed: &Deed) -> Result<()> {
        match deed {
            Deed::Store { path, len, seconds } => self.store(path, *len, *seconds).await,
            Deed::Start(path) => self.order("POST", &self.route(path).await?).await,
            Deed::Pause => self.steer("PUT", "/pause").await,
            Deed::Resume => self.steer("PUT", "/resume").await,
            Deed::Cancel => self.steer("DELETE", "").await,
            Deed::StoreProject { .. } | Deed::Disconnect => Err(Error::unsupported("oracle")),
        }
    }

    async fn steer(&self, method: &str, action: &str) -> Result<()> {
        let (_, id) = self.state().await?;
        self.order(method, &format!("/api/v1/job/{}{action}", id.unwrap_or_default())).await
    }

    /// Until it is shown.
    async fn store(&self, path: &str, len: u64, seconds: u32) -> Result<()> {
        let (mut content, mut bytes) = (Content::new(len, seconds), vec![0; len as usize]);
        content.fill(&mut bytes);
        let route = self.route(path).await?;
        let args = ["--request", "PUT", "--header", "Content-Type: text/x.gcode", "--data-binary", "@-"];
        let (status, body) = self.curl.run(&route, &args, Some(&bytes)).await?;
        accepted(&route, status, &body)?;
        let begun = Instant::now();
        while self.get(&route).await?.0 != 200 {
            if begun.elapsed() > SOON {
                return Err(Error::new(ErrorKind::Timeout, "oracle").with_detail("the file does not show"));
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn answer(&self, question: &Question) -> Result<Answer> {
        match question {
            Question::Reset => self.reset().await,
            Question::Printer => self.printer().await.map(Answer::Printer),
            Question::Files => self.tree().await.map(|(files, _)| Answer::Files(files)),
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

impl Oracle for PrusaLinkOracle {
    async fn ask(&self, question: &Question) -> Result<Answer> {
        self.answer(question).await
    }
}

impl AskAnywhere for PrusaLinkOracle {
    async fn ask_anywhere(&self, question: Question) -> Result<Answer> {
        self.answer(&question).await
    }
}

/// Sees every print, also one that nobody asks about while it lasts.
async fn watch(curl: Curl, jobs: Arc<Mutex<Jobs>>) {
    loop {
        if let Ok((200, status)) = get(&curl, "/api/v1/status").await
            && let Some(id) = status["job"]["id"].as_u64()
        {
            jobs.lock().unwrap_or_else(PoisonError::into_inner).see(id);
        }
        sleep(LOOK).await;
    }
}

async fn get(curl: &Curl, path: &str) -> Result<(u16, Value)> {
    let (status, body) = curl.run(path, &["--header", "Accept: application/json"], None).await?;
    Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
}

fn accepted(path: &str, status: u16, answer: &[u8]) -> Result<()> {
    match status {
        200..300 => Ok(()),
        _ => Err(Error::new(ErrorKind::HostFault, "oracle")
            .with_http(status)
            .with_detail(format_args!("{path}: {}", String::from_utf8_lossy(answer)))),
    }
}

/// What is over is at rest: what PrusaLink shows of it for a while is the driver's to tell.
fn activity(state: &str) -> Activity {
    match state {
        "IDLE" | "READY" | "FINISHED" | "STOPPED" => Activity::Idle,
        "PRINTING" => Activity::Printing,
        "PAUSED" => Activity::Paused,
        "ERROR" => Activity::Faulted,
        _ => Activity::Changing,
    }
}
