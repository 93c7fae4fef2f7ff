//! What a slicer wrote about a file into its comments.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Slicers whose comments are alike.
const PRUSA_LIKE: [&str; 4] = ["PrusaSlicer", "SuperSlicer", "OrcaSlicer", "BambuStudio"];

/// A picture in a file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thumbnail {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) png: Bytes,
}

/// The members of a file's metadata that its content decides, apart from pictures.
pub(super) fn parse(content: &[u8]) -> Map<String, Value> {
    let text = String::from_utf8_lossy(content);
    let comments = comments(&text);
    let mut found = Map::new();
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            found.insert(name.to_owned(), value);
        }
    };
    let slicer = slicer(&text);
    let (name, version) = slicer.clone().unwrap_or_else(|| ("Unknown".to_owned(), "?".to_owned()));
    set("slicer", Some(json!(name)));
    set("slicer_version", Some(json!(version)));
    set("gcode_start_byte", first_command(content).map(|at| json!(at)));
    set("gcode_end_byte", last_command(content).map(|at| json!(at)));
    let number = |key: &str| comments.get(key).and_then(|value| leading_number(value));
    let numbers = |key: &str| {
        let values = comments.get(key).map(|value| value.split([',', ';']));
        values.map(|values| values.filter_map(leading_number).collect::<Vec<_>>()).unwrap_or_default()
    };
    let texts = |key: &str| {
        let values =
            comments.get(key).map(|value| value.split(';').map(|item| item.trim_matches('"').to_owned()));
        values.map(|values| values.filter(|item| !item.is_empty()).collect::<Vec<_>>()).unwrap_or_default()
    };
    if name == "Cura" {
        set("estimated_time", after(&text, ";TIME:").and_then(leading_number).map(|time| json!(time as u64)));
        let metres = after(&text, ";Filament used:").and_then(leading_number);
        set("filament_total", metres.map(|metres| json!(metres * 1000.0)));
        set(
            "layer_height",
            after(&text, ";Layer height:").and_then(leading_number).map(|height| json!(height)),
        );
        set("object_height", after(&text, ";MAXZ:").and_then(leading_number).map(|height| json!(height)));
        set(
            "layer_count",
            after(&text, ";LAYER_COUNT:").and_then(leading_number).map(|count| json!(count as u64)),
        );
    } else if slicer.is_some() {
        set("object_height", highest_layer(&text).map(|height| json!(height)));
        let time = comments.get("estimated printing time (normal mode)").map(|value| seconds(value));
        set("estimated_time", time.map(|time| json!(time)));
        for key in ["nozzle_diameter", "layer_height"] {
            set(key, number(key).map(|value| json!(value)));
        }
        let first_layer = number("first_layer_height").or_else(|| number("initial_layer_print_height"));
        set("first_layer_height", first_layer.map(|height| json!(height)));
        set("filament_type", comments.get("filament_type").map(|kind| json!(kind)));
        set("filament_colors", Some(json!(texts("filament_colour"))));
        set("extruder_colors", Some(json!(texts("extruder_colour"))));
        let temperatures: Vec<i64> =
            numbers("temperature").into_iter().map(|celsius| celsius as i64).collect();
        set("filament_temps", Some(json!(temperatures)));
        set("referenced_tools", Some(json!([])));
        set("mmu_print", Some(json!(0)));
        set("filament_total", number("filament used [mm]").map(|length| json!(length)));
        set("filament_weight_total", number("total filament used [g]").map(|weight| json!(weight)));
        set("filament_weights", Some(json!(numbers("filament used [g]"))));
        set("printer_model", comments.get("printer_model").map(|model| json!(model)));
    }
    let extruder = number("first_layer_temperature").or_else(|| target(&text, &["M109", "M104"]));
    let bed = number("first_layer_bed_temperature").or_else(|| target(&text, &["M190", "M140"]));
    set("first_layer_extr_temp", extruder.map(|celsius| json!(celsius)));
    set("first_layer_bed_temp", bed.map(|celsius| json!(celsius)));
    found
}

/// The pictures that a slicer put into the comments.
pub(super) fn thumbnails(content: &[u8]) -> Vec<Thumbnail> {
    let text = String::from_utf8_lossy(content);
    let mut found = Vec::new();
    let mut lines = text.lines().map(|line| line.trim_start_matches(';').trim());
    while let Some(line) = lines.next() {
        let Some(head) = line.strip_prefix("thumbnail begin ") else { continue };
        let size = head.split(' ').next().and_then(|size| size.split_once('x'));
        let encoded: String = lines.by_ref().take_while(|line| !line.starts_with("thumbnail end")).collect();
        let png = STANDARD.decode(encoded).ok();
        if let Some((width, height)) = size
            && let (Ok(width), Ok(height), Some(png)) = (width.parse(), height.parse(), png)
        {
            found.push(Thumbnail { width, height, png: png.into() });
        }
    }
    found
}

/// The slicer's name and version; none when Moonraker would not know them.
fn slicer(text: &str) -> Option<(String, String)> {
    if let Some(version) = after(text, ";Generated with Cura_SteamEngine ") {
        return Some(("Cura".to_owned(), version.trim().to_owned()));
    }
    let by = after(text, "; generated by ")?;
    let mut words = by.split_ascii_whitespace();
    let name = words.next().filter(|name| PRUSA_LIKE.contains(name))?;
    let version = words.next()?;
    (words.next() == Some("on")).then(|| (name.to_owned(), version.to_owned()))
}

