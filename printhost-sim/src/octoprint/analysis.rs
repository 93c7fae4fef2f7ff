//! What can be read out of a file: how it will print, and the picture a slicer put into it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::gcode::{Effect, HeaterId, Interpreter};
use crate::heater::{HEATING, ROOM};

/// A file may name any number.
const MOST_TOOLS: usize = 16;

/// The smallest box around some points.
#[derive(Debug, Clone, Copy)]
struct Area {
    min: [f64; 3],
    max: [f64; 3],
}

/// The member `gcodeAnalysis` of a file.
pub(super) fn analyse(content: &[u8]) -> Value {
    let mut gcode = Interpreter::new();
    let (mut printing, mut travel) = (None, None);
    let mut filament: Vec<f64> = Vec::new();
    let mut seconds = 0.0;
    let mut targets = [ROOM; 3];
    for line in content.split(|byte| *byte == b'\n') {
        let before = gcode.position;
        match gcode.line(&String::from_utf8_lossy(line)) {
            Effect::Takes(time) | Effect::Dwell(time) => seconds += time,
            Effect::Move { seconds: time, .. } => {
                seconds += time;
                let now = gcode.position;
                let (from, to) = ([before.x, before.y, before.z], [now.x, now.y, now.z]);
                Area::add(&mut travel, from);
                Area::add(&mut travel, to);
                let extruded = now.e - before.e;
                if extruded > 0.0 && from != to {
                    Area::add(&mut printing, from);
                    Area::add(&mut printing, to);
                }
                if filament.len() <= gcode.tool {
                    filament.resize(gcode.tool + 1, 0.0);
                }
                filament[gcode.tool] += extruded;
            }
            Effect::Heat { heater, celsius, wait } => {
                let target = &mut targets[match heater {
                    HeaterId::Tool(_) => 0,
                    HeaterId::Bed => 1,
                    HeaterId::Chamber => 2,
                }];
                if wait {
                    seconds += (celsius - *target).max(0.0) / HEATING;
                    *target = celsius;
                }
            }
            Effect::Tool(tool) if tool < MOST_TOOLS => gcode.tool = tool,
            Effect::None | Effect::Home | Effect::Tool(_) => {}
        }
    }
    let filament: Map<String, Value> = filament
        .iter()
        .enumerate()
        .filter(|(_, length)| **length > 0.0)
        .map(|(tool, length)| (format!("tool{tool}"), json!({ "length": length, "volume": 0.0 })))
        .collect();
    json!({
        "dimensions": Area::dimensions(printing),
        "estimatedPrintTime": seconds,
        "filament": filament,
        "printingArea": Area::json(printing),
        "travelArea": Area::json(travel),
        "travelDimensions": Area::dimensions(travel),
    })
}

/// The largest PNG that a slicer put into the comments, as PrusaSlicer does.
pub(super) fn thumbnail(content: &Bytes) -> Option<Bytes> {
    let text = String::from_utf8_lossy(content);
    let mut best: Option<Vec<u8>> = None;
    let mut lines = text.lines().map(|line| line.trim_start_matches(';').trim());
    while let Some(line) = lines.next() {
        if !line.starts_with("thumbnail begin") {
            continue;
        }
        let encoded: String = lines.by_ref().take_while(|line| !line.starts_with("thumbnail end")).collect();
        if let Ok(png) = STANDARD.decode(encoded)
            && best.as_ref().is_none_or(|best| best.len() < png.len())
        {
            best = Some(png);
        }
    }
    best.map(Bytes::from)
}

impl Area {
    fn add(area: &mut Option<Self>, point: [f64; 3]) {
        let area = area.get_or_insert(Self { min: point, max: point });
        for (axis, value) in point.into_iter().enumerate() {
            area.min[axis] = area.min[axis].min(value);
            area.max[axis] = area.max[axis].max(value);
        }
    }

    fn json(area: Option<Self>) -> Value {
        let Self { min, max } = area.unwrap_or(Self { min: [0.0; 3], max: [0.0; 3] });
        json!({
            "maxX": max[0], "maxY": max[1], "maxZ": max[2], "minX": min[0], "minY": min[1], "minZ": min[2],
        })
    }

    fn dimensions(area: Option<Self>) -> Value {
        let size = area.map_or([0.0; 3], |area| std::array::from_fn(|axis| area.max[axis] - area.min[axis]));
        json!({ "width": size[0], "depth": size[1], "height": size[2] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_analysis_tells_the_areas_that_octoprint_tells_of_the_same_file() {
        // The expected numbers are OctoPrint 1.11.8's, apart from its estimate of the time.
        let content = "G28\nM104 S200\nG1 X10 Y10 Z0.2 F3000\nM83\nG1 X50 Y20 E2 F1200\nG1 X50 Y60 E2\n\
            G1 Z0.4\nG1 X10 Y10 E3\nG4 P100\n";
        let analysis = analyse(content.as_bytes());
        assert_eq!(analysis["filament"], json!({ "tool0": { "length": 7.0, "volume": 0.0 } }));
        let travel =
            json!({ "maxX": 50.0, "maxY": 60.0, "maxZ": 0.4, "minX": 0.0, "minY": 0.0, "minZ": 0.0 });
        assert_eq!(analysis["travelArea"], travel);
        assert_eq!(analysis["travelDimensions"], json!({ "depth": 60.0, "height": 0.4, "width": 50.0 }));
        let area = &analysis["printingArea"];
        assert_eq!((&area["minX"], &area["maxY"]), (&json!(10.0), &json!(60.0)));
        let seconds = analysis["estimatedPrintTime"].as_f64().unwrap_or_default();
        assert!((5.0..10.0).contains(&seconds), "OctoPrint says 7.7, not {seconds}");
    }

    #[test]
    fn filament_is_counted_by_tool_and_a_tool_that_cannot_be_is_ignored() {
        let analysis = analyse(b"M83\nG1 X1 E1\nT1\nG1 X2 E2\nT18446744073709551615\nG1 X3 E4\n");
        assert_eq!(analysis["filament"]["tool0"]["length"], 1.0);
        assert_eq!(analysis["filament"]["tool1"]["length"], 6.0);
    }

    #[test]
    fn the_largest_thumbnail_is_found_and_a_broken_one_is_none() {
        let content = "; thumbnail begin 16x16 4\n; YQ==\n; thumbnail end\nG28\n\
            ; thumbnail begin 32x32 8\n; aGVs\n; bG8=\n; thumbnail end\n";
        assert_eq!(thumbnail(&Bytes::from_static(content.as_bytes())).as_deref(), Some(&b"hello"[..]));
        let broken = Bytes::from_static(b"; thumbnail begin 16x16 4\n; !!\n; thumbnail end\n");
        assert_eq!(thumbnail(&broken), None);
    }
}
