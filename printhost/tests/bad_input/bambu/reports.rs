//! What a wrong or hostile printer reports: it changes nothing that is known, costs little, and the connection stays.

use std::{sync::Arc, time::Duration};

use printhost::{ErrorKind, Event, Events, Phase, PrintHost as _, PrinterStatus};
use serde_json::{Value, json};
use tokio::{sync::Notify, time::Instant};

use super::{
    super::harness::{Scene, alone, decent, is_kind},
    harness::{MEMORY, host, lost, peak, while_live},
    printer::{Answer, Printer, Step, say},
    words::{bed, head, healthy_mqtt, message, message_on, report_topic, whole},
};

/// What the last report of each test shows, which was read after everything before it.
const LAST: f32 = 99.5;

/// A printer that prints and, when it is told to go on, does this and reports [`LAST`].
async fn reporting(steps: Answer) -> (Printer, Arc<Notify>) {
    let go = Arc::new(Notify::new());
    let on = go.clone();
    let printer = Printer::start(Scene::Printing, move |told| {
        told.is("ORDER pushing.pushall").then(|| {
            let mut all = healthy_mqtt(told, Scene::Printing);
            all.push(Step::Wait(on.clone()));
            all.extend(steps.clone());
            all.extend(say(bed(LAST)));
            all
        })
    })
    .await;
    (printer, go)
}

/// What is seen of a report.
struct Seen {
    /// The status with [`LAST`] in it.
    status: PrinterStatus,
    /// How many events of jobs came before, told or missed.
    jobs: u64,
    peak: usize,
    connections: usize,
}

/// What is told when the printer does this. No number that is told is none.
async fn after(steps: Answer) -> Seen {
    let (printer, go) = reporting(steps).await;
    let host = host(&printer);
    let ((status, jobs), peak) = while_live(&host, async |mut events| {
        go.notify_one();
        peak(until_last(&mut events)).await
    })
    .await;
    Seen { status, jobs, peak, connections: printer.times("CONNECT") }
}

async fn until_last(events: &mut Events<'_>) -> (PrinterStatus, u64) {
    let mut jobs = 0;
    loop {
        match events.next().await {
            Event::Status(status) => {
                let heaters = status.tools.iter().chain(&status.bed).chain(&status.chamber);
                let mut celsius = heaters.flat_map(|heater| [heater.actual, heater.target]).flatten();
                assert!(celsius.all(f32::is_finite), "{status:?}");
                if status.bed.is_some_and(|bed| bed.actual == Some(LAST)) {
                    return (status, jobs);
                }
            }
            Event::Job { .. } => jobs += 1,
            Event::Skipped(missed) => jobs += missed,
            event => panic!("{event:?}"),
        }
    }
}

/// A message of this length, made of a begin, of what is repeated, and of an end.
fn long(begin: &str, again: &'static str, times: usize, end: &str) -> Answer {
    let len = begin.len() + again.len() * times + end.len();
    let per = 4096 / again.len();
    let mut steps = say([&head(&report_topic(), len), begin.as_bytes()].concat());
    steps.push(Step::Repeat(again.repeat(per).into_bytes().into(), (times / per) as u64));
    steps.extend(say([again.repeat(times % per).as_bytes(), end.as_bytes()].concat()));
    steps
}

const BROKEN: &str =
    r#"{"print":{"command":"push_status","msg":1,"gcode_state":"FAILED","print_error":83935248"#;

