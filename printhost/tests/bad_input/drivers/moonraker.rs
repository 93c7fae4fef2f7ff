use printhost::ErrorKind;

use super::{
    super::{
        frames::{accept, text_frame},
        harness::{Call, Scene},
        server::{Answer, Converse, Heard, Step, json, reply, rpc_method, say},
    },
    Driver, Meaning, Socket,
};

pub(crate) const MOONRAKER: Driver = Driver {
    scheme: "moonraker",
    probe: "/server/info",
    home: INFO,
    listing: r#"{"result":{"dirs":[],"files":["#,
    envelope: &["/result", "/result/status"],
    entry: |name| format!(r#"{{"filename":"{name}"}}"#),
    socket: Some(Socket {
        request: "GET /websocket",
        live: |heard, before, after| {
            live(heard, before, Scene::Idle, move |call| {
                let mut steps = call_answered(call, Scene::Idle);
                let is_all = rpc_method(call) == Some("printer.objects.subscribe");
                steps.extend(after.iter().filter(|_| is_all).cloned());
                Some(steps)
            })
        },
    }),
    healthy,
    request,
    meaning,
    refusal: |words| {
        format!(
            r#"{{"error":{{"code":400,"message":"{words}","traceback":"Traceback (most recent call last):"}}}}"#
        )
    },
    wrong_key,
    // Answered when it has been carried out, which may take minutes.
    is_taken_in_silence: |call| {
        matches!(call, Call::Start | Call::Pause | Call::Resume | Call::Cancel | Call::Gcode | Call::Home)
    },
    // JSON-RPC is answered with 200 whatever comes of it.
    accepts_by_status: |call| call == Call::Delete,
    asks_first: &["GET /server/info HTTP/1.1", "GET /access/info HTTP/1.1"],
    explains_refusal: true,
};

fn request(call: Call) -> Option<&'static str> {
    Some(match call {
        Call::Connect => "GET /server/info",
        Call::Status => "GET /printer/objects/query",
        Call::Files => "GET /server/files/directory",
        Call::FileInfo => "GET /server/files/metadata",
        Call::Download => "GET /server/files/gcodes/x.gcode",
        Call::Upload => "POST /server/files/upload",
        Call::Start => "RPC printer.print.start",
        Call::Pause => "RPC printer.print.pause",
        Call::Resume => "RPC printer.print.resume",
        Call::Cancel => "RPC printer.print.cancel",
        Call::Gcode | Call::Home => "RPC printer.gcode.script",
        Call::Delete => "DELETE /server/files/gcodes/x.gcode",
        Call::Run => "GET /websocket",
    })
}

fn meaning(call: Call, status: u16) -> Meaning {
    match (call, status) {
        // Klipper has gone, and Moonraker knows its objects no more.
        (Call::Status, 404 | 409) => Meaning::NoError,
        // A file that was not looked into; whether there is one is then asked in another way.
        (Call::FileInfo, 404) => Meaning::NoError,
        // What is printed, or loaded.
        (Call::Upload, 403) | (Call::Delete, 403 | 409) => Meaning::Is(ErrorKind::Conflict),
        // It hands out files only.
        (Call::Download, 403) => Meaning::Is(ErrorKind::NotFound),
        // Klipper refuses whatever it does with that.
        (Call::Start | Call::Pause | Call::Resume | Call::Cancel | Call::Gcode | Call::Home, 400) => {
            Meaning::Is(ErrorKind::Conflict)
        }
        _ => Meaning::Usual,
    }
}

fn wrong_key(heard: &Heard<'_>) -> Answer {
    match heard.is("GET /access/info") {
        true => json(200, ACCESS),
        false => json(
            401,
            r#"{"error":{"code":401,"message":"Unauthorized","traceback":"Traceback (most recent"}}"#,
        ),
    }
}

pub(crate) const INFO: &str = r#"{"result":{"klippy_connected":true,"klippy_state":"ready","components":[],
    "warnings":[],"moonraker_version":"v0.10.0-11","api_version":[1,5,0],"api_version_string":"1.5.0"}}"#;
const ACCESS: &str = r#"{"result":{"default_source":"moonraker","available_sources":["moonraker"],
    "login_required":true,"trusted":false}}"#;
pub(crate) const OBJECTS: &str = r#"{"result":{"objects":["webhooks","print_stats","virtual_sdcard","toolhead",
    "gcode_move","extruder","heater_bed","fan","heater_fan hotend","query_endstops","configfile"]}}"#;
pub(crate) const METADATA: &str = r#"{"result":{"size":4,"modified":1795207604.5,"filename":"x.gcode",
    "file_processors":[],"estimated_time":152,"filament_total":136.8,
    "thumbnails":[{"width":32,"height":32,"size":102,"relative_path":".thumbs/x-32x32.png"}]}}"#;
pub(crate) const DIRECTORY: &str = r#"{"result":{"dirs":[{"modified":1795207604.5,"size":4096,"permissions":"rw",
    "dirname":"sub"}],"files":[{"modified":1795207604.5,"size":4,"permissions":"rw","filename":"x.gcode"}],
    "disk_usage":{"total":2000000000,"used":1000000000,"free":1000000000},"root_info":{"name":"gcodes","permissions":"rw"}}}"#;

