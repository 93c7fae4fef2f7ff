//! A running print: works through the file, a line at a time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::console::Todo;
use super::klippy::Phase;
use super::script::TIMER_STEP;
use super::shared::Shared;
use crate::gcode::SHORT;

/// How long after a shutdown Klipper notices that it does not print any more, in real time.
const STOPPING: Duration = Duration::from_millis(750);
/// Lines after which other tasks get a turn even when no line takes time.
const LINES_PER_TURN: u32 = 256;
/// Bytes per simulated command in a file whose content was not kept.
const UNKEPT_LINE: u64 = 32;

/// What there is to print.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Content(Bytes),
    /// Only the length is known.
    Unkept(u64),
}

/// What a line makes the print do.
enum Next {
    Line(Todo),
    Failed(String),
    Finished,
}

/// Prints from where the file is, until it ends, is paused or is stopped.
pub(super) async fn run(shared: Arc<Shared>, session: u64, run: u64) {
    let mut due = Instant::now();
    let mut since_turn = 0;
    while let Some(turn) = shared.turn(session).await {
        let Some((next, end)) = step(&shared, session, run) else { return };
        let mut result = match next {
            Next::Finished => {
                // Short moves that were saved up.
                if shared.wait_until(session, due + TIMER_STEP).await.is_ok() {
                    return finish(&shared, run);
                }
                Ok(())
            }
            Next::Failed(message) => Err(message),
            Next::Line(Todo::Pass(seconds)) => {
                due = due.max(Instant::now() - TIMER_STEP) + shared.real(seconds);
                let _ = shared.wait_until(session, due).await;
                Ok(())
            }
            Next::Line(todo) => {
                let done = shared.wait_for(session, todo).await;
                done.map_err(|failure| if failure.status == 503 { String::new() } else { failure.message })
            }
        };
        if shared.lock().klippy.phase == Phase::Shutdown {
            drop(turn);
            tokio::time::sleep(STOPPING).await;
            return stopped(&shared, session, run, result.err());
        }
        result = result.or_else(|message| if message.is_empty() { Ok(()) } else { Err(message) });
        if let Err(message) = result {
            return failed(&shared, run, &message);
        }
        advance(&shared, run, end);
        since_turn += 1;
        if since_turn == LINES_PER_TURN {
            since_turn = 0;
            tokio::task::yield_now().await;
        }
    }
}

/// Begins the next line; none when this task's print is not active any more.
fn step(shared: &Shared, session: u64, run: u64) -> Option<(Next, u64)> {
    let mut inner = shared.lock();
    let sd = &inner.machine.sd;
    if inner.klippy.session != session || sd.run != run || !sd.active {
        return None;
    }
    let position = sd.position;
    let Some(end) = end_of_line(sd.source.as_ref()?, position) else {
        return Some((Next::Finished, position));
    };
    let next = match sd.source.clone()? {
        Source::Content(content) => {
            let line = content.slice(position as usize..end as usize);
            match inner.command(&String::from_utf8_lossy(&line)) {
                Ok(todo) => Next::Line(todo),
                Err(message) => Next::Failed(message),
            }
        }
        Source::Unkept(_) => Next::Line(Todo::Pass(SHORT)),
    };
    Some((next, end))
}

fn end_of_line(source: &Source, start: u64) -> Option<u64> {
    match source {
        Source::Content(content) => {
            let rest = content.get(usize::try_from(start).ok()?..).filter(|rest| !rest.is_empty())?;
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
            Some(start + length as u64)
        }
        Source::Unkept(size) => (start < *size).then(|| (start + UNKEPT_LINE).min(*size)),
    }
}

/// The line is done.
fn advance(shared: &Shared, run: u64, end: u64) {
    let sd = &mut shared.lock().machine.sd;
    if sd.run == run {
        sd.position = end;
    }
}

fn finish(shared: &Shared, run: u64) {
    let mut inner = shared.lock();
    if inner.machine.sd.run != run {
        return;
    }
    let sd = &mut inner.machine.sd;
    (sd.active, sd.file, sd.source, sd.position) = (false, None, None, sd.size);
    inner.machine.busy = None;
    inner.machine.print.end("complete", "");
    inner.say("Done printing file");
}

fn failed(shared: &Shared, run: u64, message: &str) {
    let mut inner = shared.lock();
    if inner.machine.sd.run != run {
        return;
    }
    inner.machine.sd.active = false;
    inner.machine.busy = None;
    inner.machine.turn_off_heaters();
    inner.machine.print.end("error", message);
    inner.complain(message);
}

/// The printer was shut down in the middle: the print seems to be paused, or failed if a line did.
fn stopped(shared: &Shared, session: u64, run: u64, failure: Option<String>) {
    let mut inner = shared.lock();
    if inner.klippy.session != session || inner.machine.sd.run != run {
        return;
    }
    match failure {
        None => inner.machine.print.pause(),
        Some(message) => {
            inner.machine.print.end("error", &message);
            inner.complain(&message);
        }
    }
    inner.machine.sd.active = false;
    inner.machine.busy = None;
}
