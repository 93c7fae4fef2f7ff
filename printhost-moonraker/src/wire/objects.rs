//! Klipper's objects, as far as a status needs them, and the changes that are pushed of them.

use alloc::{string::String, vec::Vec};

use super::{
    Known, MAX_TOOLS, PATH, TEXT,
    json::{Read, Reader},
};

/// What is known of the objects that are subscribed to. Changes are merged into it as they come: what is absent stays,
/// and `null` is nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Objects {
    /// `webhooks.state`: `ready`, `startup`, `shutdown`, `error`.
    pub klippy: String,
    pub klippy_message: String,
    pub print: Print,
    pub tools: Vec<Heater>,
    pub bed: Option<Heater>,
    pub chamber: Option<Heater>,
    pub motion: Motion,
    /// Fans by their whole names, `fan` or `heater_fan hotend`; only those that are named here are taken.
    pub fans: Vec<(String, Fan)>,
    /// The name under which the chamber goes.
    pub chamber_name: Option<String>,
}

/// `print_stats` and `virtual_sdcard`; times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Print {
    pub state: String,
    /// Of the file that is printed, or was last; never cut, and empty when it is too long.
    pub filename: String,
    pub message: String,
    pub total_duration: Option<f64>,
    pub print_duration: Option<f64>,
    /// 0 to 1, by bytes.
    pub progress: Option<f64>,
    pub file_size: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Heater {
    pub temperature: Option<f64>,
    pub target: Option<f64>,
    pub can_extrude: Option<bool>,
}

/// `speed` from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Fan {
    pub speed: Option<f64>,
    pub rpm: Option<f64>,
}

/// `toolhead` and `gcode_move`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Motion {
    /// `xyz`.
    pub homed_axes: String,
    pub position: [Option<f64>; 3],
    pub speed_factor: Option<f64>,
    pub extrude_factor: Option<f64>,
}

impl Objects {
    /// Nothing is known yet of these objects.
    pub(crate) fn of(known: &Known) -> Self {
        let fans = known.fans.iter().map(|name| (name.clone(), Fan::default()));
        Self { fans: fans.collect(), chamber_name: known.chamber.clone(), ..Self::default() }
    }

    /// Forgets what the objects are like, and not how they are called.
    pub(crate) fn clear(&mut self) {
        let (chamber_name, mut fans) = (self.chamber_name.take(), core::mem::take(&mut self.fans));
        fans.iter_mut().for_each(|(_, fan)| *fan = Fan::default());
        *self = Self { chamber_name, fans, ..Self::default() };
    }

    /// Merges `{"object": {"field": …}}`; tells whether that changed anything.
    pub(crate) fn merge(&mut self, r: &mut Reader<'_>) -> Read<bool> {
        let mut changed = false;
        if !r.enter_object()? {
            return Ok(false);
        }
        let mut first = true;
        while let Some(name) = r.key(&mut first)? {
            changed |= match name {
                b"webhooks" => self.merge_webhooks(r)?,
                b"print_stats" => self.print.merge_stats(r)?,
                b"virtual_sdcard" => self.print.merge_sdcard(r)?,
                b"heater_bed" => merge_one(&mut self.bed, r)?,
                b"toolhead" => self.motion.merge_toolhead(r)?,
                b"gcode_move" => self.motion.merge_gcode_move(r)?,
                _ => match tool(name) {
                    Some(n) => {
                        let is_new = self.tools.len() <= n;
                        if is_new {
                            self.tools.resize(n + 1, Heater::default());
                        }
                        merge_heater(&mut self.tools[n], r)? | is_new
                    }
                    None if self.chamber_name.as_ref().is_some_and(|chamber| chamber.as_bytes() == name) => {
                        merge_one(&mut self.chamber, r)?
                    }
                    None => match self.fans.iter_mut().find(|(fan, _)| fan.as_bytes() == name) {
                        Some((_, fan)) => merge_fan(fan, r)?,
                        None => pass(r)?,
                    },
                },
            };
        }
        Ok(changed)
    }

    fn merge_webhooks(&mut self, r: &mut Reader<'_>) -> Read<bool> {
        fields(r, |field, r| match field {
            b"state" => r.text(&mut self.klippy, TEXT),
            b"state_message" => r.text(&mut self.klippy_message, TEXT),
            _ => pass(r),
        })
    }
}