#[tokio::test(start_paused = true)]
async fn message_that_is_no_report_changes_nothing_and_costs_little() {
    let _alone = alone().await;
    let usual = after(Vec::new()).await.status;
    assert_eq!(usual.phase, Phase::Printing);
    let foreign = format!("{BROKEN}}}}}");
    let far = format!("device/{}/report", "x".repeat(300));
    let rows: Vec<(&str, Answer)> = vec![
        ("nothing", say(message(""))),
        ("not UTF-8", say(message(b"\xff\xfe\xfd"))),
        ("not UTF-8 outside of a text", say(message([BROKEN.as_bytes(), b",\xff}}"].concat()))),
        ("not JSON", say(message("<html>FAILED</html>"))),
        ("NUL bytes", long("", "\0", 5000, "")),
        ("null", say(message("null"))),
        ("a list", say(message(format!("[{BROKEN}}}}}]")))),
        ("a text", say(message("\"print\""))),
        ("cut", say(message(BROKEN))),
        ("two in one", say(message(format!("{BROKEN}}}}}{BROKEN}}}}}")))),
        ("a comma too many", say(message(format!("{BROKEN},}}}}")))),
        (
            "of nothing that is known",
            say(message(r#"{"tomorrow":{"command":"push_status","gcode_state":"FAILED"}}"#)),
        ),
        (
            "an answer to nobody",
            say(message(
                r#"{"print":{"command":"stop","sequence_id":"77","result":"success","gcode_state":"FAILED"}}"#,
            )),
        ),
        ("10 MB", long(&format!("{BROKEN},\"x\":\""), "x", 10 << 20, "\"}}")),
        ("10 MB of keys", long(&format!("{BROKEN},\"x\":{{\"\":1"), ",\"k\":1", 10 << 18, "}}}")),
        ("100,000 deep", long(&format!("{BROKEN},\"x\":"), "[", 100_000, "")),
        ("100,000 objects deep", long(&format!("{BROKEN},\"x\":"), "{\"x\":", 100_000, "")),
        ("100,000 deep, and back", long(&format!("{BROKEN},\"x\":"), "[", 100_000, &"]".repeat(100_000))),
        ("1 MB of changes of one field", long(BROKEN, ",\"mc_percent\":9", 60_000, "}}")),
        ("of another printer", say(message_on("device/01P00A999999999/report", foreign.as_bytes()))),
        ("of no printer", say(message_on("x", foreign.as_bytes()))),
        ("of a long topic", say(message_on(&far, foreign.as_bytes()))),
        ("10,000 of them", vec![Step::Repeat(message(BROKEN).into(), 10_000)]),
    ];
    for (name, steps) in rows {
        let seen = after(steps).await;
        assert_eq!((seen.status, seen.jobs), (usual.clone(), 0), "{name}");
        assert!(seen.peak <= MEMORY, "{name}: {} bytes", seen.peak);
        assert_eq!(seen.connections, 1, "{name}");
    }
    // The control: what is a report does change it, also one as large as is read.
    let small = say(message(foreign.clone()));
    let large = long(BROKEN, " ", (1 << 20) - 200, "}}");
    for steps in [small, large] {
        let seen = after(steps).await;
        assert_eq!((seen.status.phase, seen.jobs, seen.connections), (Phase::Faulted, 1, 1));
        assert!(seen.peak <= MEMORY, "{} bytes", seen.peak);
    }
}

/// Every place of a value in it that is no object and no list.
fn leaves(value: &Value, at: &str, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, value)| leaves(value, &format!("{at}/{key}"), into))
        }
        Value::Array(values) => {
            values.iter().enumerate().for_each(|(n, value)| leaves(value, &format!("{at}/{n}"), into));
        }
        _ => into.push(at.into()),
    }
}

/// One after the other, each before a right one: that a wrong one leaves no trace in what follows.
#[tokio::test(start_paused = true)]
async fn field_of_a_wrong_type_breaks_nothing_and_leaves_no_trace() {
    let _alone = alone().await;
    let mut report: Value = serde_json::from_str(INVENTED).unwrap();
    let mut report = report["message"].take();
    let ours: Value = serde_json::from_str(&whole(Scene::Printing)).unwrap();
    for (key, value) in ours["print"].as_object().unwrap() {
        report["print"][key] = value.clone();
    }
    let mut places = Vec::new();
    leaves(&report["print"], "/print", &mut places);
    assert!(places.len() > 100, "{}", places.len());
    let last = |report: &Value| {
        let mut last = report.clone();
        last["print"]["bed_temper"] = json!(LAST);
        say(message(last.to_string()))
    };
    let usual = after(last(&report)).await.status;
    for odd in ["null", "true", "{}", "[]", "\"x\"", "-1", "1e400", "1e39", "[[[0]]]", "18446744073709551616"]
    {
        let mut steps = Vec::new();
        for place in &places {
            let mut wrong = report.clone();
            *wrong.pointer_mut(place).unwrap() = json!("@@");
            steps.extend(say(message(wrong.to_string().replace("\"@@\"", odd))));
        }
        steps.extend(last(&report));
        let seen = after(steps).await;
        assert_eq!(seen.status, usual, "{odd}");
        assert_eq!(seen.connections, 1, "{odd}");
        assert!(seen.peak <= MEMORY, "{odd}: {} bytes", seen.peak);
    }
}

