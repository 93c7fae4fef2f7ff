//! Files: stored whole or not at all, found, and left alone while they print.

use printhost::{ErrorKind, Page, PrintHost as _, Retry, Upload, Verified, bambu::Bambu};
use printhost_sim::{BambuFault, BambuModel, bambu::three_mf};
use sha1::{Digest as _, Sha1};

use super::harness::{gcode, host, on, sim, until, upload};

const MODELS: [BambuModel; 5] =
    [BambuModel::P1s, BambuModel::X1c, BambuModel::A1Mini, BambuModel::H2d, BambuModel::P2s];

#[tokio::test]
async fn file_is_listed_read_moved_and_deleted_on_every_model() {
    for model in MODELS {
        let sim = sim(model).await;
        let host = host(&sim);
        on(&host, async {
            let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
            let uploaded = upload(&host, "a b/ü 1.gcode.3mf", &content).await.unwrap();
            assert_eq!(uploaded.verified, Verified::Size, "{model:?}");
            let listing = host.files("a b", Page::first(9)).await.unwrap();
            let [entry] = &*listing.entries else { panic!("{model:?}: {listing:?}") };
            assert_eq!((entry.path.as_str(), entry.size), ("a b/ü 1.gcode.3mf", Some(300_000)));
            assert_eq!(host.file_info(&entry.path).await.unwrap().entry.size, Some(300_000));
            let mut got = Vec::new();
            assert_eq!(host.download(&entry.path, &mut got).await, Ok(300_000), "{model:?}");
            assert!(got == content);
            let to = "b.gcode.3mf";
            assert_eq!(host.move_file(&entry.path, to).await.as_deref(), Ok(to), "{model:?}");
            let error = host.delete("a b/ü 1.gcode.3mf").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound);
            host.delete("a b").await.unwrap();
            host.delete(to).await.unwrap();
            assert!(
                sim.files().iter().all(|file| !file.path.ends_with(".3mf")),
                "{model:?}: {:?}",
                sim.files()
            );
        })
        .await;
    }
}

#[tokio::test]
async fn upload_that_breaks_off_leaves_nothing_under_its_name() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    on(&host, async {
        let content = vec![7; 200_000];
        for fault in [BambuFault::ResetAfterReceiving(50_000), BambuFault::Truncate(1000)] {
            sim.inject(fault);
            let error = upload(&host, "x.gcode.3mf", &content).await.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Disconnected | ErrorKind::Corrupted),
                "{fault:?}: {error}"
            );
            assert!(sim.files().iter().all(|file| file.path != "x.gcode.3mf"), "{fault:?}");
        }
        // An upload whose future is dropped leaves what no listing shows, and the next one replaces.
        let mut body = Stuck(100_000);
        let before = sim.bytes_received();
        let has_some = async {
            while sim.bytes_received() < before + 50_000 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = host.upload(Upload::new("x.gcode.3mf", 200_000, &mut body)) => panic!("it cannot end"),
            () = has_some => {}
        }
        assert!(sim.files().iter().all(|file| file.path != "x.gcode.3mf"));
        let shown = host.files("", Page::first(99)).await.unwrap();
        assert!(shown.entries.iter().all(|entry| entry.is_folder), "{shown:?}");
        upload(&host, "x.gcode.3mf", &content).await.unwrap();
        let files: Vec<_> = sim.files().into_iter().filter(|f| f.path.contains("x.gcode")).collect();
        assert_eq!((files.len(), files[0].path.as_str()), (1, "x.gcode.3mf"));
    })
    .await;
}

/// The printer tells no folder, and the name in its own way.
#[tokio::test]
async fn file_that_somebody_else_prints_is_left_alone() {
    for model in MODELS {
        let sim = sim(model).await;
        let host = host(&sim);
        let content = three_mf(&gcode(2000));
        let theirs = "jobs/their one.3mf";
        sim.put_file(theirs, &content);
        sim.put_file("other.3mf", &content);
        let mut events = host.events().unwrap();
        on(&host, async {
            while events.next().await != printhost::Event::Resynced {}
            assert!(sim.start_print(theirs));
            until(&mut events, |status| status.phase == printhost::Phase::Printing).await;
            // A card does not tell capitals from other letters, as the simulated one does.
            for path in [theirs, "jobs/THEIR ONE.3mf", "jobs/their_one.gcode.3mf"] {
                let error = host.delete(path).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Conflict, "{model:?}: {path}");
            }
            host.delete("other.3mf").await.unwrap();
        })
        .await;
    }
}

#[tokio::test]
async fn file_that_somebody_else_stores_meanwhile_stays() {
    for model in MODELS {
        let sim = sim(model).await;
        let host = host(&sim);
        on(&host, async {
            let mut body = Meanwhile { left: 100_000, sim: &sim };
            let error = host.upload(Upload::new("x.gcode.3mf", 100_000, &mut body)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Exists, "{model:?}: {error}");
        })
        .await;
        let files: Vec<_> = sim.files().into_iter().filter(|file| file.path.contains("x.gcode")).collect();
        assert_eq!((files.len(), files[0].size), (1, 6), "{model:?}: {files:?}");
    }
}

