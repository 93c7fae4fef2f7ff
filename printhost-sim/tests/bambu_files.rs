//! The simulated Bambu Lab printer's FTPS server and its certificates.

#[path = "common/bambu.rs"]
mod bambu;

use std::time::Duration;

use bambu::{Ftps, Mqtt, SILENCE, config, curl, scratch, start, until};
use printhost_sim::{BambuFault, BambuModel, BambuSessions, BambuSim};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

/// The bytes of a stored file.
fn stored(sim: &BambuSim, path: &str) -> Option<Vec<u8>> {
    sim.files().into_iter().find(|file| file.path == path)?.data.map(|data| data.to_vec())
}

#[tokio::test]
async fn certificates_of_both_kinds_convince_curl_by_the_serial_number_and_by_nothing_else() {
    for model in [BambuModel::P1s, BambuModel::P2s] {
        let sim = start(config(model)).await;
        let name = format!("{model:?}");
        let authority = scratch(&format!("{name}.pem"), sim.authority_pem().as_bytes());
        let other =
            start(config(if model == BambuModel::P2s { BambuModel::H2d } else { BambuModel::P2s })).await;
        let foreign = other.authority_pem();
        let foreign = scratch(
            &format!("{name}-foreign.pem"),
            foreign.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap_or_default().as_bytes(),
        );
        let content = scratch(&format!("{name}.txt"), b"content");
        let port = sim.ftps_addr().port();
        let resolve = format!("{}:{port}:127.0.0.1", sim.serial());
        let login = format!("bblp:{}", sim.access_code());
        let url = format!("ftps://{}:{port}/cache/of curl.gcode", sim.serial()).replace(' ', "%20");
        let upload = |authority: &std::path::Path, url: &str| {
            let text = |path: &std::path::Path| path.display().to_string();
            let args = [
                "--cacert".to_owned(),
                text(authority),
                "--resolve".to_owned(),
                resolve.clone(),
                "-u".to_owned(),
                login.clone(),
                "-T".to_owned(),
                text(&content),
                url.to_owned(),
            ];
            async move { curl(&args.iter().map(String::as_str).collect::<Vec<_>>()).await }
        };
        let (fine, said) = upload(&authority, &url).await;
        assert!(fine, "{said}");
        assert_eq!(stored(&sim, "cache/of curl.gcode").as_deref(), Some(&b"content"[..]));
        if model == BambuModel::P1s {
            let (fine, said) = upload(&foreign, &url).await;
            assert!(!fine && said.contains("certificate"), "{said}");
        }
        let (fine, said) = upload(&authority, &format!("ftps://127.0.0.1:{port}/x")).await;
        assert!(!fine, "{said}");
        for path in [authority, foreign, content] {
            let _ = std::fs::remove_file(path);
        }
    }
}

#[tokio::test]
async fn a_changed_key_is_another_pin_below_the_same_authority() {
    let sim = start(config(BambuModel::P1s)).await;
    let (pin, authority) = (sim.key_pin(), sim.authority_pem());
    sim.change_key(true);
    assert_ne!(sim.key_pin(), pin);
    assert_eq!(sim.authority_pem(), authority);
    Mqtt::connect(&sim).await;
}

#[tokio::test]
async fn where_sessions_must_be_resumed_curl_does_and_is_refused_without() {
    let sim = start(config(BambuModel::P2s)).await;
    let url = format!("ftps://127.0.0.1:{}/", sim.ftps_addr().port());
    let login = format!("bblp:{}", sim.access_code());
    let (fine, said) = curl(&["-k", "-u", &login, &url]).await;
    assert!(fine && said.contains("timelapse"), "{said}");
    assert_eq!(sim.sessions_resumed(), 1);
    let (fine, said) = curl(&["-k", "-v", "--no-sessionid", "-u", &login, &url]).await;
    assert!(!fine && said.contains("522"), "{said}");

    let mut never = config(BambuModel::P2s);
    never.ftps.sessions = BambuSessions::Never;
    let sim = start(never).await;
    let url = format!("ftps://127.0.0.1:{}/", sim.ftps_addr().port());
    assert!(curl(&["-k", "-u", &login, &url]).await.0);
    assert_eq!(sim.sessions_resumed(), 0);
}

#[tokio::test]
async fn a_command_in_two_records_confuses_a_p1s_for_good() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Ftps::connect(&sim).await;
    client.command("USER bblp").await;
    client.send("PASS ").await;
    assert_eq!(client.reply().await.0, 332);
    client.send("12345678\r\n").await;
    assert_eq!(client.reply().await.0, 502);
    assert_eq!(client.command("NOOP").await.0, 502);

    let sim = start(config(BambuModel::X1c)).await;
    let mut client = Ftps::connect(&sim).await;
    client.command("USER bblp").await;
    client.send("PASS ").await;
    client.send("12345678\r\n").await;
    assert_eq!(client.reply().await.0, 230);
}

