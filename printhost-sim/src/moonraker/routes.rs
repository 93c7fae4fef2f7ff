//! From a request to its answer.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, StatusCode, header};
use serde_json::{Map, Value, json};

use super::calls::{self, Caller};
use super::failure::{Answer, Failure};
use super::params::Params;
use super::reply::{self, Reply};
use super::rpc::{self, From};
use super::shared::Shared;
use super::{access, download, files, octoprint, upload, websocket};
use crate::http::{Incoming1, drain};
use crate::uri::percent_decode;

/// Bytes in the body of anything but an upload.
const LONGEST_BODY: u64 = 50 << 20;
const UPLOAD: &str = "/server/files/upload";
const OCTOPRINT_UPLOAD: &str = "/api/files/local";

pub(super) async fn answer(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    let path = request.uri().path().to_owned();
    let is_upload = request.method() == Method::POST && [UPLOAD, OCTOPRINT_UPLOAD].contains(&path.as_str());
    let announced = request.headers().get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok()).unwrap_or(0);
    if announced > if is_upload { upload::LONGEST } else { LONGEST_BODY } {
        return reply::body_too_long();
    }
    let who = shared.lock().access.who(request.headers(), request.uri().query());
    if path == "/websocket" {
        return websocket::upgrade(shared, who.ok(), request);
    }
    if path == "/webcam/" {
        return webcam(shared, request.uri().query());
    }
    let user = match who {
        Ok(user) => user,
        Err(_) if access::is_open(&path) => String::new(),
        Err(failure) => {
            drain(request.into_body()).await;
            return reply::failed(&failure);
        }
    };
    if is_upload {
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.map_or_else(|| shared.addr.to_string(), str::to_owned);
        let below = if path == UPLOAD { "server/files" } else { "api/files/moonraker" };
        return upload::upload(shared, &user, &format!("http://{host}/{below}"), request).await;
    }
    if path == "/server/jsonrpc" {
        return match *request.method() {
            Method::POST => json_rpc(shared, user, request).await,
            _ => reply::failed(&Failure::hidden(405, "")),
        };
    }
    route(shared, &user, &path, request).await.unwrap_or_else(|failure| reply::failed(&failure))
}

async fn route(shared: &Arc<Shared>, user: &str, path: &str, request: Incoming1) -> Answer<Reply> {
    let method = request.method().clone();
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let name = match calls::of_request(shared, method.as_str(), path) {
        Ok(name) => name,
        Err(failure) => {
            let Some(file) = path.strip_prefix("/server/files/").filter(|_| failure.status == 404) else {
                drain(request.into_body()).await;
                return Err(failure);
            };
            return file_route(shared, &percent_decode(file), request).await;
        }
    };
    let is_query = name == "printer.objects.query" && method == Method::GET;
    let mut params = match is_query {
        true => objects(request.uri().query()),
        false => Params::query(request.uri().query()),
    };
    params.add(body(request).await?);
    if let Some(path) = path.strip_prefix("/api/") {
        let body = octoprint::answer(shared, path, &params, user).await?;
        return Ok(answered(&method, &body, known.as_ref()));
    }
    let caller = Caller { user: user.to_owned(), client: None };
    let result = calls::call(shared, name, &params, &caller).await?;
    Ok(answered(&method, &json!({ "result": result }), known.as_ref()))
}

/// A file by its path.
async fn file_route(shared: &Shared, file: &str, request: Incoming1) -> Answer<Reply> {
    match *request.method() {
        // The body of the latter is left out by the server.
        Method::GET | Method::HEAD => {
            let log = ["klippy.log", "moonraker.log"].contains(&file);
            let file = if log { format!("logs/{file}") } else { file.to_owned() };
            Ok(download::download(shared, &file, request.headers()))
        }
        Method::DELETE => {
            drain(request.into_body()).await;
            let mut params = Params::default();
            params.0.insert("path".to_owned(), json!(file));
            let deleted = files::delete_file(shared, &params);
            let deleted = deleted.map_err(|failure| Failure::hidden(failure.status, failure.message))?;
            Ok(reply::json(StatusCode::OK, &json!({ "result": deleted })))
        }
        _ => {
            drain(request.into_body()).await;
            Err(Failure::hidden(405, ""))
        }
    }
}

fn answered(method: &Method, body: &Value, known: Option<&header::HeaderValue>) -> Reply {
    match *method {
        Method::GET => reply::tagged(body, known),
        _ => reply::json(StatusCode::OK, body),
    }
}

/// The query of `GET /printer/objects/query`: names of objects, each with the fields that are wanted.
fn objects(query: Option<&str>) -> Params {
    let named = Params::query(query).0.into_iter().map(|(name, fields)| {
        let fields = match fields {
            Value::String(fields) if !fields.is_empty() => json!(fields.split(',').collect::<Vec<_>>()),
            _ => Value::Null,
        };
        (name, fields)
    });
    let mut params = Params::default();
    params.0.insert("objects".to_owned(), Value::Object(named.collect()));
    params
}

/// The arguments in a body, which is JSON or a form.
async fn body(request: Incoming1) -> Answer<Map<String, Value>> {
    let is_form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let text = text(request.into_body()).await?;
    if text.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(arguments)) => Ok(arguments),
        _ if is_form => Ok(Params::query(Some(&text)).0),
        _ => Err(Failure::hidden(400, "The body is no JSON object")),
    }
}

async fn text(body: Incoming) -> Answer<String> {
    let body = Limited::new(body, LONGEST_BODY as usize).collect().await;
    let body = body.map_err(|_| Failure::hidden(400, "The body was cut"))?;
    Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
}

async fn json_rpc(shared: &Arc<Shared>, user: String, request: Incoming1) -> Reply {
    let kind = request.headers().get(header::CONTENT_TYPE).cloned();
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        drain(request.into_body()).await;
        return reply::failed(&Failure::hidden(400, "Invalid content type, application/json required"));
    }
    let text = match text(request.into_body()).await {
        Ok(text) => text,
        Err(failure) => return reply::failed(&failure),
    };
    let answer = rpc::answer(shared, &text, From::Request(user)).await;
    let body = answer.and_then(|answer| serde_json::from_str(&answer).ok()).unwrap_or(Value::Null);
    reply::json(StatusCode::OK, &body)
}

/// What a camera's streamer serves beside a real server.
fn webcam(shared: &Shared, query: Option<&str>) -> Reply {
    match shared.config.webcam {
        true => crate::webcam::answer(query),
        false => reply::failed(&Failure::not_found()),
    }
}
