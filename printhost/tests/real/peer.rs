//! The real OctoPrint, and an oracle that is not our driver: curl.

use std::process::Command;

use printhost::{AnyHost, PrinterUrl, net::Net};
use serde_json::Value;

/// Where the peer is.
pub(crate) struct Peer {
    pub(crate) url: PrinterUrl,
    pub(crate) key: String,
}

impl Peer {
    pub(crate) fn from_environment() -> Self {
        let get = |name| {
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask peers`"))
        };
        let url = get("PRINTHOST_OCTOPRINT_URL").parse().expect("a printer URL");
        Self { url, key: get("PRINTHOST_OCTOPRINT_KEY") }
    }

    pub(crate) fn host<N: Net>(&self, net: N) -> AnyHost<N> {
        AnyHost::new(net, &self.url, self.key.as_str())
    }

    /// GET by curl: the status, and the JSON if it is any.
    pub(crate) fn curl(&self, path: &str) -> (u16, Value) {
        self.curl_with(&[], path)
    }

    /// As [`Peer::curl`], with further options.
    pub(crate) fn curl_with(&self, options: &[&str], path: &str) -> (u16, Value) {
        let (status, body) = self.curl_bytes(options, path);
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// As [`Peer::curl_with`], with the body as it comes.
    pub(crate) fn curl_bytes(&self, options: &[&str], path: &str) -> (u16, Vec<u8>) {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--write-out", "\n%{http_code}", "--header"])
            .arg(format!("X-Api-Key: {}", self.key))
            .args(options)
            .arg(format!("{}{path}", self.url.base()))
            .output()
            .expect("curl runs");
        let mut body = output.stdout;
        let end = body.iter().rposition(|b| *b == b'\n').expect("curl writes the status");
        let status = String::from_utf8_lossy(&body[end + 1..]).parse().expect("a status");
        body.truncate(end);
        (status, body)
    }

    /// The size and SHA-1 OctoPrint reports of a file, if it has it.
    pub(crate) fn stored(&self, path: &str) -> Option<(u64, String)> {
        let (status, file) = self.curl(&format!("/api/files/local/{path}"));
        assert!(matches!(status, 200 | 404 | 500), "{file}"); // 500: the folder does not exist either
        (status == 200).then(|| (file["size"].as_u64().unwrap(), file["hash"].as_str().unwrap().to_owned()))
    }

    /// The state OctoPrint shows.
    pub(crate) fn state(&self) -> String {
        self.curl("/api/job").1["state"].as_str().unwrap_or_default().to_owned()
    }
}
