//! The simulated Bambu Lab printer as mosquitto's clients and lftp see it.

#[path = "common/bambu.rs"]
mod bambu;

use std::path::PathBuf;
use std::process::Stdio;

use bambu::{config, scratch, start, until};
use printhost_sim::{BambuModel, BambuSim};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// A program out of Debian's packages, which `cargo xtask` says where to find.
fn program(name: &str) -> Command {
    let home = std::env::var("PRINTHOST_DEBIAN_SERVERS").expect("run this by `cargo xtask`");
    let home = PathBuf::from(home);
    let mut command = Command::new(home.join("usr/bin").join(name));
    command
        .env("LD_LIBRARY_PATH", home.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH)));
    command.kill_on_drop(true);
    command
}

fn mosquitto(name: &str, sim: &BambuSim, authority: &std::path::Path, topic: &str) -> Command {
    let mut command = program(name);
    command.args(["-h", "127.0.0.1", "-p", &sim.mqtt_addr().port().to_string(), "--insecure", "--cafile"]);
    command.arg(authority).args(["-u", "bblp", "-P", sim.access_code(), "-q", "1", "-V", "311"]);
    command.args(["-t", &format!("device/{}/{topic}", sim.serial())]);
    command
}

#[tokio::test]
async fn mosquitto_hears_everything_that_it_asks_for() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::P2s] {
        let sim = start(config(model)).await;
        let authority = scratch(&format!("mosquitto-{model:?}.pem"), sim.authority_pem().as_bytes());
        let mut listener = mosquitto("mosquitto_sub", &sim, &authority, "report")
            .args(["-F", "%x"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("mosquitto_sub");
        until("listening", || sim.connections().0 == 1).await;
        let request = r#"{"pushing":{"command":"pushall"}}"#;
        let mut lines = BufReader::new(listener.stdout.take().expect("a pipe")).lines();
        let heard = async {
            loop {
                let line = lines.next_line().await.expect("text").expect("a report");
                let bytes: Option<Vec<u8>> = (0..line.len())
                    .step_by(2)
                    .map(|at| u8::from_str_radix(line.get(at..at + 2)?, 16).ok())
                    .collect();
                let report: Value = serde_json::from_slice(&bytes.expect("hexadecimal")).expect("JSON");
                if report["print"]["ams"]["ams"].is_array() {
                    break;
                }
            }
        };
        let ask = async {
            let status =
                mosquitto("mosquitto_pub", &sim, &authority, "request").args(["-m", request]).status().await;
            assert!(status.expect("mosquitto_pub").success());
        };
        tokio::join!(heard, ask);
        let _ = std::fs::remove_file(authority);
    }
}

#[tokio::test]
async fn mosquitto_is_refused_with_a_wrong_code() {
    let sim = start(config(BambuModel::P1s)).await;
    let authority = scratch("mosquitto-wrong.pem", sim.authority_pem().as_bytes());
    let mut command = mosquitto("mosquitto_pub", &sim, &authority, "request");
    let output = command.args(["-P", "wrong", "-m", "{}"]).output().await.expect("mosquitto_pub");
    assert!(String::from_utf8_lossy(&output.stderr).contains("not authorised"), "{output:?}");
    let _ = std::fs::remove_file(authority);
}

#[tokio::test]
async fn lftp_lists_uploads_renames_and_downloads() {
    for model in [BambuModel::P1s, BambuModel::X1c, BambuModel::P2s] {
        let sim = start(config(model)).await;
        let content = scratch(&format!("lftp-{model:?}.gcode"), &[b'x'; 100_000]);
        let back = content.with_extension("back");
        let script = format!(
            "set ssl:verify-certificate no; set net:max-retries 1; set net:timeout 15; set cmd:fail-exit yes; \
             open -u bblp,{} ftps://127.0.0.1:{}; put {} -o cache/a.part; mv cache/a.part cache/a.gcode; cls -1 cache; \
             get cache/a.gcode -o {}; rm cache/a.gcode; bye",
            sim.access_code(),
            sim.ftps_addr().port(),
            content.display(),
            back.display(),
        );
        let output = program("lftp").args(["--norc", "-c", &script]).output().await.expect("lftp");
        assert!(output.status.success(), "{model:?}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("a.gcode"), "{output:?}");
        assert_eq!(std::fs::read(&back).expect("it came back").len(), 100_000);
        assert!(sim.files().is_empty());
        for path in [content, back] {
            let _ = std::fs::remove_file(path);
        }
    }
}
