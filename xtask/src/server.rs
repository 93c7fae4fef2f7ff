//! Real servers on free loopback ports, asked by curl: what they say does not come by way of a driver.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::expect::poll;
use crate::lanes;
use crate::steps::Result;
use crate::workspace::{self, command, create_dir};

/// Below what Linux, macOS and Windows give to connections and to whoever binds port 0.
const GIVEN_BY_NOBODY: std::ops::Range<u16> = 20_000..32_000;

/// A running one.
pub(crate) trait Server {
    /// With its version.
    fn name(&self) -> String;

    /// Where it listens on the loopback.
    fn port(&self) -> u16;

    /// With which it lets everything be done; empty as long as it wants none.
    fn key(&self) -> &str;

    /// What the tests need to know, as environment variables.
    fn environment(&self) -> [(&'static str, String); 4];

    /// An error if it or its printer has ended by itself.
    fn check(&mut self) -> Result;

    /// Where its messages are.
    fn log_hint(&self) -> String;

    /// An error together with where more is to be found.
    fn explained<T>(&self, result: Result<T>) -> Result<T>
    where
        Self: Sized,
    {
        result.map_err(|error| format!("{error}\n{}: {}", self.name(), self.log_hint()))
    }

    /// The JSON answer to a GET, if the status is a success.
    fn get(&self, path: &str) -> Option<Value> {
        serde_json::from_str(&self.curl(path, &["--fail"]).ok()?).ok()
    }

    /// What curl says to a request with the key.
    fn curl(&self, path: &str, args: &[&str]) -> Result<String> {
        let key = format!("X-Api-Key: {}", self.key());
        let with_key = ["--header", &key];
        self.curl_without_key(path, &[if self.key().is_empty() { &[] } else { &with_key[..] }, args].concat())
    }

    /// As [`Self::curl`], with no other login than the arguments have.
    fn curl_without_key(&self, path: &str, args: &[&str]) -> Result<String> {
        let mut curl = command("curl");
        curl.args(["--silent", "--show-error", "--globoff", "--max-time", "30", "--noproxy", "*"]).args(args);
        curl.arg(format!("http://127.0.0.1:{}{path}", self.port())).stdin(Stdio::null());
        let output = curl.output().map_err(|error| format!("curl: {error}"))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(format!("curl {path}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// Polls a path until its answer is as it should be. Returns that.
    fn wait_until(&mut self, what: &str, path: &str, ready: impl Fn(&Value) -> bool) -> Result<Value>
    where
        Self: Sized,
    {
        let found = poll(|| {
            self.check()?;
            Ok(match self.get(path) {
                Some(answer) if ready(&answer) => Ok(answer),
                other => Err(format!("no {} that {what}, but {other:?}", self.name())),
            })
        });
        self.explained(found)
    }
}

/// An empty folder for a server's data, which stays for its logs until a later run. Several may run in one process, one
/// after another or side by side.
pub(crate) fn fresh_dir(name: &str) -> Result<PathBuf> {
    let peers = workspace::target_dir().join("peers");
    // What failed in a lane is looked for there after it has ended.
    if !lanes::is_lane() {
        remove_leftovers(&peers);
    }
    create_dir(&peers)?;
    // Some take other paths as relative to their homes.
    let peers = peers.canonicalize().map_err(|error| format!("{}: {error}", peers.display()))?;
    for number in 0.. {
        let dir = peers.join(format!("{name}-{number}-{}", std::process::id()));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(format!("cannot create {}: {error}", dir.display())),
        }
    }
    Err("no free folder".to_owned())
}

/// Removes the data of runs that are over.
fn remove_leftovers(peers: &Path) {
    if !Path::new("/proc/self").exists() {
        return; // no way to tell which runs are over
    }
    for entry in fs::read_dir(peers).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.rsplit_once('-')).map(|(_, pid)| pid);
        if let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok())
            && !Path::new("/proc").join(pid.to_string()).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A free port.
pub(crate) fn free_port() -> Result<u16> {
    free_ports().map(|[port]| port)
}

/// All of them are held until the last is found, so that they differ. Some servers take seconds before they listen:
/// the system gives none of these ports to anybody who asks for just any.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as usize);
    let begin = now.wrapping_add(std::process::id() as usize * 7919);
    let ports = GIVEN_BY_NOBODY.cycle().skip(begin % GIVEN_BY_NOBODY.len()).take(GIVEN_BY_NOBODY.len());
    let held: Vec<_> = ports
        .filter_map(|port| Some((port, TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?)))
        .take(N)
        .collect();
    if held.len() < N {
        return Err("no free port".to_owned());
    }
    Ok(std::array::from_fn(|at| held[at].0))
}
