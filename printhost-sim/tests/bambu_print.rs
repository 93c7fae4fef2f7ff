//! Prints on the simulated Bambu Lab printer.

#[path = "common/bambu.rs"]
mod bambu;

use std::time::Duration;

use bambu::{Mqtt, config, start, until};
use printhost_sim::bambu::{three_mf, three_mf_of};
use printhost_sim::{BambuConfig, BambuModel, BambuSim};
use serde_json::{Value, json};

const NAME: &str = "a cube.gcode.3mf";
const SHORT: &str = "; total layer number: 2\nM104 S60\n; layer num/total_layer_count: 1/2\nM73 P50 R1\nG4 S5\n\
    ; layer num/total_layer_count: 2/2\nM73 P90 R0\nG4 S5\n";
const ENDLESS: &str = "M104 S60\nM140 S50\nG4 S1000000\n";

async fn with(model: BambuModel, gcode: &str) -> (BambuSim, Mqtt) {
    let sim = start(config(model)).await;
    sim.put_file(NAME, &three_mf(gcode));
    let mut client = Mqtt::listen(&sim).await;
    client.everything().await;
    (sim, client)
}

fn project(url: &str, plate: u32) -> Value {
    json!({
        "command": "project_file", "param": format!("Metadata/plate_{plate}.gcode"), "url": url, "file": NAME,
        "subtask_name": "a cube", "task_id": "77", "subtask_id": "77", "project_id": "77", "profile_id": "0",
        "use_ams": true, "ams_mapping": [2], "md5": "",
    })
}

async fn print(client: &mut Mqtt) {
    let answer = client.command(project(&format!("ftp:///{NAME}"), 1)).await;
    assert_eq!(answer["print"]["result"], "success");
}

#[tokio::test]
async fn a_print_is_prepared_goes_through_its_stages_and_layers_and_finishes() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::A1Mini, BambuModel::H2d, BambuModel::P2s] {
        let (sim, mut client) = with(model, SHORT).await;
        print(&mut client).await;
        let mut states = Vec::new();
        let mut layers = Vec::new();
        loop {
            let report = client.report(|report| report["print"]["command"] == "push_status").await;
            let report = &report["print"];
            for (list, name) in [(&mut states, "gcode_state"), (&mut layers, "layer_num")] {
                if let Some(value) =
                    report.get(name).map(Value::to_string).filter(|value| list.last() != Some(value))
                {
                    list.push(value);
                }
            }
            if report["gcode_state"] == "FINISH" {
                assert_eq!(sim.prints_started(), 1);
                break;
            }
        }
        let states: Vec<&str> =
            states.iter().map(|state| state.trim_matches('"')).filter(|state| *state != "IDLE").collect();
        assert_eq!(states, ["PREPARE", "RUNNING", "FINISH"], "{model:?}");
        assert!(layers.ends_with(&["1".to_owned(), "2".to_owned()]), "{layers:?}");
        let told = client.everything().await;
        assert_eq!(
            (&told["mc_percent"], &told["subtask_name"], &told["task_id"]),
            (&json!(100), &json!("a_cube"), &json!("77"))
        );
    }
}

#[tokio::test]
async fn a_missing_file_is_confirmed_and_then_an_error() {
    let (sim, mut client) = with(BambuModel::P1s, SHORT).await;
    let answer = client.command(project("ftp:///nothing.gcode.3mf", 1)).await;
    assert_eq!(answer["print"]["result"], "success");
    client.report(|report| report["print"]["print_error"] == 83_935_248).await;
    assert_eq!((sim.prints_accepted(), sim.prints_started(), sim.state_text()), (1, 0, "FAILED"));
}

#[tokio::test]
async fn a_plate_that_is_not_there_is_confirmed_and_nothing_is_printed_until_a_stop() {
    let (sim, mut client) = with(BambuModel::P1s, SHORT).await;
    client.command(project(&format!("ftp:///{NAME}"), 3)).await;
    client.report(|report| report["print"]["print_type"] == "local").await;
    // The request has been looked at when the file has been.
    until("wedged", || sim.is_wedged()).await;
    print(&mut client).await;
    assert_eq!((sim.prints_accepted(), sim.prints_started(), sim.state_text()), (1, 0, "IDLE"));
    client.command(json!({ "command": "stop", "param": "" })).await;
    print(&mut client).await;
    until("printing", || sim.prints_started() == 1).await;
}

