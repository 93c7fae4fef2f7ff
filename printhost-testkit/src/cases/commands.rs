//! Heating, moving, the console.

use printhost_core::{
    Axes, Command, Confirmation, Error, ErrorKind, HeaterId, Phase, PrintHost as _, Retry, beside,
};

use super::{
    break_with, can, changes, connected_host, expect_kind, jobs::stop_and_look, next, print_long, seen,
    taken, traffic, until,
};
use crate::{
    Activity, Bench, Fault,
    case::{Claim, Doing as _, Why, ensure},
};

/// Below what could harm anything, °C.
const WARM: f32 = 40.0;

pub(crate) async fn target_temperature_is_set_on_the_heater_named<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let heat = async |heater, celsius| host.command(Command::SetTemperature { heater, celsius }).await;
    taken(heat(HeaterId::Tool(0), WARM).await, "heating the tool")?;
    until(bench, "the tool's target", async || {
        let printer = seen(bench).await?;
        ensure!(printer.bed_target.unwrap_or_default() == 0.0, "the bed was heated instead: {printer:?}");
        Ok(printer.tool_target == Some(WARM))
    })
    .await?;
    match heat(HeaterId::Bed, WARM + 1.0).await {
        Err(error) => {
            ensure!(error.kind() != ErrorKind::HostFault, "of a printer without a heated bed: {error}")
        }
        Ok(_) => {
            until(bench, "the bed's target", async || Ok(seen(bench).await?.bed_target == Some(WARM + 1.0)))
                .await?;
        }
    }
    until(bench, "the target in the status", async || {
        Ok(host.status().await?.tools.first().is_some_and(|tool| tool.target == Some(WARM)))
    })
    .await?;
    taken(heat(HeaterId::Tool(0), 0.0).await, "switching the tool off")?;
    until(bench, "the tool is off", async || Ok(seen(bench).await?.tool_target == Some(0.0))).await?;
    let nobody_has = heat(HeaterId::Tool(15), WARM).await;
    ensure!(nobody_has.is_err(), "a sixteenth hot end was heated");
    Ok(())
}

pub(crate) async fn gcode_reaches_the_printer<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    taken(host.command(Command::Gcode("M104 T0 S41\nM140 S42\n")).await, "two lines of G-code")?;
    until(bench, "both lines' effect", async || {
        let printer = seen(bench).await?;
        Ok((printer.tool_target, printer.bed_target) == (Some(41.0), Some(42.0)))
    })
    .await
}

pub(crate) async fn gcode_brings_what_the_console_answers<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let mut events = host.events()?;
    let asked = beside(&host, async {
        while next(bench, &mut events).await? != printhost_core::Event::Resynced {}
        let outcome = host.command(Command::Gcode("M105")).await.doing("M105")?;
        Ok::<_, Why>(outcome.replies)
    });
    let replies = asked.await??;
    ensure!(
        replies.iter().any(|line| line.contains("T:") || line.contains("T0:")),
        "M105 brought {replies:?}"
    );
    ensure!(replies.len() <= 8, "M105 brought more than its own answer: {replies:?}");
    Ok(())
}

pub(crate) async fn moving_is_taken_while_idle<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    let can = can(&host);
    for (claimed, command) in [
        (true, Command::Home(Axes::ALL)),
        // There and back: some axes end where home is.
        (true, Command::Jog { x: 1.0, y: 1.0, z: 0.5, speed: Some(600) }),
        (true, Command::Jog { x: 0.0, y: -1.0, z: 0.0, speed: None }),
        (can.speed_factor, Command::SpeedFactor(110)),
        (can.speed_factor, Command::SpeedFactor(100)),
        (can.flow_factor, Command::FlowFactor(95)),
        (can.flow_factor, Command::FlowFactor(100)),
        (can.select_tool, Command::SelectTool(0)),
    ] {
        if claimed {
            // Few hosts tell where the head is, so no oracle can see the move itself.
            let before = traffic(bench).await?;
            let result = host.command(command).await;
            let kind = result.as_ref().err().map(Error::kind);
            if matches!(command, Command::SpeedFactor(110)) && kind == Some(ErrorKind::InvalidInput) {
                // Of a printer with a few speeds only.
                continue;
            }
            taken(result, command.name())?;
            ensure!(traffic(bench).await? > before, "{} was taken, and nothing was sent", command.name());
        }
    }
    let printer = seen(bench).await?;
    ensure!(printer.prints == 0 && printer.activity != Activity::Faulted, "{printer:?}");
    Ok(())
}

pub(crate) async fn moving_by_hand_is_refused_while_printing<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    print_long(bench, &host, "moving.gcode").await?;
    let jog = host.command(Command::Jog { x: 10.0, y: 0.0, z: 0.0, speed: None }).await;
    expect_kind(jog, &[ErrorKind::Conflict], "moving the head of a printer that prints")?;
    if can(&host).home {
        let home = host.command(Command::Home(Axes::ALL)).await;
        expect_kind(home, &[ErrorKind::Conflict], "homing a printer that prints")?;
    }
    let printer = seen(bench).await?;
    ensure!(printer.activity == Activity::Printing, "{printer:?}");
    Ok(())
}

pub(crate) async fn lost_answer_to_a_command_is_never_safe_to_repeat<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    break_with(bench, Fault::LoseAnswer).await?;
    let before = changes(bench).await?;
    let jog = host.command(Command::Jog { x: 1.0, y: 0.0, z: 0.0, speed: None }).await;
    match jog {
        Ok(outcome) => {
            let knows = outcome.confirmation == Confirmation::Confirmed;
            ensure!(knows, "nobody has said that it was taken, and it is {:?}", outcome.confirmation);
        }
        Err(error) => {
            ensure!(error.kind() == ErrorKind::Unconfirmed, "{error}, though the host has acted");
            ensure!(error.retry() == Retry::ReadFirst, "{:?} invites to move it again", error.retry());
        }
    }
    let sent = changes(bench).await?.saturating_sub(before);
    ensure!(sent <= 1, "it was sent {sent} times");
    Ok(())
}

pub(crate) async fn emergency_stop_stops_everything<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    print_long(bench, &host, "stopped.gcode").await?;
    stop_and_look(bench, &host).await?;
    until(bench, "the stop in the status", async || {
        Ok(matches!(
            host.status().await?.phase,
            Phase::Offline | Phase::Faulted | Phase::Idle | Phase::Cancelled
        ))
    })
    .await
}

pub(crate) async fn line_to_the_printer_is_closed_and_opened<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for (command, activity) in
        [(Command::DisconnectPrinter, Activity::Offline), (Command::ConnectPrinter, Activity::Idle)]
    {
        let outcome = host.command(command).await.doing(command.name())?;
        let _: Confirmation = outcome.confirmation;
        super::until_activity(bench, activity).await?;
    }
    Ok(())
}
