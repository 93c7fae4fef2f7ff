//! One call against one server, and what must hold whatever comes back.

use std::{convert::Infallible, time::Duration};

use printhost::{
    AnyHost, Axes, Command, Error, ErrorKind, HyperNet, Page, PrintHost, Result, Upload,
    net::{Http1, Limits, Net},
    net_tokio::{Hyper, PortableNet, TokioDial},
};
use tokio::sync::{Mutex, MutexGuard};

use crate::HEAP;

/// The key of every host here. No part of it may show.
pub(crate) const KEY: &str = "K3Y-7H47-MU57-N07-5H0W";

/// The largest JSON answer the hosts here read.
pub(crate) const JSON: usize = 256 << 10;

/// What a call may allocate at most, the server's own buffers included: a body in memory while it grows by half,
/// hyper's read buffer of 400 KiB, a chunk of 128 KiB each for sending and receiving.
pub(crate) const MEMORY: usize = JSON * 5 / 3 + (800 << 10);

/// How long a call may take: nothing in real time when it is not to wait for anything, and in virtual time as long as a
/// driver looks for what is to show.
const SOON: Duration = Duration::from_secs(30);

/// Every kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Connect,
    Status,
    Files,
    FileInfo,
    Download,
    Upload,
    Start,
    Pause,
    Resume,
    Cancel,
    Gcode,
    Home,
    Delete,
    Run,
}

impl Call {
    pub(crate) const READS: [Self; 5] =
        [Self::Connect, Self::Status, Self::Files, Self::FileInfo, Self::Download];
    pub(crate) const CHANGES: [Self; 8] = [
        Self::Upload,
        Self::Start,
        Self::Pause,
        Self::Resume,
        Self::Cancel,
        Self::Gcode,
        Self::Home,
        Self::Delete,
    ];

    /// The operation an error names.
    pub(crate) const fn operation(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Status => "status",
            Self::Files => "files",
            Self::FileInfo => "file info",
            Self::Download => "download",
            Self::Upload => "upload",
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Gcode => "gcode",
            Self::Home => "home",
            Self::Delete => "delete",
            Self::Run => "run",
        }
    }

    /// What the printer does when the call is made.
    pub(crate) const fn scene(self) -> Scene {
        match self {
            Self::Pause | Self::Cancel => Scene::Printing,
            Self::Resume => Scene::Paused,
            _ => Scene::Idle,
        }
    }

    /// Makes the call; what it returns is not of interest.
    pub(crate) async fn make<N: Net>(self, host: &AnyHost<N>) -> Result<()> {
        match self {
            Self::Connect => host.connect().await.map(drop),
            Self::Status => host.status().await.map(drop),
            Self::Files => host.files("", Page::first(10)).await.map(drop),
            Self::FileInfo => host.file_info("x.gcode").await.map(drop),
            Self::Download => host.download("x.gcode", &mut Discard).await.map(drop),
            Self::Upload => {
                let mut content = &b"G28\nG1 X10\n"[..];
                host.upload(Upload::new("x.gcode", 11, &mut content).replacing()).await.map(drop)
            }
            Self::Start => host.start("x.gcode").await.map(drop),
            Self::Pause => host.command(Command::Pause).await.map(drop),
            Self::Resume => host.command(Command::Resume).await.map(drop),
            Self::Cancel => host.command(Command::Cancel).await.map(drop),
            Self::Gcode => host.command(Command::Gcode("G28")).await.map(drop),
            Self::Home => host.command(Command::Home(Axes::ALL)).await.map(drop),
            Self::Delete => host.delete("x.gcode").await,
            Self::Run => host.run().await.map(drop),
        }
    }
}

/// What a printer does that answers as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    Idle,
    /// It prints `x.gcode`.
    Printing,
    /// It has paused the print of `x.gcode`.
    Paused,
}

/// Takes a download of any length.
struct Discard;

impl embedded_io_async::ErrorType for Discard {
    type Error = Infallible;
}

impl embedded_io_async::Write for Discard {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Infallible> {
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// The usual limits, but for a smaller JSON.
pub(crate) fn limits() -> Limits {
    let mut limits = Limits::HOST;
    limits.json = JSON;
    limits
}

pub(crate) fn hyper() -> HyperNet {
    HyperNet::build(TokioDial::plain(), Hyper::default(), limits())
}

pub(crate) fn portable() -> PortableNet {
    PortableNet::build(TokioDial::plain(), Http1::HOST, limits())
}

/// Every test holds this: what is allocated meanwhile is then its own.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().await
}

/// As [`alone`], for a test without a runtime.
pub(crate) fn alone_blocking() -> MutexGuard<'static, ()> {
    ONE.blocking_lock()
}