impl Print {
    fn merge_stats(&mut self, r: &mut Reader<'_>) -> Read<bool> {
        fields(r, |field, r| match field {
            b"state" => r.text(&mut self.state, TEXT),
            b"filename" => {
                // One byte more than that shows that there was more, however long its last letter is.
                let changed = r.text(&mut self.filename, PATH + 4)?;
                if self.filename.len() > PATH {
                    self.filename.clear();
                }
                Ok(changed)
            }
            b"message" => r.text(&mut self.message, TEXT),
            b"total_duration" => number(&mut self.total_duration, r),
            b"print_duration" => number(&mut self.print_duration, r),
            _ => pass(r),
        })
    }

    fn merge_sdcard(&mut self, r: &mut Reader<'_>) -> Read<bool> {
        fields(r, |field, r| match field {
            b"progress" => number(&mut self.progress, r),
            b"file_size" => number(&mut self.file_size, r),
            _ => pass(r),
        })
    }
}

impl Motion {
    fn merge_toolhead(&mut self, r: &mut Reader<'_>) -> Read<bool> {
        fields(r, |field, r| match field {
            b"homed_axes" => r.text(&mut self.homed_axes, TEXT),
            _ => pass(r),
        })
    }

    fn merge_gcode_move(&mut self, r: &mut Reader<'_>) -> Read<bool> {
        fields(r, |field, r| match field {
            b"speed_factor" => number(&mut self.speed_factor, r),
            b"extrude_factor" => number(&mut self.extrude_factor, r),
            b"gcode_position" => {
                let mut changed = false;
                if r.enter_array()? {
                    let (mut first, mut axis) = (true, 0);
                    while r.element(&mut first)? {
                        changed |= match self.position.get_mut(axis) {
                            Some(place) => number(place, r)?,
                            None => pass(r)?,
                        };
                        axis += 1;
                    }
                }
                Ok(changed)
            }
            _ => pass(r),
        })
    }
}

/// That there is one is a change, too.
fn merge_one(heater: &mut Option<Heater>, r: &mut Reader<'_>) -> Read<bool> {
    let is_new = heater.is_none();
    Ok(merge_heater(heater.get_or_insert_default(), r)? | is_new)
}

fn merge_heater(heater: &mut Heater, r: &mut Reader<'_>) -> Read<bool> {
    fields(r, |field, r| match field {
        b"temperature" => number(&mut heater.temperature, r),
        b"target" => number(&mut heater.target, r),
        b"can_extrude" => {
            let can = r.bool()?;
            Ok(core::mem::replace(&mut heater.can_extrude, can) != can)
        }
        _ => pass(r),
    })
}

fn merge_fan(fan: &mut Fan, r: &mut Reader<'_>) -> Read<bool> {
    fields(r, |field, r| match field {
        b"speed" => number(&mut fan.speed, r),
        b"rpm" => number(&mut fan.rpm, r),
        _ => pass(r),
    })
}

/// The fields of an object; what is no object is passed over.
#[inline]
fn fields<'a>(r: &mut Reader<'a>, mut take: impl FnMut(&[u8], &mut Reader<'a>) -> Read<bool>) -> Read<bool> {
    let mut changed = false;
    if r.enter_object()? {
        let mut first = true;
        while let Some(field) = r.key(&mut first)? {
            changed |= take(field, r)?;
        }
    }
    Ok(changed)
}

#[inline]
fn number(place: &mut Option<f64>, r: &mut Reader<'_>) -> Read<bool> {
    let number = r.number()?;
    Ok(core::mem::replace(place, number) != number)
}

#[inline]
fn pass(r: &mut Reader<'_>) -> Read<bool> {
    r.skip()?;
    Ok(false)
}