#[tokio::test]
async fn the_dialogue_is_that_of_a_small_server() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut stranger = Ftps::connect(&sim).await;
    stranger.command("USER bblp").await;
    assert_eq!(stranger.command("PASS wrong").await.0, 530);
    assert_eq!(stranger.command("PASV").await.0, 530);
    let mut client = Ftps::login(&sim).await;
    for command in ["FEAT", "MLSD", "REST 5", "STAT", "EPSV", "OPTS UTF8 ON"] {
        assert_eq!(client.command(command).await.0, 502, "{command}");
    }
    assert!(client.command("PASV").await.1.contains("(0,0,0,0,"));
    assert_eq!(client.command("AVBL").await.0, 213);
    assert_eq!(client.command("SIZE nothing").await.0, 550);
    assert_eq!(client.command("DELE nothing").await.0, 550);
    assert_eq!(client.put("cache/a b.part", b"12345").await.map(|reply| reply.0), Some(226));
    assert_eq!(client.command("SIZE /cache/a b.part").await, (213, "5".to_owned()));
    for (command, code) in [
        ("CWD cache", 250),
        ("RNFR a b.part", 350),
        ("RNTO a b.gcode", 250),
        ("CDUP", 250),
        ("MKD mine", 257),
        ("RMD mine", 250),
        ("DELE cache/a b.gcode", 250),
        ("STOR nowhere/x", 425),
    ] {
        assert_eq!(client.command(command).await.0, code, "{command}");
    }
    assert_eq!(client.put("nowhere/x", b"1").await.map(|reply| reply.0), Some(553));
    assert_eq!(client.command("QUIT").await.0, 221);
}

#[tokio::test]
async fn a_data_channel_is_encrypted_after_the_150_only() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Ftps::login(&sim).await;
    let stream = client.passive().await;
    // Too early: nobody answers.
    assert!(timeout(SILENCE, client.secured(stream)).await.is_err());
    assert_eq!(client.put("x", b"123").await.map(|reply| reply.0), Some(226));
}

#[tokio::test]
async fn where_only_clear_channels_work_encrypted_ones_hang() {
    let mut clear = config(BambuModel::A1Mini);
    clear.ftps.clear_data_only = true;
    let sim = start(clear).await;
    let mut client = Ftps::login(&sim).await;
    let stream = client.passive().await;
    assert_eq!(client.command("STOR x").await.0, 150);
    assert!(timeout(SILENCE, client.secured(stream)).await.is_err());
    // The attempt is over when the client has given it up.
    assert_eq!(client.reply().await.0, 426);
    assert_eq!(client.command("PROT C").await.0, 200);
    let mut stream = client.passive().await;
    assert_eq!(client.command("STOR x").await.0, 150);
    stream.write_all(b"clear").await.expect("a data channel");
    drop(stream);
    assert_eq!(client.reply().await.0, 226);
    assert_eq!(stored(&sim, "x").as_deref(), Some(&b"clear"[..]));
}

#[tokio::test]
async fn a_full_card_a_missing_one_and_a_second_transfer_are_refused_each_in_its_way() {
    let sim = start(config(BambuModel::P1s).room(10)).await;
    let mut client = Ftps::login(&sim).await;
    assert_eq!(client.put("long", &[7; 100]).await.map(|reply| reply.0), Some(552));
    assert_eq!(client.put("another", b"1").await.map(|reply| reply.0), Some(553));
    sim.set_card(false);
    assert_eq!(client.command("CWD /").await.0, 550);
    assert_eq!(client.command("SIZE long").await.0, 550);
    assert_eq!(client.put("x", b"1").await.map(|reply| reply.0), Some(553));

    let sim = start(config(BambuModel::P1s)).await;
    let (mut one, mut two) = (Ftps::login(&sim).await, Ftps::login(&sim).await);
    let stream = one.passive().await;
    assert_eq!(one.command("STOR x").await.0, 150);
    let _data = one.secured(stream).await;
    assert_eq!(two.put("y", b"1").await.map(|reply| reply.0), Some(425));
}

