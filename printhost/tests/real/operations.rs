//! The trait's calls that move, heat and arrange, judged by what curl sees.

use printhost::{
    Axes, Command, Confirmation, ErrorKind, HeaterId, Page, PrintHost, Result, Upload,
    net::Net,
    net_tokio::PortableNet,
    octoprint::{ConnectTo, OctoPrint},
};

use super::{
    commands::until,
    fault_proxy::{Fault, FaultProxy},
    peer::Peer,
};

async fn store<N: Net>(host: &OctoPrint<N>, path: &str, content: &[u8]) -> String {
    let mut body = content;
    let upload = Upload::new(path, content.len() as u64, &mut body).replacing();
    host.upload(upload).await.unwrap().path
}

fn kind<T>(result: Result<T>) -> ErrorKind {
    result.err().expect("an error").kind()
}

/// Dwells for so many seconds.
fn dwell(seconds: u32) -> Vec<u8> {
    ("G28\n".to_owned() + &"G4 P250\n".repeat(seconds as usize * 4)).into_bytes()
}

async fn heating_and_moving<N: Net>(net: N, _: &str) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    let target = |heater: &str| peer.curl("/api/printer").1["temperature"][heater]["target"].as_f64();
    until("the first temperatures", || target("tool0").is_some()).await;

    for (heater, name, celsius) in [(HeaterId::Tool(0), "tool0", 33.0), (HeaterId::Bed, "bed", 27.5)] {
        for celsius in [celsius, 0.0] {
            let done = host.command(Command::SetTemperature { heater, celsius }).await.unwrap();
            assert_eq!(done.confirmation, Confirmation::Confirmed, "{name}");
            // A report that was on its way puts the old one back until the next comes.
            until(name, || target(name) == Some(celsius.into())).await;
        }
    }
    let absent = host.command(Command::SetTemperature { heater: HeaterId::Chamber, celsius: 30.0 }).await;
    assert_eq!(kind(absent), ErrorKind::Unsupported);
    let absent = host.command(Command::SetTemperature { heater: HeaterId::Tool(5), celsius: 44.0 }).await;
    assert_eq!(kind(absent), ErrorKind::Unsupported);
    assert_eq!(target("tool0"), Some(0.0), "OctoPrint would have heated the tool it has");

    let accepted = [
        Command::Home(Axes::ALL),
        Command::Home(Axes { x: true, y: false, z: false }),
        Command::Jog { x: 3.5, y: 0.0, z: 0.25, speed: Some(1200) },
        Command::Extrude { mm: 1.5, speed: None },
        Command::Extrude { mm: -1.5, speed: Some(120) },
        Command::SelectTool(0),
        Command::SpeedFactor(50),
        Command::SpeedFactor(200),
        Command::SpeedFactor(100),
        Command::FlowFactor(125),
        Command::FlowFactor(100),
    ];
    for command in accepted {
        let done = host.command(command).await.unwrap_or_else(|e| panic!("{command:?}: {e}"));
        assert_eq!(done.confirmation, Confirmation::Accepted, "{command:?}");
    }
    for (command, range) in [
        (Command::SpeedFactor(49), "50 to 200"),
        (Command::SpeedFactor(201), "50 to 200"),
        (Command::FlowFactor(74), "75 to 125"),
        (Command::FlowFactor(126), "75 to 125"),
    ] {
        let error = host.command(command).await.unwrap_err();
        assert_eq!((error.kind(), error.http_status()), (ErrorKind::InvalidInput, None), "{command:?}");
        assert!(error.detail().unwrap().contains(range), "{error}");
    }

    let offsets = || peer.curl("/api/printer").1["temperature"].clone();
    for (heater, name, celsius) in [(HeaterId::Tool(0), "tool0", -4.5), (HeaterId::Bed, "bed", 3.0)] {
        host.set_temperature_offset(heater, celsius).await.unwrap();
        assert_eq!(offsets()[name]["offset"].as_f64(), Some(celsius.into()), "{name}");
        let state = host.heaters().await.unwrap().into_iter().find(|h| h.id == heater).unwrap();
        assert_eq!(state.offset, celsius);
        host.set_temperature_offset(heater, 0.0).await.unwrap();
    }
    assert_eq!(kind(host.set_temperature_offset(HeaterId::Bed, 51.0).await), ErrorKind::InvalidInput);
    assert_eq!(kind(host.set_temperature_offset(HeaterId::Chamber, 1.0).await), ErrorKind::Unsupported);
    let heaters: Vec<HeaterId> = host.heaters().await.unwrap().iter().map(|h| h.id).collect();
    assert_eq!(heaters, [HeaterId::Tool(0), HeaterId::Bed]);
}

