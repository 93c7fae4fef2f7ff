//! What the server tells of itself and of the machine it runs on, most of which never changes here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::failure::Answer;
use super::klippy::Phase;
use super::shared::Shared;
use crate::clock::unix_time;

pub(super) const VERSION: &str = "0.11.0";
pub(super) const API_VERSION: &str = "1.5.0";
const COMPONENTS: [&str; 24] = [
    "secrets",
    "template",
    "klippy_connection",
    "jsonrpc",
    "internal_transport",
    "application",
    "websockets",
    "database",
    "dbus_manager",
    "file_manager",
    "authorization",
    "klippy_apis",
    "shell_command",
    "machine",
    "data_store",
    "proc_stats",
    "job_state",
    "job_queue",
    "history",
    "http_client",
    "announcements",
    "webcam",
    "extensions",
    "octoprint_compat",
];
/// How long the server answers after it was told to restart, and is then away.
const RESTARTS_AFTER: Duration = Duration::from_millis(100);
pub(super) const AWAY: Duration = Duration::from_millis(500);

pub(super) fn server_info(shared: &Shared) -> Answer {
    let inner = shared.lock();
    Ok(json!({
        "klippy_connected": inner.link.up,
        "klippy_state": inner.link.state.name(),
        "components": COMPONENTS,
        "failed_components": [],
        "registered_directories": ["config", "logs", "gcodes"],
        "warnings": shared.config.warnings,
        "websocket_count": inner.clients.open.len(),
        "moonraker_version": VERSION,
        "missing_klippy_requirements": [],
        "api_version": [1, 5, 0],
        "api_version_string": API_VERSION,
    }))
}

/// Klipper's `info`.
pub(super) fn printer_info(shared: &Shared) -> Answer {
    let inner = shared.lock();
    Ok(json!({
        "state": inner.klippy.phase.name(),
        "state_message": inner.klippy.message,
        "hostname": shared.config.hostname,
        "klipper_path": "/home/pi/klipper",
        "python_path": "/home/pi/klippy-env/bin/python",
        "process_id": 23_563,
        "user_id": 0,
        "group_id": 0,
        "log_file": "/home/pi/printer_data/logs/klippy.log",
        "config_file": "/home/pi/printer_data/config/printer.cfg",
        "software_version": "?",
        "cpu_info": "2 core simulated",
    }))
}

pub(super) fn server_config(shared: &Shared) -> Answer {
    let port = shared.addr.port();
    let trusted = if shared.config.trusted { json!(["127.0.0.1"]) } else { json!([]) };
    Ok(json!({
        "config": {
            "server": {
                "host": "127.0.0.1", "port": port, "ssl_port": 7130, "enable_debug_logging": false,
                "klippy_uds_address": "/home/pi/printer_data/comms/klippy.sock", "use_xheaders": true,
                "max_upload_size": 1024, "ssl_certificate_path": null, "ssl_key_path": null,
                "route_prefix": null, "max_websocket_connections": 50,
            },
            "template": {},
            "secrets": { "secrets_path": null },
            "database": { "database_path": null, "enable_database_debug": false },
            "dbus_manager": {},
            "file_manager": {
                "enable_object_processing": false, "default_metadata_parser_timeout": 20.0,
                "file_system_observer": "inotify", "enable_observer_warnings": true,
                "enable_inotify_warnings": true, "queue_gcode_uploads": false,
                "check_klipper_config_path": true, "config_path": null, "enable_config_write_access": true,
                "log_path": null,
            },
            "authorization": {
                "login_timeout": 90, "force_logins": shared.config.force_logins,
                "default_source": "moonraker", "enable_api_key": true, "max_login_attempts": null,
                "cors_domains": ["http://localhost"], "trusted_clients": trusted,
            },
            "klippy_apis": {},
            "machine": {
                "sudo_password": null, "provider": "none", "shutdown_action": "poweroff",
                "force_validation": false, "validate_service": false, "validate_config": true,
            },
            "shell_command": {},
            "data_store": { "temperature_store_size": 1200, "gcode_store_size": 1000 },
            "proc_stats": {},
            "job_state": {},
            "job_queue": {
                "load_on_startup": false, "automatic_transition": false, "job_transition_delay": 0.01,
                "job_transition_gcode": "",
            },
            "history": {},
            "http_client": {},
            "announcements": { "enable_moonlight": true, "dev_mode": false, "subscriptions": [] },
            "webcam": {},
            "extensions": {},
            "octoprint_compat": {
                "enable_ufp": true, "flip_h": false, "flip_v": false, "rotate_90": false,
                "stream_url": "/webcam/?action=stream", "webcam_enabled": true,
            },
        },
        "orig": {
            "DEFAULT": {},
            "server": {
                "host": "127.0.0.1", "port": port.to_string(),
                "klippy_uds_address": "/home/pi/printer_data/comms/klippy.sock", "max_upload_size": "1024",
            },
            "machine": { "provider": "none", "validate_service": "False" },
            "authorization": { "trusted_clients": "\n127.0.0.1", "cors_domains": "\nhttp://localhost" },
            "file_manager": { "enable_object_processing": "False" },
            "octoprint_compat": {},
            "announcements": { "dev_mode": "False" },
        },
        "files": [{
            "filename": "moonraker.conf",
            "sections": [
                "server", "machine", "authorization", "file_manager", "octoprint_compat", "announcements",
            ],
        }],
    }))
}

