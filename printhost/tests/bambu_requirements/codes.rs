use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use printhost::{
    ErrorKind, Event, Page, PrintHost as _, Retry,
    bambu::{Bambu, Config},
};
use printhost_sim::BambuModel;
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{config, host, net, on, sim};

/// After the code on the printer had changed, which switching a mode does, software went on to try the old one, every few
/// seconds and without a word: maziggy/bambuddy#2698. Here it is tried once, and that is the end, within ten seconds.
///
/// The control is the same printer with its code, which lets in.
#[tokio::test]
async fn wrong_code_is_refused_within_ten_seconds_and_tried_once() {
    let sim = sim(BambuModel::P1s).await;
    let right = config(&sim);
    let door = Door::before(sim.mqtt_addr()).await;
    let wrong = |code: &str| {
        let trust = printhost::Trust::PinnedKey(sim.key_pin());
        Config::new("127.0.0.1", sim.serial(), code, trust).with_ports(door.port, sim.ftps_addr().port())
    };
    let host_of = |config| Bambu::new(net(), config);
    let host_with_old_code = host_of(wrong("87654321"));
    let mut events = host_with_old_code.events().unwrap();
    let begun = Instant::now();
    let error = host_with_old_code.run().await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Never), "{error}");
    assert!(error.detail().unwrap().contains("access code") && !format!("{error:?}").contains("87654321"));
    assert!(matches!(events.next().await, Event::Lost(told) if told.kind() == ErrorKind::Unauthorized));
    assert_eq!(door.tries(), 1);

    // Files are asked for with the same code.
    let error = host_with_old_code.files("", Page::first(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Unauthorized, Retry::Never), "{error}");
    // None is not even sent.
    assert_eq!(host_of(wrong("")).run().await.unwrap_err().kind(), ErrorKind::Unauthorized);
    assert_eq!(door.tries(), 1);

    let host = host_of(right);
    on(&host, async {
        host.connect().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn wrong_serial_number_is_told_apart_from_a_wrong_code() {
    let sim = sim(BambuModel::P1s).await;
    let trust = printhost::Trust::PinnedKey(sim.key_pin());
    let config = Config::new("127.0.0.1", "01P00A999999999", sim.access_code(), trust)
        .with_ports(sim.mqtt_addr().port(), sim.ftps_addr().port());
    let wrong = Bambu::new(net(), config);
    let mut events = wrong.events().unwrap();
    let lost = async {
        loop {
            if let Event::Lost(error) = events.next().await {
                return error;
            }
        }
    };
    let error = tokio::select! {
        error = tokio::time::timeout(Duration::from_secs(20), lost) => error.unwrap(),
        end = wrong.run() => panic!("{end:?}"),
    };
    assert!(error.detail().unwrap().contains("serial number"), "{error}");
    on(&host(&sim), async {}).await;
}

/// Counts who comes to a printer, also those whom it does not let in.
struct Door {
    port: u16,
    tries: Arc<AtomicUsize>,
}

impl Door {
    async fn before(printer: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let tries = Arc::new(AtomicUsize::new(0));
        let counted = tries.clone();
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(printer).await?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Self { port, tries }
    }

    fn tries(&self) -> usize {
        self.tries.load(Ordering::Relaxed)
    }
}
