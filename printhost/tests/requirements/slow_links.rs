use std::time::Duration;

use printhost::{
    ErrorKind, PrintHost, Result, Retry, Upload, Uploaded, Verified,
    net::{HttpBackend, Limits},
};
use tokio::time::{Instant, timeout};

use super::{
    drivers::Driver,
    harness::Zeros,
    link::{Link, LinkConn, LinkNet, net},
};

over_both!(;
    paused
    upload_of_100_mb_at_50_kb_per_second_has_no_deadline,
    link_that_stalls_is_found_within_the_stall_limit,
    pauses_shorter_than_the_stall_limit_end_nothing,
);

const SLOW: Link = Link { speed: 50_000, stops_after: None, pauses: None };
/// How often the timers look, and rounding.
const SLACK: Duration = Duration::from_secs(6);

async fn send<H: HttpBackend<LinkConn>>(driver: Driver, net: &LinkNet<H>, len: u64) -> Result<Uploaded> {
    // Hashing 100 MB would take most of the time that this test has.
    driver.host(net, "printer").upload(Upload::new("x.gcode", len, &mut Zeros).verify_size_only()).await
}

/// A deadline for the whole transfer, whether 10 seconds or 10 minutes, ends every upload that is large enough for
/// its link, however well it goes: OrcaSlicer/OrcaSlicer#6113, OrcaSlicer/OrcaSlicer#4834,
/// OrcaSlicer/OrcaSlicer#8536 (the deadline was raised from one to the other), maziggy/bambuddy#2529 (it hit at 70 of
/// 96 MB). Here a transfer has all the time it takes.
///
/// The control has a deadline of 10 minutes and fails on the same link.
async fn upload_of_100_mb_at_50_kb_per_second_has_no_deadline<H: HttpBackend<LinkConn> + Clone>(http: H) {
    const LEN: u64 = 100_000_000;
    for driver in Driver::ALL {
        let slow = net(http.clone(), SLOW, driver.takes(LEN));
        let start = Instant::now();
        let done = send(driver, &slow, LEN).await.unwrap();
        let took = start.elapsed().as_secs();
        assert_eq!((done.len, done.verified), (LEN, Verified::Size));
        assert!((2000..2010).contains(&took), "{took} s");
        assert!(slow.dialer().carried() > LEN);

        let again = net(http.clone(), SLOW, driver.takes(LEN));
        assert!(timeout(Duration::from_secs(600), send(driver, &again, LEN)).await.is_err());
        assert!(again.dialer().carried() < LEN / 3);
    }
}

/// The other half of having no deadline: a link that carries nothing any more must still be noticed.
async fn link_that_stalls_is_found_within_the_stall_limit<H: HttpBackend<LinkConn> + Clone>(http: H) {
    const LEN: u64 = 4_000_000;
    for driver in Driver::ALL {
        let link = Link { stops_after: Some(1_000_000), ..SLOW };
        let stalling = net(http.clone(), link, driver.takes(LEN));
        let start = Instant::now();
        let error = send(driver, &stalling, LEN).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry(), error.operation()),
            (ErrorKind::Timeout, Retry::Safe, "upload")
        );
        let silence = start.elapsed().saturating_sub(Duration::from_secs(20));
        let limit = Limits::HOST.stall;
        assert!(silence >= limit && silence < limit + SLACK, "after {silence:?}");

        send(driver, &net(http.clone(), SLOW, driver.takes(LEN)), LEN).await.unwrap();
    }
}

/// The timer watches progress and nothing else: what pauses for less than its limit, again and again, goes on.
///
/// The control pauses for longer than that, and fails.
async fn pauses_shorter_than_the_stall_limit_end_nothing<H: HttpBackend<LinkConn> + Clone>(http: H) {
    const LEN: u64 = 4_000_000;
    for driver in Driver::ALL {
        let limit = Limits::HOST.stall;
        let pausing = |pause| Link { pauses: Some((500_000, pause)), ..SLOW };
        let start = Instant::now();
        send(driver, &net(http.clone(), pausing(limit - SLACK), driver.takes(LEN)), LEN).await.unwrap();
        assert!(start.elapsed() > Duration::from_secs(80) + (limit - SLACK) * 8);

        let error = send(driver, &net(http.clone(), pausing(limit + SLACK), driver.takes(LEN)), LEN)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout);
    }
}
