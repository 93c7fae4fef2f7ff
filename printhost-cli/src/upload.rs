//! Sending a file, for `print` and for `files upload`.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use indicatif::HumanBytes;
use printhost::{
    Error, ErrorKind, Net, PrintHost as _, Progress, Throttle, Upload, Uploaded, Verified,
    net_tokio::{FromTokio, TokioClock},
};
use serde_json::json;
use tokio::fs::File;

use crate::{
    args::UploadOptions,
    failure::Failure,
    net::Target,
    output::{Bar, Output, duration, hex},
};

/// The file to send, open.
#[derive(Debug)]
pub(crate) struct LocalFile {
    path: PathBuf,
    file: File,
    pub(crate) len: u64,
}

impl LocalFile {
    pub(crate) async fn open(path: &Path) -> Result<Self, Failure> {
        let unreadable = |why: &dyn std::fmt::Display| {
            let detail = format!("{}: {why}", path.display());
            Failure::from(Error::new(ErrorKind::Source, "open").with_detail(detail))
                .advising("Check the name of the file and whether you may read it.")
        };
        let file = File::open(path).await.map_err(|e| unreadable(&e))?;
        let metadata = file.metadata().await.map_err(|e| unreadable(&e))?;
        match metadata.is_file() {
            true => Ok(Self { path: path.into(), file, len: metadata.len() }),
            false => Err(unreadable(&"it is no ordinary file")),
        }
    }
}

/// Sends and verifies it. `done` always holds how much was sent.
pub(crate) async fn store<N: Net>(
    out: &Output,
    target: &Target<N>,
    local: LocalFile,
    options: &UploadOptions,
    done: &Cell<u64>,
) -> Result<Uploaded, Failure> {
    let LocalFile { path: local_path, file, len } = local;
    let path = match (&options.path, local_path.file_name().and_then(|name| name.to_str())) {
        (Some(path), _) => path.as_str(),
        (None, Some(name)) => name,
        (None, None) => {
            return Err(Failure::usage("the file's name is not UTF-8", "Choose another with --as."));
        }
    };
    let mut report = Report::new(*out, &target.name, len);
    let clock = TokioClock::default();
    let throttled = Throttle::new(FromTokio::new(file), clock, options.limit_rate.unwrap_or(u64::MAX));
    let mut body = Progress::new(throttled, |sent| {
        done.set(sent);
        report.at(sent);
    });
    let mut upload = Upload::new(path, len, &mut body);
    if options.overwrite {
        upload = upload.replacing();
    }
    let uploaded = target.host.upload(upload).await?;
    drop(report);
    tell(out, target, &uploaded);
    Ok(uploaded)
}

fn tell<N: Net>(out: &Output, target: &Target<N>, uploaded: &Uploaded) {
    let (check, sha1) = match uploaded.verified {
        Verified::Sha1(sha1) => ("SHA-1 verified", Some(hex(&sha1))),
        Verified::Size => ("size verified", None),
        _ => ("not verified: the host tells nothing about it", None),
    };
    out.say("Stored", format_args!("{}, {}, {check}", uploaded.path, HumanBytes(uploaded.len)));
    let verified = match uploaded.verified {
        Verified::Sha1(_) => "sha1",
        Verified::Size => "size",
        _ => "no",
    };
    let fields = json!({ "path": uploaded.path, "size": uploaded.len, "verified": verified, "sha1": sha1 });
    out.event(&target.name, "stored", fields);
}

/// How far the upload is: a bar, or a line now and then.
struct Report<'a> {
    out: Output,
    printer: &'a str,
    total: u64,
    bar: Option<Bar>,
    begun: Instant,
    told: Option<Instant>,
}

impl<'a> Report<'a> {
    const TEMPLATE: &'static str =
        "{prefix:>10.bold.green} {wide_bar} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";

    fn new(out: Output, printer: &'a str, total: u64) -> Self {
        let bar = out.bar(total, "Sending", Self::TEMPLATE);
        Self { out, printer, total, bar, begun: Instant::now(), told: None }
    }

    fn at(&mut self, done: u64) {
        if let Some(Bar(bar)) = &self.bar {
            bar.set_position(done);
            if done >= self.total {
                bar.set_prefix("Checking");
            }
            return;
        }
        let pause = Duration::from_millis(if self.out.json { 500 } else { 5000 });
        // The first line comes at once for programs, and only for long uploads for people.
        let since = self.told.or((!self.out.json).then_some(self.begun));
        let last = self.out.json && done >= self.total;
        if !last && since.is_some_and(|since| since.elapsed() < pause) {
            return;
        }
        self.told = Some(Instant::now());
        let rate = done as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        let left = (self.total.saturating_sub(done)) as f64 / rate.max(1.0);
        let percent = done.saturating_mul(100) / self.total.max(1);
        let (speed, left) = (HumanBytes(rate as u64), duration(Duration::from_secs_f64(left)));
        self.out.say("Sending", format_args!("{percent:>3} %  {speed}/s  {left} left"));
        let fields = json!({ "done": done, "total": self.total, "bytes_per_second": rate as u64 });
        self.out.event(self.printer, "upload", fields);
    }
}
