//! Lines as they arrive: numbered and protected by a checksum, or plain.

/// What a line is, without its comment.
#[derive(Debug, PartialEq)]
pub(super) enum Line<'a> {
    /// Blank or a comment, which nobody acknowledges.
    Nothing,
    Plain(&'a str),
    Numbered {
        number: i64,
        command: &'a str,
    },
    /// The words of the firmware's complaint.
    Damaged(&'static str),
}

impl<'a> Line<'a> {
    pub(super) fn parse(text: &'a str) -> Self {
        let text = text.split(';').next().unwrap_or_default().trim();
        if text.is_empty() {
            return Self::Nothing;
        }
        let Some((number, _)) = numbered(text) else {
            let ends_in_checksum = |(_, sum): (&str, &str)| sum.trim().parse::<u8>().is_ok();
            // A text for the display may have a star in it.
            return if !text.starts_with("M117") && text.rsplit_once('*').is_some_and(ends_in_checksum) {
                Self::Damaged("No Line Number with checksum")
            } else {
                Self::Plain(text)
            };
        };
        let Some((protected, checksum)) = text.rsplit_once('*') else {
            return Self::Damaged("No Checksum with line number");
        };
        if checksum.trim().parse() != Ok(protected.bytes().fold(0, |sum, byte| sum ^ byte)) {
            return Self::Damaged("checksum mismatch");
        }
        let command = numbered(protected).map_or("", |(_, command)| command).trim();
        Self::Numbered { number, command }
    }
}

fn numbered(text: &str) -> Option<(i64, &str)> {
    let text = text.strip_prefix('N')?;
    let end = text.find(|char: char| char != '-' && !char.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The letters of a command with their numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a>(pub(super) &'a str);

impl Words<'_> {
    /// Whether the letter is there, with or without a number.
    pub(super) fn has(&self, letter: char) -> bool {
        self.rest().any(|word| word.starts_with(letter))
    }

    pub(super) fn number(&self, letter: char) -> Option<f64> {
        let mut numbers = self.rest().filter_map(|word| word.strip_prefix(letter)?.parse::<f64>().ok());
        numbers.find(|number| number.is_finite())
    }

    fn rest(&self) -> impl Iterator<Item = &str> {
        self.0.split_whitespace().skip(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_line_counts_only_with_its_checksum() {
        assert_eq!(Line::parse("N3 T0*57"), Line::Numbered { number: 3, command: "T0" });
        assert_eq!(Line::parse("N3 T0 *25"), Line::Numbered { number: 3, command: "T0" });
        assert_eq!(Line::parse("N3 T1*57"), Line::Damaged("checksum mismatch"));
        assert_eq!(Line::parse("N3 T0*999"), Line::Damaged("checksum mismatch"));
        assert_eq!(Line::parse("N3 T0"), Line::Damaged("No Checksum with line number"));
        assert_eq!(Line::parse("T0*57"), Line::Damaged("No Line Number with checksum"));
        assert_eq!(Line::parse("M117 a*57"), Line::Plain("M117 a*57"));
    }

    #[test]
    fn comments_and_blank_lines_are_nothing() {
        for nothing in ["", "  ", ";C32u2_RMD", " ; N3 T0*57"] {
            assert_eq!(Line::parse(nothing), Line::Nothing);
        }
        assert_eq!(Line::parse("G28 ; home\r"), Line::Plain("G28"));
    }

    #[test]
    fn words_are_numbers_behind_letters_and_nothing_else() {
        let words = Words("G1 X-1.5 Ynan E");
        assert_eq!((words.number('X'), words.number('Y'), words.number('G')), (Some(-1.5), None, None));
        assert!(words.has('E') && !words.has('Z'));
    }
}
