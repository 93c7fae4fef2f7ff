//! Of a sliced project one plate is printed, the right one, and no other.

use printhost_core::{Error, ErrorKind, PrintHost, Result, Started, Upload, Uploaded};

use super::{
    LARGE, LONG, break_with, expect_kind, reset, seen, size_of, somebody_else, stored, until_activity,
    uploads::MIDDLE,
};
use crate::{
    Activity, Bench, Deed, Fault, Project,
    case::{Claim, Doing as _, ensure},
};

fn project(plates: &[u16]) -> Project {
    Project::new(plates, size_of(LONG), LONG)
}

async fn store<H: PrintHost>(host: &H, path: &str, project: &Project) -> Result<Uploaded> {
    let mut body = project.clone();
    host.upload(Upload::new(path, project.len(), &mut body)).await
}

async fn print<H: PrintHost>(host: &H, path: &str, project: &Project) -> Result<Uploaded> {
    let mut body = project.clone();
    host.upload(Upload::new(path, project.len(), &mut body).and_print()).await
}

async fn is_stored<B: Bench>(bench: &B, uploaded: &Uploaded, project: &Project) -> Claim {
    let stored = stored(bench, &uploaded.path).await?;
    let is = |s: crate::Stored| s.len == project.len() && s.sha1.is_none_or(|sha1| sha1 == project.sha1());
    ensure!(stored.is_some_and(is), "{stored:?} is stored instead of {} bytes", project.len());
    Ok(())
}

/// The oracle sees this plate of this file print, and no other print has begun.
async fn prints<B: Bench>(bench: &B, path: &str, plate: u16) -> Claim {
    until_activity(bench, Activity::Printing).await?;
    let printer = seen(bench).await?;
    let is_it = printer.file.as_deref() == Some(path) && printer.plate == Some(plate) && printer.prints == 1;
    ensure!(is_it, "plate {plate} of {path:?} should be printed: {printer:?}");
    Ok(())
}

async fn nothing_has_begun<B: Bench>(bench: &B) -> Claim {
    let printer = seen(bench).await?;
    ensure!(printer.activity == Activity::Idle && printer.prints == 0, "{printer:?}");
    Ok(())
}

/// Whoever is to choose must be told what there is.
fn names(error: &Error, plates: &[&str]) -> bool {
    let text = alloc::format!("{error}");
    plates.iter().all(|plate| text.contains(plate))
}

pub(crate) async fn uploaded_project_is_printed_by_its_only_plate<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    for plate in [1, 2] {
        let project = project(&[plate]);
        let uploaded = print(&host, "now.gcode.3mf", &project).await.doing("upload")?;
        is_stored(bench, &uploaded, &project).await?;
        ensure!(matches!(uploaded.started, Started::Yes(_)), "{:?}", uploaded.started);
        prints(bench, &uploaded.path, plate).await?;
        reset(bench).await?;
    }
    Ok(())
}

pub(crate) async fn stored_project_is_started_by_its_only_plate<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    let uploaded = store(&host, "ours.gcode.3mf", &project(&[3])).await.doing("upload")?;
    host.start(&uploaded.path).await.doing("start")?;
    prints(bench, &uploaded.path, 3).await?;
    reset(bench).await?;
    // Of what somebody else has stored nothing is known before.
    let path = "theirs.gcode.3mf";
    let deed = Deed::StoreProject { path: path.into(), plates: [2].into(), seconds: LONG };
    somebody_else(bench, deed).await?;
    host.start(path).await.doing("start of somebody else's")?;
    prints(bench, path, 2).await
}

pub(crate) async fn project_of_several_plates_is_started_only_by_the_one_chosen<B: Bench>(
    bench: &B,
) -> Claim {
    let host = bench.host();
    let project = project(&[1, 37]);
    let uploaded = print(&host, "choose.gcode.3mf", &project).await.doing("upload")?;
    is_stored(bench, &uploaded, &project).await?;
    let is_told = |error: &Error| error.kind() == ErrorKind::InvalidInput && names(error, &["1", "37"]);
    let is_refused = matches!(&uploaded.started, Started::No(error) if is_told(error));
    ensure!(is_refused, "nobody has chosen a plate: {:?}", uploaded.started);
    let error =
        expect_kind(host.start(&uploaded.path).await, &[ErrorKind::InvalidInput], "starting any plate")?;
    ensure!(is_told(&error), "it does not say which plates there are: {error}");
    nothing_has_begun(bench).await?;
    host.start_plate(&uploaded.path, 37).await.doing("start of the plate that was chosen")?;
    prints(bench, &uploaded.path, 37).await
}

pub(crate) async fn plate_that_is_not_in_the_project_is_refused_and_nothing_begins<B: Bench>(
    bench: &B,
) -> Claim {
    let host = bench.host();
    let uploaded = store(&host, "some.gcode.3mf", &project(&[2, 37])).await.doing("upload")?;
    let refused = host.start_plate(&uploaded.path, 1).await;
    let error = expect_kind(refused, &[ErrorKind::InvalidInput], "starting a plate that is not there")?;
    ensure!(names(&error, &["2", "37"]), "it does not say which plates there are: {error}");
    nothing_has_begun(bench).await?;
    // Nor does the printer hang.
    host.start_plate(&uploaded.path, 2).await.doing("start of a plate that is there")?;
    prints(bench, &uploaded.path, 2).await
}

pub(crate) async fn damaged_project_is_found_out_and_never_printed<B: Bench>(bench: &B) -> Claim {
    let host = bench.host();
    host.connect().await?;
    // Where the plate itself is sound, only the whole tells.
    let project = Project::with_ballast(&[1], size_of(LONG), LONG, LARGE);
    break_with(bench, Fault::FlipAt(MIDDLE)).await?;
    match print(&host, "damaged.gcode.3mf", &project).await {
        Ok(uploaded) => {
            let told =
                matches!(&uploaded.started, Started::No(error) if error.kind() == ErrorKind::Corrupted);
            ensure!(told, "of a damaged project: {:?}", uploaded.started);
        }
        Err(error) => ensure!(error.kind() == ErrorKind::Corrupted, "{error}"),
    }
    let printer = seen(bench).await?;
    ensure!(printer.activity == Activity::Idle, "the damaged project is printed: {printer:?}");
    Ok(())
}
