//! Moonraker in front of a Klipper in any state: what finds something out does nothing to it, and what it refuses is
//! refused.

use std::time::Duration;

use printhost::{Axes, Command, ErrorKind, Event, Page, Phase, PrintHost, Retry, net::Net};

use super::{
    drivers::{
        MOONRAKER,
        moonraker::{answer, live, objects, refusal},
    },
    frames::text_frame,
    harness::{Call, Scene, decent, is_kind},
    server::{Answer, Heard, Server, Step, json, rpc_method},
};

over_both!(;
    paused
    nothing_that_finds_something_out_disturbs_klipper_in_any_state,
    what_disturbs_is_told_apart,
    refusals_of_json_rpc_are_typed_errors_over_http,
    refusals_of_json_rpc_are_typed_errors_over_the_websocket,
    state_that_is_none_of_ours_is_unknown,
);

/// What is not to be asked of a printer by anything that only wants to know: Klipper shuts down when its end stops are
/// queried before it is ready, and the rest speaks for itself.
fn disturbs(line: &str) -> bool {
    let is_read = line.starts_with("GET ") || line.starts_with("HEAD ");
    let bad = [
        "query_endstops",
        "gcode/",
        "gcode.",
        "/print/",
        ".print.",
        "restart",
        "emergency",
        "shutdown",
        "reboot",
    ];
    let about = line.split(" HTTP/").next().unwrap();
    // The list of objects names some of these as what may be asked for.
    bad.iter().any(|word| about.contains(word))
        || !(is_read || line.starts_with("WS ") || line.starts_with("POST /access/"))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Klippy {
    Disconnected,
    Startup,
    Error,
    Shutdown,
    Ready(Scene),
}

const STATES: [Klippy; 7] = [
    Klippy::Disconnected,
    Klippy::Startup,
    Klippy::Error,
    Klippy::Shutdown,
    Klippy::Ready(Scene::Idle),
    Klippy::Ready(Scene::Printing),
    Klippy::Ready(Scene::Paused),
];

impl Klippy {
    fn word(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Startup => "startup",
            Self::Error => "error",
            Self::Shutdown => "shutdown",
            Self::Ready(_) => "ready",
        }
    }

    fn scene(self) -> Scene {
        match self {
            Self::Ready(scene) => scene,
            _ => Scene::Printing,
        }
    }

    fn has_objects(self) -> bool {
        !matches!(self, Self::Disconnected | Self::Startup)
    }

    fn info(self) -> String {
        let connected = self != Self::Disconnected;
        format!(
            r#"{{"klippy_connected":{connected},"klippy_state":"{}","moonraker_version":"v0.11.0"}}"#,
            self.word()
        )
    }

    fn objects(self) -> String {
        let webhooks = format!(r#""state":"{}","state_message":"why it is so"#, self.word());
        objects(self.scene()).replace(r#""state":"ready","state_message":"Printer is ready"#, &webhooks)
    }

    fn phase(self) -> Phase {
        match self {
            Self::Disconnected => Phase::Offline,
            Self::Startup => Phase::Connecting,
            Self::Error | Self::Shutdown => Phase::Faulted,
            Self::Ready(Scene::Idle) => Phase::Idle,
            Self::Ready(Scene::Printing) => Phase::Printing,
            Self::Ready(Scene::Paused) => Phase::Paused,
        }
    }

    fn answer(self, heard: &Heard<'_>) -> Option<Answer> {
        Some(match heard {
            h if h.is("GET /server/info") => json(200, &format!(r#"{{"result":{}}}"#, self.info())),
            h if h.is("GET /printer/objects/") && !self.has_objects() => {
                json(404, r#"{"error":{"code":404,"message":"Not Found","traceback":""}}"#)
            }
            h if h.is("GET /printer/objects/query") => {
                json(200, &format!(r#"{{"result":{{"eventtime":1.5,"status":{}}}}}"#, self.objects()))
            }
            h if h.is("GET /websocket") => live(h, Vec::new(), self.scene(), move |call| self.call(call)),
            _ => return None,
        })
    }

    fn call(self, call: &str) -> Option<Answer> {
        let say = |text: String| Some(vec![Step::Say(text_frame(&text).into())]);
        match rpc_method(call)? {
            "server.info" => say(answer(call, &self.info())),
            method if method.starts_with("printer.") && !self.has_objects() => {
                say(refusal(call, -32601, "Method not found"))
            }
            "printer.objects.subscribe" | "printer.objects.query" => {
                let status = format!(r#"{{"eventtime":1.5,"status":{}}}"#, self.objects());
                say(answer(call, &status))
            }
            _ => None,
        }
    }

    async fn server(self) -> Server {
        MOONRAKER.server(self.scene(), move |heard| self.answer(heard)).await
    }
}

async fn nothing_that_finds_something_out_disturbs_klipper_in_any_state<N: Net>(net: fn() -> N) {
    for klippy in STATES {
        let server = klippy.server().await;
        let host = MOONRAKER.host(net(), server.port);
        host.connect().await.unwrap();
        assert_eq!(host.status().await.unwrap().phase, klippy.phase(), "{klippy:?}");
        host.files("", Page::first(10)).await.unwrap();
        host.file_info("x.gcode").await.unwrap();
        let _ = host.cameras().await;

        let mut events = host.events().unwrap();
        let listen = async {
            while events.next().await != Event::Resynced {}
            // Every kind of read goes over the websocket now, and the subscription is kept for a while.
            assert_eq!(host.status().await.unwrap().phase, klippy.phase(), "{klippy:?}");
            host.file_info("x.gcode").await.unwrap();
            tokio::time::sleep(Duration::from_secs(100)).await;
        };
        tokio::select! {
            end = host.run() => panic!("{klippy:?}: {end:?}"),
            () = listen => {}
        }
        let heard = server.heard();
        assert!(heard.iter().any(|line| line.starts_with("WS server.info")), "{heard:?}");
        let bad: Vec<_> = heard.iter().filter(|line| disturbs(line)).collect();
        assert!(bad.is_empty(), "{klippy:?}: {bad:?}");
    }
}

/// The control.
async fn what_disturbs_is_told_apart<N: Net>(net: fn() -> N) {
    for line in [
        "GET /printer/query_endstops/status HTTP/1.1",
        "WS printer.query_endstops.status {}",
        "RPC printer.gcode.script",
        "POST /printer/gcode/script?script=G28 HTTP/1.1",
        "POST /printer/print/pause HTTP/1.1",
        "WS printer.firmware_restart {}",
        "POST /printer/emergency_stop HTTP/1.1",
        "DELETE /server/files/gcodes/x.gcode HTTP/1.1",
    ] {
        assert!(disturbs(line), "{line}");
    }
    let server = Klippy::Ready(Scene::Idle).server().await;
    let host = MOONRAKER.host(net(), server.port);
    host.command(Command::Home(Axes::ALL)).await.unwrap();
    assert!(server.heard().iter().any(|line| disturbs(line)));
}

/// Code, words, what they mean to a start, and what is known then.
const REFUSALS: [(&str, &str, ErrorKind, Retry); 12] = [
    ("-32602", "Unauthorized", ErrorKind::Unauthorized, Retry::Never),
    ("-32602", "Invalid params:", ErrorKind::Conflict, Retry::Never),
    ("-32601", "Method not found", ErrorKind::Conflict, Retry::Never),
    ("-32601", "Not Found", ErrorKind::NotFound, Retry::Never),
    ("400", "SD busy", ErrorKind::Conflict, Retry::Never),
    ("400", "Unable to open file", ErrorKind::NotFound, Retry::Never),
    ("403", "Forbidden", ErrorKind::Forbidden, Retry::Never),
    ("503", "Klippy Host not connected", ErrorKind::Conflict, Retry::Never),
    ("-32700", "Parse error", ErrorKind::Unconfirmed, Retry::ReadFirst),
    ("500", "Internal", ErrorKind::Unconfirmed, Retry::ReadFirst),
    ("99999999999", "odd", ErrorKind::Unconfirmed, Retry::ReadFirst),
    (r#""400""#, "odd", ErrorKind::Unconfirmed, Retry::ReadFirst),
];

async fn refusals_of_json_rpc_are_typed_errors_over_http<N: Net>(net: fn() -> N) {
    for (code, words, kind, retry) in REFUSALS {
        let text = format!(r#"{{"jsonrpc":"2.0","error":{{"code":{code},"message":"{words}"}},"id":1}}"#);
        let server = MOONRAKER.answering(Call::Start, move |_| json(200, &text)).await;
        let error = MOONRAKER.host(net(), server.port).start("x.gcode").await.unwrap_err();
        let name = format!("{code} {words}");
        is_kind(&name, &error, kind);
        assert_eq!((error.retry(), error.operation()), (retry, "start"), "{name}");
        decent(&name, &error);
    }
}

async fn refusals_of_json_rpc_are_typed_errors_over_the_websocket<N: Net>(net: fn() -> N) {
    for (code, words, kind, retry) in REFUSALS {
        let server = MOONRAKER
            .server(Scene::Idle, move |heard| {
                heard.is("GET /websocket").then(|| {
                    live(heard, Vec::new(), Scene::Idle, move |call| {
                        let text =
                            refusal(call, 0, words).replace(r#""code":0"#, &format!(r#""code":{code}"#));
                        (rpc_method(call) == Some("printer.print.start"))
                            .then(|| vec![Step::Say(text_frame(&text).into())])
                    })
                })
            })
            .await;
        let host = MOONRAKER.host(net(), server.port);
        let mut events = host.events().unwrap();
        let started = async {
            while events.next().await != Event::Resynced {}
            host.start("x.gcode").await
        };
        let error = tokio::select! {
            end = host.run() => panic!("{end:?}"),
            started = started => started.unwrap_err(),
        };
        let name = format!("{code} {words}");
        is_kind(&name, &error, kind);
        assert_eq!((error.retry(), error.operation()), (retry, "start"), "{name}");
        let heard = server.heard();
        assert_eq!(heard.iter().filter(|line| line.contains("printer.print.start")).count(), 1, "{heard:?}");
    }
}

async fn state_that_is_none_of_ours_is_unknown<N: Net>(net: fn() -> N) {
    for (place, word) in [("ready", "levitating"), ("printing", "levitating")] {
        let body = format!(
            r#"{{"result":{{"status":{}}}}}"#,
            objects(Scene::Printing)
                .replace(&format!(r#""state":"{place}""#), &format!(r#""state":"{word}""#))
        );
        let server = MOONRAKER.answering(Call::Status, move |_| json(200, &body)).await;
        let status = MOONRAKER.host(net(), server.port).status().await.unwrap();
        assert_eq!((status.phase, status.state_text.as_str()), (Phase::Unknown, word));
    }
}
