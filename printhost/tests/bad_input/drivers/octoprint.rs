use super::{
    super::{
        frames::{accept, text_frame},
        harness::{Call, Scene},
        server::{self, Answer, Heard, Step, json},
    },
    Driver, Meaning, Socket,
};

pub(crate) const OCTOPRINT: Driver = Driver {
    scheme: "octoprint",
    probe: "/api/version",
    home: r#"{"api":"0.1","server":"1.11.8","text":"OctoPrint 1.11.8"}"#,
    listing: r#"{"files":["#,
    envelope: &[],
    entry: |name| format!(r#"{{"path":"{name}"}}"#),
    socket: Some(Socket { request: "GET /sockjs/websocket", live }),
    healthy,
    request,
    meaning,
    refusal: |words| format!(r#"{{"error":"{words}"}}"#),
    wrong_key,
    is_taken_in_silence: |_| false,
    accepts_by_status: |_| true,
    asks_first: &["GET /api/version HTTP/1.1"],
    explains_refusal: false,
};

fn request(call: Call) -> Option<&'static str> {
    Some(match call {
        Call::Connect => "GET /api/version",
        Call::Status => "GET /api/printer",
        Call::Files => "GET /api/files/local?",
        Call::FileInfo => "GET /api/files/local/x.gcode",
        Call::Download => "GET /downloads/files/local/x.gcode",
        Call::Upload => "POST /api/files/local ",
        Call::Start => "POST /api/files/local/x.gcode",
        Call::Pause | Call::Resume | Call::Cancel => "POST /api/job",
        Call::Gcode => "POST /api/printer/command",
        Call::Home => "POST /api/printer/printhead",
        Call::Delete => "DELETE /api/files/local/x.gcode",
        Call::Run => "POST /api/login",
    })
}

fn meaning(call: Call, status: u16) -> Meaning {
    match (call, status) {
        // The printer is not operational.
        (Call::Status, 409) => Meaning::NoError,
        _ => Meaning::Usual,
    }
}

/// As 1.11.8 does.
fn wrong_key(heard: &Heard<'_>) -> Answer {
    match heard.is("GET") {
        true => json(403, r#"{"error":"You don't have the permission to access the requested resource."}"#),
        false => json(400, r#"{"error":"CSRF validation failed"}"#),
    }
}

fn live(heard: &Heard<'_>, before: Answer, after: Answer) -> Answer {
    let current = r#"{"current":{"state":{"text":"Operational","flags":{"operational":true}}}}"#;
    let mut steps = accept(heard, b"");
    steps.extend(before);
    steps.push(Step::Say(text_frame(current).into()));
    steps.extend(after);
    steps
}

fn healthy(heard: &Heard<'_>, scene: Scene) -> Answer {
    let (word, flag) = match scene {
        Scene::Idle => return server::healthy(heard),
        Scene::Printing => ("Printing", "printing"),
        Scene::Paused => ("Paused", "paused"),
    };
    match heard {
        h if h.is("GET /api/printer") => json(
            200,
            &format!(r#"{{"state":{{"text":"{word}","flags":{{"operational":true,"{flag}":true}}}}}}"#),
        ),
        h if h.is("GET /api/job") => json(
            200,
            &format!(
                r#"{{"job":{{"file":{{"path":"x.gcode","origin":"local"}}}},"progress":{{"printTime":4000}},"state":"{word}"}}"#
            ),
        ),
        _ => server::healthy(heard),
    }
}
