//! Which path leads where.

use std::sync::Arc;

use bytes::Bytes;
use hyper::Method;

use super::access::Knock;
use super::config::PrusaLinkFamily;
use super::files::Place;
use super::machine::State;
use super::reply::{Reply, Words, Wrong};
use super::shared::{Inner, Shared};
use super::{files, legacy, upload, view};
use crate::http::Incoming1;
use crate::uri::percent_decode;

const SNAPSHOT: &[u8] = include_bytes!("../../assets/snapshot.jpg");

/// Answers a request of somebody who is let in, or says why not.
pub(super) async fn answer(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    let family = shared.config.family;
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let target = request.uri().path_and_query().map_or_else(|| path.clone(), ToString::to_string);
    let words = Words::new(family, method.as_str(), &path, request.headers());
    // The Pi tells of a file's head to anybody.
    let is_open =
        family == PrusaLinkFamily::Pi && method == Method::HEAD && path.starts_with("/api/v1/files/");
    if !is_open {
        let knock = shared.lock().access.knock(&shared.config, method.as_str(), &target, request.headers());
        match knock {
            Knock::Welcome => {}
            Knock::BadKey => return words.bad_key(),
            Knock::Challenged(challenge) => return words.unauthorized(&challenge),
        }
    }
    if let Some(place) = path.strip_prefix("/api/v1/files") {
        return file(shared, &words, Place::of(family, place), request).await;
    }
    if let Some(rest) = path.strip_prefix("/api/v1/job/") {
        return job(shared, &words, &method, rest);
    }
    match family {
        PrusaLinkFamily::Pi => pi(shared, &words, &method, &path),
        PrusaLinkFamily::Buddy => buddy(shared, &words, &method, &path),
    }
}

async fn file(shared: &Arc<Shared>, words: &Words, place: Place, request: Incoming1) -> Reply {
    let method = request.method().clone();
    if method == Method::PUT {
        return upload::put(shared, words, place, request).await;
    }
    let path = match place.path(words) {
        Ok(path) => path,
        Err(answer) => return *answer,
    };
    match method {
        Method::GET | Method::HEAD => {
            files::info(shared, words, &path, request.headers(), method == Method::HEAD)
        }
        Method::POST => files::print(shared, words, &path),
        Method::DELETE => files::delete(shared, words, &path, request.headers()),
        _ => words.method_not_allowed(),
    }
}

/// `{id}`, `{id}/pause`, `{id}/resume`.
fn job(shared: &Shared, words: &Words, method: &Method, rest: &str) -> Reply {
    let (id, action) = rest.split_once('/').unwrap_or((rest, ""));
    let is_pi = words.family == PrusaLinkFamily::Pi;
    let machine = &mut shared.lock().machine;
    // On either, a print keeps its number when it is over, until the next one.
    if id.parse() != Ok(machine.prints) || machine.prints == 0 {
        return words.wrong(if is_pi { Wrong::OTHER_JOB } else { Wrong::of(404, "") });
    }
    let (from, to, wrong): (&[State], _, _) = match (method, action) {
        (&Method::PUT, "pause") => (&[State::Printing], State::Paused, Wrong::NOT_PRINTING),
        (&Method::PUT, "resume") => (&[State::Paused], State::Printing, Wrong::NOT_PAUSED),
        (&Method::PUT, "continue") if is_pi => (&[], State::Printing, Wrong::NOT_PAUSED),
        (&Method::PUT, _) if !is_pi => return words.wrong(Wrong::of(400, "")),
        (&Method::DELETE, "") => {
            (&[State::Printing, State::Paused, State::Attention], State::Stopped, Wrong::NOT_PRINTING)
        }
        _ => return words.method_not_allowed(),
    };
    match machine.order(from, to) {
        true => words.done(204),
        false => words.wrong(if is_pi { wrong } else { Wrong::of(409, "") }),
    }
}

