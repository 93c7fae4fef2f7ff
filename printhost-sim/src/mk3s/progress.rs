//! How far a print is, in the slicer's words: `M73`.

use super::line::Words;

/// Per cent and minutes of both modes; -1 is unknown.
#[derive(Debug)]
pub(super) struct Progress {
    normal: Estimate,
    silent: Estimate,
}

#[derive(Debug)]
struct Estimate {
    percent: i32,
    left: i32,
    change: i32,
}

impl Progress {
    pub(super) fn unknown() -> Self {
        let unknown = || Estimate { percent: -1, left: -1, change: -1 };
        Self { normal: unknown(), silent: unknown() }
    }

    pub(super) fn set(&mut self, words: Words<'_>) {
        for (letter, value) in [
            ('P', &mut self.normal.percent),
            ('R', &mut self.normal.left),
            ('C', &mut self.normal.change),
            ('Q', &mut self.silent.percent),
            ('S', &mut self.silent.left),
            ('D', &mut self.silent.change),
        ] {
            // Saturates, so that nonsense stays a number.
            *value = words.number(letter).map_or(*value, |number| number as i32);
        }
    }

    /// Per cent of the normal mode, if the slicer has told any.
    pub(super) fn percent(&self) -> Option<u8> {
        u8::try_from(self.normal.percent).ok()
    }

    pub(super) fn report(&self) -> Vec<String> {
        let line = |mode, Estimate { percent, left, change }: &Estimate| {
            format!(
                "{mode} MODE: Percent done: {percent}; print time remaining in mins: {left}; Change in mins: {change}"
            )
        };
        vec![line("NORMAL", &self.normal), line("SILENT", &self.silent)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mode_has_its_own_letters() {
        let mut progress = Progress::unknown();
        assert_eq!(progress.percent(), None);
        progress.set(Words("M73 P10 R20"));
        progress.set(Words("M73 Q11 S21"));
        assert_eq!(progress.percent(), Some(10));
        assert_eq!(
            progress.report(),
            [
                "NORMAL MODE: Percent done: 10; print time remaining in mins: 20; Change in mins: -1",
                "SILENT MODE: Percent done: 11; print time remaining in mins: 21; Change in mins: -1",
            ]
        );
    }
}
