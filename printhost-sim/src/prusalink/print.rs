//! A running print: works through a file, and waits while it is paused.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep, sleep_until};

use super::machine::State;
use super::shared::Shared;

/// A timer cannot wait for less; shorter steps are saved up.
const TIMER_STEP: Duration = Duration::from_millis(1);
/// Lines after which other tasks get a turn even when no line takes time.
const LINES_PER_TURN: usize = 256;

/// Prints until the end of the file, or of the print.
pub(super) async fn run(shared: Arc<Shared>, id: u64, content: Bytes) {
    let mut owed = Duration::ZERO;
    for (at, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        // Nothing is carried out while it is paused.
        if !pass(&shared, id, Duration::ZERO).await {
            return;
        }
        let seconds = shared.lock().machine.line(&line);
        owed += shared.real(seconds);
        if owed >= TIMER_STEP {
            if !pass(&shared, id, core::mem::take(&mut owed)).await {
                return;
            }
        } else if at % LINES_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
    if pass(&shared, id, owed.max(TIMER_STEP)).await {
        shared.lock().machine.finish(id);
    }
}

/// Lets so much time of printing pass; false when the print is over before.
async fn pass(shared: &Shared, id: u64, time: Duration) -> bool {
    let mut changed = shared.lock().machine.changed.subscribe();
    let mut left = time;
    loop {
        let (state, due) = {
            let machine = &mut shared.lock().machine;
            (machine.state_of(id), machine.due())
        };
        let Some(state) = state else { return false };
        if state == State::Printing && left.is_zero() {
            return true;
        }
        let begun = Instant::now();
        let end = async {
            match state {
                State::Printing => sleep(left).await,
                _ => core::future::pending().await,
            }
        };
        let shows = async {
            match due {
                Some(at) => sleep_until(at).await,
                None => core::future::pending().await,
            }
        };
        tokio::select! {
            () = end => left = Duration::ZERO,
            () = shows => {}
            _ = changed.changed() => {}
        }
        if state == State::Printing {
            left = left.saturating_sub(begun.elapsed());
        }
    }
}
