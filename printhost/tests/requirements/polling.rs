use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use printhost::{AnyHost, Page, PrintHost, Upload, beside, net::HttpBackend, net_tokio::TokioConn};
use printhost_sim::{PrusaLinkConfig, PrusaLinkFamily};
use tokio::time::{Instant, sleep, timeout};

use super::{
    harness,
    link::{Link, LinkConn, net as link},
    prusalink::{FAMILIES, Held, net, sim, with_key},
};
use crate::server::say;

over_both!(
    printer_is_asked_one_thing_at_a_time_over_two_connections_at_most,
    pi_is_asked_beside_an_upload_and_a_firmware_after_it;
    paused looks_are_frequent_while_it_prints_and_rare_at_rest,
);

/// A client that asked every second for everything at once starved the printer's network, and its cloud connection with
/// it: home-assistant/core#100633, prusa3d/Prusa-Firmware-Buddy#3984. Here a driver that is run, read, listed and sent a
/// file all at once has one request on its way, and on a Pi one more beside a file.
///
/// The control is what is counted with, shown on three drivers of one printer.
async fn printer_is_asked_one_thing_at_a_time_over_two_connections_at_most<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for family in FAMILIES {
        let busy = sim(PrusaLinkConfig::new(family)).await;
        let host = with_key(net(http.clone()), &busy);
        let work = async {
            let (mut file, read) = (Held::new(300_000, 10_000), async || {
                for _ in 0..10 {
                    host.status().await.unwrap();
                    host.files("", Page::first(9)).await.unwrap();
                }
            });
            let upload = host.upload(Upload::new("x.gcode", 300_000, &mut file));
            let (done, (), (), ()) = tokio::join!(upload, read(), read(), read());
            done.unwrap();
        };
        timeout(Duration::from_secs(60), beside(&host, work)).await.unwrap().unwrap();
        let (connections, requests) = busy.most_at_once();
        let most = if family == PrusaLinkFamily::Pi { 2 } else { 1 };
        assert!(connections <= 2 && requests <= most, "{family:?}: {connections} and {requests}");
    }

    let crowded = sim(PrusaLinkConfig::new(PrusaLinkFamily::Pi)).await;
    let hosts = [0; 3].map(|_| with_key(net(http.clone()), &crowded));
    let (mut files, begun) = ([0; 3].map(|_| Held::new(5000, 2)), Instant::now());
    let [one, two, three] = &mut files;
    let send = async |host: &AnyHost<_>, name, file: &mut Held| {
        let _ = timeout(Duration::from_secs(2), host.upload(Upload::new(name, 5000, file))).await;
    };
    let looks = async {
        while crowded.most_at_once().1 < 2 && begun.elapsed() < Duration::from_secs(2) {
            let _ = tokio::join!(hosts[0].status(), hosts[1].status(), hosts[2].status());
        }
    };
    tokio::join!(
        send(&hosts[0], "a.gcode", one),
        send(&hosts[1], "b.gcode", two),
        send(&hosts[2], "c.gcode", three),
        looks
    );
    assert!(crowded.most_at_once().1 >= 2, "{:?}", crowded.most_at_once());
}

/// The same complaint, from the other end: who waits for a whole file before it is asked again looks dead. A Pi has a
/// thread for every request, and is asked meanwhile.
///
/// The control is the firmware, which has few places, and is left alone until it has the file.
async fn pi_is_asked_beside_an_upload_and_a_firmware_after_it<H: HttpBackend<TokioConn> + Clone>(http: H) {
    for family in FAMILIES {
        let sim = sim(PrusaLinkConfig::new(family)).await;
        let host = with_key(net(http.clone()), &sim);
        host.connect().await.unwrap();
        let mut file = Held::new(5000, 2);
        let lets = file.lets;
        let ask = async {
            let held = async {
                while lets.available_permits() > 0 {
                    sleep(Duration::from_millis(5)).await;
                }
            };
            timeout(Duration::from_secs(10), held).await.unwrap();
            let told = timeout(Duration::from_millis(800), host.status()).await;
            assert_eq!(told.is_ok(), family == PrusaLinkFamily::Pi, "{family:?}");
            lets.add_permits(100);
            host.status().await.unwrap();
        };
        let upload = host.upload(Upload::new("x.gcode", 5000, &mut file));
        let (done, ()) = timeout(Duration::from_secs(30), async { tokio::join!(upload, ask) }).await.unwrap();
        done.unwrap();
    }
}

/// As above; in virtual time. While it prints it is looked at every second, for a quarter of a minute after that every
/// five at least, since a Pi shows the end of a print for eleven; at rest every ten.
///
/// Each is the control of the others.
async fn looks_are_frequent_while_it_prints_and_rare_at_rest<H: HttpBackend<LinkConn>>(http: H) {
    let (begun, looks) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
    let at = looks.clone();
    let net = link(http, Link::default(), move |heard| {
        let seconds = begun.elapsed().as_secs();
        let json = match () {
            () if heard.is("GET /api/version") => {
                r#"{"text":"PrusaLink 0.8.1","server":"0.8.1","sdk":"0.8.1","capabilities":{"upload-by-put":true}}"#
                    .to_owned()
            }
            () if heard.is("GET /api/v1/storage") => r#"{"storage_list":[{"path":"/local"}]}"#.to_owned(),
            () if heard.is("GET /api/v1/job") => r#"{"id":1,"file":{"path":"/PrusaLink gcodes/x.gcode"}}"#.to_owned(),
            () => {
                at.lock().unwrap().push(begun.elapsed());
                let (state, job) = match seconds {
                    60..120 => ("PRINTING", r#","job":{"id":1}"#),
                    120..131 => ("FINISHED", ""),
                    _ => ("IDLE", ""),
                };
                format!(r#"{{"printer":{{"state":"{state}"}}{job}}}"#)
            }
        };
        Some(say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{json}", json.len()).into_bytes()))
    });
    let host: AnyHost<_> = harness::host(&net, "prusalink://printer");
    tokio::select! {
        end = host.run() => panic!("{end:?}"),
        () = sleep(Duration::from_secs(300)) => {}
    }
    let looks = looks.lock().unwrap().clone();
    let within = |from: u64, to: u64| looks.iter().filter(|at| (from..to).contains(&at.as_secs())).count();
    assert!((5..=7).contains(&within(0, 60)), "{looks:?}");
    assert!(within(70, 120) >= 48, "{looks:?}");
    assert!((2..=5).contains(&within(120, 131)), "{looks:?}");
    assert!(within(145, 300) <= 17, "{looks:?}");
}
