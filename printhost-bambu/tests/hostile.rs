//! What no printer should send: it is passed over, in little memory, and the next report is read as ever.

mod invented;

use std::sync::Mutex;

use printhost_bambu::report::{Feed, Report, Unread, status};
use serde_json::{Value, json};

#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

/// One at a time: all share the heap.
static TURN: Mutex<()> = Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn shapes() -> [Value; 4] {
    [invented::p1s(), invented::x1c(1), invented::p2s(), invented::h2d(1)]
}

fn report_of(text: &str) -> Report {
    let mut report = Report::default();
    let told = Feed::new().message(text.as_bytes(), &mut report);
    assert!(told.as_ref().is_ok_and(|told| told.report.is_some()), "{told:?}: {text}");
    report
}

/// The places of everything in a value, as pointers.
fn places(value: &Value, at: &str, to: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                to.push(format!("{at}/{name}"));
                places(value, &format!("{at}/{name}"), to);
            }
        }
        Value::Array(elements) => {
            for (n, value) in elements.iter().enumerate() {
                places(value, &format!("{at}/{n}"), to);
            }
        }
        _ => {}
    }
}

/// What may stand in such a place after all.
fn fits(original: &Value, odd: &str) -> bool {
    match (original, odd) {
        (Value::Object(_), "{}") | (Value::Array(_), "[]") | (Value::Bool(_), "true") => true,
        (Value::String(word), "true") => matches!(word.as_str(), "enable" | "disable"),
        (Value::String(text), r#""x""#) => text.parse::<f64>().is_err() || text.len() > 8 || text == "0",
        _ => false,
    }
}

#[test]
fn field_of_a_wrong_type_is_none_and_changes_no_other() {
    let _turn = turn();
    for shape in shapes() {
        let mut all = vec![];
        places(&shape["print"], "/print", &mut all);
        assert!(all.len() > 100);
        for place in all.iter().filter(|place| !matches!(place.as_str(), "/print/command" | "/print/msg")) {
            let original = shape.pointer(place).unwrap().clone();
            let with = |text: &str| {
                let mut changed = shape.clone();
                *changed.pointer_mut(place).unwrap() = json!("@@");
                report_of(&changed.to_string().replace("\"@@\"", text))
            };
            let none = with("null");
            for odd in ["true", r#""x""#, "{}", "[]", "1e400", "-1"] {
                let report = with(odd);
                let _ = status(&report, None);
                if report == none || fits(&original, odd) {
                    continue;
                }
                // Some may be negative, and 1 stands for yes.
                let (odd_words, none_words) = (format!("{report:?}"), format!("{none:?}"));
                let allowed = match odd {
                    "-1" => {
                        odd_words.replace("Some(-1.0)", "None").replace("Some(-1)", "None")
                            == none_words.replace("Some(-1.0)", "None").replace("Some(-1)", "None")
                            || odd_words.replace("Some(4294967295)", "None") == none_words
                            || odd_words.replace("Some(\"-1\")", "None") == none_words
                    }
                    r#""x""# => odd_words.replace("Some(\"x\")", "None") == none_words,
                    _ => false,
                };
                assert!(allowed, "{place} was {original}, is {odd}:\n{odd_words}\n{none_words}");
            }
        }
    }
}

#[test]
fn what_is_no_report_leaves_everything_as_it_was() {
    let _turn = turn();
    let mut report = report_of(&invented::h2d(4).to_string());
    let before = report.clone();
    let mut feed = Feed::new();
    for (bad, why) in [
        (&b""[..], Unread::Unfinished),
        (b"null", Unread::Malformed),
        (b"[]", Unread::Malformed),
        (b"[{\"print\":{\"mc_percent\":1}}]", Unread::Malformed),
        (b"\"print\"", Unread::Malformed),
        (b"<html>", Unread::Malformed),
        (b"{\"print\":{\"mc_percent\":1}", Unread::Unfinished),
        (b"{\"print\":{\"mc_percent\":1}}}", Unread::Malformed),
        (b"{\"print\":{\"mc_percent\":1,}}", Unread::Malformed),
        (b"\x00\x01\xfe\xff", Unread::Malformed),
    ] {
        assert_eq!(feed.message(bad, &mut report), Err(why), "{bad:?}");
    }
    for other in [
        r#"{}"#,
        r#"{"print":null}"#,
        r#"{"print":[{"mc_percent":1}]}"#,
        r#"{"event":{"event":"client.connected"}}"#,
        r#"{"mc_print":{"command":"push_info","param":"x"}}"#,
        r#"{"system":{"command":"get_access_code","access_code":"12345678","mc_percent":1}}"#,
    ] {
        assert!(feed.message(other.as_bytes(), &mut report).unwrap().report.is_none(), "{other}");
    }
    assert_eq!(report, before);
}

#[test]
fn access_code_is_kept_nowhere() {
    let _turn = turn();
    let (mut feed, mut report) = (Feed::new(), Report::default());
    let answer = r#"{"system":{"command":"get_access_code","sequence_id":"5","access_code":"12345678","result":"success"}}"#;
    feed.piece(answer.as_bytes());
    assert!(!format!("{feed:?}").contains("12345678"));
    let told = feed.end(&mut report).unwrap();
    assert_eq!((told.acks[0].ok, told.acks[0].sequence_id), (Some(true), Some(5)));
    assert!(!format!("{told:?} {report:?} {feed:?}").contains("12345678"));
    let url = r#"{"print":{"ipcam":{"rtsp_url":"rtsps://bblp:12345678@192.0.2.5:322/streaming/live/1"}}}"#;
    feed.message(url.as_bytes(), &mut report).unwrap();
    assert!(!format!("{report:?}").contains("12345678"));
}

#[test]
fn answers_to_orders_are_told_and_not_merged() {
    let _turn = turn();
    let (mut feed, mut report) = (Feed::new(), Report::default());
    for (answer, command, number, ok, err_code) in [
        (
            r#"{"print":{"command":"pause","sequence_id":"30001","result":"SUCCESS"}}"#,
            Some("pause"),
            Some(30001),
            Some(true),
            None,
        ),
        // As an A1 mini answers.
        (
            r#"{"print":{"sequence_id":"7","result":"fail","reason":"error string"}}"#,
            None,
            Some(7),
            Some(false),
            None,
        ),
        (
            r#"{"print":{"command":"stop","sequence_id":8,"result":"failed","reason":"mqtt message verify failed","err_code":84033543}}"#,
            Some("stop"),
            Some(8),
            Some(false),
            Some(0x0502_4007),
        ),
        // As a P1S repeats what it refuses.
        (r#"{"print":{"command":"pause","sequence_id":"9"}}"#, Some("pause"), Some(9), None, None),
        (
            r#"{"print":{"gcode_state":"RUNNING","command":"project_file","subtask_name":"x","result":"success","sequence_id":"1"}}"#,
            Some("project_file"),
            Some(1),
            Some(true),
            None,
        ),
        (
            r#"{"system":{"command":"ledctrl","sequence_id":"x","result":"ok"}}"#,
            Some("ledctrl"),
            None,
            Some(true),
            None,
        ),
        (
            r#"{"info":{"command":"get_version","sequence_id":"3","result":"fail","module":[{"name":"x"}]}}"#,
            Some("get_version"),
            Some(3),
            Some(false),
            None,
        ),
    ] {
        let told = feed.message(answer.as_bytes(), &mut report).unwrap();
        let [ack] = &told.acks[..] else { panic!("{told:?}") };
        assert_eq!(
            (ack.command.as_deref(), ack.sequence_id, ack.ok, ack.err_code),
            (command, number, ok, err_code),
            "{answer}"
        );
        assert!(told.report.is_none() && !told.versions, "{answer}");
    }
    assert_eq!(report, Report::default());
    let both = r#"{"print":{"command":"push_status","mc_percent":3},"system":{"command":"ledctrl","result":"success"}}"#;
    let told = feed.message(both.as_bytes(), &mut report).unwrap();
    assert!(told.report.is_some() && told.acks.len() == 1 && report.mc_percent == Some(3));
}

#[test]
fn texts_that_are_not_utf_8_are_read_as_latin_1_and_all_are_bounded() {
    let _turn = turn();
    let (mut feed, mut report) = (Feed::new(), Report::default());
    let message = b"{\"print\":{\"subtask_name\":\"T\xfcr\",\"nozzle_type\":\"stra\xdfe\",\"gcode_file\":\"K\xc3\xbc.3mf\"}}";
    feed.message(message, &mut report).unwrap();
    assert_eq!(report.subtask_name.as_deref(), Some("Tür"));
    assert_eq!(
        (report.nozzle_type.as_deref(), report.gcode_file.as_deref()),
        (Some("straße"), Some("Kü.3mf"))
    );
    let (fits, long) = ("ü".repeat(256), "ü".repeat(257));
    for (name, kept) in [(&fits, Some(fits.as_str())), (&long, None)] {
        let message = json!({"print": {"subtask_name": name, "nozzle_type": name}}).to_string();
        feed.message(message.as_bytes(), &mut report).unwrap();
        assert_eq!(report.subtask_name.as_deref(), kept);
        assert_eq!(report.nozzle_type.as_deref(), Some(&fits[..128]));
    }
    let mut latin = b"{\"print\":{\"subtask_name\":\"".to_vec();
    latin.extend([0xfc; 400]);
    latin.extend(b"\"}}");
    feed.message(&latin, &mut report).unwrap();
    assert_eq!(report.subtask_name, None);
}

/// The most that is held while something of this is read in pieces, and what came of it.
fn held(pieces: impl Iterator<Item = Vec<u8>>) -> (usize, Result<bool, Unread>) {
    let (mut feed, mut report) = (Feed::new(), report_of(&invented::p1s().to_string()));
    let before = report.clone();
    feed.begin();
    let mut most = 0;
    for piece in pieces {
        HEAP.reset_peak_usage();
        let held = HEAP.current_usage();
        feed.piece(&piece);
        most = most.max(HEAP.peak_usage().saturating_sub(held));
    }
    let read = feed.end(&mut report).map(|told| told.report.is_some());
    assert!(read.is_ok() || report == before);
    // The next one is read as ever.
    assert!(feed.message(br#"{"print":{"mc_percent":77}}"#, &mut report).is_ok());
    assert_eq!(report.mc_percent, Some(77));
    (most, read)
}

#[test]
fn ten_megabytes_of_anything_take_bounded_memory() {
    let _turn = turn();
    let repeated = |size: usize, begin: &'static str, again: &'static str, end: &'static str| {
        let piece = again.repeat((4096 / again.len()).max(1)).into_bytes();
        let times = size / piece.len();
        let pieces = std::iter::once(begin.as_bytes().to_vec());
        pieces.chain(std::iter::repeat_n(piece, times)).chain(std::iter::once(end.as_bytes().to_vec()))
    };
    for (begin, again, end, read) in [
        ("{\"print\":{\"subtask_name\":\"", "x", "\"}}", Ok(true)),
        ("{\"print\":{\"subtask_name\":\"", "\\u00fc", "\"}}", Ok(true)),
        ("{\"print\":{\"", "x", "\":1}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":", "9", "}}", Ok(true)),
        ("{\"print\":{\"nozzle_temper\":0.", "1", "}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":4", " ", "}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":4", "\n", "}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":4,\"x\":[0", ",{\"a\":[]}", "]}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":4,\"hms\":[{}", ",{\"attr\":1,\"code\":2}", "]}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":4,\"stg\":[0", ",7", "]}}", Ok(true)),
        ("{\"print\":{\"mc_percent\":4", ",\"mc_percent\":5", "}}", Err(Unread::TooMuch)),
        (
            "{\"print\":{\"ams\":{\"ams\":[{\"tray\":[{\"tag_uid\":\"x\"",
            ",\"tag_uid\":\"0123456789abcdef\"",
            "}]}]}}}",
            Err(Unread::TooMuch),
        ),
        ("{\"print\":{\"a\":", "[", "1", Err(Unread::TooDeep)),
        ("{\"print\":{\"a\":", "{\"a\":", "1", Err(Unread::TooDeep)),
        ("[", "[],", "[]]", Err(Unread::Malformed)),
        ("", "\u{0}", "", Err(Unread::Malformed)),
        ("{\"print\":{\"result\":\"fail\",\"reason\":\"", "x", "\"}}", Ok(false)),
    ] {
        // One byte at a time takes long where nothing is optimised.
        let size = if again == "x" || again.len() > 12 { 10 << 20 } else { 1 << 20 };
        let (most, seen) = held(repeated(size, begin, again, end));
        assert_eq!(seen, read, "{begin}{again}");
        assert!(most <= Feed::MEMORY, "{most} bytes were held of {begin}{again}");
    }
    // Nothing is read of a value that nobody wants.
    let (most, _) = held(repeated(10 << 20, "{\"print\":{\"x\":\"", "x", "\"}}"));
    assert!(most < 1024, "{most}");
}

#[test]
fn nesting_is_refused_before_it_costs_anything() {
    let _turn = turn();
    for deep in [
        "[".repeat(100_000),
        "{\"print\":".repeat(100_000),
        format!("{{\"print\":{{\"ams\":{}", "[".repeat(100_000)),
    ] {
        let (most, read) = held(std::iter::once(deep.into_bytes()));
        assert!(most < 2048, "{most}");
        assert!(matches!(read, Err(Unread::TooDeep | Unread::Malformed)), "{read:?}");
    }
}

#[test]
fn report_that_is_as_large_as_one_can_be_takes_what_is_declared() {
    let _turn = turn();
    let long = "x".repeat(600);
    let (word, id) = (&long[..128], &long[..64]);
    let tray =
        json!({"id": 1, "tray_type": "xxxxxxxx", "tag_uid": "0123456789abcdef", "cols": vec!["11223344"; 9]});
    let unit = json!({"id": 1, "tray": vec![tray; 5]});
    let parts = [
        json!({"ams": {"ams": vec![unit; 13]}}),
        json!({"hms": vec![json!({"attr": 1, "code": 2, "ts_unix": id}); 25], "stg": vec![7; 65], "s_obj": vec![7; 65], "mapping": vec![7; 65]}),
        json!({"lights_report": vec![json!({"node": word, "mode": word}); 9], "gcode_file": &long[..512], "subtask_name": &long[..512]}),
        json!({"upgrade_state": {"new_ver_list": vec![json!({"name": word, "cur_ver": id, "new_ver": id}); 17]}}),
        json!({"device": {"nozzle": {"info": vec![json!({"id": 1, "type": word, "sn": id}); 25]}}}),
    ];
    let modules = json!({"info": {"module": vec![json!({"name": word, "product_name": word, "sn": id, "sw_ver": id}); 25]}});
    let parts = parts.into_iter().map(|part| json!({"print": part})).chain([modules]);
    let messages: Vec<_> = parts.map(|part| part.to_string()).collect();
    let (mut feed, mut report) = (Feed::new(), Report::default());
    HEAP.reset_peak_usage();
    let before = HEAP.current_usage();
    for message in &messages {
        feed.message(message.as_bytes(), &mut report).unwrap();
    }
    assert_eq!((report.ams.ams.len(), report.ams.ams[11].tray.len(), report.module.len()), (12, 4, 24));
    let taken = HEAP.current_usage() - before;
    assert!(
        taken <= Report::MEMORY && HEAP.peak_usage() - before <= Report::MEMORY + Feed::MEMORY,
        "{taken}"
    );
    assert!(taken * 4 >= Report::MEMORY, "{taken} of {} that are declared", Report::MEMORY);
    // What printers send is far from that.
    drop(report);
    let message = invented::x1c(3).to_string();
    let (mut report, before) = (Report::default(), HEAP.current_usage());
    feed.message(message.as_bytes(), &mut report).unwrap();
    let taken = HEAP.current_usage() - before;
    println!("{taken} of {}, and {} to read", Report::MEMORY, Feed::MEMORY);
    assert!(taken * 5 <= Report::MEMORY, "{taken}");
}

#[test]
fn with_little_memory_a_printer_is_read_and_fewer_elements_of_its_lists_are_kept() {
    let _turn = turn();
    let small = || Feed::within(3 << 10);
    for shape in shapes() {
        let mut report = Report::default();
        small().message(shape.to_string().as_bytes(), &mut report).unwrap();
        assert_eq!(status(&report, None), status(&report_of(&shape.to_string()), None));
    }
    let units = |units: usize| {
        let tray = json!({"id": 1, "tray_type": "PLA", "tray_color": "11223344"});
        json!({"print": {"ams": {"ams": vec![json!({"id": 1, "tray": vec![tray; 4]}); units]}}}).to_string()
    };
    let mut report = Report::default();
    let external = json!({"print": {"vt_tray": {"id": 255}, "vir_slot": [{"id": 254}], "layer_num": 4}});
    for message in [units(9), external.to_string()] {
        small().message(message.as_bytes(), &mut report).unwrap();
    }
    // Nothing of filament, unless it is wanted.
    assert_eq!((report.ams.ams.len(), report.external_trays().count(), report.layer_num), (0, 0, Some(4)));
    let small = || small().with_trays();
    small().message(units(9).as_bytes(), &mut report).unwrap();
    assert_eq!(report.ams.ams.len(), 4);
    let trays: usize = report.ams.ams.iter().map(|unit| unit.tray.len()).sum();
    assert_eq!(trays, 16);
    // What is said in elements that are not kept cost nothing; what is said in one that is, does.
    let before = report.clone();
    let ids = r#""tag_uid":"0123456789abcdef0123456789abcdef","#.repeat(100);
    let again = format!(r#"{{"print":{{"ams":{{"ams":[{{"tray":[{{{ids}"id":1}}]}}]}}}}}}"#);
    assert_eq!(small().message(again.as_bytes(), &mut report), Err(Unread::TooMuch));
    assert_eq!(report, before);
    assert!(Feed::new().message(again.as_bytes(), &mut report).is_ok());
}
