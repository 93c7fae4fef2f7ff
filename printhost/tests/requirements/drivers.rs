//! One table of the drivers: a simulated printer of each kind, and what differs between them.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use printhost::{AnyHost, Net, Phase, PrinterUrl, Trust};
use printhost_sim::{
    MoonrakerConfig, MoonrakerSim, OctoPrintSim, PrusaLinkConfig, PrusaLinkFamily, PrusaLinkSim, Request,
    SimConfig,
};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use crate::server::{Answer, Heard, json, say};

/// A kind of printer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    OctoPrint,
    PrusaLinkPi,
    PrusaLinkFirmware,
    Moonraker,
}

/// What is simulated of one.
pub(crate) enum Sim {
    OctoPrint(OctoPrintSim),
    PrusaLink(PrusaLinkSim),
    Moonraker(MoonrakerSim),
}

/// For so long a PrusaLink shows the end of a print, and takes no other.
const SHORTLY: Duration = Duration::from_millis(500);

/// A stored file, with its hash: SHA-256 on a Moonraker, and SHA-1 elsewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) path: String,
    pub(crate) size: u64,
    pub(crate) hash: String,
}

impl Driver {
    pub(crate) const ALL: [Self; 4] =
        [Self::OctoPrint, Self::PrusaLinkPi, Self::PrusaLinkFirmware, Self::Moonraker];

