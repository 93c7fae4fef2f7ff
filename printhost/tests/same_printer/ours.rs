//! What this driver says, as fields.

use std::time::Duration;

use printhost::{FileEntry, HeaterId, Net, Page, PrintHost, octoprint::OctoPrint};
use serde_json::{Value, json};

use super::fields::{Fields, sorted};

/// Everything that this driver reads.
pub(crate) async fn fields<N: Net>(host: &OctoPrint<N>) -> Fields {
    let mut fields = Fields::new();
    let mut put = |name: String, value: Value| {
        assert!(fields.insert(name.clone(), value).is_none(), "{name} twice");
    };
    let info = host.connect().await.unwrap();
    put("version/server".into(), info.version.into());
    put("version/api".into(), json!(info.api));

    let connection = host.connection_settings().await.unwrap();
    put("connection/state".into(), connection.state.into());
    put("connection/port".into(), json!(connection.port));
    put("connection/baudrate".into(), json!(connection.baudrate));
    put("connection/profile".into(), json!(connection.profile));
    put("connection/ports".into(), sorted(connection.ports.into_iter().map(Value::from)));
    put("connection/baudrates".into(), sorted(connection.baudrates.into_iter().map(Value::from)));
    put("connection/profiles".into(), sorted(connection.profiles.into_iter().map(Value::from)));

    let status = host.status().await.unwrap();
    put("state/text".into(), status.state_text.into());
    put("state/phase".into(), status.phase.name().into());
    put("state/error".into(), json!(status.fault));
    let (job, details) = (status.job.unwrap_or_default(), host.job_details().await.unwrap());
    assert_eq!(job.path, details.path);
    put("job/path".into(), json!(job.path));
    put("job/storage".into(), json!(details.storage));
    put("job/size".into(), json!(job.size));
    put("job/progress".into(), json!(job.progress));
    put("job/elapsed".into(), seconds(job.elapsed));
    put("job/remaining".into(), seconds(job.remaining));
    put("job/estimated".into(), seconds(details.estimated));
    put("job/average".into(), seconds(details.average));
    put("job/last".into(), seconds(details.last));
    put("job/user".into(), json!(details.user));
    put("job/filament".into(), details.filament.iter().map(|tool| json!(tool.length)).collect());

    put("job/filament volume".into(), details.filament.iter().map(|tool| json!(tool.volume)).collect());

    let heater_name = |id| match id {
        HeaterId::Tool(n) => format!("tool{n}"),
        HeaterId::Bed => "bed".into(),
        HeaterId::Chamber => "chamber".into(),
        _ => panic!("{id:?}"),
    };
    let of_status = status.tools.iter().enumerate().map(|(n, heater)| (HeaterId::Tool(n as u8), *heater));
    let of_status = of_status.chain(status.bed.map(|heater| (HeaterId::Bed, heater)));
    for (id, heater) in of_status.chain(status.chamber.map(|heater| (HeaterId::Chamber, heater))) {
        let name = heater_name(id);
        put(format!("heater/{name}/actual"), json!(heater.actual));
        put(format!("heater/{name}/target"), json!(heater.target));
    }
    // A printer that is not connected has none.
    for state in host.heaters().await.unwrap_or_default() {
        put(format!("heater/{}/offset", heater_name(state.id)), json!(state.offset));
    }

    for entry in everything_below(host).await {
        let path = &entry.path;
        put(format!("file/{path}/folder"), entry.is_folder.into());
        put(format!("file/{path}/size"), json!(entry.size));
        put(format!("file/{path}/date"), json!(entry.modified));
        put(format!("file/{path}/hash"), hex(entry.sha1));
        if !entry.is_folder {
            let info = host.file_info(path).await.unwrap();
            put(format!("info/{path}/size"), json!(info.entry.size));
            put(format!("info/{path}/date"), json!(info.entry.modified));
            put(format!("info/{path}/hash"), hex(info.entry.sha1));
            put(format!("info/{path}/print time"), seconds(info.print_time));
            put(format!("info/{path}/filament"), json!(info.filament));
        }
    }

    for profile in host.printer_profiles().await.unwrap() {
        let volume = profile.volume.map(|sides| sides.map(|side| json!(side))).unwrap_or_default();
        let [width, depth, height] = volume;
        for (name, value) in [
            ("name", json!(profile.name)),
            ("model", json!(profile.model)),
            ("current", json!(profile.is_current)),
            ("default", json!(profile.is_default)),
            ("heated bed", json!(profile.heated_bed)),
            ("heated chamber", json!(profile.heated_chamber)),
            ("tools", json!(profile.tools)),
            ("shared nozzle", json!(profile.shared_nozzle)),
            ("nozzle", json!(profile.nozzle)),
            ("width", width),
            ("depth", depth),
            ("height", height),
            ("round", json!(profile.is_round)),
        ] {
            put(format!("profile/{}/{name}", profile.id), value);
        }
    }
    fields
}

fn hex(sha1: Option<[u8; 20]>) -> Value {
    json!(sha1.map(|sha1| sha1.iter().map(|b| format!("{b:02x}")).collect::<String>()))
}

fn seconds(time: Option<Duration>) -> Value {
    json!(time.map(|time| time.as_secs_f64()))
}

/// All files and folders; a page at a time, small enough that there is more than one.
async fn everything_below<N: Net>(host: &OctoPrint<N>) -> Vec<FileEntry> {
    let (mut all, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        let mut page = Page::first(2);
        loop {
            let listed = host.files(&folder, page).await.unwrap();
            folders.extend(listed.entries.iter().filter(|entry| entry.is_folder).map(|e| e.path.clone()));
            all.extend(listed.entries);
            if !listed.more {
                break;
            }
            page = page.next();
        }
    }
    all
}
