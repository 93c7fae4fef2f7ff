//! Sending a file, for `print`, `upload` and `files upload`.

use std::{
    cell::Cell,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::HumanBytes;
use printhost::{
    Error, ErrorKind, Net, PrintHost as _, Progress, Throttle, Upload, Uploaded, Verified,
    net_tokio::{FromTokio, TokioClock},
};
use serde_json::json;
use tokio::fs::File;

use crate::{
    failure::Failure,
    output::{Bar, Output, duration, hex},
    targets::Target,
};

/// How to send a file.
#[derive(Debug, Args)]
pub(crate) struct UploadOptions {
    /// Folder and name on the printer [default: the file's own name].
    #[arg(long = "as", value_name = "PATH")]
    pub(crate) path: Option<String>,
    /// Replace a file of the same name.
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Send no faster than this to each printer, in bytes per second; k, M and G multiply by 1024.
    #[arg(long, value_name = "RATE", value_parser = parse_rate)]
    pub(crate) limit_rate: Option<u64>,
}

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

/// Sends and verifies it. `done` always holds how much was sent. `label` is what tells it apart from others that are
/// sent at the same time.
pub(crate) async fn store<N: Net>(
    out: &Output,
    target: &Target<N>,
    local: LocalFile,
    options: &UploadOptions,
    done: &Cell<u64>,
    label: Option<&str>,
) -> Result<Uploaded, Failure> {
    let LocalFile { path: local_path, file, len } = local;
    let path = match (&options.path, local_path.file_name().and_then(|name| name.to_str())) {
        (Some(path), _) => path.as_str(),
        (None, Some(name)) => name,
        (None, None) => {
            return Err(Failure::usage("the file's name is not UTF-8", "Choose another with --as."));
        }
    };
    let mut report = Report::new(out, &target.name, label, len);
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
    tell(out, target, label, &uploaded);
    Ok(uploaded)
}

/// How it was checked, for programs.
pub(crate) const fn verified_name(verified: Verified) -> &'static str {
    match verified {
        Verified::Sha1(_) => "sha1",
        Verified::Sha256(_) => "sha256",
        Verified::Size => "size",
        Verified::ReadBack(_) => "read_back",
        _ => "no",
    }
}

fn tell<N: Net>(out: &Output, target: &Target<N>, label: Option<&str>, uploaded: &Uploaded) {
    let (check, sha1, sha256) = match uploaded.verified {
        Verified::Sha1(sha1) => ("SHA-1 verified", Some(hex(&sha1)), None),
        Verified::Sha256(sha256) => ("SHA-256 verified", None, Some(hex(&sha256))),
        Verified::Size => ("size verified", None, None),
        _ => ("not verified: the host tells nothing about it", None, None),
    };
    let at = label.map(|label| format!(" on {label}")).unwrap_or_default();
    out.say("Stored", format_args!("{}{at}, {}, {check}", uploaded.path, HumanBytes(uploaded.len)));
    let verified = verified_name(uploaded.verified);
    let mut fields =
        json!({ "path": uploaded.path, "size": uploaded.len, "verified": verified, "sha1": sha1 });
    if let Some(sha256) = sha256 {
        fields["sha256"] = sha256.into();
    }
    out.event(&target.name, "stored", fields);
}

/// How far the upload is: a bar, or a line now and then.
struct Report<'a> {
    out: &'a Output,
    printer: &'a str,
    label: Option<&'a str>,
    total: u64,
    bar: Option<Bar>,
    begun: Instant,
    told: Option<Instant>,
}

impl<'a> Report<'a> {
    const TEMPLATE: &'static str =
        "{prefix:>10.bold.green} {wide_bar} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";

    fn new(out: &'a Output, printer: &'a str, label: Option<&'a str>, total: u64) -> Self {
        let bar = out.bar(total, label.unwrap_or("Sending"), Self::TEMPLATE);
        Self { out, printer, label, total, bar, begun: Instant::now(), told: None }
    }

    fn at(&mut self, done: u64) {
        if let Some(Bar(bar)) = &self.bar {
            bar.set_position(done);
            if done >= self.total && self.label.is_none() {
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
        let at = self.label.map(|label| format!("  to {label}")).unwrap_or_default();
        self.out.say("Sending", format_args!("{percent:>3} %  {speed}/s  {left} left{at}"));
        let fields = json!({ "done": done, "total": self.total, "bytes_per_second": rate as u64 });
        self.out.event(self.printer, "upload", fields);
    }
}

fn parse_rate(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 10),
        Some('m' | 'M') => (&text[..text.len() - 1], 20),
        Some('g' | 'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let rate = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(1 << shift)).filter(|n| *n > 0);
    rate.ok_or_else(|| "a number of bytes per second is needed, such as 500k or 2M".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_takes_suffixes_and_refuses_nonsense() {
        assert_eq!(parse_rate("500"), Ok(500));
        assert_eq!(parse_rate("500k"), Ok(512_000));
        assert_eq!(parse_rate("2M"), Ok(2 << 20));
        for bad in ["", "0", "k", "-1", "1.5M", "2MB", "99999999999G"] {
            assert!(parse_rate(bad).is_err(), "{bad}");
        }
    }
}
