//! Coverage-guided fuzzing, and the proof that it finds bugs.

use std::{
    collections::VecDeque,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command};

/// A workspace of its own.
pub(crate) const MANIFEST: &str = "fuzz/Cargo.toml";

/// How many inputs every change has to stand, each target, drawn from a fixed seed: nearly the same ones every time, so
/// that what fails is mostly the change's own.
const INPUTS: u32 = 20_000;
/// How long one run is by default, each target.
const SHORT: u64 = 8;

/// What `cargo fuzz` passes to a nightly compiler, without the sanitizer, which the stable one lacks.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// `cargo xtask fuzz …`
pub(crate) fn fuzz(args: &[&str]) -> Option<bool> {
    let seconds = |text: &str| text.parse::<u64>().ok().filter(|s| *s > 0);
    let mut steps = Steps::new();
    let result = match *args {
        ["--planted"] => planted(&mut steps),
        ["--planted", target] => planted_for(&mut steps, |planted| planted == target).map(drop),
        ["--short"] => builds(&mut steps).and_then(|()| short(&mut steps)),
        [] => run(&mut steps, "fuzzing", SHORT),
        ["--seconds", n] => run(&mut steps, "fuzzing", seconds(n)?),
        [target] => one(&mut steps, target, 60),
        [target, "--seconds", n] => one(&mut steps, target, seconds(n)?),
        [target, ref files @ ..] if !files.iter().any(|f| f.starts_with('-')) => replay(target, files),
        _ => return None,
    };
    Some(steps.summary(&result))
}

/// What every change builds.
pub(crate) fn builds(steps: &mut Steps) -> Result {
    let mut clippy = workspace::cargo(["clippy", "--locked", "--manifest-path", MANIFEST, "--target-dir"]);
    clippy.arg(target_dir()).args(["--all-targets", "--", "-D", "warnings"]);
    steps.command(
        "formatting of the fuzz targets",
        &mut workspace::cargo(["fmt", "--check", "--manifest-path", MANIFEST]),
    )?;
    steps.command("clippy of the fuzz targets", &mut clippy)?;
    steps.run("fuzz targets", || build(&workspace::root(), &target_dir(), &[]))
}

/// How every change is fuzzed, after [`builds`].
pub(crate) fn short(steps: &mut Steps) -> Result {
    campaign(steps, "fuzzing, short", Length::Short)
}

/// Every target, for so many seconds.
pub(crate) fn run(steps: &mut Steps, name: &str, seconds: u64) -> Result {
    steps.run("fuzz targets", || build(&workspace::root(), &target_dir(), &[]))?;
    campaign(steps, name, Length::Seconds(seconds))
}

fn campaign(steps: &mut Steps, name: &str, length: Length) -> Result {
    let targets = targets()?;
    steps.run(name, || Campaign::of(&workspace::root(), &target_dir()).run(&targets, length))
}

fn one(steps: &mut Steps, target: &str, seconds: u64) -> Result {
    if !targets()?.iter().any(|known| known == target) {
        return Err(format!("there is no target {target}, only {}", targets()?.join(", ")));
    }
    steps.run("fuzz target", || build(&workspace::root(), &target_dir(), &[target]))?;
    let campaign = Campaign::of(&workspace::root(), &target_dir());
    steps.run("fuzzing", || campaign.run(&[target.to_owned()], Length::Seconds(seconds)))
}

/// Runs a target on some inputs, for instance on one that once failed.
fn replay(target: &str, files: &[&str]) -> Result {
    build(&workspace::root(), &target_dir(), &[target])?;
    steps::run(command(binary(&target_dir(), target)?).args(files))
}

