//! What a line of G-code does: how long it takes, where the head is then, and what it sets.

/// The longest move in seconds; a wrong feed rate must not stall a print.
const LONGEST_MOVE: f64 = 10.0;
/// Seconds taken by anything that is neither a move nor a wait.
pub(crate) const SHORT: f64 = 0.001;

/// Reads lines and remembers position and modes.
#[derive(Debug, Clone)]
pub(crate) struct Interpreter {
    pub(crate) position: Position,
    /// The active extruder.
    pub(crate) tool: usize,
    relative: bool,
    relative_e: bool,
}

/// Where the tool is, in mm and mm/min.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Position {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) z: f64,
    pub(crate) e: f64,
    pub(crate) f: f64,
}

/// What one line asks of the printer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    /// Nothing at all: blank or a comment.
    None,
    /// It takes so many seconds.
    Takes(f64),
    /// A move, and the height that it named.
    Move { seconds: f64, z: Option<f64> },
    /// A wait of so many seconds.
    Dwell(f64),
    /// Some or all axes go home.
    Home,
    /// Another extruder, which may not exist.
    Tool(usize),
    /// A new target temperature, with or without waiting for it.
    Heat { heater: HeaterId, celsius: f64, wait: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaterId {
    Tool(usize),
    Bed,
    Chamber,
}

impl Interpreter {
    pub(crate) fn new() -> Self {
        let position = Position { f: 3000.0, ..Position::default() };
        Self { position, tool: 0, relative: false, relative_e: false }
    }

    pub(crate) fn is_relative(&self) -> bool {
        self.relative
    }

    pub(crate) fn is_relative_e(&self) -> bool {
        self.relative_e
    }

    pub(crate) fn line(&mut self, line: &str) -> Effect {
        let code = without_comment(line);
        let words = Words(code);
        let Some(command) = words.command() else { return Effect::None };
        match command.as_str() {
            "G0" | "G1" | "G2" | "G3" => return self.travel(&words),
            "G4" => {
                let seconds = words.number('S').or(words.number('P').map(|ms| ms / 1000.0));
                return Effect::Dwell(seconds.unwrap_or(SHORT).max(0.0));
            }
            "G28" => {
                let p = &mut self.position;
                let axes = [('X', &mut p.x), ('Y', &mut p.y), ('Z', &mut p.z)];
                let all = !['X', 'Y', 'Z'].iter().any(|axis| words.has(*axis));
                for (axis, value) in axes {
                    if all || words.has(axis) {
                        *value = 0.0;
                    }
                }
                return Effect::Home;
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
            "M104" | "M109" | "M140" | "M190" | "M141" | "M191" => {
                let heater = match command.as_str() {
                    "M140" | "M190" => HeaterId::Bed,
                    "M141" | "M191" => HeaterId::Chamber,
                    _ => HeaterId::Tool(words.number('T').map_or(self.tool, |tool| tool as usize)),
                };
                let wait = matches!(command.as_str(), "M109" | "M190" | "M191");
                if let Some(celsius) = words.number('S').or(words.number('R')) {
                    return Effect::Heat { heater, celsius, wait };
                }
            }
            other => {
                if let Some(tool) = other.strip_prefix('T').and_then(|tool| tool.parse().ok()) {
                    return Effect::Tool(tool);
                }
            }
        }
        Effect::Takes(SHORT)
    }

    /// Moves and tells the seconds that takes.
    fn travel(&mut self, words: &Words<'_>) -> Effect {
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
        Effect::Move { seconds: (distance / new.f * 60.0).min(LONGEST_MOVE), z: words.number('Z') }
    }
}

/// The line as it is sent: without comment and outer blanks.
pub(crate) fn without_comment(line: &str) -> &str {
    line.split(';').next().unwrap_or_default().trim()
}

/// A command and its parameters, such as `G1 X10 F3000`.
pub(crate) struct Words<'a>(pub(crate) &'a str);

impl Words<'_> {
    /// The command in upper case.
    pub(crate) fn command(&self) -> Option<String> {
        self.0.split_ascii_whitespace().next().map(str::to_ascii_uppercase)
    }

    pub(crate) fn number(&self, letter: char) -> Option<f64> {
        self.parameters(letter).find_map(|value| value.parse().ok().filter(|number: &f64| number.is_finite()))
    }

    pub(crate) fn has(&self, letter: char) -> bool {
        self.parameters(letter).next().is_some()
    }

    fn parameters(&self, letter: char) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace().skip(1).filter_map(move |word| {
            let mut chars = word.chars();
            let first = chars.next()?.to_ascii_uppercase();
            (first == letter).then_some(chars.as_str())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dwell_takes_its_milliseconds_or_seconds() {
        let mut gcode = Interpreter::new();
        assert_eq!(gcode.line("G4 P500 ; half a second"), Effect::Dwell(0.5));
        assert_eq!(gcode.line("g4 s2"), Effect::Dwell(2.0));
        assert_eq!(gcode.line("G4 P-1"), Effect::Dwell(0.0));
    }

    #[test]
    fn a_move_takes_distance_over_feed_rate_and_is_capped() {
        let mut gcode = Interpreter::new();
        assert_eq!(gcode.line("G1 X30 Y40 F3000"), Effect::Move { seconds: 1.0, z: None });
        assert_eq!(gcode.line("G1 Z10 F60"), Effect::Move { seconds: 10.0, z: Some(10.0) });
        assert_eq!(gcode.line("G1 X9999 F1"), Effect::Move { seconds: LONGEST_MOVE, z: None });
        assert_eq!(gcode.line("G92 E0"), Effect::Takes(SHORT));
        assert_eq!(gcode.line("G1 E50 F3000"), Effect::Move { seconds: 1.0, z: None });
    }

    #[test]
    fn relative_moves_add_up_and_homing_takes_only_the_axes_named() {
        let mut gcode = Interpreter::new();
        for line in ["G91", "G1 X10 Y5", "G1 X10", "G90", "M83", "G1 E1", "G1 E1", "G28 X0"] {
            gcode.line(line);
        }
        let Position { x, y, e, .. } = gcode.position;
        assert_eq!((x, y, e), (0.0, 5.0, 2.0));
        assert_eq!(gcode.line("G28"), Effect::Home);
        assert_eq!(gcode.position.y, 0.0);
    }

    #[test]
    fn comments_and_blank_lines_do_nothing() {
        let mut gcode = Interpreter::new();
        for line in ["", "   \r", "; comment", "\t;X1"] {
            assert_eq!(gcode.line(line), Effect::None);
        }
    }

    #[test]
    fn a_temperature_goes_to_the_heater_it_names() {
        let mut gcode = Interpreter::new();
        let heat = |heater, wait| Effect::Heat { heater, celsius: 60.0, wait };
        assert_eq!(gcode.line("M104 S60"), heat(HeaterId::Tool(0), false));
        assert_eq!(gcode.line("M109 T1 S60"), heat(HeaterId::Tool(1), true));
        assert_eq!(gcode.line("M190 R60"), heat(HeaterId::Bed, true));
        assert_eq!(gcode.line("M141 S60"), heat(HeaterId::Chamber, false));
        assert_eq!(gcode.line("T1"), Effect::Tool(1));
        assert_eq!(gcode.line("M105"), Effect::Takes(SHORT));
    }
}