/// What a print forbids, and what it does not.
async fn while_printing<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    host.command(Command::ConnectPrinter).await.unwrap();
    until("the printer", || peer.state() == "Operational").await;
    let path = store(&host, &format!("busy-{}-{name}/dwell.gcode", std::process::id()), &dwell(30)).await;

    let _ = host.unselect().await; // what an earlier print has left
    assert_eq!(kind(host.unselect().await), ErrorKind::Conflict);
    assert_eq!(host.select(&path).await.unwrap().confirmation, Confirmation::Confirmed);
    assert_eq!(peer.curl("/api/job").1["job"]["file"]["path"].as_str(), Some(path.as_str()));
    assert_eq!(host.job_details().await.unwrap().path.as_deref(), Some(path.as_str()));
    assert_eq!(host.unselect().await.unwrap().confirmation, Confirmation::Confirmed);
    assert!(peer.curl("/api/job").1["job"]["file"]["path"].is_null());
    assert_eq!(kind(host.restart().await), ErrorKind::Conflict);

    host.start(&path).await.unwrap();
    until("printing", || peer.state() == "Printing").await;
    for command in [
        Command::Home(Axes::ALL),
        Command::Jog { x: 1.0, y: 0.0, z: 0.0, speed: None },
        Command::Extrude { mm: 1.0, speed: None },
    ] {
        assert_eq!(kind(host.command(command).await), ErrorKind::Conflict, "{command:?}");
    }
    let set = Command::SetTemperature { heater: HeaterId::Bed, celsius: 21.0 };
    assert_eq!(host.command(set).await.unwrap().confirmation, Confirmation::Confirmed);
    host.command(Command::SpeedFactor(110)).await.unwrap();
    assert_eq!(kind(host.move_file(&path, "elsewhere.gcode").await), ErrorKind::Conflict);
    assert_eq!(kind(host.delete(&path).await), ErrorKind::Conflict);
    assert_eq!(kind(host.sd_init().await), ErrorKind::Conflict);

    host.command(Command::Pause).await.unwrap();
    until("paused", || peer.state() == "Paused").await;
    let again = host.restart().await.unwrap();
    if peer.is_second() {
        // 2.0.0rc7 accepts it and does nothing.
        assert_eq!((again.confirmation, peer.state().as_str()), (Confirmation::Accepted, "Paused"));
    } else {
        assert_eq!(again.confirmation, Confirmation::Confirmed);
        until("printing again", || peer.state() == "Printing").await;
    }
    host.command(Command::Cancel).await.unwrap();
    until("cancelled", || peer.state() == "Operational").await;
    host.command(Command::SetTemperature { heater: HeaterId::Bed, celsius: 0.0 }).await.unwrap();
    host.delete(&path).await.unwrap();
}