    /// What its URLs begin with.
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::OctoPrint => "octoprint",
            Self::PrusaLinkPi | Self::PrusaLinkFirmware => "prusalink",
            Self::Moonraker => "moonraker",
        }
    }

    /// Lets us in.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::OctoPrint => SimConfig::TEST_KEY,
            Self::PrusaLinkPi | Self::PrusaLinkFirmware => PrusaLinkConfig::TEST_KEY,
            Self::Moonraker => MoonrakerConfig::TEST_KEY,
        }
    }

    /// The first thing that is asked for.
    pub(crate) const fn probe(self) -> &'static str {
        if matches!(self, Self::Moonraker) { "/server/info" } else { "/api/version" }
    }

    /// How the request of an upload begins.
    pub(crate) const fn upload(self) -> &'static str {
        match self {
            Self::OctoPrint => "POST /api/files/local ",
            Self::PrusaLinkPi => "PUT /api/v1/files/local/",
            Self::PrusaLinkFirmware => "PUT /api/v1/files/usb/",
            Self::Moonraker => "POST /server/files/upload ",
        }
    }

    /// Where the connection is opened that brings events; PrusaLink has none.
    pub(crate) const fn push(self) -> Option<&'static str> {
        match self {
            Self::OctoPrint => Some("/sockjs/websocket"),
            Self::PrusaLinkPi | Self::PrusaLinkFirmware => None,
            Self::Moonraker => Some("/websocket"),
        }
    }

    /// With a camera, and wants to see the key. Time passes faster on it, but for a Moonraker: for how long a job has been
    /// printing tells the driver whether it is the one that was started.
    pub(crate) async fn sim(self, time_scale: f64) -> Sim {
        let prusalink = async |family| {
            let config = PrusaLinkConfig::new(family).time_scale(time_scale).end_shown_for(SHORTLY);
            let has_camera = family == PrusaLinkFamily::Pi;
            Sim::PrusaLink(PrusaLinkSim::start(config.camera(has_camera)).await.unwrap())
        };
        match self {
            Self::OctoPrint => {
                let config = SimConfig::default().time_scale(time_scale).webcam(true).approve_apps_after(1);
                Sim::OctoPrint(OctoPrintSim::start(config).await.unwrap())
            }
            Self::PrusaLinkPi => prusalink(PrusaLinkFamily::Pi).await,
            Self::PrusaLinkFirmware => prusalink(PrusaLinkFamily::Buddy).await,
            Self::Moonraker => {
                let config = MoonrakerConfig::default().trusted(false).webcam(true);
                Sim::Moonraker(MoonrakerSim::start(config).await.unwrap())
            }
        }
    }

    /// The driver, for `address:port`.
    pub(crate) fn host<N: Net>(self, net: N, address: impl std::fmt::Display) -> AnyHost<N> {
        self.host_at(net, &format!("{}://{address}", self.scheme()), Trust::PublicRoots)
    }

    /// The driver by TLS, believing this.
    pub(crate) fn host_by_tls<N: Net>(self, net: N, port: u16, trust: Trust) -> AnyHost<N> {
        self.host_at(net, &format!("{}+https://127.0.0.1:{port}", self.scheme()), trust)
    }

    pub(crate) fn host_at<N: Net>(self, net: N, url: &str, trust: Trust) -> AnyHost<N> {
        let url: PrinterUrl = url.parse().unwrap();
        AnyHost::new(net, &url.with_trust(trust), self.key())
    }

    /// Whether a printer in this phase takes a job.
    pub(crate) fn is_free(self, phase: Phase) -> bool {
        phase == Phase::Idle || self == Self::Moonraker && phase == Phase::Cancelled
    }

    /// The hash by which [`Stored`] tells a file.
    pub(crate) fn hash(self, bytes: &[u8]) -> String {
        let hex = |hash: &[u8]| hash.iter().map(|b| format!("{b:02x}")).collect();
        match self {
            Self::Moonraker => hex(&Sha256::digest(bytes)),
            _ => hex(&Sha1::digest(bytes)),
        }
    }

    /// A server of this kind that has `x.gcode` once it was sent; one that is not sent whole is never answered.
    pub(crate) fn takes(self, len: u64) -> impl Fn(&Heard<'_>) -> Option<Answer> + Send + Sync + 'static {
        let sent = AtomicBool::new(false);
        move |heard| {
            if heard.is(self.upload()) {
                sent.store(true, Relaxed);
            }
            let stored = |answer: String| match sent.load(Relaxed) {
                true => json(200, &answer),
                false => json(404, "{}"),
            };
            match self {
                Self::OctoPrint => {
                    let file =
                        format!(r#"{{"name":"x.gcode","path":"x.gcode","type":"machinecode","size":{len}}}"#);
                    heard.is("GET /api/files/local/x.gcode").then(|| stored(file))
                }
                Self::Moonraker => Some(match () {
                    () if heard.is("HEAD ") => say(b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n".as_slice()),
                    () if heard.is(self.upload()) => json(
                        201,
                        &format!(
                            r#"{{"item":{{"path":"x.gcode","root":"gcodes","size":{len}}},"action":"create_file"}}"#
                        ),
                    ),
                    () => json(
                        200,
                        r#"{"result":{"klippy_connected":true,"klippy_state":"ready","moonraker_version":"v0.11.0"}}"#,
                    ),
                }),
                Self::PrusaLinkPi | Self::PrusaLinkFirmware => Some(match () {
                    () if heard.is(self.upload()) => json(201, "{}"),
                    () if heard.is("GET /api/version") && self == Self::PrusaLinkPi => json(
                        200,
                        r#"{"text":"PrusaLink 0.8.1","server":"0.8.1","sdk":"0.8.1","capabilities":{"upload-by-put":true}}"#,
                    ),
                    () if heard.is("GET /api/version") => json(
                        200,
                        r#"{"api":"2.0.0","text":"PrusaLink","capabilities":{"upload-by-put":true}}"#,
                    ),
                    () if heard.is("GET /api/v1/storage") => json(200, r#"{"storage_list":[]}"#),
                    () if heard.is("GET /api/v1/transfer") => say(b"HTTP/1.1 204 X\r\n\r\n".as_slice()),
                    () if heard.is("GET /api/v1/files/") => {
                        stored(format!(r#"{{"name":"x.gcode","type":"PRINT_FILE","size":{len}}}"#))
                    }
                    () => json(200, r#"{"printer":{"state":"IDLE"}}"#),
                }),
            }
        }
    }
}

impl Sim {
    pub(crate) fn addr(&self) -> SocketAddr {
        match self {
            Self::OctoPrint(sim) => sim.addr(),
            Self::PrusaLink(sim) => sim.addr(),
            Self::Moonraker(sim) => sim.addr(),
        }
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        match self {
            Self::OctoPrint(sim) => sim.requests(),
            Self::PrusaLink(sim) => sim.requests(),
            Self::Moonraker(sim) => sim.requests(),
        }
    }

    /// Printable files.
    pub(crate) fn files(&self) -> Vec<Stored> {
        let stored = |file: printhost_sim::StoredFile| Stored {
            path: file.path,
            size: file.size,
            hash: file.sha1_hex,
        };
        match self {
            Self::OctoPrint(sim) => sim.files().into_iter().map(stored).collect(),
            Self::PrusaLink(sim) => sim.files().into_iter().map(stored).collect(),
            Self::Moonraker(sim) => {
                let files = sim.files().into_iter().filter(|file| file.root == "gcodes");
                let stored = files.map(|f| Stored { path: f.path, size: f.size, hash: f.sha256_hex });
                stored.collect()
            }
        }
    }

    /// How often a print was asked for, and on PrusaLink and Moonraker begun.
    pub(crate) fn prints(&self) -> u64 {
        match self {
            Self::OctoPrint(sim) => {
                let starts = |r: &Request| {
                    r.method == "POST" && (r.path.starts_with("/api/files/local/") || r.path == "/api/job")
                };
                sim.requests().into_iter().filter(starts).count() as u64
            }
            Self::PrusaLink(sim) => sim.prints(),
            Self::Moonraker(sim) => sim.prints_started(),
        }
    }
}
