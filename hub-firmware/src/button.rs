/// Turns the level of a push button, looked at every 10 ms, into presses.
///
/// Contacts bounce, so a level counts once it was the same five times in a row. A button that is down from the start
/// on, held or shorted, is not pressed: it must have been up before, since what starts by itself would print by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Button {
    last: bool,
    same: u8,
    settled: Option<bool>,
}

impl Button {
    const SETTLED: u8 = 5;

    /// A button that nobody has looked at.
    pub const fn new() -> Self {
        Self { last: false, same: 0, settled: None }
    }

    /// Takes the level now, true for down. True once for every press.
    pub const fn sample(&mut self, down: bool) -> bool {
        if down != self.last {
            (self.last, self.same) = (down, 0);
        }
        if self.same < Self::SETTLED {
            self.same += 1;
        }
        if self.same < Self::SETTLED {
            return false;
        }
        matches!(self.settled.replace(down), Some(false)) && down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presses(levels: impl IntoIterator<Item = bool>) -> usize {
        let mut button = Button::new();
        levels.into_iter().filter(|level| button.sample(*level)).count()
    }

    fn held(down: bool, samples: usize) -> impl Iterator<Item = bool> {
        core::iter::repeat_n(down, samples)
    }

    #[test]
    fn each_press_counts_once_however_long_it_is() {
        assert_eq!(presses(held(false, 5).chain(held(true, 5))), 1);
        assert_eq!(presses(held(false, 5).chain(held(true, 1000))), 1);
        let twice = held(false, 5).chain(held(true, 9)).chain(held(false, 9)).chain(held(true, 9));
        assert_eq!(presses(twice), 2);
    }

    #[test]
    fn contacts_that_bounce_are_one_press() {
        let bounce = [true, false, true, true, false, true, false];
        let press = held(false, 5).chain(bounce).chain(held(true, 20)).chain(bounce).chain(held(false, 20));
        assert_eq!(presses(press), 1);
    }

    #[test]
    fn a_disturbance_shorter_than_five_samples_is_no_press() {
        assert_eq!(presses((0..100).flat_map(|_| held(false, 5).chain(held(true, 4)))), 0);
    }

    #[test]
    fn a_button_that_is_down_at_the_start_is_not_pressed() {
        assert_eq!(presses(held(true, 1000)), 0);
        assert_eq!(presses(held(true, 20).chain(held(false, 20))), 0);
        assert_eq!(presses(held(true, 20).chain(held(false, 20)).chain(held(true, 20))), 1);
    }
}
