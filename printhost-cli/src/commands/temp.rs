//! `printhost temp`.

use std::{
    cell::RefCell,
    str::FromStr,
    time::{Duration, Instant},
};

use clap::Args;
use printhost::{
    Command, Error, ErrorKind, Event, Heater, HeaterId, Net, Phase, PrintHost as _, PrinterStatus, beside,
};
use serde_json::json;

use crate::{
    args::parse_pair,
    commands::{send, status::show_heaters},
    failure::{Code, Failure},
    output::{Output, heaters, status_json, temperature},
    targets::{Printer, Session, Target},
};

/// How near is there, °C.
const NEAR: f32 = 2.0;

/// The pause between two lines while waiting, where there is no bar.
const PAUSE: Duration = Duration::from_secs(5);

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Temp {
    /// The printer.
    printer: Printer,
    /// Targets in °C, tool=210 tool1=200 bed=60 chamber=40, where 0 is off; or off for every heater.
    #[arg(value_name = "HEATER=CELSIUS")]
    targets: Vec<Setting>,
    /// Wait until the targets are reached.
    #[arg(long, requires = "targets")]
    wait: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Setting {
    /// One heater's target, °C.
    One(HeaterId, f32),
    /// Every heater off.
    Off,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::Off);
        }
        let (name, celsius) = match text.strip_suffix("=off") {
            Some(name) => (name, 0.0),
            None => parse_pair(text)?,
        };
        let heater = match name {
            "tool" => HeaterId::Tool(0),
            "bed" => HeaterId::Bed,
            "chamber" => HeaterId::Chamber,
            other => {
                let number = other.strip_prefix("tool").and_then(|number| number.parse().ok());
                number.map(HeaterId::Tool).ok_or_else(|| {
                    format!("{other} is no heater; known are tool, tool1, tool2, …, bed and chamber")
                })?
            }
        };
        Ok(Self::One(heater, celsius))
    }
}

