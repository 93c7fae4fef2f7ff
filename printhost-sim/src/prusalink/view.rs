//! What is told of the printer, in the JSON of each family.

use serde_json::{Map, Value, json};

use super::config::PrusaLinkFamily;
use super::machine::{Machine, State};
use super::shared::{Inner, Shared, Transfer};
use super::short_names::short_path;
use super::store::{Entry, File, Tree, children, is_gcode, leaf, parent, size_below};

/// What the Pi calls its storage.
pub(super) const PI_FOLDER: &str = "PrusaLink gcodes";

pub(super) fn version(shared: &Shared) -> Value {
    match shared.config.family {
        PrusaLinkFamily::Pi => json!({
            "api": "2.0.0",
            "server": "0.8.1",
            "original": "PrusaLink I3MK3S",
            "text": "PrusaLink 0.8.1",
            "firmware": "3.14.1-8237",
            "sdk": "0.8.1",
            "capabilities": { "upload-by-put": true },
            "hostname": "sim",
        }),
        PrusaLinkFamily::Buddy => json!({
            "api": "2.0.0",
            "server": "2.1.2",
            "nozzle_diameter": 0.4,
            "text": "PrusaLink",
            "hostname": "prusa-sim",
            "capabilities": { "upload-by-put": true },
        }),
    }
}

pub(super) fn info(shared: &Shared) -> Value {
    match shared.config.family {
        PrusaLinkFamily::Pi => json!({
            "name": "Simulated",
            "location": "nowhere",
            "farm_mode": false,
            "network_error_chime": false,
            "nozzle_diameter": 0.4,
            "min_extrusion_temp": 170,
            "serial": "CZPX4720X004XK12345",
            "hostname": "connect.prusa3d.com",
            "port": 0,
        }),
        PrusaLinkFamily::Buddy => json!({
            "nozzle_diameter": 0.4,
            "mmu": false,
            "serial": "10589-3742441632101234",
            "hostname": "prusa-sim",
            "min_extrusion_temp": 170,
        }),
    }
}

pub(super) fn storage(shared: &Shared, inner: &Inner) -> Value {
    let free = shared.config.room.saturating_sub(inner.store.used());
    match shared.config.family {
        PrusaLinkFamily::Pi => json!({ "storage_list": [
            {
                "type": "LOCAL",
                "path": "/local",
                "available": true,
                "free_space": free,
                "total_space": shared.config.room,
                "read_only": false,
                "name": PI_FOLDER,
                "print_files": 0,
                "system_files": 0,
            },
            { "type": "SDCARD", "path": "/sdcard", "available": false },
        ]}),
        PrusaLinkFamily::Buddy => json!({ "storage_list": [
            { "path": "/usb/", "name": "usb", "type": "USB", "read_only": false, "available": true },
        ]}),
    }
}

pub(super) fn status(shared: &Shared, inner: &mut Inner) -> Value {
    let family = shared.config.family;
    let state = inner.machine.state();
    let machine = &inner.machine;
    let ((x, y, z), (fan_hotend, fan_print)) = (machine.position(), machine.fans());
    let mut printer = json!({
        "state": state.word(),
        "temp_nozzle": tenths(machine.nozzle.actual()),
        "target_nozzle": machine.nozzle.target(),
        "temp_bed": tenths(machine.bed.actual()),
        "target_bed": machine.bed.target(),
        "axis_z": tenths(z),
        "flow": machine.flow as i64,
        "speed": machine.speed as i64,
        "fan_hotend": fan_hotend as i64,
        "fan_print": fan_print as i64,
    });
    if state != State::Printing {
        (printer["axis_x"], printer["axis_y"]) = (json!(tenths(x)), json!(tenths(y)));
    }
    let mut status = Map::new();
    if let Some(job) = progress(family, machine, state) {
        status.insert("job".into(), job);
    }
    match family {
        PrusaLinkFamily::Pi => {
            let message = if state == State::Gone { "Serial device does not exist" } else { "OK" };
            printer["status_printer"] = json!({ "ok": state != State::Gone, "message": message });
            printer["status_connect"] = json!({ "ok": true, "message": "Connect isn't configured" });
            let free = shared.config.room.saturating_sub(inner.store.used());
            let local =
                json!({ "path": "/local", "read_only": false, "free_space": free, "name": PI_FOLDER });
            status.insert("storage".into(), json!([local, { "path": "/sdcard", "read_only": true }]));
        }
        PrusaLinkFamily::Buddy => {
            status.insert("storage".into(), json!({ "path": "/usb/", "name": "usb", "read_only": false }));
        }
    }
    if let Some(transfer) = &inner.transfer {
        let moved = match family {
            PrusaLinkFamily::Pi => "data_transferred",
            PrusaLinkFamily::Buddy => "transferred",
        };
        let told = json!({
            "id": transfer.id,
            "time_transferring": transfer.since.elapsed().as_secs(),
            "progress": percent(transfer),
            moved: transfer.transferred,
        });
        status.insert("transfer".into(), told);
    }
    status.insert("printer".into(), printer);
    Value::Object(status)
}

