//! What each board may use: `hub-firmware/budgets.toml`, and how what was measured compares.

use std::fs;

use toml_edit::DocumentMut;

use crate::steps::Result;
use crate::workspace;

const FILE: &str = "hub-firmware/budgets.toml";

/// What one board may use, in bytes.
pub(crate) struct Budget {
    board: String,
    table: DocumentMut,
}

impl Budget {
    /// The budget of a board.
    pub(crate) fn of(board: &str) -> Result<Self> {
        let file = workspace::root().join(FILE);
        let text = fs::read_to_string(file).map_err(|error| format!("{FILE}: {error}"))?;
        Self::read(board, &text)
    }

    fn read(board: &str, text: &str) -> Result<Self> {
        let table = text.parse().map_err(|error| format!("{FILE}: {error}"))?;
        Ok(Self { board: board.to_owned(), table })
    }

    /// One of its numbers.
    pub(crate) fn get(&self, name: &str) -> Result<u64> {
        let number = self.table.get(&self.board).and_then(|board| board.get(name)?.as_integer());
        number
            .and_then(|number| u64::try_from(number).ok())
            .ok_or_else(|| format!("{FILE}: {} has no {name}", self.board))
    }
}

/// A measured number and what it must be, in bytes.
pub(crate) struct Line {
    what: &'static str,
    measured: u64,
    bar: Bar,
}

enum Bar {
    Most(u64),
    Least(u64),
}

impl Line {
    /// Something that is used.
    pub(crate) const fn used(what: &'static str, measured: u64, most: u64) -> Self {
        Self { what, measured, bar: Bar::Most(most) }
    }

    /// Something that is left.
    pub(crate) const fn left(what: &'static str, measured: u64, least: u64) -> Self {
        Self { what, measured, bar: Bar::Least(least) }
    }

    /// The same with a bar that just misses what was measured.
    pub(crate) const fn tightened(mut self) -> Self {
        self.bar = match self.bar {
            Bar::Most(_) => Bar::Most(self.measured - 1),
            Bar::Least(_) => Bar::Least(self.measured + 1),
        };
        self
    }

    fn is_met(&self) -> bool {
        match self.bar {
            Bar::Most(most) => self.measured <= most,
            Bar::Least(least) => self.measured >= least,
        }
    }
}

/// Prints the lines; fails with those that miss their bar.
pub(crate) fn check(lines: &[Line]) -> Result {
    let mut missed = Vec::new();
    for line in lines {
        let (word, bar) = match line.bar {
            Bar::Most(most) => ("at most", most),
            Bar::Least(least) => ("at least", least),
        };
        let text = format!("{:12} {:9} {word} {bar}", line.what, line.measured);
        println!("  {text}");
        if !line.is_met() {
            missed.push(text);
        }
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("outside the budget:\n{}", missed.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_at_its_bar_passes_and_one_byte_beyond_fails() {
        assert_eq!(check(&[Line::used("flash", 100, 100), Line::left("stack", 50, 50)]), Ok(()));
        assert!(check(&[Line::used("flash", 101, 100)]).is_err());
        assert!(check(&[Line::left("stack", 49, 50)]).is_err());
    }

    #[test]
    fn the_error_names_what_missed_its_bar_and_nothing_else() {
        let error = check(&[Line::used("flash", 9, 10), Line::left("heap", 1, 2)]).unwrap_err();
        assert!(error.contains("heap") && !error.contains("flash"), "{error}");
    }

    #[test]
    fn numbers_are_read_by_board_and_a_missing_one_is_an_error() {
        let text = "[a]\nflash = 1_000\n[b]\nflash = 2\nheap = -1\n";
        assert_eq!(Budget::read("a", text).unwrap().get("flash"), Ok(1000));
        assert_eq!(Budget::read("b", text).unwrap().get("flash"), Ok(2));
        for (board, name) in [("a", "heap"), ("b", "heap"), ("c", "flash")] {
            assert!(Budget::read(board, text).unwrap().get(name).is_err(), "{board} {name}");
        }
    }
}
