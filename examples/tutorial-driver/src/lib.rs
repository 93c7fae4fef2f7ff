//! A small driver for OctoPrint, written in `docs/write-a-driver.md`.

#![no_std]
extern crate alloc;

use alloc::string::String;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use core::{convert::Infallible, time::Duration};

use embassy_sync::{blocking_mutex::raw::CriticalSectionRawMutex, mutex::Mutex};
use embedded_io_async::Read;
use printhost_core::*;
use printhost_net::proto::{multipart::Form, percent::encode_path};
use printhost_net::{BaseUrl, Body, Method, NO_BODY, Net, Request};
use serde_json::Value;

const FILES: &str = "/api/files/local";

/// Operation, method, path, and what the body is.
type Call<'a> = (&'static str, Method, &'a str, &'a str);

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

    /// One request, sent once, and its answer as JSON. What OctoPrint refuses is an error.
    async fn send<R: Read + ?Sized>(&self, call: Call<'_>, body: Body<'_, R>) -> Result<Value> {
        let (operation, method, path, content_type) = call;
        let target = self.url.target(path);
        let headers = [("X-Api-Key", self.key.expose()), ("Content-Type", content_type)];
        let headers = &headers[..if body.is_empty() { 1 } else { 2 }];
        let request = Request::new(operation, method, &self.url.origin, &target).headers(headers);
        // OctoPrint has everything, and we do not know what it did with it.
        let lost = |error: Error| if method.is_safe() { error } else { error.unconfirmed() };
        let sent = self.net.parts().send(&request, body).await;
        let mut response = sent.map_err(|e| if e.retry() == Retry::ReadFirst { lost(e) } else { e })?;
        let status = response.status();
        if !(200..300).contains(&status) {
            let text = response.read_start(1024).await.unwrap_or_default();
            let text = self.key.redact(&String::from_utf8_lossy(&text));
            let kind = meaning(status, &text, self.known.load(Relaxed));
            let error = Error::new(kind, operation).with_http(status).with_detail(text);
            return Err(if status >= 500 { lost(error) } else { error });
        }
        let json = response.read_to_end(self.net.parts().limits().json).await;
        match json.map_err(|error| lost(error.in_operation(operation)))?.as_slice() {
            [] => Ok(Value::Null),
            json => serde_json::from_slice(json)
                .map_err(|error| lost(Error::new(ErrorKind::Protocol, operation).with_detail(error))),
        }
    }

    /// Reads something.
    async fn get(&self, operation: &'static str, path: &str) -> Result<Value> {
        self.send((operation, Method::Get, path, ""), NO_BODY).await
    }

    /// Before anything else: finds out by reading whether address and key are right.
    async fn ready(&self, operation: &'static str) -> Result<()> {
        match self.known.load(Relaxed) {
            true => Ok(()),
            false => self.connect().await.map(drop).map_err(|error| error.in_operation(operation)),
        }
    }

    /// Changes something, once.
    async fn order(&self, operation: &'static str, path: &str, json: &str) -> Result<Outcome> {
        self.ready(operation).await?;
        let body = Body::bytes(json.as_bytes());
        self.send((operation, Method::Post, path, "application/json"), body).await?;
        Ok(Outcome::accepted())
    }
}

