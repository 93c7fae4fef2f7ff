//! What becomes of a call when the printer answers it wrongly, or not at all: nothing is sent twice, and what is open is told
//! as open.

use std::time::Duration;

use printhost::{ErrorKind, Retry};
use tokio::time::Instant;

use super::{
    super::harness::{Call, KEY, Scene, alone, decent},
    harness::{PATIENCE, fails, measured},
    printer::{Answer, Printer, Step, Told, say},
    words::{answer, head, healthy_mqtt, message, puback, report_topic},
};

/// The calls that are orders, and how each is told.
const ORDERS: [(Call, &str); 6] = [
    (Call::Start, "ORDER print.gcode_file"),
    (Call::Pause, "ORDER print.pause"),
    (Call::Resume, "ORDER print.resume"),
    (Call::Cancel, "ORDER print.stop"),
    (Call::Gcode, "ORDER print.gcode_line"),
    (Call::Home, "ORDER print.gcode_line"),
];

/// A printer that answers this order so.
async fn answering(
    call: Call,
    order: &'static str,
    script: impl Fn(&Told) -> Answer + Send + Sync + 'static,
) -> Printer {
    Printer::start(call.scene(), move |told| told.is(order).then(|| script(told))).await
}

/// The control: each of them is carried out by a printer that answers.
#[tokio::test(start_paused = true)]
async fn orders_are_carried_out_and_sent_once() {
    let _alone = alone().await;
    for (call, order) in ORDERS {
        let printer = Printer::start(call.scene(), |_| None).await;
        assert_eq!(measured("healthy", &printer, call).await, Ok(()), "{call:?}");
        assert_eq!(printer.times(order), 1, "{call:?}");
    }
    for call in
        [Call::Connect, Call::Status, Call::Files, Call::FileInfo, Call::Download, Call::Upload, Call::Delete]
    {
        let printer = Printer::start(Scene::Idle, |_| None).await;
        assert_eq!(measured("healthy", &printer, call).await, Ok(()), "{call:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn order_under_which_the_connection_ends_is_unconfirmed_and_sent_once() {
    let _alone = alone().await;
    let half = [&head(&report_topic(), 99)[..], b"{\"print\":{\"gcode_state\""].concat();
    for (call, order) in ORDERS {
        for (name, steps) in [
            ("close", vec![Step::Close]),
            ("reset", vec![Step::Reset]),
            ("silence", vec![Step::Hold]),
            ("half a report", vec![Step::Say(half.clone().into()), Step::Close]),
            ("garbage", say(vec![0xff; 99])),
        ] {
            let printer = answering(call, order, move |_| steps.clone()).await;
            let begun = Instant::now();
            let error = fails(name, &printer, call).await;
            assert_eq!(
                (error.kind(), error.retry()),
                (ErrorKind::Unconfirmed, Retry::ReadFirst),
                "{call:?} {name}: {error}"
            );
            assert_eq!(error.operation(), call.operation(), "{name}");
            assert!(begun.elapsed() < Duration::from_secs(90), "{call:?} {name}: {:?}", begun.elapsed());
            assert_eq!(printer.times(order), 1, "{call:?} {name}: {:?}", printer.heard());
        }
    }
}

/// A printer that answers other questions and not this order has dropped it; so nothing of it was carried out, as far as
/// anybody knows, and nothing is sent again.
#[tokio::test(start_paused = true)]
async fn order_that_is_not_answered_or_answered_with_nonsense_is_never_taken_for_carried_out() {
    let _alone = alone().await;
    for (call, order) in ORDERS {
        for odd in [
            r#""result":7"#,
            r#""result":null"#,
            r#""result":{"success":true}"#,
            r#""result":["success"]"#,
            r#""result":"succes""#,
            r#""result":"""#,
            r#""x":"success""#,
            r#""sequence_id":"1","result":"success""#,
            r#""sequence_id":-1,"result":"success""#,
            r#""sequence_id":{},"result":"success""#,
            r#""command":"somebody_else_s","result":"success""#,
        ] {
            let printer =
                answering(call, order, move |told| say([puback(told.id), answer(told, odd)].concat())).await;
            let begun = Instant::now();
            let error = fails(odd, &printer, call).await;
            assert!(
                matches!(error.kind(), ErrorKind::Unconfirmed | ErrorKind::ControlBlocked),
                "{call:?} {odd}: {error:?}"
            );
            assert_eq!(error.retry(), Retry::ReadFirst, "{call:?} {odd}: {error:?}");
            assert!(begun.elapsed() < Duration::from_secs(60), "{call:?} {odd}: {:?}", begun.elapsed());
            assert_eq!(printer.times(order), 1, "{call:?} {odd}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusal_of_any_form_is_a_typed_error_with_bounded_words() {
    let _alone = alone().await;
    for (call, order) in ORDERS {
        for (result, kind) in [
            (r#""result":"fail""#.to_owned(), ErrorKind::Conflict),
            (r#""result":"FAILED","reason":"""#.to_owned(), ErrorKind::Conflict),
            (r#""result":"fail","reason":["x"]"#.to_owned(), ErrorKind::Conflict),
            (format!(r#""result":"fail","reason":"{}""#, "x".repeat(100_000)), ErrorKind::Conflict),
            (r#""result":"fail","reason":"\u0000\u001b[2J\n\ud800""#.to_owned(), ErrorKind::Conflict),
            (r#""result":"fail","err_code":-1"#.to_owned(), ErrorKind::Conflict),
            (r#""result":"fail","err_code":"x""#.to_owned(), ErrorKind::Conflict),
            (r#""result":"fail","err_code":84033543"#.to_owned(), ErrorKind::ControlBlocked),
            (
                r#""result":"fail","reason":"mqtt message verify failed""#.to_owned(),
                ErrorKind::ControlBlocked,
            ),
        ] {
            let name = &result[..result.len().min(60)].to_owned();
            let printer =
                answering(call, order, move |told| say([puback(told.id), answer(told, &result)].concat()))
                    .await;
            let error = fails(name, &printer, call).await;
            assert_eq!(error.kind(), kind, "{call:?} {name}: {error:?}");
            assert!(!error.detail().unwrap_or_default().contains(char::is_control), "{error:?}");
            assert_eq!(printer.times(order), 1, "{call:?} {name}");
        }
    }
}

/// Wherever a text is cut, no part of it stays.
#[tokio::test(start_paused = true)]
async fn code_that_the_printer_repeats_is_never_shown() {
    let _alone = alone().await;
    let repeats = |times: usize, before: usize| format!("{}{}{KEY}", KEY.repeat(times), "-".repeat(before));
    for times in [0, 1, 3, 6] {
        let made = KEY.len() * times;
        for before in (180..260).map(|at: usize| at.saturating_sub(made)) {
            let reason = repeats(times, before);
            let text = reason.clone();
            let printer = answering(Call::Gcode, "ORDER print.gcode_line", move |told| {
                let refusal = format!(r#""result":"fail","reason":"{text}""#);
                say([puback(told.id), answer(told, &refusal)].concat())
            })
            .await;
            let error = fails("a reason", &printer, Call::Gcode).await;
            decent(&reason, &error);
        }
    }
    // In every text of a report, and in what is asked for.
    for form in [
        format!(
            r#"{{"print":{{"command":"push_status","msg":0,"gcode_state":"{KEY}","gcode_file":"{KEY}","subtask_name":"{KEY}"}}}}"#
        ),
        format!(r#"{{"{KEY}":{{"command":"{KEY}","sequence_id":"{KEY}","result":"{KEY}"}}}}"#),
        KEY.to_owned(),
    ] {
        let printer = Printer::start(Scene::Idle, move |told| {
            told.is("ORDER pushing.pushall").then(|| say([puback(told.id), message(&form)].concat()))
        })
        .await;
        for call in [Call::Connect, Call::Pause, Call::Gcode, Call::Start] {
            let _ = measured("a report", &printer, call).await;
        }
    }
}

/// What is only asked ends in an error of the connection, soon; and a printer that has become silent is connected to anew.
#[tokio::test(start_paused = true)]
async fn question_that_is_not_answered_is_an_error_and_is_asked_on_another_connection() {
    let _alone = alone().await;
    for call in [Call::Connect, Call::Status, Call::Pause, Call::Delete] {
        for (name, steps, kinds) in [
            ("silence", vec![Step::Hold], [ErrorKind::Timeout, ErrorKind::Timeout]),
            ("close", vec![Step::Close], [ErrorKind::Disconnected, ErrorKind::Disconnected]),
            ("nothing of it", say(message("{}")), [ErrorKind::Timeout, ErrorKind::Timeout]),
        ] {
            let printer = Printer::start(call.scene(), {
                let asked = std::sync::atomic::AtomicUsize::new(0);
                move |told| {
                    // The first question is the connection's own.
                    let nth = usize::from(told.is("ORDER info.get_version"));
                    let nth = asked.fetch_add(nth, std::sync::atomic::Ordering::Relaxed) + nth;
                    match told.is("ORDER info.get_version") && nth == 2 {
                        true => Some(steps.clone()),
                        false => None,
                    }
                }
            })
            .await;
            let begun = Instant::now();
            let error = fails(name, &printer, call).await;
            assert!(kinds.contains(&error.kind()), "{call:?} {name}: {error:?}");
            assert_eq!(error.operation(), call.operation(), "{name}");
            assert!(begun.elapsed() < PATIENCE / 10, "{call:?} {name}: {:?}", begun.elapsed());
            assert_eq!(printer.times("ORDER print"), 0, "{call:?} {name}");
        }
    }
}

/// The control of the whole: a printer that obeys while it talks nonsense in between is obeyed by.
#[tokio::test(start_paused = true)]
async fn order_is_confirmed_by_its_effect_whatever_else_is_said() {
    let _alone = alone().await;
    let printer = answering(Call::Pause, "ORDER print.pause", |told| {
        let mut steps = say(message("nonsense"));
        steps.extend(say(message(r#"{"print":{"command":"stop","sequence_id":"1","result":"fail"}}"#)));
        steps.extend(healthy_mqtt(told, Scene::Printing));
        steps
    })
    .await;
    assert_eq!(measured("nonsense", &printer, Call::Pause).await, Ok(()));
}
