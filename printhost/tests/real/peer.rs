//! The real OctoPrint, and an oracle that is not our driver: curl.

use std::process::Command;

use printhost::{
    AnyHost, PrinterUrl, Verified,
    net::Net,
    octoprint::{Config, OctoPrint},
};
use serde_json::Value;
use sha1::{Digest, Sha1};

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

    /// With what only OctoPrint has.
    pub(crate) fn octoprint<N: Net>(&self, net: N) -> OctoPrint<N> {
        self.octoprint_with(net, &self.key)
    }

    /// With another key.
    pub(crate) fn octoprint_with<N: Net>(&self, net: N, key: &str) -> OctoPrint<N> {
        OctoPrint::new(net, Config::new(self.url.base().clone(), key))
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

    /// POST of JSON by curl.
    pub(crate) fn post(&self, path: &str, json: &str) -> (u16, Value) {
        self.curl_with(&["--header", "Content-Type: application/json", "--data", json], path)
    }

    /// The size and SHA-1 of a file, if OctoPrint has it: as it reports them, and where it reports no hash, that of a
    /// download.
    pub(crate) fn stored(&self, path: &str) -> Option<(u64, String)> {
        let (status, file) = self.curl(&format!("/api/files/local/{path}"));
        assert!(matches!(status, 200 | 404 | 500), "{file}"); // 500: the folder does not exist either
        let hash = || match file["hash"].as_str() {
            Some(hash) => hash.to_owned(),
            None => hex(&Sha1::digest(self.curl_bytes(&[], &format!("/downloads/files/local/{path}")).1)),
        };
        (status == 200).then(|| (file["size"].as_u64().unwrap(), hash()))
    }

    /// 2.0 or later.
    pub(crate) fn is_second(&self) -> bool {
        !self.curl("/api/version").1["server"].as_str().unwrap().starts_with("1.")
    }

    /// How this server lets an upload be verified: 2.0 tells no hash.
    pub(crate) fn verifies(&self, sha1: [u8; 20]) -> Verified {
        if self.is_second() { Verified::Size } else { Verified::Sha1(sha1) }
    }

    /// The state OctoPrint shows.
    pub(crate) fn state(&self) -> String {
        self.curl("/api/job").1["state"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
