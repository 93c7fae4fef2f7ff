//! The rounds, the table and the verdicts.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::Result;

const MIB: u64 = 1 << 20;
const SIZE: u64 = 1 << 30;
const ROUNDS: usize = 15;
/// What the slow one of the controls sends.
const SLOW_SIZE: u64 = 64 * MIB;

/// The bars.
const MOST_GROWTH_MIB: f64 = 2.0;
const LEAST_OF_CURL: f64 = 0.9;
const LEAST_SINK_OF_CURL: f64 = 2.0;

/// Who sends, in the order of the table.
const CLIENTS: [(&str, &str); 6] = [
    ("raw", "raw writer, no file"),
    ("curl -F", "curl -F (form)"),
    ("curl -T", "curl -T (PUT)"),
    ("hyper", "HyperNet"),
    ("portable", "PortableNet"),
    ("sha1", "HyperNet, SHA-1"),
];
const RAW: usize = 0;
const FORM: usize = 1;
const PUT: usize = 2;
const HYPER: usize = 3;
const PORTABLE: usize = 4;
const SHA1: usize = 5;

/// What one upload took.
#[derive(Clone, Copy)]
struct Sample {
    seconds: f64,
    cpu: f64,
    peak_mib: f64,
}

/// Returns whether every bar is met.
pub(crate) fn run() -> Result<bool> {
    if !cfg!(target_os = "linux") {
        return Err("this benchmark needs Linux".into());
    }
    let bench = Bench { file: file()?, sink: Sink::start()? };
    println!("machine: {}", machine()?);
    println!("{} rounds of {} MiB, after one that does not count\n", ROUNDS, SIZE / MIB);

    let mut rounds: [Vec<Sample>; 6] = Default::default();
    for round in 0..=ROUNDS {
        for i in 0..CLIENTS.len() {
            // Another goes first each time.
            let who = (i + round) % CLIENTS.len();
            let sample = bench.upload(CLIENTS[who].0, SIZE)?;
            if round > 0 {
                rounds[who].push(sample);
            }
        }
    }
    let mut small: [Vec<Sample>; 6] = Default::default();
    for who in [HYPER, PORTABLE, SHA1] {
        small[who] = (0..5).map(|_| bench.upload(CLIENTS[who].0, MIB)).collect::<Result<_>>()?;
    }
    let naive = (bench.upload("naive", MIB)?, bench.upload("naive", SIZE)?);
    let pieces = bench.upload("pieces", SLOW_SIZE)?;

    println!(
        "{:20} {:>20} {:>18} {:>18} {:>18} {:>14}",
        "", "MiB/s", "of curl -F", "of curl -T", "CPU s/GiB", "peak MiB"
    );
    for (who, (_, name)) in CLIENTS.iter().enumerate() {
        let speed = Spread::of(rounds[who].iter().map(|s| (SIZE / MIB) as f64 / s.seconds));
        let cpu = Spread::of(rounds[who].iter().map(|s| s.cpu * (1 << 30) as f64 / SIZE as f64));
        let peak = Spread::of(rounds[who].iter().map(|s| s.peak_mib));
        let peak = if peak.max > 0.0 { format!("{:.1}", peak.max) } else { String::new() };
        println!(
            "{name:20} {:>20} {:>18} {:>18} {:>18} {peak:>9}",
            speed.show(0),
            ratio(&rounds[FORM], &rounds[who]).show(2),
            ratio(&rounds[PUT], &rounds[who]).show(2),
            cpu.show(2),
        );
    }
    println!("(least / median / most; ratios are of one round each)\n");

    let mut verdicts = Verdicts { met: true };
    for curl in [FORM, PUT] {
        let sink = ratio(&rounds[curl], &rounds[RAW]).median;
        let what = format!("the sink takes at least {LEAST_SINK_OF_CURL} times {}", CLIENTS[curl].1);
        verdicts.add(sink >= LEAST_SINK_OF_CURL, &what, &format!("{sink:.2}"));
    }
    for who in [HYPER, PORTABLE] {
        for curl in [FORM, PUT] {
            let of_curl = ratio(&rounds[curl], &rounds[who]).median;
            let what = format!("{}: at least {LEAST_OF_CURL} of {}", CLIENTS[who].1, CLIENTS[curl].1);
            verdicts.add(of_curl >= LEAST_OF_CURL, &what, &format!("{of_curl:.2}"));
        }
    }
    for who in [HYPER, PORTABLE, SHA1] {
        let grown = growth(&small[who], &rounds[who]);
        let what = format!("{}: grows by at most {MOST_GROWTH_MIB} MiB", CLIENTS[who].1);
        verdicts.add(grown <= MOST_GROWTH_MIB, &what, &format!("{grown:.2} MiB"));
    }
    let grown = growth(&[naive.0], &[naive.1]);
    let what = "control: one that holds the whole file misses the bar of memory";
    verdicts.add(grown > MOST_GROWTH_MIB, what, &format!("grew by {grown:.0} MiB"));
    let slow = pieces.seconds * (SIZE / SLOW_SIZE) as f64;
    let of_curl = Spread::of(rounds[FORM].iter().map(|curl| curl.seconds / slow)).median;
    let what = "control: one that reads 1 KiB at a time misses the bar of speed";
    verdicts.add(of_curl < LEAST_OF_CURL, what, &format!("{of_curl:.2} of {}", CLIENTS[FORM].1));
    Ok(verdicts.met)
}