async fn arranging_files<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    let top = format!("tree-{}-{name}", std::process::id());
    let kind_of = |path: &str| match peer.curl(&format!("/api/files/local/{top}/{path}")) {
        (200, file) => file["type"].as_str().unwrap().to_owned(),
        (status, _) => status.to_string(),
    };
    let gone = |path: &str| matches!(kind_of(path).as_str(), "404" | "500");

    let made = host.create_folder(&format!("{top}/a/b;c")).await.unwrap();
    assert_eq!(made, format!("{top}/a/bc"), "the name OctoPrint makes of it");
    assert_eq!(kind_of("a/bc"), "folder");
    assert_eq!(host.create_folder(&made).await.unwrap(), made, "is there already");
    let one = store(&host, &format!("{top}/one.gcode"), b"G28\n").await;
    let two = store(&host, &format!("{top}/two.gcode"), b"G28 X\n").await;
    assert_eq!(kind(host.create_folder(&one).await), ErrorKind::Exists, "a file has that name");

    // Nothing is replaced, under whatever name, and a folder is no file's destination.
    for (from, to) in [
        (&one, two.clone()),
        (&one, one.clone()),
        (&one, format!("{top}/tw;o.gcode")),
        (&one, format!("{top}/a")),
    ] {
        assert_eq!(kind(host.move_file(from, &to).await), ErrorKind::Exists, "{to}");
        assert_eq!(kind(host.copy_file(from, &to).await), ErrorKind::Exists, "{to}");
    }
    assert_eq!(
        (kind_of("one.gcode").as_str(), kind_of("two.gcode").as_str()),
        ("machinecode", "machinecode")
    );
    assert!(gone("a/one.gcode"), "OctoPrint would have moved it into the folder");
    for (from, to, expected) in [
        (&one, format!("{top}/none/x.gcode"), ErrorKind::NotFound),
        (&format!("{top}/none.gcode"), format!("{top}/x.gcode"), ErrorKind::NotFound),
        (&one, format!("{top}/x.exe"), ErrorKind::InvalidInput),
    ] {
        assert_eq!(kind(host.move_file(from, &to).await), expected, "{from} to {to}");
        assert_eq!(kind(host.copy_file(from, &to).await), expected, "{from} to {to}");
    }
    let moved = host.move_file(&one, &format!("{made}/mo:ved.gcode")).await.unwrap();
    assert_eq!(moved, format!("{made}/moved.gcode"));
    assert!(gone("one.gcode") && kind_of("a/bc/moved.gcode") == "machinecode");
    let copied = host.copy_file(&moved, &format!("{top}/copy \u{fc}.gcode")).await.unwrap();
    assert_eq!(
        (copied, kind_of("a/bc/moved.gcode")),
        (format!("{top}/copy \u{fc}.gcode"), "machinecode".into())
    );
    assert_eq!(kind_of("copy%20%C3%BC.gcode"), "machinecode");

    assert_eq!(kind(host.delete(&top).await), ErrorKind::Conflict, "OctoPrint would delete all of it");
    assert_eq!(kind(host.delete(&made).await), ErrorKind::Conflict);
    assert_eq!(kind_of("a/bc/moved.gcode"), "machinecode");
    host.delete(&moved).await.unwrap();
    for path in [made, format!("{top}/a"), two, format!("{top}/copy \u{fc}.gcode"), top.clone()] {
        host.delete(&path).await.unwrap_or_else(|e| panic!("{path}: {e}"));
    }
    assert_eq!(peer.curl(&format!("/api/files/local/{top}")).0, 404);
    assert_eq!(kind(host.delete(&top).await), ErrorKind::NotFound);
}

