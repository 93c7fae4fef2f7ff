//! Reaching the host, and being let in.

use alloc::{format, vec::Vec};

use printhost_core::{Error, ErrorKind, Event, Phase, PrintHost as _, Retry, beside};

use super::{break_with, expect_kind, next, upload};
use crate::{
    Bench, Content, Fault,
    case::{Claim, Why, ensure},
};

pub(crate) async fn connecting_tells_who_answered<B: Bench>(bench: &B) -> Claim {
    let info = bench.host().connect().await?;
    ensure!(!info.software.is_empty() && !info.version.is_empty(), "{info:?}");
    Ok(())
}

pub(crate) async fn wrong_credentials_are_refused_for_good<B: Bench>(bench: &B) -> Claim {
    let Some(stranger) = bench.stranger() else {
        return Err(Why::Skip("there are no credentials".into()));
    };
    for result in [
        stranger.connect().await.map(drop),
        stranger.status().await.map(drop),
        stranger.run().await.map(drop),
    ] {
        let error = expect_kind(result, &[ErrorKind::Unauthorized], "a stranger")?;
        ensure!(error.retry() == Retry::Never, "a stranger is told to try again: {:?}", error.retry());
    }
    if stranger.capabilities().upload {
        let result = upload(&stranger, "stranger.gcode", &Content::new(100, 0)).await;
        expect_kind(result, &[ErrorKind::Unauthorized], "a stranger's upload")?;
    }
    Ok(())
}

pub(crate) async fn errors_show_no_secret<B: Bench>(bench: &B) -> Claim {
    let mut errors: Vec<Error> = Vec::new();
    if let Some(stranger) = bench.stranger() {
        errors.extend(stranger.connect().await.err());
        errors.extend(stranger.status().await.err());
    }
    let host = bench.host();
    errors.extend(host.start("no such file.gcode").await.err());
    errors.extend(host.delete("no such file.gcode").await.err());
    errors.extend(host.file_info("no such file.gcode").await.err());
    break_with(bench, Fault::Gone).await?;
    errors.extend(bench.host().connect().await.err());
    errors.extend(host.status().await.err());
    ensure!(errors.len() >= 2, "too few errors to judge");
    for error in errors {
        for text in [format!("{error}"), format!("{error:#}"), format!("{error:?}")] {
            for secret in bench.secrets() {
                ensure!(!text.contains(secret), "an error of {} shows a secret", error.operation());
            }
        }
    }
    Ok(())
}

pub(crate) async fn host_that_is_gone_is_told_and_found_again<B: Bench>(bench: &B) -> Claim {
    const GONE: &[ErrorKind] = &[ErrorKind::Unreachable, ErrorKind::Disconnected];
    let host = bench.host();
    host.status().await?;
    break_with(bench, Fault::Gone).await?;
    for _ in 0..2 {
        let error = expect_kind(host.status().await, GONE, "reading the status of a host that is gone")?;
        ensure!(matches!(error.retry(), Retry::Safe | Retry::After(_)), "{:?}", error.retry());
    }
    expect_kind(bench.host().connect().await, GONE, "connecting to a host that is gone")?;
    break_with(bench, Fault::None).await?;
    ensure!(host.status().await?.phase == Phase::Idle, "the host is back, and its printer is not idle");
    Ok(())
}

pub(crate) async fn silent_host_is_a_timeout<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    break_with(bench, Fault::StallAt(0)).await?;
    // An encrypted connection is none before the host has said something.
    const SILENT: &[ErrorKind] = &[ErrorKind::Timeout, ErrorKind::Unreachable];
    expect_kind(host.status().await, SILENT, "reading the status of a silent host")?;
    break_with(bench, Fault::None).await?;
    host.status().await?;
    // One that falls silent.
    let mut events = host.events()?;
    let watching = beside(&host, async {
        while next(bench, &mut events).await? != Event::Resynced {}
        break_with(bench, Fault::StallAt(0)).await?;
        expect_kind(host.status().await, &[ErrorKind::Timeout], "reading the status of a host gone silent")?;
        Ok::<_, Why>(())
    });
    watching.await??;
    Ok(())
}
