//! A small driver for OctoPrint, written in `docs/write-a-driver.md`.

#![no_std]
extern crate alloc;

use alloc::{format, string::String, vec};
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::{convert::Infallible, time::Duration};

use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, mutex::Mutex};
use embedded_io_async::Read;
use printhost_core::*;
use printhost_net::proto::{json_items::JsonItems, multipart::Form, percent::encode_path};
use printhost_net::{BaseUrl, Body, Method, NO_BODY, Net, Request, http::ResponseOf};
use serde_json::Value;

const FILES: &str = "/api/files/local";

/// An OctoPrint and the printer behind it, followed by polling.
pub struct TinyOctoPrint<N> {
    net: N,
    url: BaseUrl,
    key: Secret,
    /// It is an OctoPrint, and it takes our key.
    known: AtomicBool,
    bus: EventBus,
    /// What is known of the job; whoever polls `run` holds it.
    jobs: Mutex<CriticalSectionRawMutex, JobTracker>,
}

impl<N: Net> TinyOctoPrint<N> {
    /// A driver that has not connected yet.
    pub const fn new(net: N, url: BaseUrl, key: Secret) -> Self {
        let known = AtomicBool::new(false);
        Self { net, url, key, known, bus: EventBus::new(), jobs: Mutex::new(JobTracker::new()) }
    }

    /// One request, sent once. What OctoPrint refuses is an error.
    async fn send<R: Read + ?Sized>(
        &self,
        (operation, method, path): (&'static str, Method, &str),
        content_type: &str,
        body: Body<'_, R>,
    ) -> Result<ResponseOf<'_, N>> {
        let target = self.url.target(path);
        let headers = [("X-Api-Key", self.key.expose()), ("Content-Type", content_type)];
        let headers = &headers[..if body.is_empty() { 1 } else { 2 }];
        let request = Request::new(operation, method, &self.url.origin, &target).headers(headers);
        let mut response = self.net.parts().send(&request, body).await?;
        let status = response.status();
        if (200..300).contains(&status) {
            return Ok(response);
        }
        let text = response.read_start(1024).await.unwrap_or_default();
        let text = self.key.redact(&String::from_utf8_lossy(&text));
        let kind = meaning(status, &text, self.known.load(Relaxed));
        let error = Error::new(kind, operation).with_http(status).with_detail(text);
        // A proxy that gives up on OctoPrint does not know what OctoPrint did.
        let open = status >= 500 && !method.is_safe();
        Err(if open { error.with_retry(Retry::ReadFirst) } else { error })
    }

    /// Reads something.
    async fn get(&self, operation: &'static str, path: &str) -> Result<Value> {
        let mut response = self.send((operation, Method::Get, path), "", NO_BODY).await?;
        let json = response.read_to_end(self.net.parts().limits().json).await;
        json.and_then(|json| parse(&json)).map_err(|error| error.in_operation(operation))
    }

    /// Before anything else: finds out by reading whether address and key are right.
    async fn ready(&self, operation: &'static str) -> Result<()> {
        match self.known.load(Relaxed) {
            true => Ok(()),
            false => self.connect().await.map(drop).map_err(|error| error.in_operation(operation)),
        }
    }

    /// Changes something, once. When the answer is lost, the printer is read.
    async fn order(
        &self,
        operation: &'static str,
        path: &str,
        json: &str,
        then: &[Phase],
    ) -> Result<Outcome> {
        self.ready(operation).await?;
        let body = Body::bytes(json.as_bytes());
        match self.send((operation, Method::Post, path), "application/json", body).await {
            Ok(_) => Ok(Outcome::accepted()),
            Err(lost) if lost.retry() == Retry::ReadFirst => match self.status().await {
                Ok(status) if then.contains(&status.phase) => Ok(Outcome::confirmed()),
                _ => Err(lost.unconfirmed()),
            },
            Err(refused) => Err(refused),
        }
    }

    /// A file or a folder. Asked for a file in a folder that does not exist, OctoPrint 1.11.8 answers 500; so the
    /// folders are asked for first, from the top, where a missing one is a 404.
    async fn entry(&self, operation: &'static str, path: &str) -> Result<Value> {
        let route_of_it = route(path)?;
        self.ready(operation).await?;
        for (end, _) in path.match_indices('/') {
            let folder = self.get(operation, &route(&path[..end])?).await;
            if folder.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
                return folder;
            }
        }
        self.get(operation, &route_of_it).await
    }
}

fn parse(json: &[u8]) -> Result<Value> {
    serde_json::from_slice(json).map_err(|error| Error::new(ErrorKind::Protocol, "read").with_detail(error))
}

fn route(path: &str) -> Result<String> {
    let mut route = String::from(FILES) + "/";
    encode_path(&mut route, RemotePath::parse(path)?.as_str());
    Ok(route)
}

