//! A print: from the request to the end of its plate.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::machine::{NO_FILE, OTHER_FILE, PRINTING, Phase, UNREADABLE};
use super::shared::Shared;
use super::three_mf::{self, Flaw};

/// A timer cannot wait for less; shorter steps are saved up.
const TIMER_STEP: Duration = Duration::from_millis(1);
/// Lines after which other tasks get a turn even when no line takes time.
const LINES_PER_TURN: usize = 256;
/// Seconds of the printer's time: until a request shows, of each step of reading the file, of each stage, of the end.
const ACCEPTED: f64 = 1.0;
const READING: f64 = 0.5;
const STAGE: f64 = 4.0;
const UNLOADING: f64 = 3.0;
/// Preheating the bed, nozzle wipe, homing.
const STAGES: [i64; 3] = [2, 14, 13];
const UNLOADING_STAGE: i64 = 22;

/// Prints until the end of the plate, or of the print.
pub(super) async fn run(shared: Arc<Shared>, number: u64) {
    // Over early when it was stopped.
    let _ = print(&shared, number).await;
}

async fn print(shared: &Shared, number: u64) -> Option<()> {
    pass(shared, number, shared.aside(ACCEPTED)).await?;
    let gcode = read(shared, number)?;
    with(shared, number, |machine| machine.enter(Phase::Prepare))?;
    for percent in [0, 25, 50, 75, 100] {
        with(shared, number, |machine| machine.prepared = percent)?;
        pass(shared, number, shared.aside(READING)).await?;
    }
    let says_percent = contains(&gcode, b"M73 P");
    with(shared, number, |machine| {
        machine.layers = layers(&gcode);
        machine.begin();
    })?;
    for (at, stage) in STAGES.iter().enumerate() {
        with(shared, number, |machine| {
            machine.stages = STAGES[at..].to_vec();
            machine.stage = *stage;
        })?;
        pass(shared, number, shared.aside(STAGE)).await?;
    }
    with(shared, number, |machine| {
        machine.stages.clear();
        machine.stage = PRINTING;
        machine.homed = true;
    })?;
    lines(shared, number, &gcode, says_percent).await?;
    with(shared, number, |machine| machine.stage = UNLOADING_STAGE)?;
    pass(shared, number, shared.aside(UNLOADING)).await?;
    with(shared, number, super::machine::Machine::finish)
}

async fn lines(shared: &Shared, number: u64, gcode: &[u8], says_percent: bool) -> Option<()> {
    let mut owed = Duration::ZERO;
    let mut done = 0;
    for (at, line) in gcode.split(|byte| *byte == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        // Nothing is carried out while it is paused.
        pass(shared, number, Duration::ZERO).await?;
        done += line.len() + 1;
        let seconds = with(shared, number, |machine| {
            if let Some(layer) = layer(&line) {
                machine.layer = layer;
            }
            if !says_percent {
                machine.percent = (done * 99 / gcode.len().max(1)).min(99) as u32;
            }
            machine.line(&line) / speed(machine.speed)
        })?;
        owed += shared.real(seconds);
        if owed >= TIMER_STEP {
            pass(shared, number, std::mem::take(&mut owed)).await?;
        } else if at % LINES_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    pass(shared, number, owed.max(TIMER_STEP)).await
}

/// The G-code that is asked for; without it the print is over.
fn read(shared: &Shared, number: u64) -> Option<Bytes> {
    let mut inner = shared.lock();
    if inner.machine.job != Some(number) {
        return None;
    }
    let job = inner.machine.latest.clone();
    let file = if inner.config.card { inner.store.file(&job.path) } else { None };
    let Some(data) = file.and_then(|file| file.data.clone()) else {
        inner.machine.fail(NO_FILE);
        return None;
    };
    if job.plate.is_empty() {
        return Some(data);
    }
    // Without the lock, as it may take a while.
    drop(inner);
    let is_other =
        !job.md5.is_empty() && !format!("{:x}", md5::compute(&data)).eq_ignore_ascii_case(&job.md5);
    let plate = three_mf::plate(&data, &job.plate);
    let mut inner = shared.lock();
    if is_other {
        inner.machine.fail(OTHER_FILE);
        return None;
    }
    match plate {
        Ok(gcode) => Some(Bytes::from(gcode)),
        Err(Flaw::Unreadable) => {
            inner.machine.fail(UNREADABLE);
            None
        }
        Err(Flaw::NoSuchPlate) => {
            inner.machine.job = None;
            inner.machine.wedged = true;
            None
        }
    }
}

/// Does something to the machine; nothing when the print is over.
fn with<T>(shared: &Shared, number: u64, act: impl FnOnce(&mut super::machine::Machine) -> T) -> Option<T> {
    let machine = &mut shared.lock().machine;
    machine.phase_of(number)?;
    Some(act(machine))
}

/// Lets so much time of printing pass; none when the print is over before.
async fn pass(shared: &Shared, number: u64, time: Duration) -> Option<()> {
    let mut changed = shared.lock().machine.changed.subscribe();
    let mut left = time;
    loop {
        let (phase, hurries) = {
            let inner = shared.lock();
            (inner.machine.phase_of(number)?, inner.hurries)
        };
        let waits = phase == Phase::Pause;
        if !waits && (left.is_zero() || hurries) {
            return Some(());
        }
        let begun = Instant::now();
        let end = async {
            if waits {
                std::future::pending::<()>().await;
            }
            sleep(left).await;
        };
        tokio::select! {
            () = end => left = Duration::ZERO,
            _ = changed.changed() => {}
        }
        if !waits {
            left = left.saturating_sub(begun.elapsed());
        }
    }
}

/// How much faster a level of speed is.
fn speed(level: u8) -> f64 {
    [0.5, 1.0, 1.24, 1.66][usize::from(level.clamp(1, 4)) - 1]
}

/// How many layers the head of the file says there are.
fn layers(gcode: &[u8]) -> u32 {
    let head = String::from_utf8_lossy(&gcode[..gcode.len().min(16 << 10)]);
    let named = head.lines().find_map(|line| line.strip_prefix("; total layer number:")?.trim().parse().ok());
    named.unwrap_or_else(|| {
        let last = String::from_utf8_lossy(gcode).lines().filter_map(layer).max();
        last.unwrap_or(0)
    })
}

/// The layer that a comment says begins.
fn layer(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("; layer num/total_layer_count:")?;
    rest.trim().split('/').next()?.parse().ok()
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|part| part == wanted)
}