static ONE: Mutex<()> = Mutex::const_new(());

/// Makes a call that must be over soon, and measures the memory it takes at its peak.
pub(crate) async fn measured<N: Net>(name: &str, call: Call, host: &AnyHost<N>) -> (Result<()>, usize) {
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    let result = tokio::time::timeout(SOON, call.make(host)).await;
    let peak = HEAP.peak_usage().saturating_sub(before);
    (result.unwrap_or_else(|_| panic!("{name}: {call:?} hangs")), peak)
}

/// As [`measured`]; it must fail, with a decent error, in bounded memory.
pub(crate) async fn fails<N: Net>(name: &str, call: Call, host: &AnyHost<N>) -> Error {
    let (result, peak) = measured(name, call, host).await;
    let Err(error) = result else { panic!("{name}: {call:?} succeeds") };
    assert!(peak <= MEMORY, "{name}: {call:?} takes {peak} bytes");
    decent(&format!("{name}: {call:?}"), &error);
    error
}

/// What holds for every error.
pub(crate) fn decent(name: &str, error: &Error) {
    assert!(!error.kind().advice().is_empty(), "{name}: {error}");
    let said = error.detail().is_some_and(|detail| !detail.is_empty() && detail.len() <= 240);
    assert!(said || error.http_status().is_some(), "{name}: says nothing: {error:?}");
    for text in [format!("{error}"), format!("{error:#}"), format!("{error:?}")] {
        for part in [&KEY[..6], &KEY[KEY.len() - 6..]] {
            assert!(!text.contains(part), "{name}: shows the key: {text}");
        }
    }
}

pub(crate) fn is_kind(name: &str, error: &Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind, "{name}: {error:?}");
}

/// Runs each claim about every driver, over hyper and over the portable client; those after `paused` in virtual time.
/// A driver is a line here and a row in `drivers.rs`.
macro_rules! over_all {
    (@one $claim:ident, $driver:ident, $net:ident $(, $time:ident = $value:literal)?) => {
        #[tokio::test($($time = $value)?)]
        async fn $claim() {
            let _alone = $crate::bad_input::harness::alone().await;
            super::super::$claim($crate::bad_input::harness::$net, &$crate::bad_input::drivers::$driver).await;
        }
    };
    (@both $driver:ident; $($claim:ident),* $(,)? $(; paused $($waiting:ident),* $(,)?)?) => {
        mod over_hyper {
            $(over_all!(@one $claim, $driver, hyper);)*
            $($(over_all!(@one $waiting, $driver, hyper, start_paused = true);)*)?
        }
        mod over_the_portable_client {
            $(over_all!(@one $claim, $driver, portable);)*
            $($(over_all!(@one $waiting, $driver, portable, start_paused = true);)*)?
        }
    };
    ($($claims:tt)*) => {
        mod octoprint {
            over_all!(@both OCTOPRINT; $($claims)*);
        }
        mod prusalink {
            over_all!(@both PRUSALINK; $($claims)*);
        }
        mod moonraker {
            over_all!(@both MOONRAKER; $($claims)*);
        }
    };
}

/// As [`over_all`], about every driver that has a push connection.
macro_rules! over_pushing {
    ($($claims:tt)*) => {
        mod octoprint {
            over_all!(@both OCTOPRINT; $($claims)*);
        }
        mod moonraker {
            over_all!(@both MOONRAKER; $($claims)*);
        }
    };
}

/// As [`over_all`], about every driver that reads each field by itself.
macro_rules! over_lenient {
    ($($claims:tt)*) => {
        mod lenient {
            mod prusalink {
                over_all!(@both PRUSALINK; $($claims)*);
            }
            mod moonraker {
                over_all!(@both MOONRAKER; $($claims)*);
            }
            use super::*;
        }
    };
}

/// Runs each claim about one driver over hyper and over the portable client; those after `paused` in virtual time.
macro_rules! over_both {
    ($($claim:ident),* $(,)? $(; paused $($waiting:ident),* $(,)?)?) => {
        mod over_hyper {
            $(over_both!(@one $claim, hyper);)*
            $($(over_both!(@one $waiting, hyper, start_paused = true);)*)?
        }
        mod over_the_portable_client {
            $(over_both!(@one $claim, portable);)*
            $($(over_both!(@one $waiting, portable, start_paused = true);)*)?
        }
    };
    (@one $claim:ident, $net:ident $(, $time:ident = $value:literal)?) => {
        #[tokio::test($($time = $value)?)]
        async fn $claim() {
            let _alone = $crate::bad_input::harness::alone().await;
            super::$claim($crate::bad_input::harness::$net).await;
        }
    };
}
