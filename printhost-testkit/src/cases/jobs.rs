//! Prints begin once, and do what they are told.

use printhost_core::{Command, Confirmation, ErrorKind, Phase, PrintHost as _, Retry};

use super::{
    LONG, break_with, changes, expect_kind, print_long, put, seen, size_of, taken, until, until_activity,
};
use crate::{
    Activity, Bench, Fault,
    case::{Claim, Doing as _, ensure},
};

pub(crate) async fn started_file_is_the_one_that_prints<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for path in ["other.gcode", "this.gcode"] {
        put(bench, path, size_of(LONG), LONG).await?;
    }
    host.start("this.gcode").await?;
    until_activity(bench, Activity::Printing).await?;
    let printer = seen(bench).await?;
    ensure!(printer.file.as_deref() == Some("this.gcode") && printer.prints == 1, "{printer:?}");
    Ok(())
}

pub(crate) async fn pause_resume_and_cancel_do_what_they_say<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    print_long(bench, &host, "long.gcode").await?;
    let phase_is = async |wanted: Phase| {
        until(bench, wanted.name(), async || Ok(host.status().await?.phase == wanted)).await
    };
    for (command, activity, phase) in [
        (Command::Pause, Activity::Paused, Phase::Paused),
        (Command::Resume, Activity::Printing, Phase::Printing),
        (Command::Pause, Activity::Paused, Phase::Paused),
        (Command::Resume, Activity::Printing, Phase::Printing),
    ] {
        let outcome = host.command(command).await.doing(command.name())?;
        if outcome.confirmation == Confirmation::Confirmed {
            let at_once = seen(bench).await?.activity;
            let shows = at_once == activity || at_once == Activity::Changing;
            ensure!(shows, "{} is confirmed, and the printer is {at_once:?}", command.name());
        }
        until_activity(bench, activity).await.map_err(|_| {
            crate::case::Why::Fail(alloc::format!("{} was taken, and has no effect", command.name()))
        })?;
        phase_is(phase).await?;
    }
    host.command(Command::Cancel).await.doing("cancel")?;
    until_activity(bench, Activity::Idle).await?;
    until(bench, "idle or cancelled", async || {
        Ok(matches!(host.status().await?.phase, Phase::Idle | Phase::Cancelled))
    })
    .await?;
    // Some count a print a moment after its end.
    until(bench, "that was one print", async || Ok(seen(bench).await?.prints == 1)).await
}

pub(crate) async fn second_start_is_a_conflict_and_changes_nothing<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    put(bench, "second.gcode", size_of(LONG), LONG).await?;
    let first = print_long(bench, &host, "first.gcode").await?;
    for path in ["second.gcode", &first] {
        expect_kind(host.start(path).await, &[ErrorKind::Conflict], "starting while something prints")?;
    }
    let printer = seen(bench).await?;
    let same = printer.activity == Activity::Printing && printer.file.as_deref() == Some(&*first);
    ensure!(same && printer.prints == 1, "{printer:?}");
    Ok(())
}

pub(crate) async fn pausing_nothing_is_a_conflict<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for command in [Command::Pause, Command::Resume, Command::Cancel] {
        expect_kind(
            host.command(command).await,
            &[ErrorKind::Conflict, ErrorKind::Unsupported],
            command.name(),
        )?;
    }
    Ok(())
}

pub(crate) async fn lost_answer_to_a_start_begins_one_print_at_most<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    put(bench, "once.gcode", size_of(LONG), LONG).await?;
    break_with(bench, Fault::LoseAnswer).await?;
    let before = changes(bench).await?;
    let started = host.start("once.gcode").await;
    // The host refuses a second one, so that the number of prints alone would not tell.
    let sent = changes(bench).await?.saturating_sub(before);
    ensure!(sent <= 1, "it was sent {sent} times");
    if let Err(error) = started {
        ensure!(error.kind() == ErrorKind::Unconfirmed, "{error}, though the host has acted");
        ensure!(error.retry() == Retry::ReadFirst, "{:?} invites to start it again", error.retry());
    }
    until_activity(bench, Activity::Printing).await?;
    let printer = seen(bench).await?;
    ensure!(printer.prints == 1, "{printer:?}");
    Ok(())
}

pub(crate) async fn start_of_a_missing_file_is_not_found<B: Bench>(bench: &B) -> Claim {
    expect_kind(bench.host().start("missing.gcode").await, &[ErrorKind::NotFound], "starting nothing")?;
    ensure!(seen(bench).await?.prints == 0, "something prints");
    Ok(())
}

/// Kept here since it is about prints, though it is a command.
pub(crate) async fn stop_and_look<B: Bench>(bench: &B, host: &B::Host) -> Claim {
    taken(host.command(Command::EmergencyStop).await, "emergency stop")?;
    until(bench, "the printer stands still", async || {
        Ok(matches!(seen(bench).await?.activity, Activity::Offline | Activity::Faulted | Activity::Idle))
    })
    .await
}
