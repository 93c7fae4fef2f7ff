use printhost::{
    Error, ErrorKind, Event, Page, PrintHost as _, Trust,
    bambu::{Bambu, Config},
};
use printhost_sim::{BambuCertificate, BambuConfig, BambuModel, BambuSim};

use crate::harness::{net, on};

/// Printers have certificates of their maker's own, some of an age (X.509 v1) that libraries refuse, so software looks at
/// none. Here the authorities that sign them are believed for the serial number, or the key that was seen first; nothing
/// else is, and a key that has changed is told as such.
///
/// The controls are the printer itself, each time.
#[tokio::test]
async fn authority_with_the_serial_number_or_the_key_is_believed_and_nothing_else() {
    for certificate in [BambuCertificate::Version1, BambuCertificate::Version3] {
        let start = async || {
            let config = BambuConfig::new(BambuModel::P1s).certificate(certificate);
            BambuSim::start(config).await.unwrap()
        };
        let sim = start().await;
        let name: String = sim.serial().into();
        let authorities = sim.authority_pem().into_bytes();
        let device = Trust::Device { authorities: authorities.clone(), name: name.clone() };
        let pinned = Trust::PinnedKey(sim.key_pin());
        for trust in [&device, &pinned] {
            let host = host(&sim, trust);
            on(&host, async {
                host.status().await.unwrap();
                host.files("", Page::first(9)).await.unwrap();
            })
            .await;
        }
        let other = Trust::Device { authorities, name: "01P00A999999999".into() };
        for trust in [other, Trust::PublicRoots] {
            for error in refused(&sim, &trust).await {
                assert_eq!(error.kind(), ErrorKind::Untrusted, "{certificate:?}: {error}");
            }
        }
        sim.change_key(true);
        for error in refused(&sim, &pinned).await {
            assert_eq!(error.kind(), ErrorKind::PinMismatch, "{certificate:?}: {error}");
        }
        sim.change_key(false);
        on(&host(&sim, &pinned), async {}).await;
    }
}

fn host(sim: &BambuSim, trust: &Trust) -> Bambu<printhost::HyperNet> {
    let config = Config::new("127.0.0.1", sim.serial(), sim.access_code(), trust.clone())
        .with_ports(sim.mqtt_addr().port(), sim.ftps_addr().port());
    Bambu::new(net(), config)
}

/// What is said of a printer that is not believed, on both its ports. Nothing reaches it.
async fn refused(sim: &BambuSim, trust: &Trust) -> [Error; 2] {
    let host = host(sim, trust);
    let before = sim.client_ids().len();
    let mut events = host.events().unwrap();
    let lost = tokio::select! {
        event = events.next() => match event {
            Event::Lost(error) => error,
            event => panic!("{event:?}"),
        },
        end = host.run() => end.unwrap_err(),
    };
    let files = host.files("", Page::first(1)).await.unwrap_err();
    assert_eq!(sim.client_ids().len(), before);
    [lost, files]
}
