//! From a request to its answer: limits, who asks, and the routes with the permissions they need.

use std::sync::Arc;

use hyper::{Method, StatusCode, header};
use serde_json::{Value, json};

use super::access::{Who, api_key};
use super::reply::{self, Reply};
use super::server::{Incoming1, LONGEST_BODY, LONGEST_UPLOAD, VERSION};
use super::shared::Shared;
use super::{
    appkeys, connection, control, download, file_commands, files, job, login, printer, push, settings,
    upload, webcam,
};
use crate::http::drain;
use crate::uri::percent_decode;

pub(super) async fn answer(shared: &Arc<Shared>, mut request: Incoming1) -> Reply {
    let path = request.uri().path().to_owned();
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return reply::tornado_error(StatusCode::LENGTH_REQUIRED);
    }
    let is_upload = request.method() == Method::POST && upload::location(&path).is_some();
    if content_length(&request) > if is_upload { LONGEST_UPLOAD } else { LONGEST_BODY } {
        return reply::body_too_long();
    }
    let port = shared.addr.port();
    let (who, csrf) = {
        let access = &shared.lock().access;
        let who = access.who(request.headers(), request.uri().query(), port);
        (who, access.csrf_is_valid(request.headers(), port))
    };
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if let Some(path) = path.strip_prefix("/downloads/files/local/") {
        return match reads {
            _ if !who.may("FILES_DOWNLOAD") => reply::tornado_error(StatusCode::FORBIDDEN),
            true => download::download(shared, &percent_decode(path), request.headers()),
            false => reply::tornado_error(StatusCode::METHOD_NOT_ALLOWED),
        };
    }
    if let Some(path) = path.strip_prefix("/sockjs/") {
        return push::route(shared, path, request);
    }
    if let Some(path) = path.strip_prefix("/plugin/appkeys/") {
        return appkeys::plugin(shared, path, &who, request).await;
    }
    match path.as_str() {
        "/" | "/login/" if reads => return login::page(shared),
        "/webcam/" if reads => return webcam::answer(shared, request.uri().query()),
        "/downloads/camera/current" if reads => {
            return match who.may("WEBCAM") {
                true => webcam::current(shared),
                false => reply::tornado_error(StatusCode::FORBIDDEN),
            };
        }
        _ => {}
    }
    if let Some(path) = path.strip_prefix("/plugin/prusaslicerthumbnails/thumbnail/") {
        return download::thumbnail(shared, &percent_decode(path));
    }
    let by_key = who.mechanism == "apikey" && api_key(request.headers(), request.uri().query()).is_some();
    if !reads && !by_key && !csrf {
        drain(request.into_body()).await;
        return reply::unauthorised(false);
    }
    if path == "/plugin/logging/logs" && reads {
        return allowed(&who, "PLUGIN_LOGGING_MANAGE", settings::logs);
    }
    let Some(path) = path.strip_prefix("/api/") else { return reply::not_found() };
    if !(is_upload
        || who.name.is_some()
        || matches!(path, "login" | "logout" | "currentuser" | "access/permissions"))
    {
        drain(request.into_body()).await;
        return reply::unauthorised(true);
    }
    request.extensions_mut().insert(who.clone());
    if is_upload {
        return if who.may("FILES_UPLOAD") {
            upload::upload(shared, &who, request).await
        } else {
            drain(request.into_body()).await;
            reply::unauthorised(true)
        };
    }
    route(shared, &who, path.to_owned(), request).await
}