/// What Klipper tells of its objects.
pub(crate) fn objects(scene: Scene) -> String {
    let (state, file) = match scene {
        Scene::Idle => ("standby", ""),
        Scene::Printing => ("printing", "x.gcode"),
        Scene::Paused => ("paused", "x.gcode"),
    };
    format!(
        r#"{{"webhooks":{{"state":"ready","state_message":"Printer is ready"}},
        "print_stats":{{"state":"{state}","filename":"{file}","message":"","total_duration":4000.5,"print_duration":3900.0}},
        "virtual_sdcard":{{"progress":0.5,"file_size":4}},"toolhead":{{"homed_axes":"xyz"}},
        "gcode_move":{{"gcode_position":[1.0,2.0,3.0,4.0],"speed_factor":1.0,"extrude_factor":0.95}},
        "extruder":{{"temperature":205.2,"target":205.0,"can_extrude":true}},
        "heater_bed":{{"temperature":60.1,"target":60.0}},
        "fan":{{"speed":0.5,"rpm":null}},"heater_fan hotend":{{"speed":1.0,"rpm":4000.0}}}}"#
    )
}

pub(crate) fn query(scene: Scene) -> String {
    format!(r#"{{"result":{{"eventtime":36353.9,"status":{}}}}}"#, objects(scene))
}

/// As Moonraker 0.11 answers.
pub(crate) fn healthy(heard: &Heard<'_>, scene: Scene) -> Answer {
    match heard {
        h if h.is("GET /server/info") => json(200, INFO),
        h if h.is("GET /access/info") => json(200, ACCESS),
        h if h.is("GET /printer/objects/list") => json(200, OBJECTS),
        h if h.is("GET /printer/objects/query") => json(200, &query(scene)),
        h if h.is("GET /server/files/directory") => json(200, DIRECTORY),
        h if h.is("GET /server/files/metadata") => json(200, METADATA),
        h if h.is("GET /server/history/list") => json(200, r#"{"result":{"count":0,"jobs":[]}}"#),
        h if h.is("HEAD /server/files/gcodes/x.gcode") => {
            say(b"HTTP/1.1 200 X\r\nContent-Length: 4\r\n\r\n".as_slice())
        }
        h if h.is("GET /server/files/gcodes/x.gcode") => reply(200, "", "G28\n"),
        h if h.is("DELETE /server/files/gcodes/x.gcode") => {
            json(200, r#"{"result":{"item":{"path":"x.gcode","root":"gcodes"},"action":"delete_file"}}"#)
        }
        h if h.is("POST /server/files/upload") => json(
            201,
            r#"{"item":{"path":"x.gcode","root":"gcodes","modified":1795207604.5,"size":4,"permissions":"rw"},
            "print_started":false,"print_queued":false,"action":"create_file"}"#,
        ),
        h if h.is("RPC ") => json(200, &answer(h.1, r#""ok""#)),
        h if h.is("GET /websocket") => live(h, Vec::new(), scene, |_| None),
        _ => json(404, r#"{"error":{"code":404,"message":"Not Found","traceback":""}}"#),
    }
}

/// The answer to a call of JSON-RPC.
pub(crate) fn answer(call: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","result":{result},"id":{}}}"#, id(call))
}

/// The refusal of a call of JSON-RPC.
pub(crate) fn refusal(call: &str, code: i32, message: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{message}"}},"id":{}}}"#, id(call))
}

/// A call's number, which stands last.
pub(crate) fn id(call: &str) -> u32 {
    let (_, id) = call.rsplit_once(r#""id":"#).unwrap();
    id.trim_end_matches('}').parse().unwrap()
}

/// The websocket: this first, then what the script says to a call, and where it says nothing what Moonraker
/// would.
pub(crate) fn live(
    heard: &Heard<'_>,
    before: Answer,
    scene: Scene,
    script: impl Fn(&str) -> Option<Answer> + Send + Sync + 'static,
) -> Answer {
    let mut steps = accept(heard, b"");
    steps.extend(before);
    let converse = move |call: &str| script(call).unwrap_or_else(|| call_answered(call, scene));
    steps.push(Step::Converse(Converse(std::sync::Arc::new(converse))));
    steps
}

/// A healthy answer to a call over the websocket.
pub(crate) fn call_answered(call: &str, scene: Scene) -> Answer {
    let result = match rpc_method(call) {
        Some("server.connection.identify") => r#"{"connection_id":1730367696}"#.into(),
        Some("server.info") => INFO.trim_start_matches(r#"{"result":"#).strip_suffix('}').unwrap().into(),
        Some("printer.objects.subscribe" | "printer.objects.query") => {
            format!(r#"{{"eventtime":36353.9,"status":{}}}"#, objects(scene))
        }
        Some("server.files.metadata") => {
            METADATA.trim_start_matches(r#"{"result":"#).strip_suffix('}').unwrap().into()
        }
        _ => r#""ok""#.to_owned(),
    };
    vec![Step::Say(text_frame(&answer(call, &result)).into())]
}
