//! Reports that come in pieces are what a merge of generic JSON comes to, however they are cut; and what is no report,
//! or no JSON, leaves no trace.

mod invented;

use printhost_bambu::report::{Feed, Report, Unread, status};
use serde_json::{Map, Value, json};

/// splitmix64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// All that makes no sense, and some that does.
fn odd() -> [Value; 12] {
    [
        Value::Null,
        json!(true),
        json!("x"),
        json!(""),
        json!({}),
        json!([]),
        json!(-1),
        json!("-1"),
        json!(1e300),
        json!(0.5),
        json!([1, {"id": 2}, "x"]),
        json!({"id": 3, "ams": [7], "info": {"temp": "9"}}),
    ]
}

/// Changes of something like this: some members, changed here and there.
fn change(of: &Value, random: &mut Random) -> Value {
    if random.one_in(12) {
        let odd = odd();
        return odd[random.below(odd.len())].clone();
    }
    match of {
        Value::Object(members) => {
            let some: Map<_, _> = members
                .iter()
                .filter(|(name, _)| name.as_str() != "command" && name.as_str() != "msg" && random.one_in(3))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            Value::Object(some.into_iter().map(|(name, value)| (name, change(&value, random))).collect())
        }
        Value::Array(elements) => {
            let some = elements.iter().take(random.below(elements.len() + 2));
            some.cloned().collect::<Vec<_>>().iter().map(|element| change(element, random)).collect()
        }
        Value::Number(number) if random.one_in(2) => match random.below(3) {
            0 => json!(random.below(200)),
            1 => json!(random.below(100).to_string()),
            _ => json!(number.as_f64().unwrap_or_default() + 0.25),
        },
        Value::String(_) if random.one_in(4) => {
            let words = ["RUNNING", "PAUSE", "FAILED", "7", "ü\n\"", "0FF", "AABBCCDD", "-60dBm"];
            json!(words[random.below(words.len())])
        }
        value => value.clone(),
    }
}

