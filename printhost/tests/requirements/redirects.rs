use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use printhost::{Event, PrintHost, Upload, Verified, beside, net::HttpBackend, net_tokio::TokioConn};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{
    drivers::Driver,
    tls_front::{Authority, TlsFront, net},
};
use crate::server::{Server, reply};

over_both!(redirect_to_https_is_resolved_before_any_body_and_takes_the_push_connection_along);

/// Sending a file to an address that answers with a redirect loses it: what follows a redirect does so without the body,
/// or the whole file goes the wrong way first: prusa3d/PrusaSlicer#2018. And who has followed it for requests may still
/// open the push connection without encryption, which then hangs: fdm-monster/fdm-monster#3861. Here a redirect is
/// settled by a request that only reads, and everything after it goes where that led.
///
/// The control sends a body to the redirecting address, and it is counted there.
async fn redirect_to_https_is_resolved_before_any_body_and_takes_the_push_connection_along<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for driver in Driver::ALL {
        let sim = driver.sim(1.0).await;
        let authority = Authority::new();
        let front = TlsFront::start(&authority.issue(), sim.addr()).await;
        let (port, bodies) = (front.port, Arc::new(AtomicU64::new(0)));
        let counted = bodies.clone();
        let plain = Server::start(move |heard| {
            let length = heard.field("content-length").map_or(0, |n| n.parse().unwrap());
            let unknown = u64::from(heard.field("transfer-encoding").is_some());
            counted.fetch_add(length + unknown, Relaxed);
            let target = heard.0.split(' ').nth(1).unwrap();
            Some(reply(301, &format!("Location: https://127.0.0.1:{port}{target}\r\n"), ""))
        })
        .await;

        let net = net(http.clone());
        let host =
            driver.host_at(&net, &format!("{}://127.0.0.1:{}", driver.scheme(), plain.port), authority.der());
        let content = "G1 X1\n".repeat(100_000);
        let mut body = content.as_bytes();
        // The very first call, so that nothing was settled before it.
        let done = host.upload(Upload::new("x.gcode", content.len() as u64, &mut body)).await.unwrap();
        assert_ne!(done.verified, Verified::No, "{driver:?}");
        assert_eq!((sim.files()[0].path.as_str(), sim.files()[0].size), ("x.gcode", content.len() as u64));

        let mut events = host.events().unwrap();
        let follow = beside(&host, async { while events.next().await != Event::Resynced {} });
        tokio::time::timeout(Duration::from_secs(30), follow).await.unwrap().unwrap();
        if let Some(push) = driver.push() {
            assert!(sim.requests().iter().any(|r| r.path == push && r.status == 101), "{driver:?}");
        }

        assert_eq!(plain.heard(), [format!("GET {} HTTP/1.1", driver.probe())]);
        assert_eq!(bodies.load(Relaxed), 0);

        let mut hasty = TcpStream::connect(("127.0.0.1", plain.port)).await.unwrap();
        let head =
            format!("{} HTTP/1.1\r\nContent-Length: {}\r\n\r\n", driver.upload().trim_end(), content.len());
        hasty.write_all(head.as_bytes()).await.unwrap();
        hasty.write_all(content.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        hasty.read_exact(&mut answer).await.unwrap();
        assert_eq!((&answer, bodies.load(Relaxed)), (b"HTTP/1.1 301", content.len() as u64));
    }
}