#[tokio::test]
async fn a_second_print_is_an_error_and_does_not_begin() {
    let (sim, mut client) = with(BambuModel::P1s, ENDLESS).await;
    print(&mut client).await;
    until("printing", || sim.state_text() == "RUNNING").await;
    print(&mut client).await;
    client.report(|report| report["print"]["print_error"] == 0x0500_4004).await;
    assert_eq!((sim.prints_accepted(), sim.prints_started(), sim.state_text()), (1, 1, "RUNNING"));
}

#[tokio::test]
async fn a_stop_fails_the_print_and_its_error_goes_away() {
    let (sim, mut client) = with(BambuModel::P1s, ENDLESS).await;
    print(&mut client).await;
    until("heating", || sim.targets()[0] > 0.0).await;
    client.command(json!({ "command": "stop", "param": "" })).await;
    let told = client.report(|report| report["print"]["print_error"] == 50_348_044).await;
    assert_eq!(told["print"]["gcode_state"], "FAILED");
    client.report(|report| report["print"]["print_error"] == 0).await;
    assert_eq!(sim.targets(), [0.0, 0.0]);
}

#[tokio::test]
async fn a_print_pauses_resumes_and_can_be_hurried() {
    let (sim, mut client) = with(BambuModel::P1s, ENDLESS).await;
    print(&mut client).await;
    until("printing", || sim.state_text() == "RUNNING").await;
    client.command(json!({ "command": "pause", "param": "" })).await;
    client
        .report(|report| report["print"]["gcode_state"] == "PAUSE" && report["print"]["stg_cur"] == 16)
        .await;
    sim.finish_soon();
    client.command(json!({ "command": "resume", "param": "" })).await;
    client.report(|report| report["print"]["gcode_state"] == "FINISH").await;
    assert_eq!(sim.prints_started(), 1);
}

#[tokio::test]
async fn a_print_fails_as_it_is_told() {
    let (sim, mut client) = with(BambuModel::X1c, ENDLESS).await;
    print(&mut client).await;
    until("printing", || sim.state_text() == "RUNNING").await;
    assert!(sim.fail(0x0300_8001));
    sim.set_health(&[(50_331_904, 65_543)]);
    let told = client.report(|report| report["print"]["print_error"] == 0x0300_8001).await;
    assert_eq!((&told["print"]["gcode_state"], sim.fail(1)), (&json!("FAILED"), false));
    client.report(|report| report["print"]["hms"][0]["code"] == 65_543).await;
    client.command(json!({ "command": "clean_print_error" })).await;
    client.report(|report| report["print"]["print_error"] == 0).await;
}

#[tokio::test]
async fn the_plate_that_is_named_is_printed() {
    let (sim, mut client) = with(BambuModel::P1s, SHORT).await;
    sim.put_file("cache/two.3mf", &three_mf_of(&[(2, "M104 S70\n"), (5, "M104 S80\nG4 S1000000\n")]));
    client.command(project("file:///sdcard/cache/two.3mf", 5)).await;
    until("heating", || sim.targets()[0] == 80.0).await;
    assert_eq!(sim.latest_print(), ("cache/two.3mf".to_owned(), "Metadata/plate_5.gcode".to_owned()));
}

/// By its MD5 as Studio sends it: of the whole file, in capitals.
#[tokio::test]
async fn a_file_that_is_another_one_than_was_meant_is_not_printed() {
    let (sim, mut client) = with(BambuModel::P2s, ENDLESS).await;
    let mut request = project(&format!("ftp:///{NAME}"), 1);
    request["md5"] = json!("D41D8CD98F00B204E9800998ECF8427E");
    assert_eq!(client.command(request.clone()).await["print"]["result"], "success");
    client.report(|report| report["print"]["print_error"] == 83_902_527).await;
    assert_eq!((sim.state_text(), sim.prints_started(), sim.targets()[0]), ("FAILED", 0, 0.0));
    request["md5"] = json!(format!("{:X}", md5::compute(three_mf(ENDLESS))));
    client.command(request).await;
    until("printing", || sim.state_text() == "RUNNING").await;
}

#[tokio::test]
async fn the_first_plate_there_is_gets_printed_when_somebody_starts_a_project_at_the_screen() {
    let (sim, _client) = with(BambuModel::P1s, SHORT).await;
    sim.put_file("two.gcode.3mf", &three_mf_of(&[(5, ENDLESS), (2, ENDLESS)]));
    assert!(sim.start_print("two.gcode.3mf"));
    until("printing", || sim.state_text() == "RUNNING").await;
    assert_eq!(sim.latest_print(), ("two.gcode.3mf".to_owned(), "Metadata/plate_2.gcode".to_owned()));
}

