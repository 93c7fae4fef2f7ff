//! A running print: works through the file and reacts to pause, resume and cancel.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::console::Sent;
use super::shared::Shared;
use super::state::State;
use crate::gcode::SHORT;

// Seconds of the printer's time that each transitional state lasts.
const STARTING: f64 = 0.1;
const PAUSING: f64 = 0.5;
const RESUMING: f64 = 0.1;
const CANCELLING: f64 = 0.5;
const FINISHING: f64 = 0.1;

/// A timer cannot wait for less; shorter steps are saved up.
const TIMER_STEP: Duration = Duration::from_millis(1);
/// Lines after which other tasks get a turn even when no line takes time.
const LINES_PER_TURN: u32 = 256;
/// Bytes per simulated command in a file whose content was not kept.
const UNKEPT_LINE: u64 = 32;

/// What there is to print.
pub(super) enum Source {
    Content(Bytes),
    /// Only the length is known.
    Unkept(u64),
}

/// The task of one print.
pub(super) struct Print {
    shared: Arc<Shared>,
    run: u64,
    source: Source,
    changed: watch::Receiver<()>,
    /// When the commands so far are done.
    due: Instant,
    /// What was left of the current command when the print was paused.
    left: Option<Duration>,
}

/// The print was cancelled, replaced or cut off from its printer.
struct Ended;

impl Print {
    pub(super) fn new(shared: Arc<Shared>, run: u64, source: Source) -> Self {
        let changed = shared.changed.subscribe();
        Self { shared, run, source, changed, due: Instant::now(), left: None }
    }

    pub(super) async fn run(mut self) {
        self.due = Instant::now();
        if self.lines().await.is_err() {
            return;
        }
        tokio::time::sleep(self.shared.real(FINISHING)).await;
        let mut inner = self.shared.lock();
        if inner.machine.state_of(self.run) == Some(State::Finishing) {
            inner.machine.finished();
        }
    }

    async fn lines(&mut self) -> Result<(), Ended> {
        let mut position = 0;
        let mut since_turn = 0;
        self.advance(0.0).await?;
        while let Some(end) = self.end_of_line(position) {
            match self.send(position, end)? {
                Some(sent) => {
                    self.advance(sent.seconds).await?;
                    self.shared.lock().machine.acknowledge(sent);
                }
                None if matches!(self.source, Source::Unkept(_)) => self.advance(SHORT).await?,
                None => {}
            }
            position = end;
            since_turn += 1;
            if since_turn == LINES_PER_TURN {
                since_turn = 0;
                tokio::task::yield_now().await;
            }
        }
        // Short steps that were saved up, and a pause or cancel in the last line.
        self.due = self.due.max(Instant::now() + TIMER_STEP);
        loop {
            self.advance(0.0).await?;
            if self.finish()? {
                return Ok(());
            }
        }
    }

    /// Completes the print, unless it was paused or cancelled a moment ago.
    fn finish(&self) -> Result<bool, Ended> {
        let mut inner = self.shared.lock();
        if inner.machine.state_of(self.run).ok_or(Ended)? != State::Printing {
            return Ok(false);
        }
        if let Some((path, seconds)) = inner.machine.finish() {
            inner.store.printed(&path, Some(seconds));
        }
        Ok(true)
    }

    fn end_of_line(&self, start: u64) -> Option<u64> {
        match &self.source {
            Source::Content(content) => {
                let rest = content.get(usize::try_from(start).ok()?..).filter(|rest| !rest.is_empty())?;
                let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |at| at + 1);
                Some(start + length as u64)
            }
            Source::Unkept(size) => (start < *size).then(|| (start + UNKEPT_LINE).min(*size)),
        }
    }

    /// Sends a line to the printer; none when there is nothing in it.
    fn send(&self, start: u64, end: u64) -> Result<Option<Sent>, Ended> {
        let mut inner = self.shared.lock();
        let inner = &mut *inner;
        inner.machine.state_of(self.run).ok_or(Ended)?;
        inner.machine.printed_up_to(end);
        let Source::Content(content) = &self.source else { return Ok(None) };
        let path = inner.machine.printing_path();
        let sent = inner.machine.send(&String::from_utf8_lossy(&content[start as usize..end as usize]));
        if let Some(path) = path.filter(|_| !inner.machine.state.is_operational()) {
            // The file itself stopped the printer.
            inner.store.printed(&path, None);
        }
        Ok(sent)
    }

    /// Lets a command of so many seconds pass, however often it is paused.
    async fn advance(&mut self, seconds: f64) -> Result<(), Ended> {
        self.due += self.shared.real(seconds);
        loop {
            let state = self.shared.lock().machine.state_of(self.run).ok_or(Ended)?;
            match state {
                State::Starting => self.settle(state, STARTING).await,
                State::Printing => {
                    if let Some(left) = self.left.take() {
                        self.due = Instant::now() + left;
                    }
                    if self.due < Instant::now() + TIMER_STEP {
                        return Ok(());
                    }
                    tokio::select! {
                        () = sleep_until(self.due) => {}
                        _ = self.changed.changed() => {}
                    }
                }
                State::Pausing => {
                    self.left.get_or_insert(self.due.saturating_duration_since(Instant::now()));
                    self.settle(state, PAUSING).await;
                }
                State::Paused => {
                    let _ = self.changed.changed().await;
                }
                State::Resuming => self.settle(state, RESUMING).await,
                State::Cancelling => self.settle(state, CANCELLING).await,
                _ => return Err(Ended),
            }
        }
    }

    /// Stays in a transitional state for its time, then completes it unless it was left before.
    async fn settle(&mut self, state: State, seconds: f64) {
        let until = Instant::now() + self.shared.real(seconds);
        while self.shared.lock().machine.state_of(self.run) == Some(state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let _ = timeout(left, self.changed.changed()).await;
        }
        let mut inner = self.shared.lock();
        if inner.machine.state_of(self.run) != Some(state) {
            return;
        }
        match state {
            State::Starting => {
                inner.machine.begin_printing();
                self.due = Instant::now();
            }
            State::Pausing => inner.machine.paused(),
            State::Resuming => inner.machine.resumed(),
            State::Cancelling => inner.machine.cancelled(),
            _ => {}
        }
    }
}
