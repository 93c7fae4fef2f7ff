//! The real OctoPrint, and an oracle that is not our driver: curl.

use std::process::Command;

use printhost::{AnyHost, PrinterUrl, Verified, net::Net};
use serde_json::Value;
use sha1::{Digest, Sha1};

/// Where the peer is.
pub(crate) struct Peer {
    pub(crate) url: PrinterUrl,
    pub(crate) key: String,
    /// Whether it is OctoPrint before 2.0, which tells the SHA-1 of its files and why a printer is in error.
    pub(crate) is_first_generation: bool,
}

impl Peer {
    pub(crate) fn from_environment() -> Self {
        let get = |name| {
            std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run `cargo xtask peers`"))
        };
        let url = get("PRINTHOST_OCTOPRINT_URL").parse().expect("a printer URL");
        let is_first_generation = get("PRINTHOST_OCTOPRINT_VERSION").starts_with("1.");
        Self { url, key: get("PRINTHOST_OCTOPRINT_KEY"), is_first_generation }
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

    /// The size and SHA-1 of a file, if OctoPrint has it.
    pub(crate) fn stored(&self, path: &str) -> Option<(u64, String)> {
        let (status, file) = self.curl(&format!("/api/files/local/{path}"));
        assert!(matches!(status, 200 | 404 | 500), "{file}"); // 500: the folder does not exist either
        (status == 200).then(|| {
            assert!(!self.is_first_generation || file["hash"].is_string(), "{file}");
            self.described(&file, path)
        })
    }

    /// The size and SHA-1 of a file OctoPrint has described: where it leaves the SHA-1 out, that of a download.
    pub(crate) fn described(&self, file: &Value, path: &str) -> (u64, String) {
        let hash = file["hash"].as_str().map(str::to_owned).unwrap_or_else(|| {
            let (status, content) = self.curl_bytes(&[], &format!("/downloads/files/local/{path}"));
            assert_eq!(status, 200, "{path}");
            Sha1::digest(content).iter().map(|b| format!("{b:02x}")).collect()
        });
        (file["size"].as_u64().unwrap(), hash)
    }

    /// How far an upload with this SHA-1 can be verified.
    pub(crate) fn strongest(&self, sha1: [u8; 20]) -> Verified {
        if self.is_first_generation { Verified::Sha1(sha1) } else { Verified::Size }
    }

    /// The state OctoPrint shows.
    pub(crate) fn state(&self) -> String {
        self.curl("/api/job").1["state"].as_str().unwrap_or_default().to_owned()
    }
}
