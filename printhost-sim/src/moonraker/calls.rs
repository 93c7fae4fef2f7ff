//! Every call, whether it comes by HTTP or by JSON-RPC.

use std::sync::Arc;

use serde_json::{Value, json};

use super::clients::{Subscription, Wanted};
use super::failure::{Answer, Failure};
use super::params::{Params, python};
use super::shared::Shared;
use super::{access, console, database, files, history, queue, records, system};

/// Method and path of HTTP, and the name of JSON-RPC.
const ROUTES: [(&str, &str, &str); 76] = [
    ("GET", "/server/info", "server.info"),
    ("GET", "/server/config", "server.config"),
    ("GET", "/server/temperature_store", "server.temperature_store"),
    ("GET", "/server/gcode_store", "server.gcode_store"),
    ("POST", "/server/restart", "server.restart"),
    ("GET", "/access/info", "access.info"),
    ("POST", "/access/login", "access.login"),
    ("POST", "/access/logout", "access.logout"),
    ("POST", "/access/refresh_jwt", "access.refresh_jwt"),
    ("GET", "/access/user", "access.get_user"),
    ("POST", "/access/user", "access.post_user"),
    ("DELETE", "/access/user", "access.delete_user"),
    ("GET", "/access/users/list", "access.users.list"),
    ("POST", "/access/user/password", "access.user.password"),
    ("GET", "/access/oneshot_token", "access.oneshot_token"),
    ("GET", "/access/api_key", "access.get_api_key"),
    ("POST", "/access/api_key", "access.post_api_key"),
    ("GET", "/printer/info", "printer.info"),
    ("GET", "/printer/objects/list", "printer.objects.list"),
    ("GET", "/printer/objects/query", "printer.objects.query"),
    ("POST", "/printer/objects/query", "printer.objects.query"),
    ("POST", "/printer/objects/subscribe", "printer.objects.subscribe"),
    ("GET", "/printer/query_endstops/status", "printer.query_endstops.status"),
    ("POST", "/printer/gcode/script", "printer.gcode.script"),
    ("GET", "/printer/gcode/help", "printer.gcode.help"),
    ("POST", "/printer/emergency_stop", "printer.emergency_stop"),
    ("POST", "/printer/restart", "printer.restart"),
    ("POST", "/printer/firmware_restart", "printer.firmware_restart"),
    ("POST", "/printer/print/start", "printer.print.start"),
    ("POST", "/printer/print/pause", "printer.print.pause"),
    ("POST", "/printer/print/resume", "printer.print.resume"),
    ("POST", "/printer/print/cancel", "printer.print.cancel"),
    ("GET", "/server/files/list", "server.files.list"),
    ("GET", "/server/files/roots", "server.files.roots"),
    ("GET", "/server/files/metadata", "server.files.metadata"),
    ("POST", "/server/files/metascan", "server.files.metascan"),
    ("GET", "/server/files/thumbnails", "server.files.thumbnails"),
    ("GET", "/server/files/directory", "server.files.get_directory"),
    ("POST", "/server/files/directory", "server.files.post_directory"),
    ("DELETE", "/server/files/directory", "server.files.delete_directory"),
    ("POST", "/server/files/move", "server.files.move"),
    ("POST", "/server/files/copy", "server.files.copy"),
    ("", "", "server.files.delete_file"),
    ("GET", "/server/history/list", "server.history.list"),
    ("GET", "/server/history/totals", "server.history.totals"),
    ("GET", "/server/history/job", "server.history.get_job"),
    ("DELETE", "/server/history/job", "server.history.delete_job"),
    ("GET", "/server/job_queue/status", "server.job_queue.status"),
    ("POST", "/server/job_queue/job", "server.job_queue.post_job"),
    ("DELETE", "/server/job_queue/job", "server.job_queue.delete_job"),
    ("POST", "/server/job_queue/pause", "server.job_queue.pause"),
    ("POST", "/server/job_queue/start", "server.job_queue.start"),
    ("POST", "/server/job_queue/jump", "server.job_queue.jump"),
    ("GET", "/server/webcams/list", "server.webcams.list"),
    ("GET", "/server/webcams/item", "server.webcams.get_item"),
    ("POST", "/server/webcams/item", "server.webcams.post_item"),
    ("DELETE", "/server/webcams/item", "server.webcams.delete_item"),
    ("GET", "/server/announcements/list", "server.announcements.list"),
    ("GET", "/server/database/list", "server.database.list"),
    ("GET", "/server/database/item", "server.database.get_item"),
    ("POST", "/server/database/item", "server.database.post_item"),
    ("DELETE", "/server/database/item", "server.database.delete_item"),
    ("GET", "/server/extensions/list", "server.extensions.list"),
    ("GET", "/machine/system_info", "machine.system_info"),
    ("GET", "/machine/proc_stats", "machine.proc_stats"),
    ("GET", "/machine/peripherals/usb", "machine.peripherals.usb"),
    ("", "", "server.connection.identify"),
    ("", "", "server.websocket.id"),
    // The octoprint component answers these in a shape of its own.
    ("GET", "/api/version", ""),
    ("GET", "/api/server", ""),
    ("POST", "/api/login", ""),
    ("GET", "/api/settings", ""),
    ("GET", "/api/job", ""),
    ("GET", "/api/printer", ""),
    ("POST", "/api/printer/command", ""),
    ("GET", "/api/printerprofiles", ""),
];