/// In its middle, somebody else stores a file.
struct Meanwhile<'a> {
    left: usize,
    sim: &'a printhost_sim::BambuSim,
}

impl embedded_io_async::ErrorType for Meanwhile<'_> {
    type Error = std::convert::Infallible;
}

impl embedded_io_async::Read for Meanwhile<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if self.left == 100_000 {
            self.sim.put_file("x.gcode.3mf", b"theirs");
        }
        let n = buf.len().min(self.left);
        self.left -= n;
        Ok(n)
    }
}

/// Ends in the middle, without an end.
struct Stuck(usize);

impl embedded_io_async::ErrorType for Stuck {
    type Error = std::convert::Infallible;
}

impl embedded_io_async::Read for Stuck {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if self.0 == 0 {
            std::future::pending::<()>().await;
        }
        let n = buf.len().min(self.0);
        self.0 -= n;
        Ok(n)
    }
}

#[tokio::test]
async fn bit_that_was_turned_over_is_found_by_reading_back() {
    let sim = sim(BambuModel::X1c).await;
    let host = host(&sim);
    let content = vec![7_u8; 100_000];
    let read_back = async |host: &Bambu<_>| {
        let mut body = content.as_slice();
        host.upload(Upload::new("x.gcode.3mf", content.len() as u64, &mut body).read_back()).await
    };
    on(&host, async {
        sim.inject(BambuFault::FlipBit { byte: 5000 });
        assert_eq!(read_back(&host).await.unwrap_err().kind(), ErrorKind::Corrupted);
        assert!(sim.files().iter().all(|file| file.path != "x.gcode.3mf"));
        let sha1 = Sha1::digest(&content).into();
        assert_eq!(read_back(&host).await.unwrap().verified, Verified::ReadBack(sha1));
    })
    .await;
}

/// What was not looked at to the end has no name under which it could be started.
#[tokio::test]
async fn file_that_cannot_be_read_back_is_not_there_under_its_name() {
    for model in [BambuModel::P1s, BambuModel::X1c] {
        let sim = sim(model).await;
        let host = host(&sim);
        let content = vec![7_u8; 300_000];
        on(&host, async {
            sim.inject(BambuFault::ResetAfterSending(50_000));
            let mut body = content.as_slice();
            let upload = Upload::new("x.gcode.3mf", content.len() as u64, &mut body).read_back();
            let error = host.upload(upload).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{model:?}: {error}");
            assert!(sim.files().iter().all(|file| file.path != "x.gcode.3mf"), "{model:?}");
        })
        .await;
    }
}

/// Somebody begins to print the older file while the new one comes.
#[tokio::test]
async fn file_that_is_printed_by_the_end_of_an_upload_is_not_replaced() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    let older = three_mf(&gcode(2000));
    sim.put_file("x.gcode.3mf", &older);
    on(&host, async {
        host.connect().await.unwrap();
        let mut body = Printing { left: 100_000, sim: &sim };
        let upload = Upload::new("x.gcode.3mf", 100_000, &mut body).replacing();
        let error = host.upload(upload).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    })
    .await;
    let files: Vec<_> = sim.files().into_iter().filter(|file| file.path.contains("x.gcode")).collect();
    assert_eq!((files.len(), files[0].size), (1, older.len() as u64), "{files:?}");
}

/// In its middle, the printer begins to print the file, and shows it.
struct Printing<'a> {
    left: usize,
    sim: &'a printhost_sim::BambuSim,
}

impl embedded_io_async::ErrorType for Printing<'_> {
    type Error = std::convert::Infallible;
}

impl embedded_io_async::Read for Printing<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        if self.left == 100_000 {
            assert!(self.sim.start_print("x.gcode.3mf"));
            while self.sim.state_text() != "RUNNING" {
                tokio::task::yield_now().await;
            }
            self.sim.tell_everything();
        }
        let n = buf.len().min(self.left);
        self.left -= n;
        Ok(n)
    }
}

#[tokio::test]
async fn file_that_is_printed_is_left_alone() {
    let sim = sim(BambuModel::P1s).await;
    let host = host(&sim);
    on(&host, async {
        let content = three_mf(&gcode(2000));
        upload(&host, "jobs/x.gcode.3mf", &content).await.unwrap();
        let error = upload(&host, "jobs/x.gcode.3mf", &content).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Exists, Retry::Never));
        let mut events = host.events().unwrap();
        host.start("jobs/x.gcode.3mf").await.unwrap();
        until(&mut events, |status| status.phase == printhost::Phase::Printing).await;
        let mut body = content.as_slice();
        let replace = Upload::new("jobs/x.gcode.3mf", content.len() as u64, &mut body).replacing();
        assert_eq!(host.upload(replace).await.unwrap_err().kind(), ErrorKind::Conflict);
        for path in ["jobs/x.gcode.3mf", "jobs"] {
            assert_eq!(host.delete(path).await.unwrap_err().kind(), ErrorKind::Conflict, "{path}");
        }
        assert_eq!(host.move_file("jobs/x.gcode.3mf", "y").await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(upload(&host, "other.gcode.3mf", &content).await.unwrap().verified, Verified::Size);
    })
    .await;
    assert_eq!(sim.files().iter().filter(|file| file.path == "jobs/x.gcode.3mf").count(), 1);
}
