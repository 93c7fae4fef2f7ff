//! What people give as a printer's address, serial number and access code.

use printhost::{
    ErrorKind, PrintHost as _, PrinterUrl, Retry,
    bambu::{Bambu, Config},
};

use super::{
    super::harness::{Call, KEY, Scene, alone, decent},
    harness::{config, host, make, net},
    printer::{Printer, trust},
    words::SERIAL,
};

const CALLS: [Call; 4] = [Call::Status, Call::Files, Call::Upload, Call::Start];

#[tokio::test(start_paused = true)]
async fn serial_number_that_is_none_is_told_and_nobody_is_asked() {
    let _alone = alone().await;
    let long = "0".repeat(33);
    for serial in ["", "#", "+", "01P/report", "../x", "01P 1", "01P\r\n1", "01P\0", "01P\"1", "ü", &long] {
        let printer = Printer::start(Scene::Idle, |_| None).await;
        for call in CALLS {
            let config =
                Config::new("127.0.0.1", serial, KEY, trust()).with_ports(printer.mqtt, printer.ftps);
            let error = make(config, call).await.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (ErrorKind::InvalidInput, Retry::Never), "{serial:?}");
            decent(serial, &error);
        }
        assert_eq!(printer.heard(), [""; 0], "{serial:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn access_code_that_is_none_is_told_and_can_command_nothing() {
    let _alone = alone().await;
    let long = KEY.repeat(70_000 / KEY.len());
    let cases: [(String, &[ErrorKind]); 5] = [
        (String::new(), &[ErrorKind::Unauthorized]),
        (format!("{KEY}\r\nDELE /x.gcode"), &[ErrorKind::InvalidInput]),
        (format!("{KEY}\n"), &[ErrorKind::InvalidInput]),
        (format!("{KEY}\0"), &[ErrorKind::InvalidInput]),
        (long, &[ErrorKind::InvalidInput]),
    ];
    for (code, kinds) in cases {
        let printer = Printer::start(Scene::Idle, |_| None).await;
        let config = || {
            Config::new("127.0.0.1", SERIAL, code.as_str(), trust()).with_ports(printer.mqtt, printer.ftps)
        };
        for call in [Call::Files, Call::Upload, Call::Delete, Call::Start] {
            let error = make(config(), call).await.unwrap_err();
            assert!(kinds.contains(&error.kind()), "{error:?}");
            decent("a code", &error);
            assert!(!format!("{:?}", config()).contains(&KEY[..6]));
        }
        assert_eq!((printer.times("FTP PASS"), printer.times("FTP DELE")), (0, 0));
        assert_eq!((printer.times("FTP STOR"), printer.times("ORDER print")), (0, 0));
    }
    // The control is the printer's own.
    let printer = Printer::start(Scene::Idle, |_| None).await;
    assert_eq!(make(config(&printer), Call::Files).await, Ok(()));
    assert_eq!(printer.times("FTP PASS"), 1);
}

#[tokio::test]
async fn address_that_leads_nowhere_is_told() {
    let _alone = alone().await;
    let long = format!("{}.invalid", "x".repeat(300));
    for address in
        ["", " ", "printer.invalid", "127.0.0.1\r\nx", "127.0.0.1 x", "a/b", "[::1", "256.1.1.1", &long]
    {
        for call in CALLS {
            let config = Config::new(address, SERIAL, KEY, trust()).with_ports(1, 1);
            let error = make(config, call).await.unwrap_err();
            let kinds = [ErrorKind::Unreachable, ErrorKind::InvalidInput];
            assert!(kinds.contains(&error.kind()), "{address:?} {call:?}: {error:?}");
            decent(address, &error);
        }
    }
}

#[test]
fn url_that_is_none_is_told_without_what_may_be_a_secret() {
    let _alone = super::super::harness::alone_blocking();
    for url in [
        format!("bambu://bblp:{KEY}@127.0.0.1?serial=01P00A"),
        format!("bambu://{KEY}@127.0.0.1?serial=01P00A"),
        format!("bblp:{KEY}@127.0.0.1?serial=01P00A"),
        format!("https://bblp:{KEY}@127.0.0.1"),
        format!("bambu://127.0.0.1?serial=01P00A&{KEY}"),
        format!("bambu://127.0.0.1?serial=01P00A&code={KEY}"),
        format!("bambu://127.0.0.1?code={KEY}&serial=01P00A"),
        format!("bambu://127.0.0.1?access_code={KEY}"),
        format!("bambu://127.0.0.1/{KEY}?serial=01P00A"),
        format!("bambu://127.0.0.1?serial=01P00A#{KEY}"),
    ] {
        let Err(error) = url.parse::<PrinterUrl>() else { panic!("{url}") };
        for text in [format!("{error}"), format!("{error:?}")] {
            assert!(!text.contains(&KEY[..6]), "{url}: {text}");
        }
    }
    for url in [
        "bambu://",
        "bambu://?serial=1",
        "bambu://h",
        "bambu://h?serial=",
        "bambu://h?serial=a%2Fb",
        "bambu://h:0?serial=1",
        "bambu://h:99999?serial=1",
        "bambu+https://h?serial=1&serial=2",
        "bambu://h?serial=1&ftps=0",
        "bambu://h?serial=%00",
    ] {
        assert!(url.parse::<PrinterUrl>().is_err(), "{url}");
    }
    assert!("bambu://h?serial=01P00A".parse::<PrinterUrl>().is_ok());
}

#[tokio::test(start_paused = true)]
async fn driver_never_shows_its_code() {
    let _alone = alone().await;
    let printer = Printer::start(Scene::Printing, |_| None).await;
    let host = host(&printer);
    super::harness::while_live(&host, async |_| {
        host.status().await.unwrap();
        assert!(!format!("{host:?} {:?}", host.report().await).contains(&KEY[..6]));
    })
    .await;
    let _ = Bambu::new(net(), config(&printer));
    assert!(!format!("{host:?} {host:#?} {:?}", config(&printer)).contains(&KEY[..6]));
    // The control: what is looked for is what was sent.
    assert!(printer.heard().iter().any(|line| line == "CONNECT"));
    make(config(&printer), Call::Files).await.unwrap();
    assert!(printer.heard().contains(&format!("FTP PASS {KEY}")));
}
