use std::time::Duration;

use printhost::{ErrorKind, PrintHost, Retry, Upload, net::HttpBackend, net_tokio::TokioConn};
use printhost_sim::{PrusaLinkConfig, PrusaLinkSim};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{sleep, timeout},
};

use super::prusalink::{FAMILIES, Held, foreign_transfer, net, sim, with_key};

over_both!(second_file_is_refused_before_any_of_it_is_sent_and_own_files_wait_for_each_other);

const LEN: u64 = 5000;

/// A PrusaLink takes one file at a time; a second one is answered with 409 by the firmware and with a page that says 500
/// by a Pi, and clients sent all of it for that: prusa3d/Prusa-Firmware-Buddy `gcode_upload.cpp`. Here it is
/// [`ErrorKind::Busy`] and safe to repeat with the very same reader, of which nothing was read; and files of one driver
/// wait for each other.
///
/// The control are two drivers, which know nothing of each other.
async fn second_file_is_refused_before_any_of_it_is_sent_and_own_files_wait_for_each_other<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for family in FAMILIES {
        let sim = sim(PrusaLinkConfig::new(family)).await;
        let host = with_key(net(http.clone()), &sim);
        let (mut foreign, rest) = foreign_transfer(&sim).await;
        // Until the head of the foreign one has arrived.
        let (error, mut file) = loop {
            let mut file = Held::new(LEN as usize, 100);
            match host.upload(Upload::new("mine.gcode", LEN, &mut file)).await {
                Err(error) => break (error, file),
                Ok(_) => host.delete("mine.gcode").await.unwrap(),
            }
        };
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Busy, Retry::Safe), "{family:?}: {error}");
        assert_eq!((file.read, puts(&sim, "mine")), (0, puts_that_passed(&sim, "mine")), "{family:?}");

        foreign.write_all(&rest).await.unwrap();
        let mut answer = [0; 12];
        timeout(Duration::from_secs(10), foreign.read_exact(&mut answer)).await.unwrap().unwrap();
        drop(foreign);
        host.upload(Upload::new("mine.gcode", LEN, &mut file)).await.unwrap();
        assert_eq!(file.read, LEN as usize);

        let (mut one, mut two) = (Held::new(LEN as usize, 100), Held::new(LEN as usize, 100));
        let (one, two) = tokio::join!(
            host.upload(Upload::new("one.gcode", LEN, &mut one)),
            host.upload(Upload::new("two.gcode", LEN, &mut two)),
        );
        assert!(one.is_ok() && two.is_ok(), "{family:?}: {one:?} {two:?}");

        let stranger = with_key(net(http.clone()), &sim);
        let mut held = Held::new(LEN as usize, 2);
        let lets = held.lets;
        let beside = async {
            while lets.available_permits() > 0 {
                sleep(Duration::from_millis(5)).await;
            }
            let mut other = Held::new(LEN as usize, 100);
            let refused = stranger.upload(Upload::new("other.gcode", LEN, &mut other)).await;
            lets.add_permits(100);
            (refused.unwrap_err().kind(), other.read)
        };
        let (done, refused) = tokio::join!(host.upload(Upload::new("held.gcode", LEN, &mut held)), beside);
        assert!(done.is_ok(), "{family:?}: {done:?}");
        assert_eq!(refused, (ErrorKind::Busy, 0), "{family:?}");
    }
}

/// How many files of this name were sent.
fn puts(sim: &PrusaLinkSim, name: &str) -> usize {
    sim.requests().iter().filter(|r| r.method == "PUT" && r.path.contains(name)).count()
}

fn puts_that_passed(sim: &PrusaLinkSim, name: &str) -> usize {
    sim.requests().iter().filter(|r| r.method == "PUT" && r.path.contains(name) && r.status == 201).count()
}
