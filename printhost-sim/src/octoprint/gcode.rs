//! How long a line of G-code takes, and what it does to the temperatures.

/// The longest move in seconds; a wrong feed rate must not stall a print.
const LONGEST_MOVE: f64 = 10.0;
/// Seconds taken by anything that is neither a move nor a wait.
pub(super) const SHORT: f64 = 0.001;

/// Reads lines and remembers position and modes.
#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) position: Position,
    relative: bool,
    relative_e: bool,
}

/// Where the tool is, in mm and mm/min.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Position {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z: f64,
    pub(super) e: f64,
    pub(super) f: f64,
}

/// What one line asks of the printer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Effect {
    /// Nothing at all: blank or a comment.
    None,
    /// It takes so many seconds.
    Takes(f64),
    /// A new target temperature, with or without waiting for it.
    Heat { heater: HeaterId, celsius: f64, wait: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaterId {
    Tool,
    Bed,
}

impl Interpreter {
    pub(super) fn new() -> Self {
        let position = Position { f: 3000.0, ..Position::default() };
        Self { position, relative: false, relative_e: false }
    }

    pub(super) fn line(&mut self, line: &str) -> Effect {
        let code = line.split(';').next().unwrap_or_default().trim();
        let mut words = code.split_ascii_whitespace();
        let Some(command) = words.next() else { return Effect::None };
        let words = Words(code);
        match command.to_ascii_uppercase().as_str() {
            "G0" | "G1" | "G2" | "G3" => return Effect::Takes(self.travel(&words)),
            "G4" => {
                let seconds = words.number('S').or(words.number('P').map(|ms| ms / 1000.0));
                return Effect::Takes(seconds.unwrap_or(SHORT).max(0.0));
            }
            "G28" => {
                self.position = Position { f: self.position.f, e: self.position.e, ..Position::default() }
            }
            "G90" => (self.relative, self.relative_e) = (false, false),
            "G91" => (self.relative, self.relative_e) = (true, true),
            "M82" => self.relative_e = false,
            "M83" => self.relative_e = true,
            "G92" => {
                let p = &mut self.position;
                for (axis, value) in [('X', &mut p.x), ('Y', &mut p.y), ('Z', &mut p.z), ('E', &mut p.e)] {
                    *value = words.number(axis).unwrap_or(*value);
                }
            }
            command @ ("M104" | "M109" | "M140" | "M190") => {
                let heater = if matches!(command, "M104" | "M109") { HeaterId::Tool } else { HeaterId::Bed };
                let wait = matches!(command, "M109" | "M190");
                if let Some(celsius) = words.number('S').or(words.number('R')) {
                    return Effect::Heat { heater, celsius, wait };
                }
            }
            _ => {}
        }
        Effect::Takes(SHORT)
    }

    /// Moves and returns the seconds that takes.
    fn travel(&mut self, words: &Words<'_>) -> f64 {
        let old = self.position;
        let new = &mut self.position;
        if let Some(feed) = words.number('F').filter(|feed| *feed > 0.0) {
            new.f = feed;
        }
        for (axis, value, relative) in [
            ('X', &mut new.x, self.relative),
            ('Y', &mut new.y, self.relative),
            ('Z', &mut new.z, self.relative),
            ('E', &mut new.e, self.relative_e),
        ] {
            if let Some(number) = words.number(axis) {
                *value = if relative { *value + number } else { number };
            }
        }
        let (x, y, z, e) = (new.x - old.x, new.y - old.y, new.z - old.z, new.e - old.e);
        let path = (x * x + y * y + z * z).sqrt();
        let distance = if path > 0.0 { path } else { e.abs() };
        (distance / new.f * 60.0).min(LONGEST_MOVE)
    }
}

/// The parameters of a command, such as `X10 F3000`.
struct Words<'a>(&'a str);

impl Words<'_> {
    fn number(&self, letter: char) -> Option<f64> {
        self.0.split_ascii_whitespace().skip(1).find_map(|word| {
            let mut chars = word.chars();
            let first = chars.next()?.to_ascii_uppercase();
            let number = chars.as_str().parse::<f64>().ok()?;
            (first == letter && number.is_finite()).then_some(number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dwell_takes_its_milliseconds_or_seconds() {
        let mut gcode = Interpreter::new();
        assert_eq!(gcode.line("G4 P500 ; half a second"), Effect::Takes(0.5));
        assert_eq!(gcode.line("g4 s2"), Effect::Takes(2.0));
        assert_eq!(gcode.line("G4 P-1"), Effect::Takes(0.0));
    }

    #[test]
    fn a_move_takes_distance_over_feed_rate_and_is_capped() {
        let mut gcode = Interpreter::new();
        assert_eq!(gcode.line("G1 X30 Y40 F3000"), Effect::Takes(1.0));
        assert_eq!(gcode.line("G1 X30 Y40"), Effect::Takes(0.0));
        assert_eq!(gcode.line("G1 E100 F1200"), Effect::Takes(5.0));
        assert_eq!(gcode.line("G1 X10000 F1"), Effect::Takes(LONGEST_MOVE));
        gcode.line("G91");
        gcode.line("G1 X-10");
        assert_eq!(gcode.position.x, 9990.0);
    }

    #[test]
    fn temperatures_are_set_or_awaited() {
        let mut gcode = Interpreter::new();
        let heat = |heater, celsius, wait| Effect::Heat { heater, celsius, wait };
        assert_eq!(gcode.line("M104 S205"), heat(HeaterId::Tool, 205.0, false));
        assert_eq!(gcode.line("M190 R60"), heat(HeaterId::Bed, 60.0, true));
        assert_eq!(gcode.line("M109"), Effect::Takes(SHORT));
        assert_eq!(gcode.line("; M109 S200"), Effect::None);
    }
}
