use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use serde_json::{Map, Value};

use super::*;

/// Everything that is told, in words.
fn events(limit: usize, pieces: &[&[u8]]) -> Result<Vec<String>, JsonFault> {
    let mut json = JsonEvents::new(limit);
    let mut told = vec![];
    for mut piece in pieces.iter().copied() {
        while let Some(event) = json.next(&mut piece)? {
            told.push(match event {
                JsonEvent::Key(text) => format!("key {}", shown(text)),
                JsonEvent::String(text) => format!("string {}", shown(text)),
                JsonEvent::Number(text) => format!("number {}", shown(text)),
                other => format!("{other:?}"),
            });
        }
    }
    json.finish()?;
    Ok(told)
}

fn shown(text: Text<'_>) -> String {
    let whole: String = text.chars().collect();
    if text.is_whole() { whole } else { format!("{whole}…") }
}

/// What another reader makes values of.
fn value(text: &[u8]) -> Result<Value, JsonFault> {
    enum Open {
        Object(Map<String, Value>, Option<String>),
        Array(Vec<Value>),
    }
    let (mut open, mut whole) = (vec![], None);
    let mut json = JsonEvents::new(1 << 16);
    let mut rest = text;
    while let Some(event) = json.next(&mut rest)? {
        let done = match event {
            JsonEvent::Key(name) => {
                if let Some(Open::Object(_, key)) = open.last_mut() {
                    *key = Some(shown(name));
                }
                continue;
            }
            JsonEvent::BeginObject => {
                open.push(Open::Object(Map::new(), None));
                continue;
            }
            JsonEvent::BeginArray => {
                open.push(Open::Array(vec![]));
                continue;
            }
            JsonEvent::EndObject | JsonEvent::EndArray => match open.pop() {
                Some(Open::Object(members, _)) => Value::Object(members),
                Some(Open::Array(elements)) => Value::Array(elements),
                None => panic!("an end without a beginning"),
            },
            JsonEvent::String(text) => Value::String(shown(text)),
            JsonEvent::Number(text) => serde_json::from_str(&shown(text)).unwrap(),
            JsonEvent::Bool(flag) => Value::Bool(flag),
            JsonEvent::Null => Value::Null,
        };
        match open.last_mut() {
            Some(Open::Object(members, key)) => drop(members.insert(key.take().unwrap(), done)),
            Some(Open::Array(elements)) => elements.push(done),
            None => whole = Some(done),
        }
    }
    json.finish()?;
    Ok(whole.unwrap())
}

const PRETTY: &str = "\n{ \"a\" : [ 1 , -2.5e+3,\r\n\t0, {\"\": null}, [], {} ] ,\n \"b\":\"\\u00fc\\ud83d\\ude00 \\\"\\\\\\/\\b\\f\\n\\r\\t ü😀\",\
    \"\\u0063\": true,\"d\":false, \"e\": \"\" }\n ";

#[test]
fn any_split_tells_the_same() {
    let whole = events(64, &[PRETTY.as_bytes()]).unwrap();
    assert!(whole.contains(&"key c".to_owned()) && whole.contains(&"number -2.5e+3".to_owned()));
    for at in 0..=PRETTY.len() {
        let (a, b) = PRETTY.as_bytes().split_at(at);
        assert_eq!(events(64, &[a, b]).unwrap(), whole, "split at {at}");
    }
    let bytes: Vec<&[u8]> = PRETTY.as_bytes().chunks(1).collect();
    assert_eq!(events(64, &bytes).unwrap(), whole);
}

