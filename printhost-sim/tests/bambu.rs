//! The simulated Bambu Lab printer's broker and reports.

#[path = "common/bambu.rs"]
mod bambu;

use std::time::Duration;

use bambu::{Mqtt, PATIENCE, config, start, until};
use mqttbytes::v4::{ConnectReturnCode, Packet};
use printhost_sim::{BambuControl, BambuModel, BambuOverLimit};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

#[tokio::test]
async fn a_wrong_code_is_refused_with_a_word_and_the_connection_ends() {
    let sim = start(config(BambuModel::P1s)).await;
    let (mut client, code) = Mqtt::login(&sim, "87654321").await;
    assert_eq!(code, Some(ConnectReturnCode::NotAuthorized));
    assert!(client.next().await.is_none());
    assert_eq!(sim.connections().0, 0);
}

#[tokio::test]
async fn a_p1s_tells_everything_when_asked_and_then_only_what_has_changed() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Mqtt::listen(&sim).await;
    let everything = client.everything().await;
    assert_eq!((&everything["msg"], &everything["gcode_state"]), (&json!(0), &json!("IDLE")));
    let answer = client.command(json!({ "command": "gcode_line", "param": "M140 S60\n" })).await;
    assert_eq!(
        (&answer["print"]["result"], &answer["print"]["command"]),
        (&json!("success"), &json!("gcode_line"))
    );
    let change = client.report(|report| report["print"]["bed_target_temper"] == 60.0).await;
    assert_eq!(change["print"]["msg"], 1);
    assert!(change["print"].get("ams").is_none() && change["print"].get("gcode_state").is_none(), "{change}");
    assert_eq!(sim.gcode_lines(), ["M140 S60"]);
}

#[tokio::test]
async fn an_x1c_tells_everything_each_time_on_several_lines() {
    let sim = start(config(BambuModel::X1c)).await;
    let mut client = Mqtt::listen(&sim).await;
    for _ in 0..3 {
        let report = client.payload().await.expect("a report");
        assert!(report.starts_with(b"{\n"));
        let report: Value = serde_json::from_slice(&report).expect("JSON");
        assert!(report["print"]["ams"]["ams"].is_array());
    }
}

#[tokio::test]
async fn one_message_may_hold_several_categories_and_no_sequence_id() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::A1Mini, BambuModel::H2d, BambuModel::P2s] {
        let sim = start(config(model)).await;
        let mut client = Mqtt::listen(&sim).await;
        let message = json!({ "info": { "command": "get_version" }, "pushing": { "command": "pushall" },
            "upgrade": { "command": "get_history" } });
        client.ask(message).await;
        let versions = client.report(|report| report.get("info").is_some()).await;
        let ota = versions["info"]["module"].as_array().and_then(|modules| modules.first()).cloned();
        assert_eq!(ota.expect("a module")["sn"], sim.serial());
        client.report(|report| report["print"]["ams"]["ams"].is_array()).await;
        client.report(|report| report["upgrade"]["command"] == "get_history").await;
    }
}

#[tokio::test]
async fn somebody_elses_topic_is_silent_or_ends_the_connection() {
    let sim = start(config(BambuModel::X1c)).await;
    let mut client = Mqtt::connect(&sim).await;
    assert!(client.subscribe("device/01P00A0B7654321/report").await);
    client.ask(json!({ "pushing": { "command": "pushall" } })).await;
    assert!(client.is_quiet().await);

    let mut strict = config(BambuModel::X1c);
    strict.mqtt.closes_on_wrong_serial = true;
    let sim = start(strict).await;
    let mut client = Mqtt::connect(&sim).await;
    client.subscribe("device/01P00A0B7654321/report").await;
    assert!(client.next().await.is_none());
}

#[tokio::test]
async fn the_topic_of_requests_is_for_publishing_only_on_a_p1s() {
    let sim = start(config(BambuModel::P1s)).await;
    let topic = format!("device/{}/request", sim.serial());
    assert!(!Mqtt::connect(&sim).await.subscribe(&topic).await);
    let sim = start(config(BambuModel::X1c)).await;
    let topic = format!("device/{}/request", sim.serial());
    assert!(Mqtt::connect(&sim).await.subscribe(&topic).await);
}