#[tokio::test]
async fn stored_g_code_is_printed_by_its_path() {
    let (sim, mut client) = with(BambuModel::P1s, SHORT).await;
    let missing = client.command(json!({ "command": "gcode_file", "param": "/nothing.gcode" })).await;
    assert_eq!(missing["print"]["result"], "fail");
    sim.put_file("model/bench.gcode", b"M104 S70\nG4 S1000000\n");
    client.command(json!({ "command": "gcode_file", "param": "/model/bench.gcode" })).await;
    until("printing", || sim.state_text() == "RUNNING").await;
    let told = client.everything().await;
    assert_eq!((&told["gcode_file"], &told["subtask_name"]), (&json!("model/bench.gcode"), &json!("bench")));
}

#[tokio::test]
async fn a_project_that_is_no_archive_is_an_error() {
    let (sim, mut client) = with(BambuModel::P1s, SHORT).await;
    sim.put_file(NAME, b"not a project");
    print(&mut client).await;
    client.report(|report| report["print"]["print_error"] == 0x0500_4003).await;
    assert_eq!(sim.prints_started(), 0);
}

#[tokio::test]
async fn lights_speed_fans_trays_and_skipped_objects_are_told_as_they_are_set() {
    let (sim, mut client) = with(BambuModel::P1s, ENDLESS).await;
    let light =
        json!({ "command": "ledctrl", "led_node": "chamber_light", "led_mode": "on", "sequence_id": "1" });
    client.ask(json!({ "system": light })).await;
    client.report(|report| report["print"]["lights_report"][0]["mode"] == "on").await;
    client.command(json!({ "command": "print_speed", "param": "4" })).await;
    client.report(|report| report["print"]["spd_lvl"] == 4 && report["print"]["spd_mag"] == 166).await;
    client.command(json!({ "command": "gcode_line", "param": "M106 P2 S255\n" })).await;
    client.report(|report| report["print"]["big_fan1_speed"] == "15").await;
    client
        .command(json!({ "command": "ams_filament_setting", "ams_id": 0, "tray_id": 1, "slot_id": 1,
        "tray_info_idx": "GFL99", "tray_color": "00112233", "tray_type": "PETG" }))
        .await;
    let told =
        client.report(|report| report["print"]["ams"]["ams"][0]["tray"][1]["tray_color"] == "00112233").await;
    assert_eq!(told["print"]["ams"]["ams"][0]["tray"].as_array().map(Vec::len), Some(4));
    print(&mut client).await;
    until("printing", || sim.state_text() == "RUNNING").await;
    client.command(json!({ "command": "skip_objects", "obj_list": [100] })).await;
    client.report(|report| report["print"]["s_obj"] == json!([100])).await;
}

#[tokio::test]
async fn filament_is_changed_step_by_step() {
    let (_sim, mut client) = with(BambuModel::P1s, ENDLESS).await;
    let change = json!({ "command": "ams_change_filament", "ams_id": 0, "slot_id": 2, "target": 2, "curr_temp": -1, "tar_temp": -1 });
    assert_eq!(client.command(change).await["print"]["result"], "success");
    for status in [258, 261, 262, 768] {
        client.report(|report| report["print"]["ams_status"] == status).await;
    }
    let told = client.everything().await;
    assert_eq!((&told["ams"]["tray_now"], &told["ams"]["tray_pre"]), (&json!("2"), &json!("255")));
    let nowhere = json!({ "command": "ams_change_filament", "ams_id": 3, "slot_id": 2, "target": 14 });
    assert_eq!(client.command(nowhere).await["print"]["result"], "fail");
}

#[tokio::test]
async fn printer_that_was_brought_to_rest_prints_only_what_comes_after() {
    let config = BambuConfig::new(BambuModel::P1s).time_scale(20.0).preparation_scale(20.0);
    let sim = BambuSim::start(config).await.unwrap();
    sim.put_file("folder/before.gcode", b"M104 S200\nG4 S600\n");
    assert!(sim.start_print("folder/before.gcode"));
    sim.reset();
    assert_eq!((sim.state_text(), sim.files().len(), sim.targets()), ("IDLE", 0, vec![0.0, 0.0]));
    sim.put_file("after.gcode", b"G4 S1\n");
    assert!(sim.start_print("after.gcode"));
    while sim.state_text() != "FINISH" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!((sim.prints_accepted(), sim.prints_started()), (2, 1));
}