#[test]
fn values_are_those_of_another_reader() {
    for text in [
        PRETTY,
        "{}",
        "[[[]]]",
        r#"{"a":{"b":[{"c":[1,2,{"d":null}]}]}}"#,
        r#"["\ud83d\ude00","\uFFFF","\u0000"]"#,
        "[0,-0,1e5,1E-5,0.5,123456789012345678]",
        r#""alone""#,
        "true",
        " null ",
    ] {
        assert_eq!(value(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap(), "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused_as_by_another_reader() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{,}",
        "{1:2}",
        "[1}",
        "{\"a\":1]",
        "{\"a\" 1}",
        "nul",
        "nulll",
        "tru",
        "True",
        "NaN",
        "[nan]",
        "Infinity",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "--1",
        "0x1",
        "[1.e5]",
        "\"",
        "\"\\\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "[1][2]",
        "{} {}",
        "{}x",
        "// a",
        "'a'",
        "[\"a\" \"b\"]",
        "\u{feff}{}",
    ] {
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
        let split = text.len() / 2;
        let pieces = [&text.as_bytes()[..split], &text.as_bytes()[split..]];
        assert!(events(64, &[text.as_bytes()]).is_err() && events(64, &pieces).is_err(), "{text}");
    }
    assert_eq!(events(64, &[b"{\"a\": [1"]), Err(JsonFault::Unfinished));
    assert_eq!(events(64, &[b"{\"a\" = 1}"]), Err(JsonFault::Malformed));
}

#[test]
fn fault_stays_until_it_is_cleared() {
    let mut json = JsonEvents::new(8);
    let mut bad = &b"[}"[..];
    assert_eq!(json.next(&mut bad), Ok(Some(JsonEvent::BeginArray)));
    assert_eq!(json.next(&mut bad), Err(JsonFault::Malformed));
    assert_eq!(json.next(&mut &b"[]"[..]), Err(JsonFault::Malformed));
    assert_eq!(json.finish(), Err(JsonFault::Malformed));
    json.clear();
    let mut good = &b"[]"[..];
    assert_eq!(json.next(&mut good), Ok(Some(JsonEvent::BeginArray)));
    assert_eq!(json.next(&mut good), Ok(Some(JsonEvent::EndArray)));
    assert_eq!(json.next(&mut good), Ok(None));
    assert_eq!(json.finish(), Ok(()));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    let most = JsonEvents::DEPTH as usize;
    assert!(events(8, &[&nested(most)]).is_ok());
    assert_eq!(events(8, &[&nested(most + 1)]), Err(JsonFault::TooDeep));
    assert_eq!(events(8, &[&vec![b'['; 100_000]]), Err(JsonFault::TooDeep));
    let mixed = "{\"a\":[".repeat(32) + &"]}".repeat(32);
    assert!(events(8, &[mixed.as_bytes()]).is_ok());
}

#[test]
fn long_texts_and_numbers_are_cut_and_say_so() {
    let cut = |text: &str| events(4, &[text.as_bytes()]).unwrap();
    assert_eq!(cut(r#"["abcd","abcde"]"#)[1..3], ["string abcd", "string abcd…"]);
    assert_eq!(cut("[1234,12345]")[1..3], ["number 1234", "number 1234…"]);
    // No character is cut in two, and what is cut off is none of Latin-1.
    assert_eq!(
        cut(r#"["abcü","ab😀","\u00fc\u00fc\u00fc","abc\u00fc"]"#)[1..5],
        ["string abc…", "string ab…", "string üü…", "string abc…"]
    );
    for text in [r#"["abcü"]"#, r#"{"ab😀":"\ud83d\ude00a"}"#] {
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(events(4, &bytes).unwrap(), cut(text), "{text}");
    }
    assert_eq!(Text::new(b"1234", false).number(), None);
}

#[test]
fn bytes_that_are_no_utf_8_are_latin_1() {
    let text = b"[\"K\xfcche \xc3\xbc\",\"\xff\",\"\xc3\",\"\\u00fc\xe9\"]";
    assert_eq!(events(64, &[text]).unwrap()[1..5], ["string Küche ü", "string ÿ", "string Ã", "string üé"]);
}

#[test]
fn half_of_a_surrogate_pair_is_replaced() {
    let text = r#"["\ud83d","\ude00","\ud83dx","\ud83d\n","\ud83d\ud83d\ude00"]"#;
    assert_eq!(
        events(64, &[text.as_bytes()]).unwrap()[1..6],
        ["string \u{fffd}", "string \u{fffd}", "string \u{fffd}x", "string \u{fffd}\n", "string \u{fffd}😀"]
    );
}

#[test]
fn what_is_not_wanted_is_checked_and_not_told() {
    let text = r#"{"no":{"a":[1,{"b":"}"}],"yes":2},"no2":"x","no3":-1.5,"no4":null,"yes":[{"c":1},7], "no5" : [ ] }"#;
    let told = |pieces: &[&[u8]]| {
        let mut told = vec![];
        let mut json = JsonEvents::new(16);
        let mut depth = 0;
        for mut piece in pieces.iter().copied() {
            while let Some(event) = json.next(&mut piece).unwrap() {
                told.push(event.name());
                let is_wanted = match event {
                    JsonEvent::Key(key) => !key.bytes().starts_with(b"no"),
                    JsonEvent::BeginObject => {
                        depth += 1;
                        // Not the object within the list.
                        depth == 1
                    }
                    _ => true,
                };
                if !is_wanted {
                    json.skip();
                }
            }
        }
        json.finish().unwrap();
        told
    };
    let expected = ["{", "key", "key", "key", "key", "key", "[", "{", "number", "]", "key", "}"];
    assert_eq!(told(&[text.as_bytes()]), expected);
    for at in 0..text.len() {
        let (a, b) = text.as_bytes().split_at(at);
        assert_eq!(told(&[a, b]), expected, "split at {at}");
    }
    for bad in [&br#"{"no":[1,}"#[..], br#"{"no":{"a":01}}"#, br#"{"no":"\x"}"#] {
        let (mut json, mut bad) = (JsonEvents::new(16), bad);
        assert_eq!(json.next(&mut bad), Ok(Some(JsonEvent::BeginObject)));
        assert!(matches!(json.next(&mut bad), Ok(Some(JsonEvent::Key(_)))));
        json.skip();
        assert_eq!(json.next(&mut bad), Err(JsonFault::Malformed));
    }
}

#[test]
fn what_was_passed_over_is_not_taken_for_what_follows() {
    let text = br#"{"no":"no","\u0061":"\u00fc","no":[1,"no"],"b":1e5,"no":7,"c":"\\"}"#;
    let (mut json, mut told) = (JsonEvents::new(16), vec![]);
    let mut rest = &text[..];
    while let Some(event) = json.next(&mut rest).unwrap() {
        match event {
            JsonEvent::Key(key) if key.bytes() == b"no" => json.skip(),
            JsonEvent::Key(text) | JsonEvent::String(text) | JsonEvent::Number(text) => {
                told.push(shown(text));
            }
            _ => {}
        }
    }
    assert_eq!(told, ["a", "ü", "b", "1e5", "c", "\\"]);
}

#[test]
fn skipping_means_nothing_between_values() {
    let mut json = JsonEvents::new(16);
    let (mut rest, mut told) = (&br#"[1,"a",[],{"b":true,"c":null}, 2 ]"#[..], vec![]);
    while let Some(event) = json.next(&mut rest).unwrap() {
        told.push(event.name());
        if !matches!(event, JsonEvent::BeginArray | JsonEvent::BeginObject | JsonEvent::Key(_)) {
            json.skip();
        }
    }
    assert_eq!(
        told,
        ["[", "number", "string", "[", "]", "{", "key", "bool", "key", "null", "}", "number", "]"]
    );
}

impl JsonEvent<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::BeginObject => "{",
            Self::EndObject => "}",
            Self::BeginArray => "[",
            Self::EndArray => "]",
            Self::Key(_) => "key",
            Self::String(_) => "string",
            Self::Number(_) => "number",
            Self::Bool(_) => "bool",
            Self::Null => "null",
        }
    }
}

#[test]
fn numbers_are_read_as_written() {
    for (text, number) in [
        ("0", Some(0.0)),
        ("-1.5e3", Some(-1500.0)),
        (" 42 ", Some(42.0)),
        ("-0.25", Some(-0.25)),
        ("+7", Some(7.0)),
        (".5", Some(0.5)),
        ("5.", Some(5.0)),
        ("123456789012345", Some(123_456_789_012_345.0)),
        ("0.017999999225139618", Some(0.017_999_999_225_139_618)),
        ("18446744073709551617", Some(18_446_744_073_709_551_617.0)),
        (".", None),
        ("-", None),
        ("1.2.3", None),
        ("1-2", None),
        ("1e400", None),
        ("", None),
        ("x", None),
        ("nan", None),
        ("inf", None),
        ("infinity", None),
        ("1_000", None),
        ("0x10", None),
    ] {
        assert_eq!(Text::new(text.as_bytes(), true).number(), number, "{text}");
    }
    for number in [0.1_f64, 219.6875, 99_999.999_999, 1e-9, 0.3, 123_456_789.012_345] {
        assert_eq!(Text::new(number.to_string().as_bytes(), true).number(), Some(number));
    }
}
