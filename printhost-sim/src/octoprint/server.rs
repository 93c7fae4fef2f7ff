//! Connections, limits, authorisation and the routes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::reply::{self, Reply};
use super::shared::Shared;
use super::uri::{percent_decode, query_value};
use super::{Request, files, job, push, upload};

/// Bytes in the body of an upload.
const LONGEST_UPLOAD: u64 = 1 << 30;
/// Bytes in any other body.
const LONGEST_BODY: u64 = 100 * 1024;

pub(super) const VERSION: &str = "1.11.8";

/// A request as hyper gives it.
pub(super) type Incoming1 = hyper::Request<Incoming>;

/// Accepts connections until the simulator is dropped.
pub(super) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => shared.spawn(serve(Arc::clone(&shared), stream)),
            // Out of file descriptors, most likely: the next attempt must not be at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A small body, or what to answer when it is cut or too long.
pub(super) async fn small_body(body: Incoming) -> Result<Bytes, Reply> {
    let body = Limited::new(body, LONGEST_BODY as usize).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|_| reply::body_too_long())
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| handle(&shared, request));
    let mut http = http1::Builder::new();
    http.title_case_headers(true).auto_date_header(false);
    // A client that hangs up early is no concern of the server.
    let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

async fn handle(shared: &Arc<Shared>, request: Incoming1) -> Result<Reply, Infallible> {
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let reply = answer(shared, request).await;
    shared.log(Request { method, path, status: reply.status().as_u16() });
    Ok(reply)
}

async fn answer(shared: &Arc<Shared>, request: Incoming1) -> Reply {
    let path = request.uri().path().to_owned();
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return reply::tornado_error(StatusCode::LENGTH_REQUIRED);
    }
    let is_upload = request.method() == Method::POST && upload::location(&path).is_some();
    if content_length(&request) > if is_upload { LONGEST_UPLOAD } else { LONGEST_BODY } {
        return reply::body_too_long();
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if let Some(path) = path.strip_prefix("/downloads/files/local/") {
        if !authorised(shared, &request) {
            return reply::tornado_error(StatusCode::FORBIDDEN);
        }
        return if reads {
            files::download(shared, &percent_decode(path), request.headers())
        } else {
            reply::tornado_error(StatusCode::METHOD_NOT_ALLOWED)
        };
    }
    match path.as_str() {
        "/sockjs/websocket" => return push::upgrade(shared, request),
        "/sockjs/info" => return reply::ok(&sockjs_info()),
        _ => {}
    }
    let Some(path) = path.strip_prefix("/api/") else { return reply::not_found() };
    if !authorised(shared, &request) {
        drain(request.into_body()).await;
        return reply::unauthorised(reads);
    }
    if is_upload {
        return upload::upload(shared, request).await;
    }
    route(shared, path.to_owned(), request).await
}

async fn route(shared: &Arc<Shared>, path: String, request: Incoming1) -> Reply {
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    if let Some(file) = path.strip_prefix("files/local/") {
        let file = percent_decode(file);
        return match method {
            Method::GET => files::info(shared, &file, &request),
            Method::POST => files::command(shared, &file, request).await,
            Method::DELETE => files::delete(shared, &file),
            _ => reply::method_not_allowed(),
        };
    }
    let get = method == Method::GET;
    let post = method == Method::POST;
    match path.as_str() {
        "version" if get => reply::ok(&version()),
        "server" if get => reply::ok(&json!({ "safemode": null, "version": VERSION })),
        "settings" if get => reply::ok(&settings(shared)),
        "login" if post => login(shared, request).await,
        "files" | "files/local" if get => files::list(shared, &request),
        "files/sdcard" if get => reply::ok(&json!({ "files": [] })),
        "job" if get => job::get(shared),
        "job" if post => job::post(shared, request).await,
        "printer" if get => job::printer(shared, request.uri().query()),
        "printer/error" if get => job::printer_error(shared),
        "printer/tool" if get => job::heater(shared, "tool0"),
        "printer/bed" if get => job::heater(shared, "bed"),
        "printer/tool" | "printer/bed" if post => job::set_target(shared, &path, request).await,
        "printer/command" if post => job::command(shared, request).await,
        "connection" if get => job::connection(shared),
        "connection" if post => job::connect(shared, request).await,
        "version" | "server" | "settings" | "login" | "files" | "files/local" | "files/sdcard" | "job"
        | "printer" | "printer/error" | "printer/tool" | "printer/bed" | "printer/command" | "connection" => {
            reply::method_not_allowed()
        }
        _ => reply::not_found(),
    }
}

fn content_length(request: &Incoming1) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

fn authorised(shared: &Shared, request: &Incoming1) -> bool {
    let key = &shared.config.api_key;
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    header("x-api-key") == Some(key)
        || header("authorization").and_then(|value| value.strip_prefix("Bearer ")) == Some(key)
        || query_value(request.uri().query(), "apikey").as_ref() == Some(key)
}

/// Reads a body to its end, as Tornado does before Flask looks at the request.
async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn version() -> Value {
    json!({ "api": "0.1", "server": VERSION, "text": format!("OctoPrint {VERSION}") })
}

/// The part of the settings that names the instance.
fn settings(shared: &Shared) -> Value {
    json!({
        "api": { "allowCrossOrigin": false, "key": shared.config.api_key },
        "appearance": { "color": "default", "name": shared.config.name },
    })
}

fn sockjs_info() -> Value {
    json!({ "websocket": true, "cookie_needed": false, "origins": ["*:*"], "entropy": 4_746_959_739_u64 })
}

async fn login(shared: &Shared, request: Incoming1) -> Reply {
    let body = match job::json_body(request).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    if body["passive"] != json!(true) {
        // The only user has no password.
        return reply::error(StatusCode::FORBIDDEN, reply::FORBIDDEN);
    }
    reply::ok(&json!({
        "_credentials_seen": "2026-11-20T20:24:26+00:00",
        "_is_external_client": false,
        "_login_mechanism": "apikey",
        "active": true,
        "admin": true,
        "apikey": null,
        "groups": ["admins", "users"],
        "name": job::USER,
        "needs": { "group": ["admins", "users"], "role": super::permissions::roles() },
        "permissions": [],
        "roles": ["user", "admin"],
        "session": shared.open_session(),
        "settings": {},
        "user": true,
    }))
}