/// Shows them, or sets them and may wait.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Temp) -> Result<Code, Failure> {
    let out = &session.out;
    for setting in &args.targets {
        if let Setting::One(heater, celsius) = *setting {
            Command::SetTemperature { heater, celsius }.check()?;
        }
    }
    let target = session.open(&args.printer).await?;
    if args.targets.is_empty() {
        let status = target.host.status().await?;
        out.event(&target.name, "status", status_json(&status));
        show_heaters(out, &status);
        return Ok(Code::Success);
    }
    let settings = each_heater(&target, &args.targets).await?;
    // What makes the printer colder goes first, and stops at nothing: one heater that cannot be switched off must not
    // keep another one hot.
    let (off, on): (Vec<_>, Vec<_>) = settings.iter().partition(|(_, celsius)| *celsius <= 0.0);
    let mut failed = None;
    for (heater, celsius) in off {
        if let Err(failure) = set(out, &target, heater, celsius).await
            && let Some(before) = failed.replace(failure)
        {
            out.failure(None, &before);
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    for (heater, celsius) in on {
        set(out, &target, heater, celsius).await?;
    }
    if !args.wait {
        return Ok(Code::Success);
    }
    tokio::select! {
        reached = wait(out, &target, &settings) => reached,
        _ = tokio::signal::ctrl_c() => {
            out.warn("Stopped", "waiting; the heaters go on.");
            out.event(&target.name, "interrupted", json!({}));
            Ok(Code::Interrupted)
        }
    }
}

/// What is asked for, by heater; `off` means all that the printer has.
async fn each_heater<N: Net>(
    target: &Target<N>,
    settings: &[Setting],
) -> Result<Vec<(HeaterId, f32)>, Failure> {
    let mut all = Vec::new();
    for setting in settings {
        match setting {
            Setting::One(heater, celsius) => all.push((*heater, *celsius)),
            Setting::Off => {
                let status = target.host.status().await?;
                let tools = (0..=u8::MAX).zip(&status.tools).filter(|(_, tool)| tool.actual.is_some());
                let before = all.len();
                all.extend(tools.map(|(n, _)| (HeaterId::Tool(n), 0.0)));
                all.extend(status.bed.map(|_| (HeaterId::Bed, 0.0)));
                all.extend(status.chamber.map(|_| (HeaterId::Chamber, 0.0)));
                if all.len() == before {
                    let detail = format_args!("the printer shows no heaters; it is {}", status.phase.name());
                    return Err(Error::new(ErrorKind::Conflict, "temp").with_detail(detail).into());
                }
            }
        }
    }
    Ok(all)
}

async fn set<N: Net>(
    out: &Output,
    target: &Target<N>,
    heater: HeaterId,
    celsius: f32,
) -> Result<(), Failure> {
    let name = name(heater);
    let text = if celsius > 0.0 { format!("{name} to {celsius} °C") } else { format!("{name} off") };
    let verb = if celsius > 0.0 { "Heating" } else { "Cooling" };
    let told = ("target", json!({ "heater": name, "celsius": celsius }));
    send(out, target, Command::SetTemperature { heater, celsius }, (verb, &text), told).await
}

fn name(heater: HeaterId) -> String {
    match heater {
        HeaterId::Tool(n) => format!("tool{n}"),
        HeaterId::Bed => "bed".into(),
        HeaterId::Chamber => "chamber".into(),
        _ => "heater".into(),
    }
}

/// Until all that shall be warm are as warm as they shall be. What is switched off is not waited for.
async fn wait<N: Net>(
    out: &Output,
    target: &Target<N>,
    settings: &[(HeaterId, f32)],
) -> Result<Code, Failure> {
    let mut events = target.host.events()?;
    let bar = out.bar(0, "Waiting", "{prefix:>10.bold.green} {msg}");
    let told = RefCell::new(None::<Instant>);
    let tell = |status: &PrinterStatus| {
        let warm: Vec<String> =
            heaters(status).map(|(name, heater)| format!("{name} {}", temperature(&heater))).collect();
        if let Some(bar) = &bar {
            return bar.0.set_message(warm.join("  "));
        }
        let mut told = told.borrow_mut();
        if told.is_none_or(|at| at.elapsed() >= PAUSE) {
            *told = Some(Instant::now());
            out.say("Waiting", warm.join("  "));
            out.event(&target.name, "status", status_json(status));
        }
    };
    let reached = beside(&target.host, async {
        // A status from before may show an old target; once it has shown ours, another one is somebody else's.
        let mut shown = vec![false; settings.len()];
        loop {
            if let Event::Status(status) = events.next().await {
                if settings.iter().all(|(heater, celsius)| is_there(&status, *heater, *celsius)) {
                    return Ok(status);
                }
                tell(&status);
                if matches!(status.phase, Phase::Offline | Phase::Faulted) {
                    let detail = format_args!("the printer is {} and will not get warm", status.phase.name());
                    return Err(Error::new(ErrorKind::Conflict, "temp").with_detail(detail));
                }
                for ((heater, celsius), shown) in settings.iter().zip(&mut shown) {
                    let now = shown_of(&status, *heater).and_then(|heater| heater.target);
                    let ours = now.is_none_or(|now| (now - celsius).abs() < 0.5);
                    if *shown && !ours {
                        let detail =
                            format_args!("somebody else has changed the target of {}", name(*heater));
                        return Err(Error::new(ErrorKind::Conflict, "temp").with_detail(detail));
                    }
                    *shown |= now.is_some() && ours;
                }
            }
        }
    });
    let status = reached.await??;
    drop(bar);
    let warm: Vec<String> =
        heaters(&status).map(|(name, heater)| format!("{name} {}", temperature(&heater))).collect();
    out.say("Reached", warm.join("  "));
    out.event(&target.name, "reached", status_json(&status));
    Ok(Code::Success)
}

fn shown_of(status: &PrinterStatus, heater: HeaterId) -> Option<Heater> {
    match heater {
        HeaterId::Tool(n) => status.tools.get(usize::from(n)).copied(),
        HeaterId::Bed => status.bed,
        HeaterId::Chamber => status.chamber,
        _ => None,
    }
}

fn is_there(status: &PrinterStatus, heater: HeaterId, celsius: f32) -> bool {
    let actual = shown_of(status, heater).and_then(|heater| heater.actual);
    celsius <= 0.0 || actual.is_some_and(|actual| (actual - celsius).abs() <= NEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heaters_are_named_as_printers_name_them() {
        assert_eq!("tool=210".parse(), Ok(Setting::One(HeaterId::Tool(0), 210.0)));
        assert_eq!("tool1=0".parse(), Ok(Setting::One(HeaterId::Tool(1), 0.0)));
        assert_eq!("bed=off".parse(), Ok(Setting::One(HeaterId::Bed, 0.0)));
        assert_eq!("off".parse(), Ok(Setting::Off));
        for bad in ["bed", "nozzle=1", "tool999=1", "bed=hot", "=5"] {
            assert!(bad.parse::<Setting>().is_err(), "{bad}");
        }
    }
}
