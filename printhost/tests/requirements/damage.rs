use std::time::Duration;

use printhost::{
    ErrorKind, PrintHost, Result, Retry, Started, Upload, Uploaded, Verified,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial, TokioParts},
};
use printhost_sim::{OctoPrintSim, SimConfig};
use printhost_testkit::{Content, Fault, runner::FaultProxy};
use sha1::{Digest as _, Sha1};

use super::harness::{host, net};

over_both!(bit_that_flips_on_its_way_is_an_error_and_the_file_is_gone_and_never_printed);

const LEN: u64 = 2 << 20;
/// Well inside the file.
const AT: u64 = 1 << 20;

/// A file that was damaged on its way was printed, and nothing had said a word: prusa3d/PrusaSlicer#15540 (3063 wrong
/// bytes in 129 MB, and the host reported no error). Here the host's own hash of what it stored decides, before anything
/// prints.
///
/// Two controls: the same upload without the flip is verified and prints; and with it, one that looks at the size alone
/// notices nothing.
async fn bit_that_flips_on_its_way_is_an_error_and_the_file_is_gone_and_never_printed<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    let sim = OctoPrintSim::start(SimConfig::default()).await.unwrap();
    let proxy = FaultProxy::start(sim.addr().to_string()).await.unwrap();
    let net = net(TokioDial::plain(), http);
    let mut bytes = vec![0; LEN as usize];
    Content::new(LEN, 60).fill(&mut bytes);
    let sha1: [u8; 20] = Sha1::digest(&bytes).into();
    let hex: String = sha1.iter().map(|b| format!("{b:02x}")).collect();

    proxy.set(Fault::FlipAt(AT));
    let error = send(&net, &proxy, &bytes, true).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Corrupted, Retry::Safe));
    assert_eq!(sim.files(), []);
    let printing = |r: &printhost_sim::Request| {
        r.method == "POST" && (r.path.starts_with("/api/files/local/") || r.path == "/api/job")
    };
    assert!(!sim.requests().iter().any(printing), "{:?}", sim.requests());
    assert_eq!(sim.state_text(), "Operational");

    proxy.set(Fault::FlipAt(AT));
    let unnoticed = send(&net, &proxy, &bytes, false).await.unwrap();
    assert_eq!(unnoticed.verified, Verified::Size);
    assert!(sim.files()[0].size == LEN && sim.files()[0].sha1_hex != hex, "nothing was flipped");

    proxy.set(Fault::None);
    let done = send(&net, &proxy, &bytes, true).await.unwrap();
    assert_eq!(done.verified, Verified::Sha1(sha1));
    assert!(matches!(done.started, Started::Yes(_)), "{done:?}");
    assert_eq!((sim.files().len(), &sim.files()[0].sha1_hex), (1, &hex));
    tokio::time::timeout(Duration::from_secs(30), async {
        while sim.state_text() != "Printing" {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

/// Verified and printed, or looked at by its size.
async fn send<H: HttpBackend<TokioConn>>(
    net: &TokioParts<H>,
    proxy: &FaultProxy,
    bytes: &[u8],
    well: bool,
) -> Result<Uploaded> {
    let mut body = bytes;
    let upload = Upload::new("x.gcode", LEN, &mut body).replacing();
    let upload = if well { upload.and_print() } else { upload.verify_size_only() };
    net.close_idle(); // so that the proxy counts from the upload's own connection
    host(net, &format!("octoprint://{}", proxy.address())).upload(upload).await
}
