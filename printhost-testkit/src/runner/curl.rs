//! The program `curl`, which shares nothing with a driver.

use std::{
    format,
    process::Stdio,
    string::{String, ToString as _},
    vec::Vec,
};

use printhost_core::{Error, ErrorKind, Result};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Asks one host, with a key.
#[derive(Clone, Debug)]
pub(crate) struct Curl {
    url: String,
    key: String,
}

impl Curl {
    pub(crate) fn new(url: impl Into<String>, key: impl Into<String>) -> Self {
        Self { url: url.into(), key: key.into() }
    }

    /// Status and body of the answer to a request.
    pub(crate) async fn run(
        &self,
        path: &str,
        args: &[&str],
        stdin: Option<&[u8]>,
    ) -> Result<(u16, Vec<u8>)> {
        let failed = |what: String| Error::new(ErrorKind::HostFault, "oracle").with_detail(what);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}"])
            .args(["--header", &format!("X-Api-Key: {}", self.key)])
            .args(args)
            .arg(format!("{}{path}", self.url))
            .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = curl.spawn().map_err(|e| failed(format!("curl: {e}")))?;
        if let (Some(bytes), Some(mut pipe)) = (stdin, child.stdin.take()) {
            pipe.write_all(bytes).await.map_err(|e| failed(format!("curl: {e}")))?;
        }
        let output = child.wait_with_output().await.map_err(|e| failed(format!("curl: {e}")))?;
        let end = output.stdout.iter().rposition(|b| *b == b'\n').unwrap_or_default();
        let (body, status) = output.stdout.split_at(end);
        let status = String::from_utf8_lossy(status).trim().parse().unwrap_or_default();
        if status == 0 {
            return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok((status, body.to_vec()))
    }
}

/// A path as a part of an address.
pub(crate) fn encoded(path: &str) -> String {
    path.bytes()
        .map(|b| match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}
