//! The live screen of `printhost watch`.
//!
//! `state` is what is known, `view` draws it and decides nothing, `terminal` owns the terminal, and here they meet.

mod panel;
mod state;
mod terminal;
mod view;

use std::{cell::RefCell, future::pending, time::Duration};

use crossterm::event::{Event as Input, EventStream};
use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use printhost::{Error, ErrorKind, Net, PrintHost as _, beside};
use tokio::{sync::mpsc, time::MissedTickBehavior};

use crate::{
    failure::{Code, Failure},
    targets::{Session, Target},
};

use state::{Action, Order, Screen};
use terminal::Terminal;

pub(crate) use state::time_of_day;

/// How long something new may take to be seen.
const FRAME: Duration = Duration::from_millis(100);

/// How often the temperatures are noted down for the curves.
const SAMPLE: Duration = Duration::from_secs(1);

/// Why the screen was left.
enum End {
    Quit,
    Interrupted,
}

/// Shows these printers until somebody quits. Those that could not be opened are shown with the reason.
pub(crate) async fn run<N: Net + Clone>(
    session: &Session<N>,
    printers: Vec<(String, Result<Target<N>, Failure>)>,
) -> Result<Code, Failure> {
    let screen = RefCell::new(Screen::new(printers.iter().map(|(name, _)| name.clone())));
    let failures: RefCell<Vec<(String, Failure)>> = RefCell::default();
    let fail = |row: usize, failure: Failure| {
        let mut screen = screen.borrow_mut();
        screen.rows[row].ended(&failure.error);
        failures.borrow_mut().push((screen.rows[row].name.clone(), failure));
    };
    let following = join_all(printers.iter().enumerate().map(async |(row, (_, target))| {
        match target {
            Ok(target) => fail(row, follow(target, row, &screen).await),
            Err(failure) => fail(row, failure.clone()),
        }
        pending::<()>().await;
    }));
    let (orders, inbox) = mpsc::unbounded_channel();
    let ended = {
        let mut terminal = Terminal::enter().map_err(|e| gone(&e))?;
        tokio::select! {
            end = show(&mut terminal, &screen, &orders) => end,
            () = obey(&printers, &screen, inbox) => Ok(End::Quit),
            _ = following => Ok(End::Quit),
            () = asked_to_end() => Ok(End::Interrupted),
        }
    };
    let mut failures = failures.into_inner();
    for row in &screen.borrow().rows {
        failures.extend(row.sent.iter().map(|order| (row.name.clone(), unanswered(*order))));
    }
    for (name, failure) in &failures {
        session.out.failure(Some(name), failure);
    }
    match ended.map_err(|e| gone(&e))? {
        End::Quit => Ok(Code::worst(failures.iter().map(|(_, failure)| failure.code))),
        End::Interrupted => Ok(Code::Interrupted),
    }
}

/// Left before its answer: it may be on its way, carried out, or neither.
fn unanswered(order: Order) -> Failure {
    let error = Error::new(ErrorKind::Unconfirmed, order.command().name());
    error.with_detail("watch ended before the host had answered").into()
}

fn gone(error: &std::io::Error) -> Failure {
    Failure::from(Error::new(ErrorKind::Sink, "watch").with_detail(format_args!("the terminal: {error}")))
        .advising("Use --plain where there is no full terminal.")
}

/// Draws, and takes the keys.
async fn show(
    terminal: &mut Terminal,
    screen: &RefCell<Screen>,
    orders: &mpsc::UnboundedSender<(usize, Order)>,
) -> std::io::Result<End> {
    let mut input = EventStream::new();
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut samples = tokio::time::interval(SAMPLE);
    samples.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        terminal.draw(|frame| view::draw(frame, &screen.borrow()))?;
        tokio::select! {
            _ = frames.tick() => {}
            _ = samples.tick() => screen.borrow_mut().sample(),
            event = input.next() => match event {
                Some(Ok(Input::Key(key))) => match screen.borrow_mut().press(key) {
                    Action::None => {}
                    Action::Quit => return Ok(End::Quit),
                    Action::Interrupt => return Ok(End::Interrupted),
                    Action::Send(row, order) => drop(orders.send((row, order))),
                },
                // Whatever else there is, the next frame has it.
                Some(Ok(_)) => {}
                // Nobody can press a key any more.
                Some(Err(_)) | None => return Ok(End::Interrupted),
            },
        }
    }
}

/// Returns why it cannot be followed any more.
async fn follow<N: Net>(target: &Target<N>, row: usize, screen: &RefCell<Screen>) -> Failure {
    let following = async {
        let mut events = target.host.events()?;
        beside(&target.host, async {
            loop {
                let event = events.next().await;
                screen.borrow_mut().rows[row].apply(&event);
            }
        })
        .await
    };
    match following.await {
        Ok(never) => never,
        Err(error) => error.into(),
    }
}

/// Sends what was confirmed, several at the same time.
async fn obey<N: Net>(
    printers: &[(String, Result<Target<N>, Failure>)],
    screen: &RefCell<Screen>,
    mut inbox: mpsc::UnboundedReceiver<(usize, Order)>,
) {
    let mut running = FuturesUnordered::new();
    loop {
        tokio::select! {
            order = inbox.recv() => match order {
                Some((row, order)) => running.push(async move {
                    let error = match &printers[row].1 {
                        Ok(target) => target.host.command(order.command()).await.err(),
                        Err(failure) => Some(failure.error.clone()),
                    };
                    screen.borrow_mut().rows[row].answered(order, error.as_ref());
                }),
                None => return,
            },
            Some(()) = running.next(), if !running.is_empty() => {}
        }
    }
}

/// By a signal; Ctrl-C is a key here.
#[cfg(unix)]
async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};

    let signals =
        (signal(SignalKind::terminate()), signal(SignalKind::hangup()), signal(SignalKind::interrupt()));
    if let (Ok(mut terminate), Ok(mut hang_up), Ok(mut interrupt)) = signals {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
            _ = interrupt.recv() => {}
        }
    } else {
        pending().await
    }
}

/// By a signal; Ctrl-C is a key here.
#[cfg(not(unix))]
async fn asked_to_end() {
    if tokio::signal::ctrl_c().await.is_err() {
        pending().await
    }
}