/// Objects are merged, everything else is replaced.
fn merge(known: &mut Value, change: &Value) {
    match (known, change) {
        (Value::Object(known), Value::Object(change)) => {
            for (name, value) in change {
                merge(known.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (known, change) => *known = change.clone(),
    }
}

/// In pieces of any size, with blanks or without them.
fn feed(feed: &mut Feed, report: &mut Report, text: &str, random: &mut Random) {
    feed.begin();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (piece, left) = rest.split_at((1 + random.below(60)).min(rest.len()));
        feed.piece(piece);
        rest = left;
    }
    let told = feed.end(report).unwrap_or_else(|why| panic!("{why:?}: {text}"));
    assert!(told.report.is_some() && told.acks.is_empty(), "{text}");
}

fn text(message: &Value, random: &mut Random) -> String {
    if random.one_in(3) { serde_json::to_string_pretty(message).unwrap() } else { message.to_string() }
}

/// What a single whole message of this comes to.
fn at_once(known: &Value) -> Report {
    let mut report = Report::default();
    let mut whole = known.clone();
    whole["print"]["msg"] = json!(0);
    Feed::new().message(whole.to_string().as_bytes(), &mut report).unwrap();
    report
}

#[test]
fn changes_come_to_what_a_merge_of_generic_json_comes_to() {
    let shapes = [invented::p1s(), invented::x1c(3), invented::p2s(), invented::h2d(4)];
    for seed in 0..120 {
        let mut random = Random(seed);
        let shape = &shapes[random.below(shapes.len())];
        let (mut reader, mut report, mut known) = (Feed::new(), Report::default(), shape.clone());
        feed(&mut reader, &mut report, &text(shape, &mut random), &mut random);
        for _ in 0..25 {
            let mut delta = json!({"print": {}});
            if let changed @ Value::Object(_) = change(&shape["print"], &mut random) {
                delta["print"] = changed;
            }
            // Whether it is whole is told, and not to be guessed.
            delta["print"]["command"] = json!("push_status");
            delta["print"]["msg"] = json!(1);
            let before = report.clone();
            if random.one_in(4) {
                passed_over(&mut reader, &mut report, &delta, &mut random);
                assert_eq!(report, before);
                continue;
            }
            feed(&mut reader, &mut report, &text(&delta, &mut random), &mut random);
            merge(&mut known, &delta);
            let mut expected = at_once(&known);
            // Not of the protocol, and of more than one moment.
            expected.last_error = report.last_error;
            assert_eq!(report, expected, "seed {seed}: {delta}");
            assert_eq!(status(&report, None), status(&expected, None));
        }
    }
}

/// The same as an answer, cut off, with something behind it, or deep.
fn passed_over(feed: &mut Feed, report: &mut Report, delta: &Value, random: &mut Random) {
    let mut text = delta.to_string();
    match random.below(4) {
        0 => {
            let mut answer = delta.clone();
            answer["print"]["result"] = json!("SUCCESS");
            let told = feed.message(answer.to_string().as_bytes(), report).unwrap();
            assert!(told.report.is_none() && told.acks[0].ok == Some(true));
        }
        1 => {
            text.truncate(text.floor_char_boundary(random.below(text.len())));
            assert!(feed.message(text.as_bytes(), report).is_err());
        }
        2 => {
            text.push(['x', '}', '{', '1'][random.below(4)]);
            assert_eq!(feed.message(text.as_bytes(), report), Err(Unread::Malformed));
        }
        _ => {
            text.pop();
            text.push_str(&format!(",\"deep\":{}", "[".repeat(200)));
            assert_eq!(feed.message(text.as_bytes(), report), Err(Unread::TooDeep));
        }
    }
}

#[test]
fn whether_something_has_changed_is_told() {
    let mut random = Random(7);
    let (mut reader, mut report) = (Feed::new(), Report::default());
    reader.message(invented::h2d(2).to_string().as_bytes(), &mut report).unwrap();
    for _ in 0..400 {
        let mut delta = json!({"print": change(&invented::h2d(2)["print"], &mut random)});
        if !delta["print"].is_object() {
            continue;
        }
        delta["print"]["msg"] = json!(random.below(2));
        delta["print"].as_object_mut().unwrap().remove("result");
        let before = report.clone();
        let told = reader.message(delta.to_string().as_bytes(), &mut report).unwrap();
        assert_eq!(told.report.unwrap().changed, report != before, "{delta}");
        let again = reader.message(delta.to_string().as_bytes(), &mut report).unwrap();
        assert!(!again.report.unwrap().changed, "{delta}");
    }
}

#[test]
fn whole_report_takes_back_what_it_does_not_say() {
    let (mut reader, mut report) = (Feed::new(), Report::default());
    reader.message(invented::p2s().to_string().as_bytes(), &mut report).unwrap();
    assert!(report.device.bed_temp.is_some() && report.fun.is_some());
    reader.message(br#"{"print":{"msg":0,"gcode_state":"IDLE"}}"#, &mut report).unwrap();
    assert_eq!((report.nozzle_temper, report.ams.ams.len()), (None, 0));
    // They may come beside it, and did.
    assert!(report.device.bed_temp.is_some() && report.fun.is_some());
    reader.message(br#"{"print":{"msg":0},"device":{"bed_temp":7},"fun":"0"}"#, &mut report).unwrap();
    assert_eq!((report.device.bed_temp.map(|temp| temp.0), report.fun), (Some(7), Some(0)));
    assert_eq!((report.device.extruders.len(), report.needs_signature()), (0, Some(false)));
    // Without a mark, a report of many fields is a whole one, and one of few is not.
    let mut unmarked = invented::p1s();
    unmarked["print"].as_object_mut().unwrap().remove("msg");
    let told = reader.message(unmarked.to_string().as_bytes(), &mut report).unwrap();
    assert!(told.report.unwrap().full);
    let told = reader.message(br#"{"print":{"mc_percent":"50"}}"#, &mut report).unwrap();
    assert!(!told.report.unwrap().full);
    assert_eq!((report.mc_percent, report.layer_num), (Some(50), Some(17)));
}