/// Every answer is lost on its way; what was asked for is done once, and that is found out.
async fn lost_answers<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let direct = peer.octoprint(PortableNet::new());
    let proxy = FaultProxy::start(peer.url.base().origin.authority().to_string()).await;
    let url = printhost::BaseUrl::parse(&format!("http://{}", proxy.address)).unwrap();
    let host = OctoPrint::new(net, printhost::octoprint::Config::new(url, peer.key.as_str()));
    host.connect().await.unwrap();
    let top = format!("lost-{}-{name}", std::process::id());
    let from = store(&direct, &format!("{top}/from.gcode"), b"G28\n").await;

    proxy.arm(Fault::LoseAnswer, 0.0);
    host.create_folder(&format!("{top}-made")).await.unwrap();
    assert!(proxy.passage().fired);
    assert_eq!(peer.curl(&format!("/api/files/local/{top}-made")).0, 200);

    proxy.arm_for("DELETE /api/files", Fault::LoseAnswer, 0.0);
    host.delete(&from).await.unwrap();
    assert!(proxy.passage().fired);
    assert_eq!(peer.stored(&from), None);

    let one = store(&direct, &format!("{top}/one.gcode"), b"G28\n").await;
    proxy.arm_for("POST /api/files/local/", Fault::LoseAnswer, 0.0);
    let moved = host.move_file(&one, &format!("{top}/moved.gcode")).await.unwrap();
    assert!(proxy.passage().fired);
    assert!(peer.stored(&one).is_none() && peer.stored(&moved).is_some());
    direct.delete(&moved).await.unwrap();

    // What cannot be read back stays open, and says so.
    proxy.arm_for("POST /api/printer/printhead", Fault::LoseAnswer, 0.0);
    let open = host.command(Command::SpeedFactor(100)).await.unwrap_err();
    assert_eq!((proxy.passage().fired, open.kind()), (true, ErrorKind::Unconfirmed));

    proxy.arm_for("POST /api/printer/bed", Fault::LoseAnswer, 0.0);
    let set = Command::SetTemperature { heater: HeaterId::Bed, celsius: 26.0 };
    assert_eq!(host.command(set).await.unwrap().confirmation, Confirmation::Confirmed);
    assert!(proxy.passage().fired);
    assert_eq!(peer.curl("/api/printer").1["temperature"]["bed"]["target"].as_f64(), Some(26.0));
    direct.command(Command::SetTemperature { heater: HeaterId::Bed, celsius: 0.0 }).await.unwrap();
    for path in [format!("{top}-made"), top] {
        direct.delete(&path).await.unwrap();
    }
}

