use std::time::Duration;

use printhost::{
    ErrorKind, PrintHost, Result, Retry, Started, Upload, Uploaded, Verified,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioDial, TokioParts},
};
use printhost_testkit::{Content, Fault, runner::FaultProxy};

use super::{drivers::Driver, harness::net};

over_both!(bit_that_flips_on_its_way_is_an_error_and_the_file_is_gone_and_never_printed);

const LEN: u64 = 512 << 10;
/// Well inside the file.
const AT: u64 = 256 << 10;

/// A file that was damaged on its way was printed, and nothing had said a word: prusa3d/PrusaSlicer#15540 (3063 wrong
/// bytes in 129 MB, and the host reported no error). Here the content decides before anything prints: by the hash that
/// OctoPrint keeps, by the one that Moonraker compares, and on a PrusaLink, which knows none, by reading the file back.
///
/// Two controls: the same upload without the flip is verified and prints; and with it, one that looks at the size alone
/// notices nothing.
async fn bit_that_flips_on_its_way_is_an_error_and_the_file_is_gone_and_never_printed<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for driver in Driver::ALL {
        let sim = driver.sim(1.0).await;
        let proxy = FaultProxy::start(sim.addr().to_string()).await.unwrap();
        let net = net(TokioDial::plain(), http.clone());
        let mut bytes = vec![0; LEN as usize];
        Content::new(LEN, 60).fill(&mut bytes);
        let hash = driver.hash(&bytes);

        proxy.set(Fault::FlipAt(AT));
        let error = send(driver, &net, &proxy, &bytes, true).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Corrupted, Retry::Safe), "{driver:?}: {error}");
        assert_eq!(sim.files(), [], "{driver:?}");
        assert_eq!(sim.prints(), 0, "{driver:?}: {:?}", sim.requests());

        proxy.set(Fault::FlipAt(AT));
        let unnoticed = send(driver, &net, &proxy, &bytes, false).await.unwrap();
        assert_eq!(unnoticed.verified, Verified::Size, "{driver:?}");
        let [file] = &sim.files()[..] else { panic!("{driver:?}: {:?}", sim.files()) };
        assert!(file.size == LEN && file.hash != hash, "{driver:?}: nothing was flipped");

        proxy.set(Fault::None);
        let done = send(driver, &net, &proxy, &bytes, true).await.unwrap();
        let told: &[u8] = match (driver, &done.verified) {
            (Driver::OctoPrint, Verified::Sha1(hash)) => hash,
            (Driver::Moonraker, Verified::Sha256(hash)) => hash,
            (Driver::PrusaLinkPi | Driver::PrusaLinkFirmware, Verified::ReadBack(hash)) => hash,
            (_, other) => panic!("{driver:?}: {other:?}"),
        };
        assert_eq!(told.iter().map(|b| format!("{b:02x}")).collect::<String>(), hash, "{driver:?}");
        assert!(matches!(done.started, Started::Yes(_)), "{driver:?}: {done:?}");
        assert_eq!((sim.files().len(), &sim.files()[0].hash), (1, &hash), "{driver:?}");
        let printing = async {
            while sim.prints() == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), printing).await.unwrap();
        assert_eq!(sim.prints(), 1, "{driver:?}");
    }
}

/// Verified and printed, or looked at by its size.
async fn send<H: HttpBackend<TokioConn>>(
    driver: Driver,
    net: &TokioParts<H>,
    proxy: &FaultProxy,
    bytes: &[u8],
    well: bool,
) -> Result<Uploaded> {
    let mut body = bytes;
    let upload = Upload::new("x.gcode", LEN, &mut body).replacing();
    let upload = match (well, driver) {
        (false, _) => upload.verify_size_only(),
        (true, Driver::PrusaLinkPi | Driver::PrusaLinkFirmware) => upload.read_back().and_print(),
        (true, _) => upload.and_print(),
    };
    net.close_idle(); // so that the proxy counts from the upload's own connection
    driver.host(net, proxy.address()).upload(upload).await
}
