//! Permissions and the groups that have them.

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

/// Those that only administrators have.
const ADMINS_ONLY: [&str; 5] =
    ["ADMIN", "SYSTEM", "SETTINGS", "PLUGIN_APPKEYS_ADMIN", "PLUGIN_LOGGING_MANAGE"];

const READ_ONLY: [&str; 9] = [
    "STATUS",
    "WEBCAM",
    "FILES_LIST",
    "FILES_DOWNLOAD",
    "GCODE_VIEWER",
    "MONITOR_TERMINAL",
    "TIMELAPSE_LIST",
    "TIMELAPSE_DOWNLOAD",
    "SETTINGS_READ",
];

/// Whether a member of this group has the permission.
pub(super) fn has(group: &str, permission: &str) -> bool {
    match group {
        "admins" => true,
        "users" => !ADMINS_ONLY.contains(&permission),
        "readonly" => READ_ONLY.contains(&permission),
        _ => false,
    }
}

/// What the members of these groups may do.
pub(super) fn of(groups: &[&str]) -> Vec<&'static str> {
    let any = |permission: &&str| groups.iter().any(|group| has(group, permission));
    PERMISSIONS.into_iter().filter(any).collect()
}

/// Groups and roles as the members of these groups need them.
pub(super) fn needs(groups: &[&str]) -> Value {
    let roles: Vec<String> = of(groups).into_iter().map(role).collect();
    json!({ "group": groups, "role": roles })
}

/// The groups of a new server.
pub(super) fn groups() -> Vec<Value> {
    let group = |key: &str, name, description, changeable, default, toggleable| {
        // What an administrator has by being one is not listed.
        let permissions = match key {
            "admins" => vec!["ADMIN", "PLUGIN_APPKEYS_ADMIN", "PLUGIN_LOGGING_MANAGE"],
            _ => of(&[key]),
        };
        json!({
            "changeable": changeable,
            "dangerous": key == "admins",
            "default": default,
            "description": description,
            "key": key,
            "name": name,
            "needs": needs(&[key]),
            "permissions": permissions,
            "removable": false,
            "subgroups": [],
            "toggleable": toggleable,
        })
    };
    vec![
        group("admins", "Admins", "Those who administer", false, false, true),
        group("users", "Operator", "Those who operate the printer", true, true, true),
        group("guests", "Guests", "Those who are not logged in", true, false, false),
        group("readonly", "Read-only Access", "Those who only watch", false, false, true),
    ]
}

/// The list in the message `connected`, as long as a real one: a client must take 8 KB at once.
pub(super) fn list() -> Vec<Value> {
    let entry = |key: &str| {
        let name = key.to_ascii_lowercase().replace('_', " ");
        let groups: Vec<&str> = ["users", "readonly"].into_iter().filter(|group| has(group, key)).collect();
        let mut entry = json!({
            "key": key,
            "name": name,
            "dangerous": matches!(key, "ADMIN" | "SETTINGS" | "SYSTEM" | "PLUGIN_APPKEYS_ADMIN"),
            "default_groups": if key == "ADMIN" { vec!["admins"] } else { groups },
            "description": format!(
                "Whoever has this permission may use what OctoPrint groups under {name}. \
                 It is given to the groups above unless an administrator decided otherwise."
            ),
            "needs": { "role": [role(key)] },
        });
        if let Some(plugin) = key.strip_prefix("PLUGIN_") {
            let plugin = ["ACTION_COMMAND_NOTIFICATION", "ACTION_COMMAND_PROMPT", "APPKEYS", "LOGGING"]
                .into_iter()
                .find(|name| plugin.starts_with(name));
            entry["plugin"] = json!(plugin.map(str::to_ascii_lowercase));
        }
        entry
    };
    PERMISSIONS.into_iter().map(entry).collect()
}

fn role(key: &str) -> String {
    let role = key.to_ascii_lowercase();
    match role.as_str() {
        "plugin_appkeys_grant" => "plugin_appkeys_user".to_owned(),
        "gcode_viewer" => "gcodeviewer".to_owned(),
        _ => role,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_as_many_permissions_as_on_a_real_server() {
        assert_eq!(of(&["admins"]).len(), 28);
        assert_eq!(of(&["users"]).len(), 23);
        assert_eq!(of(&["readonly"]).len(), 9);
        assert!(of(&["guests"]).is_empty());
        assert_eq!(of(&["readonly", "users"]), of(&["users"]));
    }
}