async fn the_line_and_the_card<N: Net>(net: N, name: &str) {
    let peer = Peer::from_environment();
    let host = peer.octoprint(net);
    let settings = host.connection_settings().await.unwrap();
    let shown = peer.curl("/api/connection").1;
    let list = |key: &str| -> Vec<String> {
        shown["options"][key].as_array().unwrap().iter().map(|v| v.to_string().replace('"', "")).collect()
    };
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(sorted(settings.ports.clone()), sorted(list("ports")));
    let baudrates = settings.baudrates.iter().map(u32::to_string).collect();
    assert_eq!(sorted(baudrates), sorted(list("baudrates")));
    assert_eq!(settings.profiles, ["_default"]);
    assert_eq!(settings.connectors.is_empty(), !peer.is_second());

    let mut to = ConnectTo::default();
    to.port = Some("/dev/nowhere");
    assert_eq!(kind(host.connect_printer_to(to).await), ErrorKind::InvalidInput);
    (to.port, to.baudrate, to.profile) = (Some("VIRTUAL"), Some(115_200), Some("_default"));
    host.connect_printer_to(to).await.unwrap();
    until("the line", || peer.state() == "Operational").await;
    let mut to = ConnectTo::default();
    to.connector = Some(("serial", r#"{"port": "VIRTUAL", "baudrate": 115200}"#));
    if peer.is_second() {
        host.connect_printer_to(to).await.unwrap();
        until("the line by its connector", || peer.state() == "Operational").await;
        to.connector = Some(("serial", r#"{"port": "/dev/nowhere"}"#));
        assert_eq!(kind(host.connect_printer_to(to).await), ErrorKind::Conflict);
        to.connector = Some(("serial", "7"));
        assert_eq!(kind(host.connect_printer_to(to).await), ErrorKind::InvalidInput);
    } else {
        assert_eq!(kind(host.connect_printer_to(to).await), ErrorKind::Unsupported);
    }
    until("the line", || peer.state() == "Operational").await;

    let storage = if peer.is_second() { "printer" } else { "sdcard" };
    until("the card", || peer.curl("/api/printer/sd").1["ready"] == true).await;
    assert!(host.sd_ready().await.unwrap());
    // The simulated printer of 1.11.8 does not list a short name, and tells a long one shortened.
    let card = std::path::Path::new(&std::env::var("PRINTHOST_OCTOPRINT_BASEDIR").unwrap()).join("virtualSd");
    std::fs::write(card.join("on-the-card.gcode"), dwell(2)).unwrap();
    host.sd_refresh().await.unwrap();
    let listed = || peer.curl(&format!("/api/files/{storage}")).1["files"].clone();
    let shortened = "on-the~1.gco";
    until("the card's list", || listed().to_string().contains(shortened)).await;
    let shown: Vec<(String, Option<u64>)> =
        host.sd_files().await.unwrap().into_iter().map(|f| (f.path, f.size)).collect();
    let oracle = listed();
    let oracle: Vec<(String, Option<u64>)> = oracle
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["path"].as_str().unwrap().to_owned(), f["size"].as_u64()))
        .collect();
    assert_eq!(shown, oracle);

    let selected = host.sd_select(shortened, false).await.unwrap().confirmation;
    let printed = host.sd_select(shortened, true).await.map(drop);
    if peer.is_second() {
        // 2.0.0rc7 accepts it, and with this printer it has an effect only sometimes.
        assert_eq!(printed, Ok(()));
        let is_ours = peer.curl("/api/job").1["job"]["file"]["origin"] == storage;
        assert!(is_ours || selected == Confirmation::Accepted, "{selected:?}");
    } else {
        assert_eq!((selected, printed), (Confirmation::Confirmed, Ok(())));
        until("the print", || peer.curl("/api/job").1["progress"]["completion"] == 100.0).await;
        let details = host.job_details().await.unwrap();
        assert_eq!((details.path.as_deref(), details.storage.as_deref()), (Some(shortened), Some(storage)));
    }
    assert_eq!(kind(host.sd_select("none.gco", true).await), ErrorKind::NotFound);
    until("idle", || peer.state() == "Operational").await;
    let _ = host.unselect().await;
    host.sd_delete(shortened).await.unwrap();
    until("the file gone from the card", || !card.join("on-the-card.gcode").exists()).await;

    let path = store(&host, &format!("sd{}{}.gcode", std::process::id() % 1000, &name[..1]), &dwell(2)).await;
    let on_card = host.sd_store(&path).await.unwrap();
    let on_card = card.join(on_card.trim_start_matches('/'));
    until("the transfer", || std::fs::read(&on_card).is_ok_and(|stored| !stored.is_empty())).await;
    until("its end", || peer.state() == "Operational").await;
    std::fs::remove_file(on_card).unwrap();
    host.sd_release().await.unwrap();
    until("the card released", || peer.curl("/api/printer/sd").1["ready"] == false).await;
    host.sd_init().await.unwrap();
    until("the card again", || peer.curl("/api/printer/sd").1["ready"] == true).await;
    host.delete(&path).await.unwrap();
    assert!(host.files("", Page::first(1)).await.is_ok());
}

macro_rules! on_both {
    ($($test:ident($run:ident);)+) => {
        mod over_hyper {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $run(printhost::HyperNet::new(), "hyper").await;
            })+
        }
        mod over_the_portable_client {
            use super::*;
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $run(PortableNet::new(), "portable").await;
            })+
        }
    };
}

on_both! {
    heating_and_moving_have_their_effect_and_what_the_printer_lacks_is_refused(heating_and_moving);
    a_print_forbids_what_would_disturb_it_and_nothing_else(while_printing);
    files_are_arranged_without_replacing_or_deleting_anything_unasked(arranging_files);
    a_lost_answer_is_made_good_by_reading(lost_answers);
    the_line_to_the_printer_and_its_card_are_served(the_line_and_the_card);
}