async fn route(shared: &Arc<Shared>, who: &Who, path: String, request: Incoming1) -> Reply {
    let method = if request.method() == Method::HEAD { Method::GET } else { request.method().clone() };
    if let Some((location, file)) = path.strip_prefix("files/").and_then(|file| file.split_once('/')) {
        return file_route(shared, who, &method, location, &percent_decode(file), request).await;
    }
    let Some(permission) = permission(&method, &path) else { return unknown(&path) };
    if !permission.is_empty() && !who.may(permission) {
        return reply::forbidden();
    }
    let query = request.uri().query().map(str::to_owned);
    let query = query.as_deref();
    if method == Method::POST {
        return match path.as_str() {
            "login" => login::login(shared, who, request).await,
            "logout" => login::logout(shared, who),
            "job" => job::post(shared, who, request).await,
            "printer/printhead" => control::printhead(shared, request).await,
            "printer/tool" => control::tool(shared, request).await,
            "printer/bed" | "printer/chamber" => control::heater(shared, &path, request).await,
            "printer/sd" => control::sd(shared, request).await,
            "printer/command" => control::command(shared, request).await,
            "connection" => connection::post(shared, request).await,
            "plugin/appkeys" => appkeys::manage(shared, who, request).await,
            _ => reply::not_found(),
        };
    }
    if let Some(name) = path.strip_prefix("access/users/").or_else(|| path.strip_prefix("users/")) {
        return login::users(shared, who, Some(&percent_decode(name)));
    }
    match path.as_str() {
        "version" => reply::ok(&version()),
        "server" => reply::ok(&json!({ "safemode": null, "version": VERSION })),
        "settings" => reply::ok(&settings::settings(shared, who)),
        "currentuser" => login::current_user(who),
        "access/users" | "users" => login::users(shared, who, None),
        "access/permissions" => reply::ok(&json!({ "permissions": super::permissions::list() })),
        "access/groups" => login::groups(None),
        "files" | "files/local" | "files/sdcard" => files::list(shared, &path, &request),
        "job" => job::get(shared),
        "printer" => printer::printer(shared, query),
        "printer/error" => printer::error(shared),
        "printer/tool" | "printer/bed" | "printer/chamber" => printer::heater(shared, &path, query),
        "printer/sd" => printer::sd(shared),
        "printer/command/custom" => reply::ok(&json!({ "controls": [] })),
        "connection" => connection::get(shared),
        "printerprofiles" => reply::ok(&json!({ "profiles": { "_default": settings::profile(shared) } })),
        "printerprofiles/_default" => reply::ok(&settings::profile(shared)),
        "system/info" => settings::system_info(request.headers()),
        "system/commands" => reply::ok(&json!({ "core": [], "custom": [], "plugin": [] })),
        "system/commands/core" | "system/commands/custom" | "system/commands/plugin" => reply::ok(&json!([])),
        "timelapse" => reply::ok(&json!({ "config": { "type": "off" }, "enabled": false, "files": [] })),
        "slicing" => reply::ok(&json!({})),
        "languages" => reply::ok(&settings::languages()),
        "plugin/appkeys" => appkeys::list(shared, who, query),
        _ => {
            path.strip_prefix("access/groups/").map_or_else(reply::not_found, |key| login::groups(Some(key)))
        }
    }
}

async fn file_route(
    shared: &Arc<Shared>,
    who: &Who,
    method: &Method,
    location: &str,
    file: &str,
    request: Incoming1,
) -> Reply {
    let Some(origin) = ["local", "sdcard"].into_iter().find(|origin| *origin == location) else {
        return reply::not_found();
    };
    match *method {
        Method::GET if who.may("FILES_LIST") => files::info(shared, origin, file, &request),
        Method::POST if who.may("FILES_SELECT") || who.may("FILES_UPLOAD") => {
            file_commands::command(shared, who, origin, file, request).await
        }
        Method::DELETE if who.may("FILES_DELETE") => files::delete(shared, origin, file),
        Method::GET | Method::POST | Method::DELETE => reply::forbidden(),
        _ => reply::method_not_allowed(),
    }
}

/// What one must be allowed to use a route; empty when nothing, none when there is no such route.
fn permission(method: &Method, path: &str) -> Option<&'static str> {
    if *method == Method::POST {
        return Some(match path {
            // The job looks at its state first.
            "login" | "logout" | "job" => "",
            "printer/printhead" | "printer/tool" | "printer/bed" | "printer/chamber" | "printer/sd"
            | "printer/command" => "CONTROL",
            "connection" => "CONNECTION",
            "plugin/appkeys" => "PLUGIN_APPKEYS_GRANT",
            _ => return None,
        });
    }
    if *method != Method::GET {
        return None;
    }
    Some(match path {
        "version"
        | "server"
        | "job"
        | "printer"
        | "printer/error"
        | "printer/tool"
        | "printer/bed"
        | "printer/chamber"
        | "printer/sd"
        | "connection"
        | "printer/command/custom" => "STATUS",
        "currentuser" | "access/permissions" => "",
        "settings" => "SETTINGS_READ",
        "files" | "files/local" | "files/sdcard" => "FILES_LIST",
        "access/users" | "users" | "access/groups" => "ADMIN",
        "languages" => "SETTINGS",
        "printerprofiles" | "printerprofiles/_default" => "CONNECTION",
        "system/info"
        | "system/commands"
        | "system/commands/core"
        | "system/commands/custom"
        | "system/commands/plugin" => "SYSTEM",
        "timelapse" => "TIMELAPSE_LIST",
        "slicing" => "SLICE",
        "plugin/appkeys" => "PLUGIN_APPKEYS_GRANT",
        _ if path.starts_with("access/users/") || path.starts_with("users/") => "",
        _ if path.starts_with("access/groups/") => "ADMIN",
        _ => return None,
    })
}

/// A route that is not there, or not for this method.
fn unknown(path: &str) -> Reply {
    if permission(&Method::GET, path).is_some() || permission(&Method::POST, path).is_some() {
        reply::method_not_allowed()
    } else {
        reply::not_found()
    }
}

fn allowed(who: &Who, permission: &str, answer: impl FnOnce() -> Reply) -> Reply {
    if who.may(permission) { answer() } else { reply::forbidden() }
}

fn content_length(request: &Incoming1) -> u64 {
    let length = request.headers().get(header::CONTENT_LENGTH);
    length.and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0)
}

fn version() -> Value {
    json!({ "api": "0.1", "server": VERSION, "text": format!("OctoPrint {VERSION}") })
}