/// Calls that exist only once Klipper was connected.
const KLIPPERS: [&str; 8] = [
    "printer.info",
    "printer.objects.list",
    "printer.objects.query",
    "printer.objects.subscribe",
    "printer.query_endstops.status",
    "printer.gcode.script",
    "printer.gcode.help",
    "printer.emergency_stop",
];

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) user: String,
    /// The WebSocket it came by.
    pub(super) client: Option<u64>,
}

/// The name of the call that a request makes: none when there is no such path, an error for another method of it.
pub(super) fn of_request(shared: &Shared, method: &str, path: &str) -> Answer<&'static str> {
    let mut routes = ROUTES.iter().filter(|(_, route, _)| !route.is_empty() && *route == path).peekable();
    if routes.peek().is_none_or(|(.., name)| !is_known(shared, name)) {
        return Err(Failure::not_found());
    }
    let route = routes.find(|(allowed, ..)| *allowed == method);
    route.map(|(.., name)| *name).ok_or_else(|| Failure::hidden(405, ""))
}

/// Whether JSON-RPC knows this name now.
pub(super) fn exists(shared: &Shared, name: &str) -> bool {
    ROUTES.iter().any(|(.., known)| *known == name && !name.is_empty()) && is_known(shared, name)
}

fn is_known(shared: &Shared, name: &str) -> bool {
    !KLIPPERS.contains(&name) || shared.lock().link.known
}

pub(super) async fn call(shared: &Arc<Shared>, name: &str, params: &Params, caller: &Caller) -> Answer {
    let user = caller.user.as_str();
    match name {
        "server.info" => system::server_info(shared),
        "server.config" => system::server_config(shared),
        "server.temperature_store" => records::temperature_store(shared),
        "server.gcode_store" => records::gcode_store(shared, params),
        "server.restart" => system::restart(shared),
        "server.announcements.list" => system::announcements(),
        "server.extensions.list" => Ok(json!({ "agents": [] })),
        "machine.system_info" => system::system_info(),
        "machine.peripherals.usb" => Ok(json!({ "usb_devices": [] })),
        "machine.proc_stats" => system::proc_stats(shared),
        "access.info" => access::info(shared),
        "access.login" => access::login(shared, params),
        "access.logout" => access::logout(shared, user),
        "access.refresh_jwt" => access::refresh(shared, params),
        "access.get_user" => access::user(shared, user),
        "access.post_user" => access::create_user(shared, params),
        "access.delete_user" => access::delete_user(shared, params, user),
        "access.users.list" => access::users(shared),
        "access.user.password" => access::change_password(shared, params, user),
        "access.oneshot_token" => access::one_shot_token(shared, user),
        "access.get_api_key" => access::api_key(shared),
        "access.post_api_key" => access::new_api_key(shared),
        "server.files.list" => files::list(shared, params),
        "server.files.roots" => files::roots(),
        "server.files.metadata" => files::metadata(shared, params),
        "server.files.metascan" => files::metascan(shared, params),
        "server.files.thumbnails" => files::thumbnails(shared, params),
        "server.files.get_directory" => files::directory(shared, params),
        "server.files.post_directory" => files::create_directory(shared, params),
        "server.files.delete_directory" => files::delete_directory(shared, params),
        "server.files.move" => files::relocate(shared, params, true),
        "server.files.copy" => files::relocate(shared, params, false),
        "server.files.delete_file" => files::delete_file(shared, params),
        "server.history.list" => history::list(shared, params),
        "server.history.totals" => history::totals(shared),
        "server.history.get_job" => history::job(shared, params),
        "server.history.delete_job" => history::delete(shared, params),
        "server.job_queue.status" => queue::status(shared),
        "server.job_queue.post_job" => queue::add(shared, params),
        "server.job_queue.delete_job" => queue::remove(shared, params),
        "server.job_queue.pause" => queue::pause(shared),
        "server.job_queue.start" => queue::start(shared, user),
        "server.job_queue.jump" => queue::jump(shared, params),
        "server.webcams.list" => database::webcams(shared),
        "server.webcams.get_item" => database::webcam_item(shared, params),
        "server.webcams.post_item" => database::post_webcam(shared, params),
        "server.webcams.delete_item" => database::delete_webcam(shared, params),
        "server.database.list" => database::list(shared),
        "server.database.get_item" => database::get(shared, params),
        "server.database.post_item" => database::post(shared, params),
        "server.database.delete_item" => database::delete(shared, params),
        "server.websocket.id" => Ok(json!({ "websocket_id": caller.client })),
        _ => printer(shared, name, params, caller).await,
    }
}

