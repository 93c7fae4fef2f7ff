//! What a wrong or hostile Moonraker says on its websocket beside what it is asked.

use std::time::Duration;

use printhost::{AnyHost, Confirmation, ErrorKind, Event, Phase, PrintHost, PrinterStatus, Retry, net::Net};

use super::{
    drivers::{
        MOONRAKER,
        moonraker::{answer, call_answered, id, live},
    },
    frames::text_frame,
    harness::{JSON, Scene, decent, is_kind},
    server::{Answer, Server, Step, rpc_method},
};

over_both!(;
    paused
    text_that_ends_too_early_ends_the_connection,
    every_close_code_is_told_and_another_connection_follows,
    notifications_of_wrong_types_change_nothing_that_is_known,
    answer_of_the_wrong_type_ends_no_more_than_its_call,
    answer_to_nobody_settles_nothing,
    answer_that_is_too_large_is_asked_for_by_http,
    change_whose_connection_ends_is_unconfirmed_and_sent_once,
    change_that_could_not_be_sent_on_the_websocket_is_sent_by_http_once,
);

fn frame(text: &str) -> Step {
    Step::Say(text_frame(text).into())
}

/// A Moonraker whose websocket answers a call like this, where it answers it at all.
async fn answering(
    scene: Scene,
    script: impl Fn(&str) -> Option<Answer> + Clone + Send + Sync + 'static,
) -> Server {
    MOONRAKER
        .server(scene, move |heard| {
            heard.is("GET /websocket").then(|| live(heard, Vec::new(), scene, script.clone()))
        })
        .await
}