/// Of the job, in a status.
fn progress(family: PrusaLinkFamily, machine: &Machine, state: State) -> Option<Value> {
    let job = machine.job.as_ref().filter(|_| state.has_job())?;
    let mut told = json!({ "id": job.id, "progress": job.percent.unwrap_or(0.0) });
    if let Some(seconds) = job.seconds_remaining() {
        told["time_remaining"] = json!(seconds as i64);
    }
    if family == PrusaLinkFamily::Buddy {
        told["time_printing"] = json!(job.time_printing());
    }
    Some(told)
}

/// `None` without a job.
pub(super) fn job(shared: &Shared, inner: &mut Inner) -> Option<Value> {
    let state = inner.machine.state();
    let (machine, store) = (&inner.machine, &inner.store);
    let job = machine.job.as_ref().filter(|_| state.has_job())?;
    let mut told = json!({
        "id": job.id,
        "progress": job.percent.unwrap_or(0.0),
        "time_printing": job.time_printing(),
    });
    match shared.config.family {
        PrusaLinkFamily::Pi => {
            let path = format!("/{PI_FOLDER}/{}", job.path);
            let file = store.file(&job.path);
            told["state"] = json!(state.word());
            told["time_remaining"] = json!(job.seconds_remaining().map(|seconds| seconds as i64));
            told["inaccurate_estimates"] = json!(job.remaining.is_none());
            told["file"] = json!({
                "name": leaf(&job.path),
                "display_name": leaf(&job.path),
                "path": path,
                "display_path": path,
                "size": job.size,
                "m_timestamp": file.map_or(0, |file| file.changed),
                "refs": pi_refs(&job.path),
                "meta": meta(file),
            });
        }
        PrusaLinkFamily::Buddy => {
            let short = format!("/usb/{}", short_path(store.disk(), &job.path));
            // Who waits for somebody is paused here.
            told["state"] = json!(if state == State::Attention { "PAUSED" } else { state.word() });
            if let Some(seconds) = job.seconds_remaining() {
                told["time_remaining"] = json!(seconds as i64);
            }
            told["file"] = json!({
                "refs": buddy_refs(&short),
                "name": leaf(&short),
                "display_name": leaf(&job.path),
                "path": parent(&short),
                "size": job.size,
                "m_timestamp": store.file(&job.path).map_or(0, |file| file.changed),
            });
        }
    }
    Some(told)
}

pub(super) fn transfer(family: PrusaLinkFamily, transfer: &Transfer) -> Value {
    let mut told = json!({
        "type": if family == PrusaLinkFamily::Pi { "FROM_CLIENT" } else { "FROM_SLICER" },
        "display_name": leaf(&transfer.path),
        "path": if family == PrusaLinkFamily::Pi { "/local".to_owned() } else { format!("/usb/{}", transfer.path) },
        "url": null,
        "size": transfer.size,
        "progress": percent(transfer),
        "transferred": transfer.transferred,
        "time_remaining": 0,
        "time_transferring": transfer.since.elapsed().as_secs(),
        "to_print": transfer.to_print,
    });
    if family == PrusaLinkFamily::Buddy {
        told["size"] = json!(transfer.size.to_string());
        told["id"] = json!(transfer.id);
    }
    told
}