/// Calls that Klipper answers.
async fn printer(shared: &Arc<Shared>, name: &str, params: &Params, caller: &Caller) -> Answer {
    let run = async |script: &str| shared.script(script, &caller.user).await.map(|()| json!("ok"));
    match name {
        "printer.print.start" => {
            let filename = params.needed("filename")?;
            shared.start_print(&filename, &caller.user).await.map(|()| json!("ok"))
        }
        "printer.print.pause" => run("PAUSE").await,
        "printer.print.resume" => run("RESUME").await,
        "printer.print.cancel" => run("CANCEL_PRINT").await,
        "printer.gcode.script" => {
            let script = params.text("script");
            run(&script.ok_or_else(|| Failure::bad("Missing Argument [script]"))?).await
        }
        "printer.restart" | "printer.firmware_restart" => {
            system::reachable(shared)?;
            shared.restart_klippy(name == "printer.firmware_restart");
            Ok(json!("ok"))
        }
        _ => {
            system::reachable(shared)?;
            klipper(shared, name, params, caller).await
        }
    }
}

async fn klipper(shared: &Arc<Shared>, name: &str, params: &Params, caller: &Caller) -> Answer {
    match name {
        "printer.info" => system::printer_info(shared),
        "printer.objects.list" => Ok(json!({ "objects": shared.lock().object_names() })),
        "printer.objects.query" => {
            let wanted = wanted(params)?;
            tick(shared).await?;
            let event_time = shared.event_time();
            Ok(json!({ "eventtime": event_time, "status": shared.lock().status(&wanted, event_time) }))
        }
        "printer.objects.subscribe" => subscribe(shared, params, caller).await,
        "printer.query_endstops.status" => {
            tick(shared).await?;
            Ok(json!({ "stepper_x": "open", "stepper_y": "open", "stepper_z": "open" }))
        }
        "printer.gcode.help" => Ok(console::help()),
        "printer.emergency_stop" => {
            shared.emergency_stop();
            Ok(json!("ok"))
        }
        _ => Err(Failure::not_found()),
    }
}

/// Replaces what a WebSocket hears of.
async fn subscribe(shared: &Arc<Shared>, params: &Params, caller: &Caller) -> Answer {
    let named = params.number("connection_id").map(|id| id as u64);
    let client = caller.client.or(named);
    let unknown = || Failure::bad("No connection associated with subscription request");
    let client = client.ok_or_else(unknown)?;
    let wanted = wanted(params)?;
    tick(shared).await?;
    let event_time = shared.event_time();
    let mut inner = shared.lock();
    let status = inner.status(&wanted, event_time);
    let known = inner.clients.open.get_mut(&client);
    let known = known.ok_or_else(unknown)?;
    known.subscription = (!wanted.is_empty()).then(|| Subscription { wanted, known: status.clone() });
    Ok(json!({ "eventtime": event_time, "status": status }))
}

/// While anybody is subscribed, Klipper answers only when it tells what changed; the server itself is, once it has
/// found Klipper ready.
async fn tick(shared: &Shared) -> Answer<()> {
    let subscribed = {
        let inner = shared.lock();
        inner.link.announced || inner.clients.has_subscriptions()
    };
    if subscribed {
        let mut ticks = shared.ticks.subscribe();
        let _ = ticks.changed().await;
        system::reachable(shared)?;
    }
    Ok(())
}

fn wanted(params: &Params) -> Answer<Wanted> {
    let Some(objects) = params.get("objects") else { return Ok(Wanted::new()) };
    let invalid = || Failure::bad("Invalid Argument Type [objects]");
    let fields = |fields: &Value| match fields {
        Value::Null => Ok(None),
        Value::Array(fields) => Ok(Some(fields.iter().map(python).collect())),
        _ => Err(invalid()),
    };
    let objects = objects.as_object().ok_or_else(invalid)?;
    objects.iter().map(|(name, wanted)| Ok((name.clone(), fields(wanted)?))).collect()
}