/// The number of a hot end: `extruder`, `extruder1`, ….
pub(crate) fn tool(name: &[u8]) -> Option<usize> {
    let n = match name.strip_prefix(b"extruder")? {
        b"" => 0,
        [b'1'..=b'9', ..] => core::str::from_utf8(&name[8..]).ok()?.parse::<u8>().ok()?,
        _ => return None,
    };
    (n < MAX_TOOLS).then_some(n.into())
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString as _, vec};

    use serde_json::{Map, Value, json};

    use super::*;

    fn objects_of(json: &str) -> Objects {
        let known = Known {
            chamber: Some("heater_generic chamber".into()),
            fans: vec!["fan".into(), "heater_fan hotend".into()],
            ..Known::default()
        };
        let mut objects = Objects::of(&known);
        objects.merge(&mut Reader::new(json.as_bytes())).unwrap();
        objects
    }

    /// The captured answer of a subscription, and updates: Klipper 84104bbb.
    const FULL: &str = include_str!("../../tests/data/subscribed.json");
    const UPDATES: &str = include_str!("../../tests/data/updates.jsonl");

    #[test]
    fn merged_changes_are_those_of_a_merge_of_whole_objects() {
        let mut known: Map<String, Value> = serde_json::from_str(FULL).unwrap();
        let mut ours = objects_of(FULL);
        for update in UPDATES.lines() {
            let before = ours.clone();
            let changed = ours.merge(&mut Reader::new(update.as_bytes())).unwrap();
            let Value::Object(changes) = serde_json::from_str(update).unwrap() else { panic!("{update}") };
            for (name, fields) in changes {
                let object = known.entry(name).or_insert_with(|| json!({}));
                object.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            }
            // The other reader rounds numbers on its way.
            let near = |objects: &Objects| format!("{objects:.9?}");
            let theirs = objects_of(&Value::Object(known.clone()).to_string());
            assert_eq!(near(&ours), near(&theirs), "{update}");
            assert_eq!(changed, ours != before, "{update}");
        }
        assert!(UPDATES.lines().count() > 50);
    }

    #[test]
    fn absent_stays_and_null_is_nothing() {
        let mut objects =
            objects_of(r#"{"extruder": {"temperature": 21.5, "target": 5}, "fan": {"speed": 0.5}}"#);
        let mut merge =
            |json: &str| objects.merge(&mut Reader::new(json.as_bytes())).map(|_| objects.clone());
        let after = merge(r#"{"extruder": {"target": null}, "fan": null}"#).unwrap();
        assert_eq!(after.tools, [Heater { temperature: Some(21.5), ..Heater::default() }]);
        assert_eq!(after.fans[0].1, Fan { speed: Some(0.5), rpm: None });
        let after =
            merge(r#"{"extruder": {"temperature": {"odd": [1]}}, "extruder2": {"target": 7}}"#).unwrap();
        assert_eq!(
            after.tools,
            [Heater::default(), Heater::default(), Heater { target: Some(7.0), ..Heater::default() }]
        );
        let after =
            merge(r#"{"heater_generic chamber": {"temperature": 40}, "extruder_stepper x": {}}"#).unwrap();
        assert_eq!(after.chamber.unwrap().temperature, Some(40.0));
        let after =
            merge(r#"{"heater_fan hotend": {"speed": 1.0, "rpm": 4000}, "heater_fan x": {}}"#).unwrap();
        assert_eq!(after.fans[1].1, Fan { speed: Some(1.0), rpm: Some(4000.0) });
        assert_eq!(after.fans.len(), 2);
    }

    #[test]
    fn first_mention_of_a_heater_is_a_change() {
        let mut objects = objects_of("{}");
        for name in ["extruder1", "heater_bed", "heater_generic chamber"] {
            let mention = format!(r#"{{"{name}": {{"power": 0.0}}}}"#);
            for changed in [true, false] {
                assert_eq!(objects.merge(&mut Reader::new(mention.as_bytes())), Ok(changed), "{name}");
            }
        }
    }

    #[test]
    fn changes_cut_anywhere_are_refused_without_a_panic() {
        for update in UPDATES.lines().take(20) {
            for end in 0..update.len() {
                let mut objects = Objects::default();
                assert!(
                    objects.merge(&mut Reader::new(&update.as_bytes()[..end])).is_err(),
                    "{update} to {end}"
                );
            }
        }
    }

    #[test]
    fn path_that_is_too_long_is_none_and_other_texts_are_cut() {
        let (path, long) = ("ü".repeat(256), "ü".repeat(257));
        let of = |text: &str| {
            let json = format!(r#"{{"print_stats": {{"filename": "{text}", "message": "{text}"}}}}"#);
            objects_of(&json).print
        };
        assert_eq!(of(&path).filename, path);
        assert_eq!((of(&long).filename.as_str(), of(&long).message.len()), ("", 256));
    }

    #[test]
    fn hot_ends_are_counted_and_steppers_are_none() {
        let tools =
            ["extruder", "extruder1", "extruder15", "extruder16", "extruder01", "extruder_stepper", "x"];
        let numbers: Vec<_> = tools.iter().map(|name| tool(name.as_bytes())).collect();
        assert_eq!(numbers, vec![Some(0), Some(1), Some(15), None, None, None, None]);
    }
}