/// What follows a line's beginning, in the first such line.
fn after<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(start))
}

/// Comments of the form `; key = value`.
fn comments(text: &str) -> HashMap<&str, &str> {
    let pairs = text.lines().filter_map(|line| line.strip_prefix("; ")?.split_once(" ="));
    pairs.map(|(key, value)| (key, value.trim())).collect()
}

fn leading_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// `1d 2h 3m 4s` in seconds.
fn seconds(text: &str) -> u64 {
    let parts = text.split_ascii_whitespace().filter_map(|part| {
        let (number, unit) = part.split_at(part.len().checked_sub(1)?);
        let unit = match unit {
            "d" => 86_400,
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        Some(number.parse::<u64>().ok()?.saturating_mul(unit))
    });
    parts.fold(0, u64::saturating_add)
}

fn highest_layer(text: &str) -> Option<f64> {
    text.lines().filter_map(|line| leading_number(line.strip_prefix(";Z:")?)).reduce(f64::max)
}

/// The first target that one of these commands sets.
fn target(text: &str, commands: &[&str]) -> Option<f64> {
    commands.iter().find_map(|command| {
        text.lines().find_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let is = words.next() == Some(*command);
            words.find_map(|word| word.strip_prefix('S')).filter(|_| is).and_then(leading_number)
        })
    })
}

/// Where the line before the first command with a parameter ends.
fn first_command(content: &[u8]) -> Option<usize> {
    let breaks = content.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
    breaks.into_iter().find(|at| is_command(line_at(content, at + 1)))
}

/// Where the last command with a parameter ends.
fn last_command(content: &[u8]) -> Option<usize> {
    let mut found = None;
    let mut start = 0;
    while start < content.len() {
        let line = line_at(content, start);
        let end = (start + line.len() + 1).min(content.len());
        if is_command(line) {
            found = Some(end);
        }
        start = end.max(start + 1);
    }
    found
}

fn line_at(content: &[u8], start: usize) -> &[u8] {
    let rest = content.get(start..).unwrap_or_default();
    rest.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

/// A code of `G` or `M`, a number, and something behind it.
fn is_command(line: &[u8]) -> bool {
    let Some((b'G' | b'M', rest)) = line.split_first().map(|(first, rest)| (*first, rest)) else {
        return false;
    };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && rest.get(digits).is_some_and(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_unknown_slicer_has_its_bounds_and_its_first_targets() {
        // The numbers are Moonraker's.
        let content = "G28 X\nFOO_UNKNOWN 1\nG1 X20 F3000\n";
        let found = parse(content.as_bytes());
        assert_eq!((&found["gcode_start_byte"], &found["gcode_end_byte"]), (&json!(19), &json!(33)));
        assert_eq!((&found["slicer"], &found["slicer_version"]), (&json!("Unknown"), &json!("?")));
        let hot = parse(b"; x\nM104 S205\nM190 S60\nM109 S210\nM84\n");
        assert_eq!(
            (&hot["first_layer_extr_temp"], &hot["first_layer_bed_temp"]),
            (&json!(210.0), &json!(60.0))
        );
        assert_eq!(hot["gcode_end_byte"], json!(33));
    }

    #[test]
    fn a_prusa_slicer_without_a_date_is_unknown_as_to_moonraker() {
        assert_eq!(slicer("; generated by PrusaSlicer 2.7.4+linux-x64 (fixture)\n"), None);
        let known = slicer("; generated by PrusaSlicer 2.5.0 on 2026-11-20 at 20:31:41 UTC\n");
        assert_eq!(known, Some(("PrusaSlicer".to_owned(), "2.5.0".to_owned())));
    }

    #[test]
    fn comments_become_numbers_lists_and_seconds() {
        let content = "; generated by PrusaSlicer 2.5.0 on 2026-11-20\n;Z:0.2\n;Z:2\nG1 X1\n; filament used [mm] = 136.82\n\
            ; estimated printing time (normal mode) = 2m 32s\n; filament_colour = #29B2B2\n; extruder_colour = \"\"\n\
            ; temperature = 200\n";
        let found = parse(content.as_bytes());
        assert_eq!((&found["estimated_time"], &found["filament_total"]), (&json!(152), &json!(136.82)));
        assert_eq!((&found["filament_colors"], &found["extruder_colors"]), (&json!(["#29B2B2"]), &json!([])));
        assert_eq!((&found["object_height"], &found["filament_temps"]), (&json!(2.0), &json!([200])));
        assert_eq!(seconds("1d 2h 3m 4s"), 93_784);
    }

    #[test]
    fn a_broken_picture_is_none() {
        let content = b"; thumbnail begin 16x12 4\n; aGk=\n; thumbnail end\n; thumbnail begin 1x1 4\n; !!\n; thumbnail end\n";
        let found = thumbnails(content);
        assert_eq!(found, [Thumbnail { width: 16, height: 12, png: Bytes::from_static(b"hi") }]);
    }
}