/// Where a file is. Folders are not claimed, so there are none in its path.
fn route(path: &str) -> Result<String> {
    let path = RemotePath::parse(path)?;
    if !path.folder().is_empty() {
        return Err(Error::unsupported("folders"));
    }
    let mut route = String::from(FILES) + "/";
    encode_path(&mut route, path.as_str());
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

/// From `GET /api/job`.
fn status(answer: &Value) -> PrinterStatus {
    let mut status = PrinterStatus::default();
    status.state_text = answer["state"].as_str().unwrap_or_default().into();
    status.phase = phase(&status.state_text);
    status.fault = answer["error"].as_str().filter(|_| status.phase == Phase::Faulted).map(String::from);
    status.job = answer["job"]["file"]["path"].as_str().map(|path| {
        let percent = answer["progress"]["completion"].as_f64();
        let mut job = Job::default();
        job.path = Some(path.into());
        job.progress = percent.map(|percent| (percent as f32 / 100.0).clamp(0.0, 1.0));
        job
    });
    status
}

fn phase(state: &str) -> Phase {
    match state {
        "Operational" => Phase::Idle,
        "Printing" => Phase::Printing,
        "Paused" => Phase::Paused,
        "Cancelling" => Phase::Cancelling,
        "Offline" => Phase::Offline,
        _ if state.contains("rror") => Phase::Faulted,
        _ if state.starts_with("Starting") => Phase::Preparing,
        _ => Phase::Unknown,
    }
}

impl<N: Net> PrintHost for TinyOctoPrint<N> {
    fn capabilities(&self) -> Capabilities {
        let mut can = Capabilities::NONE;
        (can.upload, can.upload_and_print) = (true, true);
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
        self.get("status", "/api/job").await.map(|answer| status(&answer))
    }

    fn events(&self) -> Result<Events<'_>> {
        self.bus.subscribe()
    }

    async fn run(&self) -> Result<Infallible> {
        let mut jobs = self.jobs.try_lock().map_err(|_| Error::new(ErrorKind::Busy, "run"))?;
        let (parts, mut reconnect) = (self.net.parts(), Reconnect::new());
        // The file of the last status, if there was one since the last gap.
        let mut last = None;
        loop {
            let delay = match self.status().await {
                Ok(status) => {
                    let file = status.job.as_ref().and_then(|job| job.path.clone());
                    let watched = last.as_ref() == Some(&file);
                    for event in jobs.observe(&status) {
                        // After a print OctoPrint shows 100 %, or an error. What ends otherwise was cancelled.
                        let cancelled = watched && event == JobEvent::Ended && status.phase == Phase::Idle;
                        self.bus.publish_job(if cancelled { JobEvent::Cancelled } else { event });
                    }
                    match last.replace(file) {
                        Some(_) => self.bus.publish_status(status),
                        None => self.bus.publish_resynced(status),
                    }
                    Duration::from_secs(1)
                }
                Err(error) => reconnect.after(error, last.take().is_some(), &self.bus, parts.entropy())?,
            };
            parts.clock().sleep(delay).await;
        }
    }

    async fn upload<R: Read + ?Sized>(&self, upload: Upload<'_, R>) -> Result<Uploaded> {
        route(upload.path)?;
        self.ready("upload").await?;
        let keep = if upload.if_exists == IfExists::Fail { "true" } else { "false" };
        let mut random = [0; 16];
        self.net.parts().entropy().fill(&mut random);
        let form = Form::new(random).text("noOverwrite", keep);
        let content_type = form.content_type();
        let (before, after) = form.file("file", upload.path);
        let body = Body::stream(before.as_bytes(), upload.body, upload.len, after.as_bytes());
        let done = self.send(("upload", Method::Post, FILES, &content_type), body).await?;
        // OctoPrint has the file now, under a name of its choice. All of it?
        let stored = done["files"]["local"]["path"].as_str().unwrap_or(upload.path);
        let at = route(stored).map_err(Error::unconfirmed)?;
        let entry = self.get("upload", &at).await.map_err(Error::unconfirmed)?;
        if entry["size"].as_u64() != Some(upload.len) {
            let _ = self.send(("upload", Method::Delete, &at, ""), NO_BODY).await;
            return Err(Error::new(ErrorKind::Corrupted, "upload"));
        }
        let mut uploaded = Uploaded::new(stored, upload.len, Verified::Size);
        if upload.then == Then::Print {
            let started = self.start(stored).await;
            uploaded.started = started.map_or_else(Started::No, |outcome| Started::Yes(outcome.confirmation));
        }
        Ok(uploaded)
    }

    async fn start(&self, path: &str) -> Result<Outcome> {
        self.order("start", &route(path)?, r#"{"command": "select", "print": true}"#).await
    }

    async fn command(&self, command: Command<'_>) -> Result<Outcome> {
        let order = match command {
            Command::Pause => r#"{"command": "pause", "action": "pause"}"#,
            Command::Resume => r#"{"command": "pause", "action": "resume"}"#,
            Command::Cancel => r#"{"command": "cancel"}"#,
            _ => return Err(Error::unsupported(command.name())),
        };
        self.order(command.name(), "/api/job", order).await
    }
}