/// The server ends soon and comes back; Klipper goes on.
pub(super) fn restart(shared: &Arc<Shared>) -> Answer {
    let restarting = Arc::clone(shared);
    shared.keep(async move {
        tokio::time::sleep(RESTARTS_AFTER).await;
        super::restart(&restarting, AWAY).await;
    });
    Ok(json!("ok"))
}

pub(super) fn announcements() -> Answer {
    Ok(json!({ "entries": [], "feeds": ["moonraker", "klipper"] }))
}

pub(super) fn system_info() -> Answer {
    Ok(json!({ "system_info": {
        "python": { "version": [3, 11, 7, "final", 0], "version_string": "3.11.7 (main)" },
        "cpu_info": {
            "cpu_count": 2, "bits": "64bit", "processor": "x86_64", "cpu_desc": "simulated", "serial_number": "",
            "hardware_desc": "", "model": "", "total_memory": 24_684_084, "memory_units": "kB",
        },
        "sd_info": {},
        "distribution": {
            "name": "Debian GNU/Linux 12 (bookworm)", "id": "debian", "version": "12",
            "version_parts": { "major": "12", "minor": "", "build_number": "" }, "like": "",
            "codename": "bookworm", "release_info": {}, "kernel_version": "6.18.44",
        },
        "virtualization": { "virt_type": "none", "virt_identifier": "none" },
        "network": {
            "eth0": {
                "mac_address": "02:00:00:00:00:01",
                "ip_addresses": [{ "family": "ipv4", "address": "192.0.2.10", "is_link_local": false }],
            },
        },
        "canbus": {},
        "provider": "none",
        "available_services": [],
        "service_state": {},
        "instance_ids": { "moonraker": "moonraker", "klipper": "klipper" },
    }}))
}

pub(super) fn proc_stats(shared: &Shared) -> Answer {
    let clients = shared.lock().clients.open.len();
    let mut stats = proc_stat_update(clients);
    stats["moonraker_stats"] = json!([stats["moonraker_stats"]]);
    stats["throttled_state"] = Value::Null;
    stats["system_uptime"] = json!(shared.event_time());
    Ok(stats)
}

/// What the server tells of its load once a second.
pub(super) fn proc_stat_update(clients: usize) -> Value {
    let interface = json!({
        "rx_bytes": 920_635_299, "tx_bytes": 920_635_299, "rx_packets": 79_335, "tx_packets": 79_335, "rx_errs": 0,
        "tx_errs": 0, "rx_drop": 0, "tx_drop": 0, "bandwidth": 0.0,
    });
    json!({
        "moonraker_stats": { "time": unix_time(), "cpu_usage": 1.4, "memory": 51_788, "mem_units": "kB" },
        "cpu_temp": null,
        "network": { "lo": interface },
        "system_cpu_usage": { "cpu": 2.0, "cpu0": 1.0, "cpu1": 3.0 },
        "system_memory": { "total": 24_684_084, "available": 23_931_500, "used": 752_584 },
        "websocket_connections": clients,
    })
}

/// Whether Klipper does what it is told: 503 while it cannot be reached.
pub(super) fn reachable(shared: &Shared) -> Answer<()> {
    let inner = shared.lock();
    match inner.link.up && inner.klippy.phase != Phase::Gone {
        true => Ok(()),
        false => Err(super::failure::Failure::no_klippy()),
    }
}
