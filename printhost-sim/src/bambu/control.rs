//! The commands of the category `print`: jobs, motion, heat, filament.

use std::sync::Arc;

use serde_json::{Value, json};

use super::machine::{BUSY, Job, Phase};
use super::model::BambuModel;
use super::requests::Request;
use super::shared::{Inner, Shared};
use super::three_mf;

pub(super) fn handle(shared: &Arc<Shared>, request: &Request<'_>) {
    let inner = &mut *shared.lock();
    let serial = &shared.config.serial;
    let machine = &mut inner.machine;
    match request.text("command") {
        "project_file" => return project(shared, inner, request),
        "gcode_file" => return stored_gcode(shared, inner, request),
        // An answer says that a command was heard, not that it fits.
        "pause" => {
            machine.pause();
        }
        "resume" => {
            machine.resume();
        }
        "stop" => {
            machine.stop();
        }
        "print_speed" => match request.number("param") {
            Some(level @ 1..=4) => machine.speed = level as u8,
            _ => return request.fails(inner, serial, "invalid param"),
        },
        "gcode_line" => request.text("param").lines().for_each(|line| machine.direct(line)),
        "ams_change_filament" => {
            let slot = request.number("slot_id").unwrap_or(-1);
            let unit = request.number("ams_id").unwrap_or(0);
            let target = request.number("target").unwrap_or(if slot == 255 { 255 } else { unit * 4 + slot });
            if !machine.ams.begin(target) {
                return request.fails(inner, serial, "no such tray");
            }
        }
        "unload_filament" => {
            machine.ams.begin(255);
        }
        "ams_control" if request.text("param") == "resume" => {
            machine.resume();
        }
        "ams_filament_setting" => {
            let unit = request.number("ams_id").unwrap_or(-1);
            let slot = request.number("slot_id").or(request.number("tray_id")).unwrap_or(-1);
            machine.ams.describe(unit, slot, request.fields);
        }
        "skip_objects" => {
            for object in
                request.fields["obj_list"].as_array().into_iter().flatten().filter_map(Value::as_i64)
            {
                if machine.job.is_some() && !machine.skipped.contains(&object) {
                    machine.skipped.push(object);
                }
            }
        }
        "clean_print_error" => machine.confirm_error(),
        "ignore" | "idle_ignore" => {
            machine.confirm_error();
            machine.resume();
        }
        "set_ctt" => machine.chamber.set_target(request.number("ctt_val").unwrap_or(0) as f64),
        "print_option" => {
            for (name, value) in request.fields.as_object().into_iter().flatten() {
                if value.is_boolean() {
                    machine.set("", name, value.clone());
                }
            }
        }
        "ams_control"
        | "ams_get_rfid"
        | "ams_user_setting"
        | "ams_filament_drying"
        | "calibration"
        | "set_airduct"
        | "select_extruder"
        | "buzzer_ctrl"
        | "extrusion_cali_get"
        | "extrusion_cali_set" => {}
        _ => return,
    }
    request.succeeds(inner, serial);
}

/// The answer comes before anybody looks for the file.
fn project(shared: &Arc<Shared>, inner: &mut Inner, request: &Request<'_>) {
    let serial = &shared.config.serial;
    if let Some(reason) = inner.refuses.take() {
        return request.fails(inner, serial, &reason);
    }
    let mut echo = request.fields.clone();
    echo["result"] = json!("success");
    echo["reason"] = json!("success");
    request.answer(inner, serial, echo);
    let text = |name: &str| match &request.fields[name] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    };
    let path = path(&text("url")).unwrap_or_else(|| text("url"));
    let name = match text("subtask_name") {
        name if name.is_empty() => stem(&path).to_owned(),
        name => name,
    };
    let plate = text("param");
    let file = match inner.config.model {
        BambuModel::X1c | BambuModel::H2d | BambuModel::P2s => format!("/data/{plate}"),
        _ => path.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    let trays = request.fields["ams_mapping"].as_array().into_iter().flatten().filter_map(Value::as_i64);
    let uses_ams = request.fields["use_ams"].as_bool().unwrap_or(true);
    let job = Job {
        number: 0,
        plate,
        md5: text("md5"),
        name: shortened(&name),
        file,
        task_id: text("task_id"),
        subtask_id: text("subtask_id"),
        project_id: text("project_id"),
        profile_id: text("profile_id"),
        trays: if uses_ams { trays.collect() } else { Vec::new() },
        path,
    };
    start(shared, inner, job);
}

fn stored_gcode(shared: &Arc<Shared>, inner: &mut Inner, request: &Request<'_>) {
    let serial = &shared.config.serial;
    let param = request.text("param");
    let path = param.strip_prefix("/sdcard/").unwrap_or(param).trim_start_matches('/');
    if inner.store.file(path).is_none() {
        return request.fails(inner, serial, "error string");
    }
    request.succeeds(inner, serial);
    start(shared, inner, local_job(path, None));
}

/// A print of a stored file that nobody has named otherwise: of a project, its first plate.
pub(super) fn local_job(path: &str, data: Option<&[u8]>) -> Job {
    let first =
        || data.and_then(three_mf::first_plate).unwrap_or_else(|| "Metadata/plate_1.gcode".to_owned());
    Job {
        path: path.to_owned(),
        plate: if path.ends_with(".3mf") { first() } else { String::new() },
        name: shortened(stem(path)),
        file: path.to_owned(),
        ..Job::default()
    }
}

fn start(shared: &Arc<Shared>, inner: &mut Inner, job: Job) {
    if is_busy(inner) {
        inner.machine.raise(BUSY);
    } else if !inner.machine.wedged {
        shared.print(inner, job);
    }
}

/// Whether there is a print already.
pub(super) fn is_busy(inner: &Inner) -> bool {
    inner.machine.job.is_some()
        || matches!(inner.machine.phase(), Phase::Prepare | Phase::Running | Phase::Pause)
}

/// The path on the card that a URL means; none when it means nothing here.
fn path(url: &str) -> Option<String> {
    let path = match url.split_once("://")? {
        ("ftp", path) => path,
        ("file", path) => {
            ["/sdcard/", "/mnt/sdcard/", "/media/usb0/"].iter().find_map(|root| path.strip_prefix(root))?
        }
        _ => return None,
    };
    Some(path.trim_start_matches('/').to_owned())
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or_default();
    let endings = [".gcode.3mf", ".3mf", ".gcode"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// A name as printers repeat it.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 100;
    let name = name.replace(' ', "_");
    if name.chars().count() <= LONGEST {
        return name;
    }
    name.chars().take(LONGEST).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_every_known_form_name_the_same_file() {
        for url in ["ftp://a b.gcode.3mf", "ftp:///a b.gcode.3mf", "file:///sdcard/a b.gcode.3mf"] {
            assert_eq!(path(url).as_deref(), Some("a b.gcode.3mf"), "{url}");
        }
        assert_eq!(path("file:///mnt/sdcard/cache/x.3mf").as_deref(), Some("cache/x.3mf"));
        assert_eq!(path("https://somewhere/x.3mf"), None);
    }

    #[test]
    fn a_name_is_repeated_without_blanks_and_not_too_long() {
        assert_eq!(shortened("a b c"), "a_b_c");
        assert_eq!(shortened(&"x".repeat(200)).len(), 103);
    }
}
