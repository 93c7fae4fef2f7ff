use printhost::ErrorKind;

use super::{
    super::{
        harness::{Call, Scene},
        server::{Answer, Heard, json, reply, say},
    },
    Driver, Meaning,
};

pub(crate) const PRUSALINK: Driver = Driver {
    scheme: "prusalink",
    probe: "/api/version",
    home: VERSION,
    listing: r#"{"type":"FOLDER","children":["#,
    envelope: &[],
    entry: |name| format!(r#"{{"display_name":"{name}"}}"#),
    socket: None,
    healthy,
    request,
    meaning,
    refusal: |words| format!(r#"{{"title":"T","message":"{words}","url":"http://other.example/"}}"#),
    // As 0.8.1 does.
    wrong_key: |_| reply(403, "Content-Type: text/html; charset=utf-8\r\n", "Bad X-Api-Key."),
    is_taken_in_silence: |_| false,
    accepts_by_status: |_| true,
    asks_first: &["GET /api/version HTTP/1.1"],
    explains_refusal: false,
};

fn request(call: Call) -> Option<&'static str> {
    Some(match call {
        Call::Connect | Call::Run => "GET /api/version",
        Call::Status => "GET /api/v1/status",
        Call::Files => "GET /api/v1/files/local ",
        Call::FileInfo => "GET /api/v1/files/local/x.gcode",
        Call::Download => "GET /api/files/local/x.gcode/raw",
        Call::Upload => "PUT /api/v1/files/local/x.gcode",
        Call::Start => "POST /api/v1/files/local/x.gcode",
        Call::Pause => "PUT /api/v1/job/7/pause",
        Call::Resume => "PUT /api/v1/job/7/resume",
        Call::Cancel => "DELETE /api/v1/job/7",
        Call::Delete => "DELETE /api/v1/files/local/x.gcode",
        Call::Gcode | Call::Home => return None,
    })
}

fn meaning(call: Call, status: u16) -> Meaning {
    let is_about_files = matches!(
        call,
        Call::Files | Call::FileInfo | Call::Download | Call::Upload | Call::Start | Call::Delete
    );
    match status {
        // Outside of its storage.
        403 if is_about_files => Meaning::Is(ErrorKind::NotFound),
        _ => Meaning::Usual,
    }
}

pub(crate) const VERSION: &str = r#"{"api":"2.0.0","server":"0.8.1","original":"PrusaLink I3MK3S","text":"PrusaLink 0.8.1",
    "firmware":"3.14.1-8237","sdk":"0.8.1","capabilities":{"upload-by-put":true}}"#;
pub(crate) const STORAGE: &str = r#"{"storage_list":[{"type":"LOCAL","path":"/local","available":true,"read_only":false,
    "name":"PrusaLink gcodes"}]}"#;
pub(crate) const FILE: &str = r#"{"type":"PRINT_FILE","name":"x.gcode","display_name":"x.gcode","size":4,
    "m_timestamp":1795207113,"refs":{"download":"/api/files/local/x.gcode/raw","thumbnail":"/thumb/x.png"},
    "meta":{"estimated_print_time":123,"filament used [mm]":5.5,"filament used [mm] per tool":[1.5]}}"#;

/// `GET /api/v1/status`
pub(crate) fn status(scene: Scene) -> String {
    let (state, job) = match scene {
        Scene::Idle => ("IDLE", ""),
        Scene::Printing => ("PRINTING", JOB),
        Scene::Paused => ("PAUSED", JOB),
    };
    format!(
        r#"{{"printer":{{"state":"{state}","temp_nozzle":64.0,"temp_bed":60.0,"target_nozzle":215.0,"target_bed":61.0,
        "axis_x":1.5,"axis_y":2.5,"axis_z":0.15,"flow":100,"speed":101,"fan_hotend":3240,"fan_print":4560,
        "status_printer":{{"ok":true,"message":"OK"}}}}{job}}}"#
    )
}

const JOB: &str = r#","job":{"id":7,"progress":50.0,"time_remaining":60,"time_printing":4000}"#;

fn healthy(heard: &Heard<'_>, scene: Scene) -> Answer {
    let has_job = scene != Scene::Idle;
    match heard {
        h if h.is("GET /api/version") => json(200, VERSION),
        h if h.is("GET /api/v1/storage") => json(200, STORAGE),
        h if h.is("GET /api/v1/status") => json(200, &status(scene)),
        h if h.is("GET /api/v1/job") && has_job => json(
            200,
            r#"{"id":7,"state":"PRINTING","file":{"name":"x.gcode","display_name":"x.gcode","path":"/PrusaLink gcodes/x.gcode","size":4}}"#,
        ),
        h if h.is("GET /api/v1/files/local ") => {
            json(200, &format!(r#"{{"type":"FOLDER","name":"PrusaLink gcodes","children":[{FILE}]}}"#))
        }
        h if h.is("GET /api/v1/files/") => json(200, FILE),
        h if h.is("GET /api/files/local/x.gcode/raw") => reply(200, "", "G28\n"),
        h if h.is("PUT /api/v1/files/") => json(201, FILE),
        _ => say(b"HTTP/1.1 204 X\r\n\r\n".as_slice()),
    }
}
