//! The permissions a real server lists on every login and push connection.

use serde_json::{Value, json};

const PERMISSIONS: [&str; 28] = [
    "ADMIN",
    "STATUS",
    "CONNECTION",
    "WEBCAM",
    "SYSTEM",
    "FILES_LIST",
    "FILES_UPLOAD",
    "FILES_DOWNLOAD",
    "FILES_DELETE",
    "FILES_SELECT",
    "PRINT",
    "GCODE_VIEWER",
    "MONITOR_TERMINAL",
    "CONTROL",
    "SLICE",
    "TIMELAPSE_LIST",
    "TIMELAPSE_DOWNLOAD",
    "TIMELAPSE_DELETE",
    "TIMELAPSE_MANAGE_UNRENDERED",
    "TIMELAPSE_ADMIN",
    "SETTINGS_READ",
    "SETTINGS",
    "PLUGIN_ACTION_COMMAND_NOTIFICATION_SHOW",
    "PLUGIN_ACTION_COMMAND_NOTIFICATION_CLEAR",
    "PLUGIN_ACTION_COMMAND_PROMPT_INTERACT",
    "PLUGIN_APPKEYS_ADMIN",
    "PLUGIN_APPKEYS_GRANT",
    "PLUGIN_LOGGING_MANAGE",
];

/// The roles the administrator has.
pub(super) fn roles() -> Vec<String> {
    PERMISSIONS.iter().map(|key| role(key)).collect()
}

/// The list in the message `connected`, as long as a real one: a client must take 8 KB at once.
pub(super) fn list() -> Vec<Value> {
    let entry = |key: &&str| {
        let name = key.to_ascii_lowercase().replace('_', " ");
        json!({
            "key": key,
            "name": name,
            "dangerous": matches!(*key, "ADMIN" | "SETTINGS" | "SYSTEM"),
            "default_groups": ["users"],
            "description": format!(
                "Whoever has this permission may use what OctoPrint groups under {name}. \
                 It is given to the groups above unless an administrator decided otherwise."
            ),
            "needs": { "role": [role(key)] },
        })
    };
    PERMISSIONS.iter().map(entry).collect()
}

fn role(key: &str) -> String {
    let role = key.to_ascii_lowercase();
    match role.as_str() {
        "plugin_appkeys_grant" => "plugin_appkeys_user".to_owned(),
        "gcode_viewer" => "gcodeviewer".to_owned(),
        _ => role,
    }
}