#[tokio::test]
async fn beyond_the_limit_the_newest_or_the_oldest_has_to_go() {
    let mut few = config(BambuModel::P1s);
    few.mqtt.connections = 2;
    let sim = start(few.clone()).await;
    let _kept = (Mqtt::connect(&sim).await, Mqtt::connect(&sim).await);
    assert_eq!(Mqtt::login(&sim, sim.access_code()).await.1, None);
    assert_eq!(sim.connections(), (2, 2, 2));

    few.mqtt.over_limit = BambuOverLimit::Oldest;
    let sim = start(few).await;
    let (mut oldest, _second) = (Mqtt::connect(&sim).await, Mqtt::connect(&sim).await);
    let _third = Mqtt::connect(&sim).await;
    assert!(oldest.next().await.is_none());
    assert_eq!(sim.connections(), (2, 2, 3));
}

#[tokio::test]
async fn a_connection_that_broke_off_is_counted_for_a_while() {
    let mut few = config(BambuModel::P1s);
    few.mqtt.connections = 1;
    few.mqtt.stale_for = Duration::from_secs(3600);
    let sim = start(few).await;
    drop(Mqtt::connect(&sim).await);
    until("gone", || sim.connections().0 == 0).await;
    assert_eq!(Mqtt::login(&sim, sim.access_code()).await.1, None);
}

#[tokio::test]
async fn a_client_that_never_pings_is_dropped_however_many_reports_it_gets() {
    let sim = start(config(BambuModel::X1c)).await;
    let (mut client, _) = Mqtt::login_for(&sim, sim.access_code(), 1).await;
    assert!(client.subscribe(&format!("device/{}/report", sim.serial())).await);
    let reports = async {
        let mut reports = 0;
        while client.payload().await.is_some() {
            reports += 1;
        }
        reports
    };
    assert!(timeout(PATIENCE, reports).await.expect("it is dropped") > 0);
}

#[tokio::test]
async fn a_publish_is_confirmed_late_and_answered_before() {
    let mut slow = config(BambuModel::P1s);
    slow.mqtt.puback_delay = Duration::from_millis(200);
    let sim = start(slow).await;
    let mut client = Mqtt::listen(&sim).await;
    let pause = json!({ "print": { "command": "pause", "param": "", "sequence_id": 30001 } });
    client.ask_confirmed(pause, 9).await;
    client.report(|report| report["print"]["sequence_id"] == 30001).await;
    loop {
        match client.next().await {
            Some(Packet::PubAck(ack)) => break assert_eq!(ack.pkid, 9),
            Some(Packet::Publish(_)) => {}
            other => panic!("{other:?} instead of a PUBACK"),
        }
    }
}

#[tokio::test]
async fn unsigned_commands_are_refused_in_three_ways_and_reading_goes_on() {
    let light = json!({ "system": { "command": "ledctrl", "led_node": "chamber_light", "led_mode": "off" } });
    for control in [BambuControl::Failed, BambuControl::Bare, BambuControl::Silent] {
        let sim = start(config(BambuModel::P1s).control(control)).await;
        let mut client = Mqtt::listen(&sim).await;
        client.everything().await;
        let command =
            json!({ "print": { "command": "gcode_line", "param": "M140 S60\n", "sequence_id": "30001" } });
        client.ask(command).await;
        match control {
            BambuControl::Failed => {
                let answer = client.report(|report| report["print"]["sequence_id"] == "30001").await;
                assert_eq!(answer["print"]["err_code"], 84_033_543);
                assert_eq!(answer["print"]["result"], "failed");
                assert_eq!(answer["print"]["reason"], "mqtt message verify failed");
            }
            BambuControl::Bare => {
                let answer = client.report(|report| report["print"]["sequence_id"] == "30001").await;
                assert!(answer["print"].get("result").is_none());
                let told = client.report(|report| report["print"]["hms"][0]["attr"].is_number()).await;
                assert_eq!(told["print"]["hms"][0], json!({ "attr": 0x0500_0500, "code": 0x0001_0007 }));
            }
            _ => assert!(client.is_quiet().await),
        }
        assert!(sim.gcode_lines().is_empty() && sim.targets().iter().all(|target| *target == 0.0));
        client.ask(light.clone()).await;
        until("the light is off", || sim.light("chamber_light") == Some(false)).await;
    }
}