/// A wrong key is refused with 403 when something is read, and with 400 when something is changed.
fn meaning(status: u16, text: &str, known: bool) -> ErrorKind {
    match status {
        300..400 => ErrorKind::Redirected,
        400 if text.contains("CSRF") => ErrorKind::Unauthorized,
        400 | 415 => ErrorKind::InvalidInput,
        403 if known => ErrorKind::Forbidden,
        401 | 403 => ErrorKind::Unauthorized,
        404 if known => ErrorKind::NotFound,
        409 if text.contains("already exist") => ErrorKind::Exists,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::TooLarge,
        500.. => ErrorKind::HostFault,
        _ => ErrorKind::Protocol,
    }
}

/// From `GET /api/job` and `GET /api/printer`.
fn status(job: &Value, printer: &Value) -> PrinterStatus {
    let (state, file, progress) = (&job["state"], &job["job"]["file"], &job["progress"]);
    let number = |value: &Value| value.as_f64().map(|number| number as f32);
    let heater = |name: &str| {
        let heater = &printer["temperature"][name];
        Some(Heater::new(Some(number(&heater["actual"])?), number(&heater["target"])))
    };
    let mut status = PrinterStatus::default();
    status.state_text = state.as_str().unwrap_or_default().into();
    status.phase = phase(&status.state_text);
    status.tools = (0..).map_while(|n| heater(&format!("tool{n}"))).collect();
    (status.bed, status.chamber) = (heater("bed"), heater("chamber"));
    status.fault = job["error"].as_str().filter(|_| status.phase == Phase::Faulted).map(String::from);
    status.job = file["path"].as_str().map(|path| {
        let mut job = Job::default();
        (job.path, job.size) = (Some(path.into()), file["size"].as_u64());
        job.progress = number(&progress["completion"]).map(|percent| (percent / 100.0).clamp(0.0, 1.0));
        job.elapsed = progress["printTime"].as_u64().map(Duration::from_secs);
        job.remaining = progress["printTimeLeft"].as_u64().map(Duration::from_secs);
        job
    });
    status
}

fn phase(state: &str) -> Phase {
    match state {
        "Operational" => Phase::Idle,
        "Printing" => Phase::Printing,
        "Pausing" => Phase::Pausing,
        "Paused" => Phase::Paused,
        "Resuming" => Phase::Resuming,
        "Cancelling" => Phase::Cancelling,
        "Finishing" => Phase::Finishing,
        "Offline" => Phase::Offline,
        "Connecting" | "Opening serial connection" => Phase::Connecting,
        _ if state.contains("rror") => Phase::Faulted,
        _ if state.starts_with("Starting") => Phase::Preparing,
        _ => Phase::Unknown,
    }
}

