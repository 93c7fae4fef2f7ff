//! Where the tool is, and how long it takes to get elsewhere.

use super::line::Words;

/// Colder, nothing is extruded, °C.
const COLDEST_EXTRUSION: f64 = 175.0;
/// Seconds of the longest move: a wrong feed rate must not stall a print.
const LONGEST_MOVE: f64 = 10.0;
/// The height after homing, in mm.
const HOME_Z: f64 = 0.15;

/// Position in mm, and the modes of moves.
#[derive(Debug)]
pub(super) struct Motion {
    x: f64,
    y: f64,
    z: f64,
    e: f64,
    /// mm/min.
    feed_rate: f64,
    relative: bool,
    relative_e: bool,
    /// Per cent, as `M220` sets it.
    pub(super) speed: u16,
}

/// What became of a move.
#[derive(Debug, PartialEq)]
pub(super) struct Travel {
    pub(super) seconds: f64,
    /// The filament stayed where it was.
    pub(super) too_cold: bool,
}

impl Motion {
    pub(super) fn new() -> Self {
        Self {
            x: 0.0,
            y: 0.0,
            z: HOME_Z,
            e: 0.0,
            feed_rate: 1500.0,
            relative: false,
            relative_e: false,
            speed: 100,
        }
    }

    /// `G0` and `G1`, at this temperature of the nozzle.
    pub(super) fn travel(&mut self, words: Words<'_>, nozzle: f64) -> Travel {
        if let Some(rate) = words.number('F').filter(|rate| *rate > 0.0) {
            self.feed_rate = rate;
        }
        let (relative, relative_e) = (self.relative, self.relative || self.relative_e);
        let step = |letter, at: f64, relative| match words.number(letter) {
            Some(to) if relative => to,
            Some(to) => to - at,
            None => 0.0,
        };
        let (x, y, z) =
            (step('X', self.x, relative), step('Y', self.y, relative), step('Z', self.z, relative));
        let mut e = step('E', self.e, relative_e);
        let too_cold = e != 0.0 && nozzle < COLDEST_EXTRUSION;
        if too_cold {
            e = 0.0;
        }
        self.x += x;
        self.y += y;
        self.z += z;
        self.e += e;
        let way = x.hypot(y).hypot(z);
        let way = if way > 0.0 { way } else { e.abs() };
        let speed = self.feed_rate / 60.0 * f64::from(self.speed) / 100.0;
        Travel { seconds: (way / speed).min(LONGEST_MOVE), too_cold }
    }

    /// `G92`: the position is now called so.
    pub(super) fn rename(&mut self, words: Words<'_>) {
        for (letter, value) in
            [('X', &mut self.x), ('Y', &mut self.y), ('Z', &mut self.z), ('E', &mut self.e)]
        {
            *value = words.number(letter).unwrap_or(*value);
        }
    }

    /// `G28`: the named axes go home, or all when none is named.
    pub(super) fn home(&mut self, words: Words<'_>) {
        let all = !['X', 'Y', 'Z'].into_iter().any(|axis| words.has(axis));
        for (letter, value, home) in
            [('X', &mut self.x, 0.0), ('Y', &mut self.y, 0.0), ('Z', &mut self.z, HOME_Z)]
        {
            if all || words.has(letter) {
                *value = home;
            }
        }
    }

    /// `G90` and `G91`, which mean the extruder too.
    pub(super) fn set_relative(&mut self, relative: bool) {
        self.relative = relative;
        self.relative_e = relative;
    }

    /// `M82` and `M83`.
    pub(super) fn set_relative_e(&mut self, relative: bool) {
        self.relative_e = relative;
    }

    /// The position as `M114` and the automatic report tell it.
    pub(super) fn report(&self) -> String {
        let Self { x, y, z, e, .. } = self;
        format!("X:{x:.2} Y:{y:.2} Z:{z:.2} E:{e:.2} Count X: {x:.2} Y:{y:.2} Z:{z:.2} E:{e:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOT: f64 = 210.0;

    #[test]
    fn a_move_takes_its_way_over_its_speed() {
        let mut motion = Motion::new();
        let travel = motion.travel(Words("G1 X30 Y40 F6000"), HOT);
        assert_eq!(travel, Travel { seconds: 0.5, too_cold: false });
        motion.speed = 50;
        assert_eq!(motion.travel(Words("G1 X0 Y0"), HOT).seconds, 1.0);
        assert_eq!(motion.travel(Words("G1 X9e300 F0"), HOT).seconds, LONGEST_MOVE);
    }

    #[test]
    fn cold_filament_does_not_move() {
        let mut motion = Motion::new();
        assert!(motion.travel(Words("G1 X10 E1"), 100.0).too_cold);
        assert_eq!(motion.report(), "X:10.00 Y:0.00 Z:0.15 E:0.00 Count X: 10.00 Y:0.00 Z:0.15 E:0.00");
        assert!(!motion.travel(Words("G1 X10 E1"), HOT).too_cold);
        assert!(motion.report().contains("E:1.00"));
    }

    #[test]
    fn relative_moves_add_up_and_home_is_home() {
        let mut motion = Motion::new();
        motion.set_relative(true);
        motion.travel(Words("G1 X1 Z2"), HOT);
        motion.travel(Words("G1 X1 Z2"), HOT);
        motion.rename(Words("G92 E7"));
        motion.home(Words("G28 Z"));
        assert!(motion.report().starts_with("X:2.00 Y:0.00 Z:0.15 E:7.00"));
        motion.home(Words("G28 W"));
        assert!(motion.report().starts_with("X:0.00 Y:0.00 Z:0.15 E:7.00"));
    }
}