#[tokio::test]
async fn what_must_be_signed_shows_where_the_model_says_it() {
    for (control, fun) in [(BambuControl::Open, 0), (BambuControl::Failed, 1 << 29)] {
        let sim = start(config(BambuModel::X1c).control(control)).await;
        let told = Mqtt::listen(&sim).await.everything().await;
        let flags = u64::from_str_radix(told["fun"].as_str().expect("hex"), 16).expect("hex");
        assert_eq!(flags & 1 << 29, fun);
    }
    let sim = start(config(BambuModel::P1s)).await;
    assert!(Mqtt::listen(&sim).await.everything().await.get("fun").is_none());
}

#[tokio::test]
async fn a_zombie_reports_and_hears_nothing() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Mqtt::listen(&sim).await;
    client.everything().await;
    sim.set_zombie(true);
    client.ask(json!({ "print": { "command": "gcode_line", "param": "M140 S60\n" } })).await;
    until("published", || sim.requests().len() == 2).await;
    sim.gcode("M104 S50");
    client.report(|report| report["print"]["nozzle_target_temper"] == 50.0).await;
    assert!(sim.gcode_lines().is_empty());
    sim.set_zombie(false);
    client.command(json!({ "command": "gcode_line", "param": "M140 S60\n" })).await;
}

#[tokio::test]
async fn a_silent_printer_keeps_connections_open_and_says_nothing() {
    let sim = start(config(BambuModel::X1c)).await;
    let mut client = Mqtt::listen(&sim).await;
    client.payload().await.expect("a report");
    sim.set_silent(true);
    while !client.is_quiet().await {}
    client.ping().await;
    assert!(client.is_quiet().await);
    sim.set_silent(false);
    while !matches!(client.next().await.expect("the connection is open"), Packet::PingResp) {}
}

#[tokio::test]
async fn reports_can_be_very_long_and_no_utf_8() {
    let mut strange = config(BambuModel::P1s);
    strange.latin1 = true;
    let sim = start(strange).await;
    let mut client = Mqtt::listen(&sim).await;
    for size in [40 << 10, 256 << 10, 10 << 20] {
        sim.set_report_size(size);
        client.ask(json!({ "pushing": { "command": "pushall" } })).await;
        let report = loop {
            let report = client.payload().await.expect("a report");
            if report.len() >= size {
                break report;
            }
        };
        assert!(report.len() < size + size / 5 + 2000, "{}", report.len());
        assert!(std::str::from_utf8(&report).is_err());
    }
}

#[tokio::test]
async fn without_the_local_network_both_ports_refuse() {
    let sim = start(config(BambuModel::P1s).lan(false)).await;
    for addr in [sim.mqtt_addr(), sim.ftps_addr()] {
        assert_eq!(TcpStream::connect(addr).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn an_answer_is_lost_and_its_command_carried_out() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Mqtt::listen(&sim).await;
    sim.lose_next_answer();
    client
        .ask(json!({ "print": { "command": "gcode_line", "param": "M140 S60\n", "sequence_id": "30001" } }))
        .await;
    while let Some(packet) = client.next().await {
        assert!(!format!("{packet:?}").contains("30001"));
    }
    assert_eq!(sim.gcode_lines(), ["M140 S60"]);
}

#[tokio::test]
async fn a_printer_that_starts_anew_is_away_for_a_while_and_has_forgotten_what_it_was_told() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Mqtt::listen(&sim).await;
    client.command(json!({ "command": "gcode_line", "param": "M140 S60\n" })).await;
    sim.power_cycle(Duration::from_millis(50));
    while client.next().await.is_some() {}
    while TcpStream::connect(sim.mqtt_addr()).await.is_err() {
        tokio::task::yield_now().await;
    }
    let told = Mqtt::listen(&sim).await.everything().await;
    assert_eq!(told["bed_target_temper"], 0.0);
}
