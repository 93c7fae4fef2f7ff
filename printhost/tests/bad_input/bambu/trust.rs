//! Whoever answers in the printer's place: plain text, silence, another key. Nothing is told to them.

use std::time::Duration;

use printhost::{
    AnyHost, Error, ErrorKind, PrintHost as _, Retry, Trust,
    bambu::{Bambu, Config},
};
use tokio::{io::AsyncWriteExt, net::TcpListener, time::Instant};

use super::{
    super::harness::{Call, KEY, Scene, alone, decent},
    harness::{config_with, lost, net},
    printer::{Printer, trust, virtual_time},
    words::SERIAL,
};

/// What the connection and a file say of the same.
async fn both(config: Config) -> [Error; 2] {
    let host = Bambu::new(net(), config);
    let mut events = host.events().unwrap();
    let told = tokio::select! {
        error = lost(&mut events) => error,
        end = host.run() => end.unwrap_err(),
    };
    drop(events);
    let host = AnyHost::Bambu(host);
    [told, Call::Files.make(&host).await.unwrap_err()]
}

/// What is on both ports.
async fn in_its_place(says: &'static [u8], ends: bool) -> (Config, tokio::task::JoinSet<()>) {
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(virtual_time());
    let mut ports = Vec::new();
    for _ in 0..2 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        ports.push(listener.local_addr().unwrap().port());
        tasks.spawn(async move {
            let mut lines = Vec::new();
            while let Ok((mut tcp, _)) = listener.accept().await {
                let _ = tcp.write_all(says).await;
                if !ends {
                    lines.push(tcp);
                }
            }
        });
    }
    (Config::new("127.0.0.1", SERIAL, KEY, trust()).with_ports(ports[0], ports[1]), tasks)
}

#[tokio::test(start_paused = true)]
async fn what_speaks_no_tls_is_told_as_such_and_soon() {
    let _alone = alone().await;
    let rows: [(&str, &'static [u8], bool, &[ErrorKind]); 6] = [
        ("a greeting", b"220 ready\r\n", false, &[ErrorKind::Protocol]),
        ("a login that is accepted", &[0x20, 2, 0, 0], false, &[ErrorKind::Protocol, ErrorKind::Timeout]),
        ("a page", b"HTTP/1.1 400 Bad Request\r\n\r\n", false, &[ErrorKind::Protocol]),
        ("an alert", &[21, 3, 3, 0, 2, 2, 40], false, &[ErrorKind::Protocol, ErrorKind::Unreachable]),
        ("the end", b"", true, &[ErrorKind::Unreachable]),
        ("silence", b"", false, &[ErrorKind::Timeout, ErrorKind::Unreachable]),
    ];
    for (name, says, ends, kinds) in rows {
        let (config, _tasks) = in_its_place(says, ends).await;
        let begun = Instant::now();
        for error in both(config).await {
            assert!(kinds.contains(&error.kind()), "{name}: {error:?}");
            decent(name, &error);
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "{name}: {:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_another_key_is_told_nothing() {
    let _alone = alone().await;
    let authority = rcgen::generate_simple_self_signed(["CA".to_owned()]).unwrap().cert.der().to_vec();
    let device = Trust::Device { authorities: authority.clone(), name: SERIAL.into() };
    let rows = [
        (Printer::of_another_key().await, trust(), ErrorKind::PinMismatch),
        (Printer::start(Scene::Idle, |_| None).await, Trust::PinnedKey([7; 32]), ErrorKind::PinMismatch),
        (Printer::start(Scene::Idle, |_| None).await, Trust::PublicRoots, ErrorKind::Untrusted),
        (Printer::start(Scene::Idle, |_| None).await, Trust::Ca(authority), ErrorKind::Untrusted),
        (Printer::start(Scene::Idle, |_| None).await, device, ErrorKind::Untrusted),
        (
            Printer::start(Scene::Idle, |_| None).await,
            Trust::Ca(b"garbage".to_vec()),
            ErrorKind::InvalidInput,
        ),
    ];
    for (printer, trust, kind) in rows {
        for error in both(config_with(&printer, trust)).await {
            assert_eq!(error.kind(), kind, "{error:?}");
            decent("another key", &error);
        }
        // Not even who comes.
        assert!(printer.heard().iter().all(|line| line == "FTP"), "{:?}", printer.heard());
    }
    // The control is the printer's own key.
    let printer = Printer::start(Scene::Idle, |_| None).await;
    let host = AnyHost::Bambu(Bambu::new(net(), config_with(&printer, trust())));
    assert_eq!(Call::Files.make(&host).await, Ok(()));
}

/// The connection for reports is the printer's, and that for files somebody else's.
#[tokio::test(start_paused = true)]
async fn who_has_another_key_is_not_told_the_code_for_files_either() {
    let _alone = alone().await;
    let (printer, other) = (Printer::start(Scene::Idle, |_| None).await, Printer::of_another_key().await);
    let config = config_with(&printer, trust()).with_ports(printer.mqtt, other.ftps);
    for call in [Call::Files, Call::Upload, Call::Start, Call::Delete] {
        let error = super::harness::make(config.clone(), call).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.retry()),
            (ErrorKind::PinMismatch, Retry::Never),
            "{call:?}: {error:?}"
        );
        decent("files", &error);
    }
    assert!(other.heard().iter().all(|line| line == "FTP"), "{:?}", other.heard());
    assert_eq!(printer.times("ORDER print"), 0);
}