/// Does something with a host that is connected.
async fn while_live<N: Net, T>(
    net: N,
    server: &Server,
    work: impl AsyncFnOnce(&AnyHost<N>, printhost::Events<'_>) -> T,
) -> T {
    let host = MOONRAKER.host(net, server.port);
    let mut events = host.events().unwrap();
    let work = async {
        while events.next().await != Event::Resynced {}
        work(&host, events).await
    };
    tokio::select! {
        end = host.run() => panic!("{end:?}"),
        done = tokio::time::timeout(Duration::from_secs(600), work) => done.expect("it hangs"),
    }
}

fn calls(server: &Server, method: &str) -> usize {
    let (over_socket, by_http) = (format!("WS {method} "), format!("RPC {method}"));
    let is_it = |line: &&String| line.starts_with(&over_socket) || **line == by_http;
    server.heard().iter().filter(is_it).count()
}

/// Says something right after everything is known.
async fn saying(text: Vec<u8>) -> Server {
    answering(Scene::Printing, move |call| {
        let mut steps = call_answered(call, Scene::Printing);
        if rpc_method(call) == Some("printer.objects.subscribe") {
            steps.push(Step::Say(text.clone().into()));
        }
        Some(steps)
    })
    .await
}

async fn text_that_ends_too_early_ends_the_connection<N: Net>(net: fn() -> N) {
    for text in ["", "{", r#"{"method":"notify_status_update","params":[{"extruder":{"#] {
        let server = saying(text_frame(text)).await;
        let host = MOONRAKER.host(net(), server.port);
        let mut events = host.events().unwrap();
        let told = async {
            loop {
                if let Event::Lost(error) = events.next().await {
                    return error;
                }
            }
        };
        let error = tokio::select! {
            end = host.run() => panic!("{end:?}"),
            error = told => error,
        };
        is_kind(text, &error, ErrorKind::Protocol);
        decent(text, &error);
    }
}

async fn every_close_code_is_told_and_another_connection_follows<N: Net>(net: fn() -> N) {
    for code in [1000u16, 1001, 1002, 1008, 1009, 1011, 1012, 4000] {
        let mut frame = vec![0x88, 5];
        frame.extend(code.to_be_bytes());
        frame.extend(b"bye");
        let server = saying(frame).await;
        let host = MOONRAKER.host(net(), server.port);
        let mut events = host.events().unwrap();
        let connections = || server.heard().iter().filter(|line| line.starts_with("GET /websocket")).count();
        // A second loss is only told if everything was known in between.
        let told = async {
            let error = loop {
                if let Event::Lost(error) = events.next().await {
                    break error;
                }
            };
            is_kind(&format!("{code}"), &error, ErrorKind::Disconnected);
            decent("a close", &error);
            while connections() < 2 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        tokio::select! {
            end = host.run() => panic!("{code}: {end:?}"),
            done = tokio::time::timeout(Duration::from_secs(600), told) => done.expect("it hangs"),
        }
    }
}

async fn notifications_of_wrong_types_change_nothing_that_is_known<N: Net>(net: fn() -> N) {
    let mut text = Vec::new();
    for odd in [
        r#"{"method":"notify_status_update"}"#,
        r#"{"method":"notify_status_update","params":null}"#,
        r#"{"method":"notify_status_update","params":[]}"#,
        r#"{"method":"notify_status_update","params":{}}"#,
        r#"{"method":"notify_status_update","params":[7,8]}"#,
        r#"{"method":"notify_status_update","params":[{"extruder":7,"heater_bed":[],"print_stats":"x"},1.5]}"#,
        r#"{"method":"notify_status_update","params":[{"an object of tomorrow":{"state":"error"}},1.5]}"#,
        r#"{"method":"notify_klippy_of_tomorrow","params":[]}"#,
        r#"{"method":"notify_history_changed"}"#,
        r#"{"method":"notify_history_changed","params":[7]}"#,
        r#"{"method":"notify_history_changed","params":[{"action":7,"job":[]}]}"#,
        r#"{"method":"notify_history_changed","params":[{"action":"finished","job":{"status":[]}}]}"#,
        r#"{"method":"notify_history_changed","params":[{"action":"finished","job":null}]}"#,
        r#"{"method":"notify_gcode_response","params":[{}]}"#,
        r#"{"method":["notify_klippy_shutdown"]}"#,
    ] {
        text.extend(text_frame(odd));
    }
    let mut expected = None;
    for extra in [Vec::new(), text] {
        // The last one shows that everything before it was read.
        let mut all = extra;
        all.extend(text_frame(
            r#"{"method":"notify_status_update","params":[{"extruder":{"temperature":99.5}},2.5]}"#,
        ));
        let server = saying(all).await;
        let seen: PrinterStatus = while_live(net(), &server, async |_, mut events| {
            loop {
                match events.next().await {
                    Event::Status(status) if status.tools[0].actual == Some(99.5) => return status,
                    Event::Status(_) => {}
                    event => panic!("{event:?}"),
                }
            }
        })
        .await;
        assert_eq!(seen.phase, Phase::Printing);
        assert_eq!(&seen, expected.get_or_insert(seen.clone()));
    }
}

async fn answer_of_the_wrong_type_ends_no_more_than_its_call<N: Net>(net: fn() -> N) {
    for odd in ["null", "7", "\"ok\"", "[]", "{}", r#"{"status":7}"#, r#"{"status":{}}"#] {
        // Asked by a user.
        let server = answering(Scene::Printing, move |call| {
            (rpc_method(call) == Some("printer.objects.query")).then(|| vec![frame(&answer(call, odd))])
        })
        .await;
        while_live(net(), &server, async |host, _| {
            match host.status().await {
                Ok(status) => assert_ne!(status.phase, Phase::Idle, "{odd}"),
                Err(error) => {
                    is_kind(odd, &error, ErrorKind::Protocol);
                    decent(odd, &error);
                }
            }
            host.file_info("x.gcode").await.unwrap();
        })
        .await;
        assert_eq!(server.heard().iter().filter(|line| line.starts_with("GET /websocket")).count(), 1);
        // Asked by the driver itself: nothing is known, and nothing is told as if it were.
        for method in ["server.connection.identify", "server.info", "printer.objects.subscribe"] {
            let server = answering(Scene::Printing, move |call| {
                (rpc_method(call) == Some(method)).then(|| vec![frame(&answer(call, odd))])
            })
            .await;
            let host = MOONRAKER.host(net(), server.port);
            let mut events = host.events().unwrap();
            let told = async {
                loop {
                    match events.next().await {
                        Event::Status(status) => {
                            let known = [Phase::Printing, Phase::Unknown, Phase::Connecting];
                            assert!(known.contains(&status.phase), "{method} {odd}: {status:?}");
                        }
                        Event::Lost(error) => {
                            is_kind(&format!("{method} {odd}"), &error, ErrorKind::Protocol);
                            decent(odd, &error);
                            break;
                        }
                        Event::Resynced => break,
                        event => panic!("{method} {odd}: {event:?}"),
                    }
                }
            };
            tokio::select! {
                end = host.run() => panic!("{method} {odd}: {end:?}"),
                told = tokio::time::timeout(Duration::from_secs(300), told) => told.expect("nothing is told"),
            }
        }
    }
}

async fn answer_to_nobody_settles_nothing<N: Net>(net: fn() -> N) {
    // An answer with another number, be it a refusal or an "ok", is not that of the start.
    for odd in [r#""result":"ok""#, r#""error":{"code":400,"message":"no"}"#] {
        for away in [1, 1000] {
            let server = answering(Scene::Idle, move |call| {
                (rpc_method(call) == Some("printer.print.start"))
                    .then(|| vec![frame(&format!(r#"{{"jsonrpc":"2.0",{odd},"id":{}}}"#, id(call) + away))])
            })
            .await;
            let begun = tokio::time::Instant::now();
            let started = while_live(net(), &server, async |host, _| host.start("x.gcode").await).await;
            assert_eq!(started.map(|done| done.confirmation), Ok(Confirmation::Accepted), "{odd}");
            assert!(begun.elapsed() >= Duration::from_secs(10), "it was taken for the answer: {odd}");
            assert_eq!(calls(&server, "printer.print.start"), 1);
        }
    }
}

async fn answer_that_is_too_large_is_asked_for_by_http<N: Net>(net: fn() -> N) {
    let server = answering(Scene::Printing, |call| {
        let is_it = rpc_method(call) == Some("server.files.metadata");
        is_it.then(|| vec![frame(&answer(call, &format!(r#"{{"size":4,"x":"{}"}}"#, "x".repeat(8 * JSON))))])
    })
    .await;
    while_live(net(), &server, async |host, _| {
        assert_eq!(host.file_info("x.gcode").await.unwrap().entry.size, Some(4));
        assert_eq!(host.status().await.unwrap().phase, Phase::Printing);
    })
    .await;
    assert!(server.heard().iter().any(|line| line.starts_with("GET /server/files/metadata")));
    assert_eq!(server.heard().iter().filter(|line| line.starts_with("GET /websocket")).count(), 1);
}

async fn change_whose_connection_ends_is_unconfirmed_and_sent_once<N: Net>(net: fn() -> N) {
    for end in [Step::Close, Step::Reset] {
        for (method, scene) in [
            ("printer.print.start", Scene::Idle),
            ("printer.print.pause", Scene::Printing),
            ("printer.print.cancel", Scene::Printing),
            ("printer.gcode.script", Scene::Idle),
        ] {
            let end = end.clone();
            let server =
                answering(scene, move |call| (rpc_method(call) == Some(method)).then(|| vec![end.clone()]))
                    .await;
            let error = while_live(net(), &server, async |host, _| match method {
                "printer.print.start" => host.start("x.gcode").await,
                "printer.print.pause" => host.command(printhost::Command::Pause).await,
                "printer.print.cancel" => host.command(printhost::Command::Cancel).await,
                _ => host.command(printhost::Command::Gcode("G28")).await,
            })
            .await
            .unwrap_err();
            is_kind(method, &error, ErrorKind::Unconfirmed);
            assert_eq!(error.retry(), Retry::ReadFirst);
            decent(method, &error);
            assert_eq!(calls(&server, method), 1, "{method}: {:?}", server.heard());
        }
    }
}

/// Between two connections.
async fn change_that_could_not_be_sent_on_the_websocket_is_sent_by_http_once<N: Net>(net: fn() -> N) {
    let server = saying(b"\x88\x02\x03\xe8".to_vec()).await;
    let host = MOONRAKER.host(net(), server.port);
    let mut events = host.events().unwrap();
    let paused = async {
        while !matches!(events.next().await, Event::Lost(_)) {}
        host.command(printhost::Command::Pause).await
    };
    let outcome = tokio::select! {
        end = host.run() => panic!("{end:?}"),
        outcome = paused => outcome,
    };
    assert_eq!(outcome.map(|done| done.confirmation), Ok(Confirmation::Accepted));
    assert_eq!(calls(&server, "printer.print.pause"), 1);
}