struct Verdicts {
    met: bool,
}

impl Verdicts {
    fn add(&mut self, met: bool, what: &str, number: &str) {
        self.met &= met;
        println!("{:8} {what}: {number}", if met { "met" } else { "NOT MET" });
    }
}

/// How many times as fast as `than` a client is, round by round.
fn ratio(than: &[Sample], who: &[Sample]) -> Spread {
    Spread::of(than.iter().zip(who).map(|(than, who)| than.seconds / who.seconds))
}

/// The most a large upload held beyond the least that a small one did.
fn growth(small: &[Sample], large: &[Sample]) -> f64 {
    Spread::of(large.iter().map(|s| s.peak_mib)).max - Spread::of(small.iter().map(|s| s.peak_mib)).min
}

struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(numbers: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = numbers.collect();
        sorted.sort_by(f64::total_cmp);
        let at = |i: usize| sorted.get(i).copied().unwrap_or(f64::NAN);
        Self { min: at(0), median: at(sorted.len() / 2), max: at(sorted.len().saturating_sub(1)) }
    }

    fn show(&self, digits: usize) -> String {
        format!("{:.digits$} / {:.digits$} / {:.digits$}", self.min, self.median, self.max)
    }
}

struct Bench {
    file: PathBuf,
    sink: Sink,
}

impl Bench {
    /// One upload by one process. Its processor time is what bash's `time` says, whoever sends; its duration what
    /// the client itself says: around `upload` ours, `time_total` curl's, both with the connecting.
    fn upload(&self, client: &str, len: u64) -> Result<Sample> {
        let (host, file) = (format!("127.0.0.1:{}", self.sink.port), self.file.display());
        // Not there before: else the driver would refuse to replace it.
        let name = format!("{}.gcode", self.sink.next_name());
        let mut bash = Command::new("bash");
        bash.args(["-c", r#"TIMEFORMAT="cpu %U %S"; time "$@""#, "bash"]);
        if let Some(how) = client.strip_prefix("curl ") {
            bash.args(["curl", "--silent", "--show-error", "--fail", "--output", "/dev/null"]);
            bash.args(["--write-out", "%{time_total} 0\n"]);
            match how {
                "-F" => bash.args(["-F", "print=false", "-F", &format!("file=@{file};filename={name}")]),
                _ => bash.args(["-T", &file.to_string()]),
            };
            bash.arg(format!("http://{host}/api/files/local{}", if how == "-F" { "" } else { "/put" }));
        } else {
            bash.arg(std::env::current_exe()?);
            bash.args(["client", client, &len.to_string(), &host, &name, &file.to_string()]);
        }
        let output = bash.env("LC_ALL", "C").stdin(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let heard = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("{client} failed: {said}{heard}").into());
        }
        let [seconds, peak] = numbers(said.lines().last())?;
        let [user, system] = numbers(heard.lines().last().and_then(|line| line.strip_prefix("cpu ")))?;
        Ok(Sample { seconds, cpu: user + system, peak_mib: peak / 1024.0 })
    }
}

fn numbers(line: Option<&str>) -> Result<[f64; 2]> {
    let line = line.ok_or("a client said nothing")?;
    let (a, b) = line.split_once(' ').ok_or_else(|| format!("unexpected: {line}"))?;
    Ok([a.parse()?, b.parse()?])
}

struct Sink {
    child: Child,
    port: u16,
    names: std::cell::Cell<u32>,
}

impl Sink {
    fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("sink")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        Ok(Self { child, port: line.trim().parse()?, names: 0.into() })
    }

    fn next_name(&self) -> u32 {
        self.names.set(self.names.get() + 1);
        self.names.get()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The file to send: made once, of bytes that do not repeat, and then read once so that it is in the page cache.
fn file() -> Result<PathBuf> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("upload.gcode");
    if path.metadata().map_or(0, |m| m.len()) != SIZE {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
        let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
        for _ in 0..SIZE / 8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            file.write_all(&state.to_le_bytes())?;
        }
        file.into_inner()?.sync_all()?;
    }
    let mut file = File::open(&path)?;
    let mut buf = vec![0; 1 << 20];
    while file.read(&mut buf)? > 0 {}
    Ok(path)
}

fn machine() -> Result<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|m| m.1);
    let first = |command: &mut Command| -> Result<String> {
        let output = command.output()?.stdout;
        Ok(String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned())
    };
    Ok(format!(
        "{} x {}, Linux {}; {}; {}",
        std::thread::available_parallelism()?,
        model.unwrap_or("unknown"),
        std::fs::read_to_string("/proc/sys/kernel/osrelease")?.trim(),
        first(Command::new("rustc").arg("--version"))?,
        first(Command::new("curl").arg("--version"))?.split(" (").next().unwrap_or_default(),
    ))
}