/// Every target has a folder of seeds.
fn targets() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in list(&workspace::root().join("fuzz/src/bin"))? {
        names.extend(entry.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn target_dir() -> PathBuf {
    workspace::target_dir().join("fuzz")
}

/// Builds these targets, or all.
fn build(root: &Path, target_dir: &Path, targets: &[&str]) -> Result {
    let mut build = workspace::cargo(["build", "--locked", "--release", "--target", &triple()?]);
    build.env("RUSTFLAGS", COVERAGE).current_dir(root);
    build.args(["--manifest-path", MANIFEST, "--target-dir"]).arg(target_dir);
    for target in targets {
        build.args(["--bin", target]);
    }
    steps::run(&mut build)
}

/// Named, so that build scripts are compiled without the flags.
fn triple() -> Result<String> {
    let version = steps::output(command("rustc").arg("-vV"))?;
    let triple = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(triple.ok_or("rustc -vV names no host")?.to_owned())
}

fn binary(target_dir: &Path, target: &str) -> Result<PathBuf> {
    Ok(target_dir.join(triple()?).join("release").join(target))
}

/// How long a target runs.
#[derive(Clone, Copy)]
enum Length {
    /// Through [`INPUTS`] inputs, beginning with the seeds alone.
    Short,
    /// Going on from what earlier runs have found, with other inputs each time.
    Seconds(u64),
}

/// Targets that run beside each other, as many as there are cores.
struct Campaign {
    seeds: PathBuf,
    target_dir: PathBuf,
}

/// A target that runs.
struct Running {
    target: String,
    child: Child,
    log: PathBuf,
    started: Instant,
}

/// What a target has come to.
struct Outcome {
    target: String,
    /// It ended by itself, having found nothing.
    clean: bool,
    took: Duration,
    executions: u64,
    /// How much code the seeds reach, and how much was reached in the end.
    coverage: (u64, u64),
    log: PathBuf,
}

impl Campaign {
    fn of(root: &Path, target_dir: &Path) -> Self {
        Self { seeds: root.join("fuzz/corpus"), target_dir: target_dir.to_owned() }
    }

    /// Runs all of them and shows what they came to; an error names those that failed.
    fn run(&self, targets: &[String], length: Length) -> Result {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut waiting: VecDeque<&String> = targets.iter().collect();
        let (mut running, mut failed) = (Vec::new(), Vec::new());
        println!("  {HEADER}");
        while !waiting.is_empty() || !running.is_empty() {
            while running.len() < cores
                && let Some(target) = waiting.pop_front()
            {
                running.push(self.start(target, length)?);
            }
            let mut still = Vec::new();
            for mut run in running {
                match run.child.try_wait().map_err(|e| e.to_string())? {
                    None => still.push(run),
                    Some(status) => {
                        let outcome = run.outcome(status.success())?;
                        println!("  {}", outcome.row());
                        if outcome.clean && outcome.coverage.1 == 0 {
                            return Err(format!("{} was built without coverage", outcome.target));
                        }
                        if !outcome.clean {
                            failed.push(outcome);
                        }
                    }
                }
            }
            running = still;
            std::thread::sleep(Duration::from_millis(20));
        }
        for outcome in &failed {
            println!("\n{}", tail(&outcome.log)?);
        }
        match failed.is_empty() {
            true => Ok(()),
            false => {
                let names: Vec<&str> = failed.iter().map(|o| o.target.as_str()).collect();
                Err(format!("a promise was broken in {}", names.join(", ")))
            }
        }
    }

    /// What was found before is kept beside the seeds.
    fn start(&self, target: &str, length: Length) -> Result<Running> {
        let folder = |name: &str| -> Result<PathBuf> {
            let folder = self.target_dir.join(name).join(target);
            fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            Ok(folder)
        };
        let log = folder("log")?.join("log");
        let file = File::create(&log).map_err(|e| format!("{}: {e}", log.display()))?;
        let mut fuzz = command(binary(&self.target_dir, target)?);
        match length {
            Length::Short => {
                let found = self.target_dir.join("short").join(target);
                let _ = fs::remove_dir_all(found); // there may be none yet
                fuzz.args(["-seed=1", &format!("-runs={INPUTS}")]).arg(folder("short")?)
            }
            Length::Seconds(seconds) => fuzz.arg(format!("-max_total_time={seconds}")).arg(folder("corpus")?),
        };
        fuzz.args(["-max_len=4096", "-timeout=5", "-rss_limit_mb=1024", "-print_final_stats=1"])
            .arg(format!("-artifact_prefix={}/", folder("failed")?.display()))
            .arg(self.seeds.join(target))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file);
        let child = fuzz.spawn().map_err(|e| format!("cannot run {target}: {e}"))?;
        Ok(Running { target: target.to_owned(), child, log, started: Instant::now() })
    }
}

const HEADER: &str = "target              found    seconds  executions  coverage";

impl Running {
    fn outcome(self, clean: bool) -> Result<Outcome> {
        let log = read(&self.log)?;
        let number = |line: &str, before: &str| -> Option<u64> {
            line.split_once(before)?.1.split_whitespace().next()?.parse().ok()
        };
        let coverage: Vec<u64> = log.lines().filter_map(|line| number(line, "cov: ")).collect();
        // Without a last line it broke on a seed.
        let executions = log.lines().rev().find_map(|line| number(line, "number_of_executed_units: "));
        Ok(Outcome {
            target: self.target,
            clean,
            took: self.started.elapsed(),
            executions: executions.unwrap_or(0),
            coverage: (coverage.first().copied().unwrap_or(0), coverage.last().copied().unwrap_or(0)),
            log: self.log,
        })
    }
}

impl Outcome {
    fn row(&self) -> String {
        let found = if self.clean { "nothing" } else { "A BUG" };
        let Self { target, took, executions, coverage: (first, last), .. } = self;
        format!("{target:18}  {found:7}  {:7.1}  {executions:10}  {first} -> {last}", took.as_secs_f64())
    }
}

/// Plants one bug at a time into a copy of the sources and demands that the short run finds it.
pub(crate) fn planted(steps: &mut Steps) -> Result {
    let found = planted_for(steps, |_| true)?;
    match targets()?.iter().find(|target| !found.contains(target)) {
        Some(target) => Err(format!("nothing is planted for {target}")),
        None => Ok(()),
    }
}

/// What is planted for these targets. Returns the targets.
fn planted_for(steps: &mut Steps, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let copy = workspace::target_dir().join("planted");
    steps.run("fuzz targets without a bug", || build(&workspace::root(), &self::target_dir(), &[]))?;
    steps.run("a copy of the sources", || copy_sources(&copy))?;
    let target_dir = workspace::target_dir().join("fuzz-planted");
    let mut rows = Vec::new();
    let (mut missed, mut found) = (Vec::new(), Vec::new());
    for patch in list(&workspace::root().join("fuzz/planted"))? {
        let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let target = name.split('-').next().unwrap_or_default().to_owned();
        if !is_wanted(&target) {
            continue;
        }
        let outcome = steps.run(format!("planted: {name}"), || {
            steps::run(&mut apply(&copy, &patch))?;
            let outcome = find(&copy, &target_dir, &target);
            steps::run(apply(&copy, &patch).arg("--reverse"))?;
            outcome
        })?;
        rows.push(format!("{name:24}  {}", outcome.row()));
        if outcome.clean {
            missed.push(name);
        }
        found.push(target);
    }
    println!("\n{:24}  {HEADER}\n{}", "planted", rows.join("\n"));
    match missed.is_empty() {
        true => Ok(found),
        false => Err(format!("not found in {SHORT} s: {}", missed.join(", "))),
    }
}

fn find(copy: &Path, target_dir: &Path, target: &str) -> Result<Outcome> {
    build(copy, target_dir, &[target])?;
    for kept in ["corpus", "failed"] {
        let _ = fs::remove_dir_all(target_dir.join(kept).join(target));
    }
    let mut run = Campaign::of(copy, target_dir).start(target, Length::Seconds(SHORT))?;
    let status = run.child.wait().map_err(|e| e.to_string())?;
    let outcome = run.outcome(status.success())?;
    println!("  {HEADER}\n  {}", outcome.row());
    if !outcome.clean {
        // Else anything that fails would pass for a find.
        let input = list(&target_dir.join("failed").join(target))?.pop();
        let input = input.ok_or_else(|| format!("{target} has failed without an input"))?;
        let mut without = command(binary(&self::target_dir(), target)?);
        if !steps::succeeds(without.arg(&input)) {
            return Err(format!("{target} fails on {} without the planted bug, too", input.display()));
        }
    }
    Ok(outcome)
}

/// What git knows or would know, as it is now, and nothing that an earlier copy had.
fn copy_sources(to: &Path) -> Result {
    if to.exists() {
        fs::remove_dir_all(to).map_err(|e| format!("{}: {e}", to.display()))?;
    }
    let mut ls = command("git");
    ls.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    for name in steps::output(&mut ls)?.split_terminator('\0') {
        let (from, to) = (workspace::root().join(name), to.join(name));
        if !from.exists() {
            continue; // deleted, which git has not been told yet
        }
        to.parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::copy(&from, &to))
            .map_err(|e| format!("{}: {e}", to.display()))?;
    }
    Ok(())
}

fn apply(copy: &Path, patch: &Path) -> Command {
    let mut git = command("git");
    // Else git takes the copy for an ignored part of the repository around it, and does nothing.
    git.env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy));
    git.current_dir(copy).args(["apply", "-C1"]).arg(patch);
    git
}

fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

fn read(file: &Path) -> Result<String> {
    let bytes = fs::read(file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The end of a log, where the failure is.
fn tail(log: &Path) -> Result<String> {
    let text = read(log)?;
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(['#', '"'])).collect();
    let last = lines.len().saturating_sub(40);
    Ok(lines[last..].join("\n"))
}