#[tokio::test]
async fn an_upload_empties_its_file_when_it_begins_and_then_the_file_grows() {
    let sim = start(config(BambuModel::P1s)).await;
    let mut client = Ftps::login(&sim).await;
    assert_eq!(client.put("x", b"older").await.map(|reply| reply.0), Some(226));
    // Before the handshake.
    let stream = client.passive().await;
    assert_eq!(client.command("STOR x").await.0, 150);
    assert_eq!(stored(&sim, "x").as_deref(), Some(&b""[..]));
    drop(stream);
    assert_eq!(client.reply().await.0, 425);
    assert_eq!(stored(&sim, "x").as_deref(), Some(&b""[..]));
    // Under whatever name by then.
    let stream = client.passive().await;
    assert_eq!(client.command("STOR x").await.0, 150);
    let mut data = client.secured(stream).await;
    data.write_all(b"half").await.unwrap();
    data.flush().await.unwrap();
    let size = || sim.files().into_iter().find(|file| file.path == "x").map(|file| file.size);
    until("half of it is there", || size() == Some(4)).await;
    let mut other = Ftps::login(&sim).await;
    assert_eq!(other.command("SIZE x").await, (213, "4".to_owned()));
    assert_eq!(other.command("RNFR x").await.0, 350);
    assert_eq!(other.command("RNTO y").await.0, 250);
    data.write_all(b" and half").await.unwrap();
    data.shutdown().await.unwrap();
    drop(data);
    assert_eq!(client.reply().await.0, 226);
    assert_eq!((stored(&sim, "x"), stored(&sim, "y").as_deref()), (None, Some(&b"half and half"[..])));
}

#[tokio::test]
async fn what_is_sent_ends_without_a_farewell_unless_it_is_wanted() {
    for close_notify in [false, true] {
        let mut config = config(BambuModel::P1s);
        config.ftps.close_notify = close_notify;
        let sim = start(config).await;
        let mut client = Ftps::login(&sim).await;
        client.put("x", b"0123456789").await.unwrap();
        for command in ["LIST", "RETR x"] {
            let stream = client.passive().await;
            assert_eq!(client.command(command).await.0, 150);
            let mut got = Vec::new();
            let end = client.secured(stream).await.read_to_end(&mut got).await;
            assert_eq!((end.is_ok(), client.reply().await.0), (close_notify, 226), "{command}");
            assert!(!got.is_empty());
        }
    }
}

#[tokio::test]
async fn an_upload_can_go_wrong_in_every_known_way() {
    let sim = start(config(BambuModel::P1s)).await;
    let whole = Some(&b"0123456789"[..]);
    for (fault, reply, expected) in [
        (BambuFault::FlipBit { byte: 3 }, Some(226), Some(&b"0122456789"[..])),
        (BambuFault::Truncate(4), Some(226), Some(&b"0123"[..])),
        (BambuFault::LateCompletion(Duration::from_millis(50)), Some(226), whole),
        (BambuFault::BrokenThoughWhole, Some(426), whole),
        (BambuFault::Refuse(552), Some(552), None),
        (BambuFault::ResetAfterReceiving(4), None, Some(&b"0123"[..])),
    ] {
        let path = format!("{fault:?}");
        sim.inject(fault);
        let mut client = Ftps::login(&sim).await;
        assert_eq!(client.put(&path, b"0123456789").await.map(|reply| reply.0), reply, "{fault:?}");
        assert_eq!(stored(&sim, &path).as_deref(), expected, "{fault:?}");
        assert!(sim.faults().is_empty());
    }
    sim.inject(BambuFault::AnswerBeforeCompletion);
    let mut client = Ftps::login(&sim).await;
    let stream = client.passive().await;
    assert_eq!(client.command("STOR asked").await.0, 150);
    drop(client.secured(stream).await);
    assert_eq!((client.command("SIZE asked").await.0, client.reply().await.0), (213, 226));
    sim.inject(BambuFault::NoCompletion);
    let mut client = Ftps::login(&sim).await;
    assert!(timeout(SILENCE, client.put("unconfirmed", b"0123456789")).await.is_err());
    assert_eq!(stored(&sim, "unconfirmed").as_deref(), whole);
}

#[tokio::test]
async fn a_session_without_commands_ends_without_a_word() {
    let mut short = config(BambuModel::P1s);
    short.ftps.idle = Duration::from_millis(50);
    let sim = start(short).await;
    let mut client = Ftps::connect(&sim).await;
    assert!(client.next_reply().await.is_none());
}

#[tokio::test]
async fn a_fault_that_was_taken_back_does_not_happen() {
    let sim = start(config(BambuModel::P1s)).await;
    let number = sim.inject(BambuFault::Refuse(552));
    assert!(sim.clear_fault(number) && !sim.clear_fault(number));
    let mut client = Ftps::login(&sim).await;
    assert_eq!(client.put("x", b"1").await.map(|reply| reply.0), Some(226));
    let mut broker = Mqtt::listen(&sim).await;
    assert_eq!(broker.everything().await["sdcard"], json!(true));
}