impl<N: Net> PrintHost for TinyOctoPrint<N> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::NONE;
        (can.upload, can.upload_and_print, can.folders) = (true, true, true);
        (can.files, can.delete) = (true, true);
        (can.start, can.pause, can.resume, can.cancel) = (true, true, true, true);
        can
    }

    async fn connect(&self) -> Result<HostInfo> {
        let version = self.get("connect", "/api/version").await?;
        let none = || Error::new(ErrorKind::Protocol, "connect").with_detail("this is not OctoPrint");
        let server = version["server"].as_str().ok_or_else(none)?;
        self.known.store(true, Relaxed);
        Ok(HostInfo::new("OctoPrint", server))
    }

    async fn status(&self) -> Result<PrinterStatus> {
        self.ready("status").await?;
        let job = self.get("status", "/api/job").await?;
        match self.get("status", "/api/printer?exclude=sd,state").await {
            Ok(printer) => Ok(status(&job, &printer)),
            // OctoPrint answers, its printer does not.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(status(&job, &Value::Null)),
            Err(error) => Err(error),
        }
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        let mut jobs = self.jobs.try_lock().map_err(|_| Error::new(ErrorKind::Busy, "run"))?;
        let (parts, mut reconnect) = (self.net.parts(), Reconnect::new());
        let (mut synced, mut last) = (false, None);
        loop {
            let delay = match self.status().await {
                Ok(status) => {
                    let path = status.job.as_ref().and_then(|job| job.path.clone());
                    let seen = synced && path == last;
                    for event in jobs.observe(&status) {
                        // After a print OctoPrint shows 100 %, or an error. What ends otherwise was cancelled.
                        let cancelled = seen && event == JobEvent::Ended && status.phase == Phase::Idle;
                        self.bus.publish_job(if cancelled { JobEvent::Cancelled } else { event });
                    }
                    match synced {
                        true => self.bus.publish_status(status),
                        false => self.bus.publish_resynced(status),
                    }
                    (synced, last) = (true, path);
                    Duration::from_secs(1)
                }
                Err(error) => {
                    let was_synced = core::mem::take(&mut synced);
                    reconnect.after(error, was_synced, &self.bus, parts.entropy())?
                }
            };
            parts.clock().sleep(delay).await;
        }
    }

    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        let path = RemotePath::parse(upload.path)?;
        let is_new = upload.if_exists == IfExists::Fail;
        match self.entry("upload", upload.path).await {
            Ok(_) if is_new => return Err(Error::new(ErrorKind::Exists, "upload")),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut random = [0; 16];
        self.net.parts().entropy().fill(&mut random);
        let form = Form::new(random).text("path", path.folder());
        let form = form.text("noOverwrite", if is_new { "true" } else { "false" });
        let content_type = form.content_type();
        let (before, after) = form.file("file", path.name());
        let body = Body::stream(before.as_bytes(), upload.body, upload.len, after.as_bytes());
        let done = match self.send(("upload", Method::Post, FILES), &content_type, body).await {
            Ok(mut response) => response.read_to_end(self.net.parts().limits().json).await,
            Err(error) if error.retry() == Retry::ReadFirst => Err(error),
            Err(refused) => return Err(refused),
        };
        // From here on OctoPrint may have the file, whatever became of its answer.
        let done = done.and_then(|json| parse(&json)).map_err(Error::unconfirmed);
        let stored = match &done {
            Ok(done) => done["files"]["local"]["path"].as_str().unwrap_or(upload.path),
            Err(_) if is_new => upload.path,
            Err(lost) => return Err(lost.clone()),
        };
        let entry = self.entry("upload", stored).await.map_err(Error::unconfirmed)?;
        if entry["size"].as_u64() != Some(upload.len) {
            done.as_ref().map_err(Error::clone)?;
            let _ = self.delete(stored).await;
            return Err(Error::new(ErrorKind::Corrupted, "upload"));
        }
        let mut uploaded = Uploaded::new(stored, upload.len, Verified::Size);
        if upload.then == Then::Print {
            uploaded.started = match self.start(stored).await {
                Ok(outcome) => Started::Yes(outcome.confirmation),
                Err(error) => Started::No(error),
            };
        }
        Ok(uploaded)
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        let order = r#"{"command": "select", "print": true}"#;
        self.order("start", &route(path)?, order, &[Phase::Preparing, Phase::Printing]).await
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        let (order, then): (&str, &[Phase]) = match command {
            Command::Pause => {
                (r#"{"command": "pause", "action": "pause"}"#, &[Phase::Pausing, Phase::Paused])
            }
            Command::Resume => (r#"{"command": "pause", "action": "resume"}"#, &[Phase::Printing]),
            Command::Cancel => (r#"{"command": "cancel"}"#, &[Phase::Cancelling, Phase::Idle]),
            _ => return Err(Error::unsupported(command.name())),
        };
        self.order(command.name(), "/api/job", order, then).await
    }

    async fn files(&self, folder: &str, page: Page) -> Result<FilePage> {
        let path = if folder.is_empty() { FILES.into() } else { route(folder)? };
        self.ready("files").await?;
        let mut response = self.send(("files", Method::Get, &path), "", NO_BODY).await?;
        let limits = self.net.parts().limits();
        let (mut items, mut buf) = (JsonItems::new(limits.json), vec![0; limits.chunk]);
        let (mut listing, mut skip) = (FilePage::default(), page.offset);
        loop {
            let n = response.read(&mut buf).await?;
            if n == 0 {
                return items.finish().map(|()| listing);
            }
            items.feed(&buf[..n], |item| {
                listing.more = skip == 0 && listing.entries.len() == usize::from(page.limit);
                if skip == 0 && !listing.more {
                    listing.entries.push(file(&parse(item)?));
                }
                skip = skip.saturating_sub(1);
                Ok(!listing.more)
            })?;
            if listing.more {
                return Ok(listing);
            }
        }
    }

    async fn delete(&self, path: &str) -> Result<()> {
        let route = route(path)?;
        let entry = self.entry("delete", path).await?;
        if entry["children"].as_array().is_some_and(|inside| !inside.is_empty()) {
            return Err(Error::new(ErrorKind::Conflict, "delete").with_detail("there is something in it"));
        }
        match self.send(("delete", Method::Delete, &route), "", NO_BODY).await {
            Ok(_) => Ok(()),
            Err(lost) if lost.retry() == Retry::ReadFirst => match self.entry("delete", path).await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                _ => Err(lost.unconfirmed()),
            },
            Err(refused) => Err(refused),
        }
    }
}

fn file(entry: &Value) -> FileEntry {
    let mut file = FileEntry::default();
    file.path = entry["path"].as_str().unwrap_or_default().into();
    file.is_folder = entry["type"] == "folder";
    file.size = entry["size"].as_u64().filter(|_| !file.is_folder);
    file.modified = entry["date"].as_u64();
    file
}
