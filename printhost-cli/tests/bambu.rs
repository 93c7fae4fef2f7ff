//! A Bambu Lab printer on the command line: its serial number and its ports in its URL, its code as the key, and whom to
//! believe as an authority or a pin.

mod common;

use std::time::Duration;

use common::{Scratch, gcode, run, run_with};
use printhost_sim::{
    BambuConfig, BambuControl, BambuModel, BambuSim,
    bambu::{three_mf, three_mf_of},
};

async fn sim() -> BambuSim {
    let config = BambuConfig::new(BambuModel::P1s).time_scale(100.0).report_every(Duration::from_millis(100));
    BambuSim::start(config).await.expect("free ports")
}

fn url(sim: &BambuSim) -> String {
    let (mqtt, ftps) = (sim.mqtt_addr(), sim.ftps_addr().port());
    format!("bambu://{mqtt}?serial={}&ftps={ftps}", sim.serial())
}

fn pin(sim: &BambuSim) -> String {
    sim.key_pin().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn status_is_read_from_a_printer_whose_authority_is_given() {
    let (sim, scratch) = (sim().await, Scratch::new());
    let authority = scratch.file("ca.pem", sim.authority_pem().as_bytes());
    let ran = run(sim.access_code(), &["--ca", &authority, "--json", "status", &url(&sim)]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let status = ran.json().into_iter().find(|event| event["event"] == "status").expect("a status");
    assert_eq!(status["phase"], "idle", "{status}");
    // Nobody in particular is believed.
    let ran = run(sim.access_code(), &["status", &url(&sim)]).await;
    assert_ne!(ran.code, Some(0));
    assert!(ran.stderr.contains("certificate"), "{}", ran.stderr);
}

#[tokio::test]
async fn key_of_another_printer_than_the_serial_number_says_is_kept_only_when_told() {
    let (sim, scratch) = (sim().await, Scratch::new());
    let config = scratch.path().join("config.toml");
    let other = url(&sim).replace(sim.serial(), "01P00A999999999");
    for (name, url) in [("ours", &url(&sim)), ("other", &other)] {
        let ran = run_with(&config, "", &["config", "add", name, url]).await;
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let kept = || std::fs::read_to_string(&config).expect("it exists").contains("sha256//");
    for whom in ["other", &other] {
        let ran = run_with(&config, "", &["trust", whom, "--yes"]).await;
        assert_eq!(ran.code, Some(3), "{}{}", ran.stdout, ran.stderr);
        assert!(
            ran.stderr.contains(sim.serial()) && ran.stderr.contains("01P00A999999999"),
            "{}",
            ran.stderr
        );
        assert!(!kept());
    }
    let ran = run_with(&config, "", &["trust", "ours", "--yes"]).await;
    assert!(ran.code == Some(0) && kept(), "{}{}", ran.stdout, ran.stderr);
    let ran = run_with(&config, "", &["trust", "other", "--yes", "--replace"]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[tokio::test]
async fn file_is_printed_and_followed_to_its_end() {
    let (sim, scratch) = (sim().await, Scratch::new());
    let text = String::from_utf8(gcode(1)).expect("text");
    let file = scratch.file("part.gcode.3mf", &three_mf(&text));
    let ran = run(sim.access_code(), &["--pin", &pin(&sim), "print", &file, &url(&sim)]).await;
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!((sim.prints_started(), sim.latest_print().0.as_str()), (1, "part.gcode.3mf"));
    assert_eq!(sim.state_text(), "FINISH");
    let ran = run(sim.access_code(), &["--pin", &pin(&sim), "files", "list", &url(&sim)]).await;
    assert!(ran.code == Some(0) && ran.stdout.contains("part.gcode.3mf"), "{}{}", ran.stdout, ran.stderr);
    let ran = run(sim.access_code(), &["--pin", &pin(&sim), "speed", &url(&sim), "50"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[tokio::test]
async fn plate_of_a_project_is_chosen() {
    let (sim, scratch) = (sim().await, Scratch::new());
    let text = String::from_utf8(gcode(1)).expect("text");
    let file = scratch.file("two.gcode.3mf", &three_mf_of(&[(1, &text), (4, &text)]));
    let (pin, url) = (pin(&sim), url(&sim));
    let ran = run(sim.access_code(), &["--pin", &pin, "print", &file, &url]).await;
    assert!(ran.code != Some(0) && ran.stderr.contains("1, 4"), "{}", ran.stderr);
    assert_eq!(sim.prints_accepted(), 0);
    let plate = "Metadata/plate_4.gcode";
    for args in [
        &["print", "--plate", "4", "--overwrite", &file, &url][..],
        &["start", "--plate", "4", &url, "two.gcode.3mf"],
    ] {
        let ran = run(sim.access_code(), &[&["--pin", pin.as_str()], args].concat()).await;
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        assert_eq!(sim.latest_print(), ("two.gcode.3mf".to_owned(), plate.to_owned()));
        sim.finish_soon();
        while sim.state_text() != "FINISH" {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(sim.prints_started(), 2);
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let sim = sim().await;
    let ran = run("87654321", &["--pin", &pin(&sim), "status", &url(&sim)]).await;
    assert_eq!(ran.code, Some(4), "{}", ran.stderr);
    assert!(ran.stderr.contains("access code") && !ran.stderr.contains("87654321"), "{}", ran.stderr);
    sim.set_control(BambuControl::Failed);
    let ran = run(sim.access_code(), &["--pin", &pin(&sim), "speed", &url(&sim), "50"]).await;
    assert_eq!(ran.code, Some(5), "{}", ran.stderr);
    assert!(ran.stderr.contains("developer mode"), "{}", ran.stderr);
    let ran = run(sim.access_code(), &["--pin", &pin(&sim), "status", "bambu://127.0.0.1"]).await;
    assert!(ran.code == Some(2) && ran.stderr.contains("serial"), "{}", ran.stderr);
}
