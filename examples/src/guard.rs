use core::{pin::pin, time::Duration};

use embassy_futures::select::{Either3, select3};
use printhost::{
    Clock, Command, Error, ErrorKind, Event, JobEvent, Phase, PrintHost, PrinterStatus, Result, Retry, beside,
};

/// When a nozzle is taken for out of control.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "these are all the limits")]
pub struct Limits {
    /// How far from its target it may be, °C.
    pub degrees: f32,
    /// For how long it may be further away: heating up takes a while.
    pub patience: Duration,
}

/// How a watch ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Guarded {
    /// The job is over, and the guard did nothing.
    Over(JobEvent),
    /// The alarm was given, and the print is paused.
    PausedByAlarm,
    /// A nozzle was out of control, and the print is paused: target and what it was, °C.
    PausedByNozzle(f32, f32),
    /// There was a reason to pause, and nothing was printing any more.
    NothingToPause,
}

/// Watches the running job; pauses it once when a nozzle is out of control, or when `alarm` completes (a smoke detector,
/// a door, somebody's button). Then it ends: what is to be done next is for a person to decide.
///
/// It never acts twice. A pause whose answer was lost is not sent again, since by then somebody may have resumed the
/// print; the error is [`ErrorKind::Unconfirmed`], and calls for a person as well.
pub async fn guard<H: PrintHost>(
    host: &H,
    clock: &impl Clock,
    limits: Limits,
    alarm: impl Future<Output = ()>,
) -> Result<Guarded> {
    let mut events = host.events()?;
    let watching = async {
        let mut alarm = pin!(alarm);
        let mut off: Option<(f32, f32, Duration)> = None;
        loop {
            // A nozzle that is stuck changes nothing, so no event would come: time runs by itself.
            let left = match off {
                Some((_, _, since)) => (since + limits.patience).saturating_sub(clock.now()),
                None => Duration::from_secs(3600),
            };
            match select3(&mut alarm, events.next(), clock.sleep(left)).await {
                Either3::First(()) => return pause(host, clock, Guarded::PausedByAlarm).await,
                Either3::Second(Event::Job { event: job, .. }) if job.is_end() => {
                    return Ok(Guarded::Over(job));
                }
                Either3::Second(Event::Status(status)) => {
                    let since = off.map_or_else(|| clock.now(), |(_, _, since)| since);
                    off = farthest(&status, limits.degrees).map(|(target, actual)| (target, actual, since));
                }
                Either3::Second(_) => {}
                Either3::Third(()) => {
                    if let Some((target, actual, _)) = off {
                        return pause(host, clock, Guarded::PausedByNozzle(target, actual)).await;
                    }
                }
            }
        }
    };
    beside(host, watching).await?
}

/// The nozzle that is too far from its target while printing: target and actual temperature.
fn farthest(status: &PrinterStatus, degrees: f32) -> Option<(f32, f32)> {
    let both = status.tools.iter().filter_map(|tool| Some((tool.target?, tool.actual?)));
    let off = |(target, actual): &(f32, f32)| *target > 0.0 && (target - actual).abs() > degrees;
    both.filter(off).find(|_| status.phase == Phase::Printing)
}

/// Sends it once. Only where the network knows that it never got there, it is sent for the first time again.
async fn pause<H: PrintHost>(host: &H, clock: &impl Clock, done: Guarded) -> Result<Guarded> {
    for _ in 0..10 {
        match host.command(Command::Pause).await {
            Ok(_) => return Ok(done),
            Err(error) if error.kind() == ErrorKind::Conflict => return Ok(Guarded::NothingToPause),
            Err(error) => match error.retry() {
                Retry::Safe => clock.sleep(Duration::from_secs(1)).await,
                Retry::After(wait) => clock.sleep(wait).await,
                _ => return Err(error),
            },
        }
    }
    Err(Error::new(ErrorKind::Unreachable, "pause").with_detail("the host could not be reached ten times"))
}
