//! The key-value database that front-ends keep their settings in, and the webcams that are kept there too.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::config::MoonrakerConfig;
use super::failure::{Answer, Failure};
use super::params::Params;
use super::shared::Shared;
use super::store::uuid;

/// Namespaces that nobody but the server writes.
const PROTECTED: [&str; 3] = ["moonraker", "gcode_metadata", "announcements"];

#[derive(Debug)]
pub(super) struct Database {
    namespaces: BTreeMap<String, Map<String, Value>>,
    webcams: Vec<Value>,
}

impl Database {
    pub(super) fn new(config: &MoonrakerConfig) -> Self {
        let namespaces = PROTECTED.iter().map(|name| ((*name).to_owned(), Map::new())).collect();
        let webcams = match config.webcam {
            true => vec![webcam("sim", "config", &Map::new())],
            false => Vec::new(),
        };
        Self { namespaces, webcams }
    }
}

/// A webcam with everything that was not said as a real server says it.
fn webcam(name: &str, source: &str, said: &Map<String, Value>) -> Value {
    let mut webcam = json!({
        "name": name,
        "enabled": true,
        "icon": "mdiWebcam",
        "aspect_ratio": "4:3",
        "target_fps": 15,
        "target_fps_idle": 5,
        "location": "printer",
        "service": "mjpegstreamer",
        "stream_url": "/webcam/?action=stream",
        "snapshot_url": "/webcam/?action=snapshot",
        "flip_horizontal": false,
        "flip_vertical": false,
        "rotation": 0,
        "source": source,
        "extra_data": {},
        "uid": uuid(name),
    });
    if let Some(webcam) = webcam.as_object_mut() {
        for (key, value) in said {
            if webcam.contains_key(key) && !matches!(key.as_str(), "uid" | "source") {
                webcam.insert(key.clone(), value.clone());
            }
        }
    }
    webcam
}

pub(super) fn list(shared: &Shared) -> Answer {
    let namespaces: Vec<String> = shared.lock().database.namespaces.keys().cloned().collect();
    Ok(json!({ "namespaces": namespaces, "backups": [] }))
}

pub(super) fn get(shared: &Shared, params: &Params) -> Answer {
    let namespace = params.needed("namespace")?;
    let key = params.text("key");
    let inner = shared.lock();
    let all = inner.database.namespaces.get(&namespace);
    let all = all.ok_or_else(|| Failure::new(404, format!("Namespace {namespace} not found")))?;
    let value = match &key {
        None => Some(Value::Object(all.clone())),
        Some(key) => find(all, key).cloned(),
    };
    let missing = || {
        Failure::new(
            404,
            format!("Key '{}' in namespace '{namespace}' not found", key.clone().unwrap_or_default()),
        )
    };
    let value = value.ok_or_else(missing)?;
    Ok(json!({ "namespace": namespace, "key": key, "value": value }))
}

pub(super) fn post(shared: &Shared, params: &Params) -> Answer {
    let (namespace, key) = (params.needed("namespace")?, params.needed("key")?);
    let value = params.get("value").cloned().ok_or_else(|| Failure::missing("value"))?;
    writable(&namespace)?;
    let mut inner = shared.lock();
    let mut object = inner.database.namespaces.entry(namespace.clone()).or_default();
    let mut parts: Vec<&str> = key.split('.').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let inside = object.entry(part.to_owned()).or_insert_with(|| json!({}));
        if !inside.is_object() {
            *inside = json!({});
        }
        let Some(inside) = inside.as_object_mut() else { return Err(Failure::bad("Invalid key")) };
        object = inside;
    }
    object.insert(last.to_owned(), value.clone());
    Ok(json!({ "namespace": namespace, "key": key, "value": value }))
}

pub(super) fn delete(shared: &Shared, params: &Params) -> Answer {
    let (namespace, key) = (params.needed("namespace")?, params.needed("key")?);
    writable(&namespace)?;
    let mut inner = shared.lock();
    let removed = inner.database.namespaces.get_mut(&namespace).and_then(|object| remove(object, &key));
    if inner.database.namespaces.get(&namespace).is_some_and(Map::is_empty) {
        inner.database.namespaces.remove(&namespace);
    }
    let missing = || Failure::new(404, format!("Key '{key}' in namespace '{namespace}' not found"));
    let value = removed.ok_or_else(missing)?;
    Ok(json!({ "namespace": namespace, "key": key, "value": value }))
}

pub(super) fn webcams(shared: &Shared) -> Answer {
    Ok(json!({ "webcams": shared.lock().database.webcams }))
}

pub(super) fn webcam_item(shared: &Shared, params: &Params) -> Answer {
    let inner = shared.lock();
    let webcam = inner.database.webcams.iter().find(|webcam| is_named(webcam, params));
    webcam.map(|webcam| json!({ "webcam": webcam })).ok_or_else(|| no_webcam(params))
}

pub(super) fn post_webcam(shared: &Shared, params: &Params) -> Answer {
    let mut inner = shared.lock();
    let known = inner.database.webcams.iter().position(|webcam| is_named(webcam, params));
    if let Some(at) = known {
        if inner.database.webcams[at]["source"] == "config" {
            return Err(Failure::bad("Cannot overwrite webcam configured by moonraker.conf"));
        }
        inner.database.webcams.remove(at);
    }
    let name = params.needed("name")?;
    let webcam = webcam(&name, "database", &params.0);
    inner.database.webcams.push(webcam.clone());
    inner.notify("notify_webcams_changed", Some(json!([{ "webcams": inner.database.webcams }])));
    Ok(json!({ "webcam": webcam }))
}

pub(super) fn delete_webcam(shared: &Shared, params: &Params) -> Answer {
    let mut inner = shared.lock();
    let known = inner.database.webcams.iter().position(|webcam| is_named(webcam, params));
    let at = known.ok_or_else(|| no_webcam(params))?;
    if inner.database.webcams[at]["source"] == "config" {
        return Err(Failure::bad("Cannot delete webcam configured by moonraker.conf"));
    }
    let webcam = inner.database.webcams.remove(at);
    inner.notify("notify_webcams_changed", Some(json!([{ "webcams": inner.database.webcams }])));
    Ok(json!({ "webcam": webcam }))
}

fn is_named(webcam: &Value, params: &Params) -> bool {
    match params.text("uid") {
        Some(uid) => webcam["uid"] == uid.as_str(),
        None => params.text("name").is_some_and(|name| webcam["name"] == name.as_str()),
    }
}

fn no_webcam(params: &Params) -> Failure {
    let name = params.text("uid").or_else(|| params.text("name")).unwrap_or_default();
    Failure::new(404, format!("Webcam {name} not found"))
}

fn writable(namespace: &str) -> Answer<()> {
    match PROTECTED.contains(&namespace) {
        true => Err(Failure::new(403, format!("Write access to namespace '{namespace}' is forbidden"))),
        false => Ok(()),
    }
}

fn find<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let mut parts = key.split('.');
    let first = object.get(parts.next()?)?;
    parts.try_fold(first, |value, part| value.get(part))
}

fn remove(object: &mut Map<String, Value>, key: &str) -> Option<Value> {
    match key.split_once('.') {
        None => object.remove(key),
        Some((first, rest)) => remove(object.get_mut(first)?.as_object_mut()?, rest),
    }
}