const INVENTED: &str = include_str!("../../../../printhost-sim/src/bambu/reports/x1c.json");

/// Faster than anybody listens: the newest status is told, and of jobs that some were missed.
#[tokio::test(start_paused = true)]
async fn flood_of_reports_costs_little_and_the_newest_is_told() {
    let _alone = alone().await;
    let change =
        |fields: &str| message(format!(r#"{{"print":{{"command":"push_status","msg":1,{fields}}}}}"#));
    let begins = change(r#""gcode_state":"RUNNING","task_id":"8""#);
    let ends = change(r#""gcode_state":"FINISH""#);
    let answers = message(r#"{"print":{"command":"pause","sequence_id":"30001","result":"success"}}"#);
    let warms = change(r#""bed_temper":50"#);
    let flood = [begins, ends, answers, warms].concat();
    let (printer, go) = reporting(vec![Step::Repeat(flood.into(), 10_000)]).await;
    let host = host(&printer);
    let ((), peak) = while_live(&host, async |mut events| {
        go.notify_one();
        let mut quick = host.events().unwrap();
        // This one listens to nothing meanwhile.
        let work = async {
            loop {
                if let Event::Status(status) = quick.next().await
                    && status.bed.is_some_and(|bed| bed.actual == Some(LAST))
                {
                    break;
                }
            }
            let (_, jobs) = until_last(&mut events).await;
            assert!(jobs > 10_000, "{jobs}");
        };
        peak(work).await
    })
    .await;
    assert!(peak <= MEMORY, "{peak}");
    assert_eq!(printer.times("CONNECT"), 1);
}

#[tokio::test(start_paused = true)]
async fn report_that_breaks_off_is_told_as_a_loss_and_is_no_news() {
    let _alone = alone().await;
    let begun = say([&head(&report_topic(), 500)[..], BROKEN.as_bytes()].concat());
    for (name, end, kind) in [
        ("close", Step::Close, ErrorKind::Disconnected),
        ("reset", Step::Reset, ErrorKind::Disconnected),
        ("silence", Step::Hold, ErrorKind::Timeout),
        // The connection lives, and the message never ends.
        ("trickle", Step::Trickle(b" ", Duration::from_secs(4)), ErrorKind::Timeout),
    ] {
        let mut steps = begun.clone();
        steps.push(end);
        let (printer, go) = reporting(steps).await;
        let host = host(&printer);
        while_live(&host, async |mut events| {
            go.notify_one();
            let since = Instant::now();
            loop {
                match events.next().await {
                    Event::Status(status) => assert_eq!(status.phase, Phase::Printing, "{name}"),
                    Event::Lost(error) => {
                        is_kind(name, &error, kind);
                        decent(name, &error);
                        break;
                    }
                    event => panic!("{name}: {event:?}"),
                }
            }
            assert!(since.elapsed() < Duration::from_secs(120), "{name}: {:?}", since.elapsed());
            while events.next().await != Event::Resynced {}
        })
        .await;
        assert_eq!(printer.times("CONNECT"), 2, "{name}");
    }
}

/// A message of a quarter of a gigabyte that does not come: nothing is set aside for it.
#[tokio::test(start_paused = true)]
async fn length_that_is_a_lie_takes_nothing() {
    let _alone = alone().await;
    for len in [(1 << 20) - 100, (1 << 28) - 100] {
        let mut steps = say(head(&report_topic(), len));
        steps.push(Step::Hold);
        let (printer, go) = reporting(steps).await;
        let host = host(&printer);
        let (error, peak) = while_live(&host, async |mut events| {
            go.notify_one();
            peak(lost(&mut events)).await
        })
        .await;
        is_kind("a lie", &error, ErrorKind::Timeout);
        assert!(peak < 64 << 10, "{peak}");
    }
}
