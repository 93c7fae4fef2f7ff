//! Answers of any size, of which little is wanted: read as they come.

use printhost_net::proto::json_events::{JsonEvent, JsonEvents, JsonFault};

/// Tells some members of `{"result": {…}}`: values, and those that are in lists, one by one. Everything else is passed
/// over.
#[derive(Debug)]
pub(crate) struct Members {
    json: JsonEvents,
    wanted: &'static [&'static str],
    /// Which of them comes.
    member: usize,
    depth: Depth,
    has_result: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Outside,
    Answer,
    Result,
    List,
}

impl Members {
    /// Of texts at most `longest` bytes are told.
    pub(crate) const fn new(wanted: &'static [&'static str], longest: usize) -> Self {
        let json = JsonEvents::new(longest);
        Self { json, wanted, member: 0, depth: Depth::Outside, has_result: false }
    }

    /// Takes the next bytes and tells which of the members has which value.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        take: &mut dyn FnMut(usize, JsonEvent<'_>),
    ) -> Result<(), JsonFault> {
        let mut rest = bytes;
        while let Some(event) = self.json.next(&mut rest)? {
            let is_wanted = match (event, self.depth) {
                (JsonEvent::Key(key), Depth::Answer) => key.bytes() == b"result",
                (JsonEvent::Key(key), _) => {
                    let found = self.wanted.iter().position(|name| name.as_bytes() == key.bytes());
                    self.member = found.unwrap_or_default();
                    found.is_some()
                }
                (JsonEvent::BeginObject, Depth::Outside) => self.enter(Depth::Answer),
                (JsonEvent::BeginObject, Depth::Answer) => {
                    self.has_result = true;
                    self.enter(Depth::Result)
                }
                (JsonEvent::BeginArray, Depth::Result) => self.enter(Depth::List),
                (JsonEvent::BeginObject | JsonEvent::BeginArray, _) => false,
                (JsonEvent::EndObject | JsonEvent::EndArray, depth) => self.enter(match depth {
                    Depth::List => Depth::Result,
                    Depth::Result => Depth::Answer,
                    Depth::Answer | Depth::Outside => Depth::Outside,
                }),
                (value, Depth::Result | Depth::List) => {
                    take(self.member, value);
                    true
                }
                _ => true,
            };
            if !is_wanted {
                self.json.skip();
            }
        }
        Ok(())
    }

    fn enter(&mut self, depth: Depth) -> bool {
        self.depth = depth;
        true
    }

    /// To be called at the end: whether it was complete, and had a result.
    pub(crate) fn finish(&self) -> Result<(), JsonFault> {
        self.json.finish()?;
        if self.has_result { Ok(()) } else { Err(JsonFault::Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec, vec::Vec};

    use super::*;

    fn told(pieces: &[&[u8]]) -> Result<Vec<String>, JsonFault> {
        let mut members = Members::new(&["objects", "state"], 8);
        let mut told = vec![];
        for piece in pieces {
            members.feed(piece, &mut |member, value| {
                told.push(match value {
                    JsonEvent::String(text) => format!("{member} {}", text.chars().collect::<String>()),
                    value => format!("{member} {value:?}"),
                });
            })?;
        }
        members.finish().map(|()| told)
    }

    #[test]
    fn members_are_told_however_the_answer_is_cut() {
        let answer = br#"{"id": 3, "objects": ["no"], "result": {"x": {"objects": 1, "state": [2]}, "objects":
            ["a", ["no"], {"state": "no"}, "\u00fc", 7, "123456789"], "y": ["no"], "state": true, "state": {"z": 1}},
            "more": {"state": 1}}"#;
        let expected =
            ["0 a", "0 \u{fc}", "0 Number(Text { bytes: [55], is_whole: 1 })", "0 12345678", "1 Bool(true)"];
        for at in 0..answer.len() {
            let (a, b) = answer.split_at(at);
            assert_eq!(told(&[a, b]).unwrap(), expected, "split at {at}");
        }
    }

    #[test]
    fn what_has_no_result_is_no_answer() {
        for none in
            ["{}", "[]", r#"{"result": null}"#, r#"{"result": ["objects"]}"#, r#"{"result": {}"#, "", "<"]
        {
            assert!(told(&[none.as_bytes()]).is_err(), "{none}");
        }
        assert_eq!(told(&[br#"{"result": {"objects": {}}}"#]), Ok(vec![]));
    }
}
