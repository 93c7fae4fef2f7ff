use printhost::{
    Error, ErrorKind, Page, PrintHost, Result, Retry, Trust, Upload,
    net::HttpBackend,
    net_tokio::{TokioConn, TokioParts},
};

use super::{
    drivers::{Driver, Sim},
    tls_front::{Authority, TlsFront, net},
};

over_both!(own_authority_and_pinned_key_are_believed_and_a_changed_certificate_or_key_is_told);

/// Printers at home have certificates that no public authority has signed, and software that knows no others either
/// refuses them or stops looking at certificates altogether: prusa3d/PrusaSlicer#13005, prusa3d/PrusaSlicer#3120,
/// klein0r/ioBroker.octoprint#138. Here each printer's own authority or key can be given, and a certificate that is
/// another one than before is an error of its own, with advice, and so is a key that is not the pinned one; nothing is sent to it, the API key least of all.
///
/// The control is the same printer with the same certificate as before, believed again.
async fn own_authority_and_pinned_key_are_believed_and_a_changed_certificate_or_key_is_told<
    H: HttpBackend<TokioConn> + Clone,
>(
    http: H,
) {
    for driver in Driver::ALL {
        let sim = driver.sim(1.0).await;
        let (ours, theirs) = (Authority::new(), Authority::new());
        let (first, renewed, foreign) = (ours.issue(), ours.issue(), theirs.issue());
        let front = TlsFront::start(&first, sim.addr()).await;
        let net = net(http.clone());

        for trust in [ours.der(), ours.pem(), first.pin.clone()] {
            for (name, result) in everything(driver, &net, &front, &trust).await {
                assert_eq!(result, Ok(()), "{driver:?}: {name}");
            }
        }
        for trust in [Trust::PublicRoots, theirs.der(), foreign.pin.clone()] {
            refused(driver, &net, &front, &sim, &trust).await;
        }

        // Another certificate of the same name at the same address.
        front.present(&foreign);
        for trust in [ours.der(), ours.pem(), first.pin.clone()] {
            refused(driver, &net, &front, &sim, &trust).await;
        }
        // A new key of the same authority is what an authority is for, and what a pin is not.
        front.present(&renewed);
        assert_eq!(everything(driver, &net, &front, &ours.der()).await[0].1, Ok(()));
        refused(driver, &net, &front, &sim, &first.pin).await;

        front.present(&first);
        for trust in [ours.der(), first.pin.clone()] {
            for (name, result) in everything(driver, &net, &front, &trust).await {
                assert_eq!(result, Ok(()), "{driver:?}: {name}");
            }
        }
    }
}

async fn refused<H: HttpBackend<TokioConn>>(
    driver: Driver,
    net: &TokioParts<H>,
    front: &TlsFront,
    sim: &Sim,
    trust: &Trust,
) {
    let heard = sim.requests().len();
    for (name, result) in everything(driver, net, front, trust).await {
        let error = result.expect_err(name);
        let kind = match trust {
            Trust::PinnedKey(_) => ErrorKind::PinMismatch,
            _ => ErrorKind::Untrusted,
        };
        assert_eq!((error.kind(), error.retry()), (kind, Retry::Never), "{driver:?}: {name}");
        assert!(error.detail().is_some_and(|detail| detail.contains("certificate")), "{name}: {error}");
        let advice = error.kind().advice();
        assert!(advice.contains("pin"), "{advice}");
        assert!(!format!("{error:#}{error:?}").contains(driver.key()));
    }
    assert_eq!(sim.requests().len(), heard, "something was sent");
}

/// One call of each kind, on connections of their own, the last one being the push connection.
async fn everything<H: HttpBackend<TokioConn>>(
    driver: Driver,
    net: &TokioParts<H>,
    front: &TlsFront,
    trust: &Trust,
) -> [(&'static str, Result<(), Error>); 6] {
    net.close_idle();
    let host = || driver.host_by_tls(net, front.port, trust.clone());
    let upload = async {
        let host = host();
        let mut body = &b"G28\n"[..];
        host.upload(Upload::new("x.gcode", 4, &mut body).replacing()).await.map(drop)
    };
    let follow = async {
        let host = host();
        let mut events = host.events().unwrap();
        tokio::select! {
            end = host.run() => end.map(drop),
            event = events.next() => match event {
                printhost::Event::Lost(error) => Err(error),
                _ => Ok(()),
            },
        }
    };
    [
        ("connect", host().connect().await.map(drop)),
        ("status", host().status().await.map(drop)),
        ("files", host().files("", Page::first(9)).await.map(drop)),
        ("upload", upload.await),
        ("delete", host().delete("x.gcode").await),
        ("run", follow.await),
    ]
}
