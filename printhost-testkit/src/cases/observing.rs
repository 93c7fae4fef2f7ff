//! What is read is true, and reading changes nothing.

use printhost_core::{Page, Phase, PrintHost as _};

use super::{
    LONG, SHORT, all_files, can, connected_host, put, seen, size_of, somebody_else, somebody_prints, until,
    until_activity,
};
use crate::{
    Activity, Bench, Deed,
    case::{Claim, ensure},
    cases::honesty::Nowhere,
};

pub(crate) async fn status_agrees_with_an_idle_printer<B: Bench>(bench: &B) -> Claim {
    let status = bench.host().status().await?;
    ensure!(status.phase == Phase::Idle, "{:?}, and the printer is idle", status.phase);
    ensure!(!status.state_text.is_empty(), "the printer's own word is missing");
    ensure!(status.fault.is_none(), "there is no fault: {:?}", status.fault);
    Ok(())
}

pub(crate) async fn status_agrees_with_a_printer_that_somebody_else_uses<B: Bench>(bench: &B) -> Claim {
    let host = connected_host(bench).await?;
    let path = "somebody else's.gcode";
    somebody_prints(bench, path, LONG).await?;
    let status = host.status().await?;
    ensure!(status.phase == Phase::Printing, "{:?} while printing", status.phase);
    let job = status.job.unwrap_or_default();
    ensure!(job.path.as_deref() == Some(path), "prints {path:?}, not {:?}", job.path);
    ensure!(job.size.is_none_or(|size| size == size_of(LONG)), "it is not {:?} bytes long", job.size);
    if can(&host).pause {
        somebody_else(bench, Deed::Pause).await?;
        until_activity(bench, Activity::Paused).await?;
        let phase = host.status().await?.phase;
        ensure!(phase == Phase::Paused, "{phase:?} while paused");
    }
    somebody_else(bench, Deed::Cancel).await?;
    until_activity(bench, Activity::Idle).await?;
    let phase = host.status().await?.phase;
    ensure!(matches!(phase, Phase::Idle | Phase::Cancelled), "{phase:?} after cancelling");
    Ok(())
}

pub(crate) async fn printer_without_a_line_is_offline_and_no_error<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    somebody_else(bench, Deed::Disconnect).await?;
    until_activity(bench, Activity::Offline).await?;
    let status = host.status().await?;
    ensure!(status.phase == Phase::Offline, "{:?}", status.phase);
    let warm = status.tools.iter().any(|tool| tool.actual.is_some());
    ensure!(!warm, "temperatures of a printer that is not there: {:?}", status.tools);
    Ok(())
}

pub(crate) async fn reading_disturbs_nothing<B: Bench>(bench: &B) -> Claim {
    let path = "watched.gcode";
    somebody_prints(bench, path, LONG).await?;
    somebody_else(bench, Deed::Pause).await?;
    until_activity(bench, Activity::Paused).await?;
    let (before, files_before) = (seen(bench).await?, all_files(bench).await?);
    let host = connected_host(bench).await?;
    let can = can(&host);
    host.connect().await?;
    for _ in 0..3 {
        host.status().await?;
        if can.files {
            host.files("", Page::first(10)).await?;
        }
        if can.file_info {
            let info = host.file_info(path).await?;
            for picture in info.thumbnails.iter().filter(|_| can.thumbnails) {
                // Whether there really is one does not matter here.
                let _ = host.thumbnail(picture, &mut Nowhere).await;
            }
        }
        if can.download {
            host.download(path, &mut Nowhere).await?;
        }
        if can.cameras {
            for camera in host.cameras().await? {
                let _ = host.snapshot(&camera, &mut Nowhere).await;
            }
        }
    }
    let mut events = host.events()?;
    let watching = printhost_core::beside(&host, async {
        while super::next(bench, &mut events).await? != printhost_core::Event::Resynced {}
        Ok::<_, crate::case::Why>(())
    });
    watching.await??;
    let (mut after, files_after) = (seen(bench).await?, all_files(bench).await?);
    // Some printers tell temperatures only a while after they were connected.
    after.tool_target = after.tool_target.filter(|_| before.tool_target.is_some());
    after.bed_target = after.bed_target.filter(|_| before.bed_target.is_some());
    ensure!(before == after, "the printer was {before:?} and is {after:?}");
    ensure!(files_before == files_after, "there were {files_before:?} and are {files_after:?}");
    Ok(())
}

pub(crate) async fn progress_is_a_fraction_that_does_not_fall<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let path = "progress.gcode";
    put(bench, path, size_of(SHORT), SHORT).await?;
    somebody_else(bench, Deed::Start(path.into())).await?;
    let (mut last, mut seen_any) = (0.0, false);
    until(bench, "the end of the print", async || {
        let status = host.status().await?;
        let progress = status.job.as_ref().and_then(|job| job.progress);
        if let Some(progress) = progress.filter(|_| status.phase == Phase::Printing) {
            ensure!((0.0..=1.0).contains(&progress), "progress is {progress}");
            ensure!(progress >= last, "progress fell from {last} to {progress}");
            (last, seen_any) = (progress, true);
        }
        Ok(matches!(status.phase, Phase::Idle | Phase::Finished) && seen(bench).await?.prints == 1)
    })
    .await?;
    ensure!(seen_any, "no progress was ever shown");
    Ok(())
}