fn pi(shared: &Shared, words: &Words, method: &Method, path: &str) -> Reply {
    let mut inner = shared.lock();
    if let Some(raw) = path.strip_prefix("/api/files/local/").and_then(|path| path.strip_suffix("/raw")) {
        drop(inner);
        let raw = percent_decode(raw);
        let name = raw.strip_prefix(view::PI_FOLDER).unwrap_or_default().trim_start_matches('/');
        return files::content(shared, words, name);
    }
    let known = match path {
        "/api/v1/transfer" if *method == Method::DELETE => return stop_transfer(words, &mut inner),
        "/api/printer/ready" => return ready(words, &mut inner, method),
        "/api/login" if *method == Method::POST => return words.json(&legacy::login()),
        "/api/printer" => legacy::printer(shared, &mut inner),
        "/api/job" => legacy::job(&mut inner),
        "/api/connection" => legacy::connection(&mut inner),
        "/api/settings" => legacy::settings(shared),
        "/api/v1/cameras" => cameras(shared),
        "/api/v1/cameras/snap" | "/api/v1/cameras/sim/snap" => return snapshot(shared, words),
        _ => return common(shared, words, &mut inner, method, path),
    };
    if *method == Method::GET { words.json(&known) } else { words.method_not_allowed() }
}

fn buddy(shared: &Shared, words: &Words, method: &Method, path: &str) -> Reply {
    let get = *method == Method::GET;
    if get && let Some(file) = path.strip_prefix("/usb/") {
        return files::content(shared, words, &percent_decode(file));
    }
    common(shared, words, &mut shared.lock(), method, path)
}

/// What both have.
fn common(shared: &Shared, words: &Words, inner: &mut Inner, method: &Method, path: &str) -> Reply {
    let told = match path {
        "/api/version" => Some(view::version(shared)),
        "/api/v1/info" => Some(view::info(shared)),
        "/api/v1/storage" => Some(view::storage(shared, inner)),
        "/api/v1/status" => Some(view::status(shared, inner)),
        "/api/v1/job" => view::job(shared, inner),
        "/api/v1/transfer" => inner.transfer.as_ref().map(|transfer| view::transfer(words.family, transfer)),
        _ if words.family == PrusaLinkFamily::Pi => return words.wrong(Wrong::NO_ROUTE),
        _ => return words.wrong(Wrong::of(404, "")),
    };
    if *method != Method::GET {
        return words.method_not_allowed();
    }
    told.map_or_else(|| words.done(204), |told| words.json(&told))
}

/// Without a number, whatever the specification says.
fn stop_transfer(words: &Words, inner: &mut Inner) -> Reply {
    match &mut inner.transfer {
        Some(transfer) => {
            transfer.stopped = true;
            words.done(200)
        }
        None => words.done(204),
    }
}

fn ready(words: &Words, inner: &mut Inner, method: &Method) -> Reply {
    match *method {
        Method::POST if inner.machine.may_start() => {
            inner.machine.enter(State::Ready);
            words.done(200)
        }
        Method::POST => words.wrong(Wrong::NO_STATE_TO_PRINT),
        Method::DELETE => words.internal_error(),
        _ => words.method_not_allowed(),
    }
}

fn cameras(shared: &Shared) -> serde_json::Value {
    let camera = serde_json::json!({
        "camera_id": "sim",
        "config": { "name": "Simulated camera", "path": "/dev/video0", "driver": "V4L2", "trigger_scheme": "THIRTY_SEC" },
        "connected": true,
        "detected": true,
        "stored": true,
        "registered": false,
    });
    let list: Vec<_> = shared.config.camera.then_some(camera).into_iter().collect();
    serde_json::json!({ "camera_list": list })
}

fn snapshot(shared: &Shared, words: &Words) -> Reply {
    match shared.config.camera {
        true => words.bytes("image/jpeg", Bytes::from_static(SNAPSHOT)),
        false => words.no_camera(),
    }
}