/// A file or folder, with what is in it when `open`.
pub(super) fn entry(family: PrusaLinkFamily, tree: &Tree, path: &str, entry: &Entry, open: bool) -> Value {
    match family {
        PrusaLinkFamily::Pi => pi_entry(tree, path, entry, open),
        PrusaLinkFamily::Buddy => buddy_entry(tree, path, entry, open),
    }
}

fn pi_entry(tree: &Tree, path: &str, entry: &Entry, open: bool) -> Value {
    let name = if path.is_empty() { PI_FOLDER } else { leaf(path) };
    let mut told = json!({ "name": name, "read_only": false, "display_name": name });
    match entry {
        Entry::Folder { changed } => {
            told["type"] = json!("FOLDER");
            told["m_timestamp"] = json!(changed);
            told["size"] = json!(size_below(tree, path));
            if open {
                let all = children(tree, path).map(|(path, entry)| pi_entry(tree, path, entry, false));
                told["children"] = all.collect();
            }
        }
        Entry::File(file) => {
            let is_print = is_gcode(name);
            told["type"] = json!(if is_print { "PRINT_FILE" } else { "FILE" });
            (told["m_timestamp"], told["size"]) = (json!(file.changed), json!(file.size));
            told["refs"] = match is_print {
                true => pi_refs(path),
                false => json!({ "download": pi_download(path) }),
            };
            if open {
                told["meta"] = meta(Some(file));
            }
        }
    }
    told
}

fn buddy_entry(tree: &Tree, path: &str, entry: &Entry, open: bool) -> Value {
    let (name, display) = match path.is_empty() {
        true => ("usb".to_owned(), "usb"),
        false => (short_path(tree, path), leaf(path)),
    };
    let short = if path.is_empty() { "/usb".to_owned() } else { format!("/usb/{name}") };
    let mut told = json!({ "name": leaf(&name), "ro": false, "display_name": display });
    match entry {
        Entry::Folder { changed } => {
            told["type"] = json!("FOLDER");
            told["m_timestamp"] = json!(changed);
            if open {
                let all = children(tree, path).map(|(path, entry)| buddy_entry(tree, path, entry, false));
                told["children"] = all.collect();
            }
        }
        Entry::File(file) => {
            told["type"] = json!(if is_gcode(display) { "PRINT_FILE" } else { "FILE" });
            (told["m_timestamp"], told["size"]) = (json!(file.changed), json!(file.size));
            told["refs"] = buddy_refs(&short);
        }
    }
    told
}

fn pi_download(path: &str) -> String {
    format!("/api/files/local/{PI_FOLDER}/{path}/raw")
}

fn pi_refs(path: &str) -> Value {
    json!({ "download": pi_download(path), "icon": null, "thumbnail": null })
}

fn buddy_refs(short: &str) -> Value {
    json!({ "icon": format!("/thumb/s{short}"), "thumbnail": format!("/thumb/l{short}"), "download": short })
}

/// What a slicer wrote at the end of a file, as far as somebody looks at it.
fn meta(file: Option<&File>) -> Value {
    let mut meta = json!({ "estimated_print_time": null });
    let Some(data) = file.and_then(|file| file.data.as_ref()) else { return meta };
    for line in String::from_utf8_lossy(data).lines() {
        let Some((name, value)) = line.strip_prefix("; ").and_then(|line| line.split_once(" = ")) else {
            continue;
        };
        match name {
            "filament used [mm]" | "filament used [g]" => {
                if let Ok(amount) = value.parse::<f64>() {
                    meta[name] = json!(amount);
                    meta[format!("{name} per tool")] = json!([amount]);
                }
            }
            "estimated printing time (normal mode)" => {
                meta[name] = json!(value);
                meta["estimated_print_time"] = json!(seconds(value));
            }
            _ => {}
        }
    }
    meta
}

/// `1h 2m 3s`
fn seconds(text: &str) -> Option<u64> {
    text.split_whitespace().try_fold(0, |sum, part| {
        let (number, unit) = part.split_at_checked(part.len() - 1)?;
        let unit = match unit {
            "d" => 86400,
            "h" => 3600,
            "m" => 60,
            _ => 1,
        };
        Some(sum + number.parse::<u64>().ok()? * unit)
    })
}

fn percent(transfer: &Transfer) -> f64 {
    (transfer.transferred as f64 / transfer.size.max(1) as f64 * 10000.0).round() / 100.0
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}
