use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use printhost::{
    Command, Confirmation, Error, ErrorKind, HeaterId, PrintHost as _, Result, Upload, Verified,
    net::{BaseUrl, Net},
    octoprint::{Config, OctoPrint},
};
use tokio::time::Instant;

use super::{
    harness::KEY,
    server::{Answer, Heard, Server, Step, json, reply, say},
};

over_both!(;
    paused
    print_that_was_going_on_before_is_not_taken_for_the_one_to_start,
    print_that_has_just_begun_is_taken_for_the_one_to_start,
    half_a_copy_is_not_taken_for_the_whole,
    folder_that_does_not_tell_what_is_in_it_is_not_taken_for_empty,
    upload_is_verified_though_the_first_answer_about_it_is_cut,
    target_that_shows_two_seconds_late_is_confirmed_and_one_that_never_does_is_not,
);

fn octoprint<N: Net>(net: N, port: u16) -> OctoPrint<N> {
    OctoPrint::new(net, Config::new(BaseUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap(), KEY))
}

fn unconfirmed<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.as_ref().map_err(Error::kind).unwrap_err(), ErrorKind::Unconfirmed, "{result:?}");
}

/// It prints `x.gcode`, for so many seconds now, and its answers to changes are lost.
fn printing(heard: &Heard<'_>, seconds: u32) -> Option<Answer> {
    let state = r#"{"text":"Printing","flags":{"operational":true,"printing":true}}"#;
    match heard {
        h if h.is("POST /api/files/") || h.is("POST /api/job") => Some(vec![Step::Hear, Step::Close]),
        h if h.is("GET /api/printer") => Some(json(200, &format!(r#"{{"state":{state}}}"#))),
        h if h.is("GET /api/job") => Some(json(
            200,
            &format!(
                r#"{{"job":{{"file":{{"path":"x.gcode","origin":"local"}}}},"progress":{{"printTime":{seconds}}},"state":"Printing"}}"#
            ),
        )),
        _ => None,
    }
}

async fn print_that_was_going_on_before_is_not_taken_for_the_one_to_start<N: Net>(net: fn() -> N) {
    let server = Server::start(|heard| printing(heard, 4000)).await;
    let host = octoprint(net(), server.port);
    unconfirmed(host.start("x.gcode").await);
    unconfirmed(host.restart().await);
    unconfirmed(host.sd_select("x.gcode", true).await);
}

async fn print_that_has_just_begun_is_taken_for_the_one_to_start<N: Net>(net: fn() -> N) {
    let server = Server::start(|heard| printing(heard, 0)).await;
    let host = octoprint(net(), server.port);
    host.start("x.gcode").await.unwrap();
    host.restart().await.unwrap();
    host.sd_select("x.gcode", true).await.unwrap();
}

async fn half_a_copy_is_not_taken_for_the_whole<N: Net>(net: fn() -> N) {
    // The copy is not there before, and half there afterwards.
    let copied = AtomicBool::new(false);
    let server = Server::start(move |heard| {
        let file = |path: &str, size: u32| {
            json(
                200,
                &format!(
                    r#"{{"path":"{path}","type":"machinecode","typePath":["machinecode"],"size":{size}}}"#
                ),
            )
        };
        match heard {
            h if h.is("POST /api/files/test") => Some(json(200, r#"{"sanitized":"y.gcode"}"#)),
            h if h.is("POST /api/files/local/x.gcode") => {
                copied.store(true, Ordering::Relaxed);
                Some(vec![Step::Hear, Step::Close])
            }
            h if h.is("GET /api/files/local/x.gcode") => Some(file("x.gcode", 1000)),
            h if h.is("GET /api/files/local/y.gcode") => Some(match copied.load(Ordering::Relaxed) {
                true => file("y.gcode", 500),
                false => json(404, "{}"),
            }),
            _ => None,
        }
    })
    .await;
    unconfirmed(octoprint(net(), server.port).copy_file("x.gcode", "y.gcode").await);
}

async fn folder_that_does_not_tell_what_is_in_it_is_not_taken_for_empty<N: Net>(net: fn() -> N) {
    let server = Server::start(|heard| {
        heard.is("GET /api/files/local/parts").then(|| json(200, r#"{"path":"parts","type":"folder"}"#))
    })
    .await;
    let deleted = octoprint(net(), server.port).delete("parts").await;
    assert!(deleted.is_err(), "it may have something in it");
    assert!(!server.heard().iter().any(|line| line.starts_with("DELETE")), "{:?}", server.heard());
}

async fn upload_is_verified_though_the_first_answer_about_it_is_cut<N: Net>(net: fn() -> N) {
    let cut = AtomicBool::new(false);
    let server = Server::start(move |heard| {
        let file = r#"{"path":"x.gcode","type":"machinecode","size":4,"hash":null}"#;
        match heard {
            h if h.is("POST /api/files/local") => {
                Some(json(201, &format!(r#"{{"done":true,"files":{{"local":{file}}}}}"#)))
            }
            h if h.is("GET /api/files/local/x.gcode") => Some(match cut.swap(true, Ordering::Relaxed) {
                false => say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{".as_slice()),
                true => json(200, file),
            }),
            _ => None,
        }
    })
    .await;
    let mut body = &b"G28\n"[..];
    let upload = Upload::new("x.gcode", 4, &mut body).replacing();
    let uploaded = octoprint(net(), server.port).upload(upload).await.unwrap();
    assert_eq!(uploaded.verified, Verified::Size);
    assert_eq!(server.heard().iter().filter(|line| line.starts_with("POST")).count(), 1);
}

async fn target_that_shows_two_seconds_late_is_confirmed_and_one_that_never_does_is_not<N: Net>(
    net: fn() -> N,
) {
    for (late, expected) in
        [(Duration::from_secs(2), Confirmation::Confirmed), (Duration::MAX, Confirmation::Accepted)]
    {
        let ordered = Mutex::new(None);
        let server = Server::start(move |heard| match heard {
            h if h.is("POST /api/printer/bed") => {
                *ordered.lock().unwrap() = Some(Instant::now());
                Some(reply(204, "", ""))
            }
            h if h.is("GET /api/printer") => {
                let shows = ordered.lock().unwrap().is_some_and(|at| at.elapsed() >= late);
                let target = if shows { 60 } else { 0 };
                Some(json(
                    200,
                    &format!(
                        r#"{{"state":{{"text":"Operational","flags":{{"operational":true}}}},
                            "temperature":{{"bed":{{"actual":21.0,"target":{target}}}}}}}"#
                    ),
                ))
            }
            h if h.is("GET /api/job") => Some(json(200, r#"{"job":{},"progress":{},"state":"Operational"}"#)),
            _ => None,
        })
        .await;
        let heat = Command::SetTemperature { heater: HeaterId::Bed, celsius: 60.0 };
        let outcome = octoprint(net(), server.port).command(heat).await.unwrap();
        assert_eq!(outcome.confirmation, expected);
        let orders = server.heard().iter().filter(|line| line.starts_with("POST /api/printer")).count();
        assert_eq!(orders, 1, "looked at again, never sent again");
    }
}
