//! Messages of the websocket, one a line: changes of Klipper's objects, and notices.

use std::pin::pin;

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::{Event, Events, JobEvent, JobTracker, Phase, PrintHost as _, PrinterStatus};

use super::{
    INFO, answer, bound, driver, limits,
    model::{NAMES, Objects},
};
use crate::{
    host::{self, frame, response, settle, settle_pinned, upgraded},
    json::{Expected, IllTyped, Json},
    memory,
};

/// What the printer is like whenever it is subscribed to.
const FIRST: &str = r#"{"webhooks":{"state":"ready","state_message":"Printer is ready"},"print_stats":{"state":"printing","filename":"a.gcode","message":"","total_duration":66.5,"print_duration":12.25},"virtual_sdcard":{"progress":0.25,"file_size":36517},"toolhead":{"homed_axes":"xyz"},"gcode_move":{"gcode_position":[110.5,90.0,0.25,7.5],"speed_factor":1.0,"extrude_factor":1.0},"extruder":{"temperature":205.25,"target":205.0,"can_extrude":true},"heater_bed":{"temperature":60.0,"target":60.0},"fan":{"speed":0.5,"rpm":null}}"#;
const HISTORY: &[u8] = br#"{"result":{"count":0,"jobs":[]}}"#;

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

/// What came of one message, but for the job events that it is not known of.
#[derive(Debug, PartialEq)]
struct Seen {
    jobs: Option<Vec<JobEvent>>,
    status: Option<PrinterStatus>,
}

/// The driver reads more than is judged here, and may refuse that; but not what was made for it.
fn judge(data: &[u8], made: bool) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let messages: Vec<&str> = text.lines().take(8).collect();
    let answer = |head: &str| {
        answer(head, |_, target| match target {
            "/websocket" => upgraded(head),
            "/printer/objects/list" => {
                response("200 OK", format!("{{\"result\":{{\"objects\":{NAMES:?}}}}}").as_bytes())
            }
            _ => response("200 OK", HISTORY),
        })
    };
    let net = host::network_with_calls(&answer, &called, limits());
    let mut printer = Printer::new();
    memory::within(bound(data, &net) + 8 * data.len() + 32 * 1024, || {
        let driver = driver(&net);
        let mut events = driver.events().expect("a place");
        let mut run = pin!(driver.run());
        let mut run = run.as_mut();
        assert!(settle_pinned(&mut run).is_none());
        assert_eq!(settle(events.next()), Some(Event::Resynced));
        assert_eq!(settle(events.next()), Some(Event::Status(printer.status.clone())));
        let mut is_judged = true;
        for message in messages {
            net.dialer().push(&frame(message));
            assert!(settle_pinned(&mut run).is_none(), "nothing that is pushed ends it for good");
            let (seen, is_lost) = drain(&mut events);
            assert!(!(made && is_lost), "{message}");
            is_judged &= !is_lost;
            if is_judged && let Ok(expected) = printer.hears(message, made) {
                printer.judge(&seen, expected, message);
            } else {
                // From here on it is not known what the driver knows.
                is_judged = false;
            }
        }
    });
}

/// All that has happened, and whether the connection was lost.
fn drain(events: &mut Events<'_>) -> (Seen, bool) {
    let (mut jobs, mut status, mut is_lost) = (Vec::new(), None, false);
    while let Some(event) = settle(events.next()) {
        match event {
            Event::Job { event, inferred } => {
                assert_eq!(inferred, event == JobEvent::Ended);
                jobs.push(event);
            }
            Event::Status(newest) => status = Some(newest),
            _ => is_lost = true,
        }
    }
    (Seen { jobs: Some(jobs), status }, is_lost)
}

/// The answers to what the driver asks on the websocket.
fn called(text: &str) -> String {
    let call = Json::parse(text.as_bytes()).expect("JSON");
    let (Ok(Json::Text(method)), Ok(Json::Whole(id))) = (call.get("method"), call.get("id")) else {
        panic!("{text}")
    };
    let result = match method.as_str() {
        "server.info" => INFO.to_owned(),
        "printer.objects.subscribe" => format!(r#""result":{{"eventtime":1.5,"status":{FIRST}}}"#),
        _ => r#""result":{"connection_id":1}"#.to_owned(),
    };
    format!(r#"{{"jsonrpc":"2.0",{result},"id":{id}}}"#)
}

/// What a driver should know.
struct Printer {
    objects: Objects,
    status: PrinterStatus,
    /// Nothing any more, once how a job ended is for the history to tell: for that time would have to pass.
    jobs: Option<JobTracker>,
}

impl Printer {
    fn new() -> Self {
        let (objects, status) = first();
        let mut jobs = JobTracker::new();
        assert_eq!(jobs.observe(&status).count(), 0);
        Self { objects, status, jobs: Some(jobs) }
    }

    /// What has to come of a message.
    fn hears(&mut self, message: &str, made: bool) -> Expected<Seen> {
        if message.len() > limits().message {
            return Err(IllTyped);
        }
        // Names are compared as they are written.
        if !made && message.contains("\\u") {
            return Err(IllTyped);
        }
        let json = Json::parse(message.as_bytes()).ok_or(IllTyped)?;
        if !matches!(json, Json::Object(_)) {
            return Ok(self.shows(&[]));
        }
        let (method, params, _) = (json.get("method")?, json.get("params")?, json.get("id")?);
        let Json::Text(method) = method else { return Ok(self.shows(&[])) };
        let first_param = if let Json::List(params) = params { params.first() } else { None };
        match method.as_str() {
            "notify_status_update" => {
                if let Some(changes) = first_param {
                    self.objects.merge(changes)?;
                }
                let status = self.objects.status()?;
                Ok(self.shows(&[status]))
            }
            "notify_klippy_disconnected" | "notify_klippy_ready" if self.jobs.is_none() => Err(IllTyped),
            "notify_klippy_disconnected" => {
                let mut gone = PrinterStatus::default();
                (gone.phase, gone.state_text) = (Phase::Offline, "disconnected".into());
                let (objects, status) = first();
                self.objects = objects;
                Ok(self.shows(&[gone, status]))
            }
            "notify_klippy_ready" => {
                let (objects, status) = first();
                self.objects = objects;
                Ok(self.shows(&[status]))
            }
            "notify_history_changed" => {
                self.jobs = None;
                Ok(Seen { jobs: None, status: None })
            }
            _ => Ok(self.shows(&[])),
        }
    }

    /// These one after another.
    fn shows(&mut self, statuses: &[PrinterStatus]) -> Seen {
        let (mut seen, mut has_changed) = (Vec::new(), false);
        for status in statuses {
            let told: Vec<JobEvent> =
                self.jobs.as_mut().map(|jobs| jobs.observe(status).collect()).unwrap_or_default();
            if told.contains(&JobEvent::Ended) {
                self.jobs = None;
            }
            seen.extend(told.into_iter().map(|event| match event {
                JobEvent::Failed { reason: None } if status.phase == Phase::Offline => {
                    JobEvent::Failed { reason: Some("Klipper has gone".into()) }
                }
                event => event,
            }));
            has_changed |= *status != self.status;
            self.status = status.clone();
        }
        Seen { jobs: self.jobs.is_some().then_some(seen), status: has_changed.then(|| self.status.clone()) }
    }

    fn judge(&mut self, seen: &Seen, mut expected: Seen, message: &str) {
        if expected.jobs.is_some() {
            assert_eq!(seen.jobs, expected.jobs, "{message}");
        }
        if let (Some(seen), Some(expected)) = (&seen.status, &mut expected.status)
            && is_rounded(message)
        {
            near(expected, seen);
        }
        assert_eq!(seen.status, expected.status, "{message}");
    }
}

fn first() -> (Objects, PrinterStatus) {
    let mut objects = Objects::default();
    let first = Json::parse(FIRST.as_bytes()).expect("JSON");
    let Ok(status) = objects.merge(&first).and_then(|()| objects.status()) else { panic!("well-typed") };
    (objects, status)
}

/// Whether it has numbers that two readers may round differently: of more than 15 digits, or with an exponent.
fn is_rounded(message: &str) -> bool {
    let is_part = |c: char| matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-');
    message
        .split(|c| !is_part(c))
        .any(|number| number.len() > 15 || number.len() > 1 && number.contains(['e', 'E']))
}

/// Takes over what is the same but for rounding.
fn near(expected: &mut PrinterStatus, seen: &PrinterStatus) {
    let mut theirs = seen.clone();
    let pairs = numbers(expected).into_iter().zip(numbers(&mut theirs));
    for (ours, theirs) in pairs {
        if (*ours - *theirs).abs() <= f32::EPSILON * theirs.abs() {
            *ours = *theirs;
        }
    }
    let is_near = |ours: u128, theirs: u128| ours.abs_diff(theirs) <= 1 + theirs / 1_000_000_000_000;
    for (ours, theirs) in
        [(&mut expected.speed_factor, seen.speed_factor), (&mut expected.flow_factor, seen.flow_factor)]
    {
        if let (Some(ours), Some(theirs)) = (ours, theirs)
            && is_near((*ours).into(), theirs.into())
        {
            *ours = theirs;
        }
    }
    for (ours, theirs) in expected.fans.iter_mut().zip(&seen.fans) {
        if let (Some(ours), Some(theirs)) = (&mut ours.rpm, theirs.rpm)
            && is_near((*ours).into(), theirs.into())
        {
            *ours = theirs;
        }
    }
    if let (Some(ours), Some(theirs)) = (&mut expected.job, &seen.job) {
        if let (Some(ours), Some(theirs)) = (&mut ours.size, theirs.size)
            && is_near((*ours).into(), theirs.into())
        {
            *ours = theirs;
        }
        if let (Some(ours), Some(theirs)) = (&mut ours.elapsed, theirs.elapsed)
            && is_near(ours.as_nanos(), theirs.as_nanos())
        {
            *ours = theirs;
        }
    }
}

/// All that are not whole, in order.
fn numbers(status: &mut PrinterStatus) -> Vec<&mut f32> {
    let heaters = status.tools.iter_mut().chain(&mut status.bed).chain(&mut status.chamber);
    let mut all: Vec<&mut Option<f32>> = heaters.flat_map(|h| [&mut h.actual, &mut h.target]).collect();
    all.extend(status.position.iter_mut().flat_map(|at| [&mut at.x, &mut at.y, &mut at.z]));
    all.extend(status.fans.iter_mut().map(|fan| &mut fan.speed));
    all.extend(status.job.iter_mut().map(|job| &mut job.progress));
    all.into_iter().flatten().collect()
}

const NUMBERS: [&str; 10] =
    ["null", "0", "0.0", "1", "0.25", "60.5", "205.0", "-1", "1e30", "0.05654900457321248"];
const STRINGS: [&str; 5] =
    ["\"\"", "\"a.gcode\"", "\"sub/\\u00fc \\\"b\\\".gcode\"", "\"why\\nand more\"", "null"];
const PRINTS: [&str; 8] =
    ["printing", "printing", "paused", "complete", "cancelled", "error", "standby", "odd"];
const KLIPPERS: [&str; 6] = ["ready", "ready", "startup", "shutdown", "error", "odd"];

/// As Moonraker could push it: well-typed, with values that it never has.
fn made(u: &mut Unstructured<'_>) -> Result<String> {
    let mut lines = Vec::new();
    for _ in 0..u.int_in_range(1..=6)? {
        let notice = u.choose(&["ready", "disconnected", "shutdown"])?;
        lines.push(match u.int_in_range(0..=9)? {
            0 => format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notify_klippy_{notice}\"}}"),
            1 => "{\"method\":\"notify_gcode_response\",\"params\":[\"// \\u00fc\"]}".into(),
            2 => format!("{{\"jsonrpc\":\"2.0\",\"result\":\"ok\",\"id\":{}}}", u.int_in_range(0..=9)?),
            n => {
                let (name, params) = ("\"method\": \"notify_status_update\"", changes(u)?);
                let params = format!("\"params\": [{params}, 1234.5]");
                let (a, b) = if n == 3 { (params.as_str(), name) } else { (name, params.as_str()) };
                format!("{{\"jsonrpc\": \"2.0\", {a}, {b}}}")
            }
        });
    }
    Ok(lines.join("\n"))
}

fn changes(u: &mut Unstructured<'_>) -> Result<String> {
    let mut objects = Vec::new();
    for name in NAMES.into_iter().chain(["extruder15", "extruder16", "extruder_stepper x", "display_status"])
    {
        if !u.ratio(1, 4)? {
            continue;
        }
        let mut fields = Vec::new();
        for field in fields_of(name) {
            if u.ratio(1, 2)? {
                fields.push(format!("\"{field}\": {}", value(field, u)?));
            }
        }
        objects.push(format!("\"{name}\": {{{}}}", fields.join(", ")));
    }
    Ok(format!("{{{}}}", objects.join(", ")))
}

fn fields_of(object: &str) -> &'static [&'static str] {
    match object {
        "webhooks" => &["state_message", "state"],
        "print_stats" => &["state", "filename", "message", "total_duration", "print_duration", "info"],
        "virtual_sdcard" => &["progress", "file_size", "is_active"],
        "toolhead" => &["homed_axes", "print_time"],
        "gcode_move" => &["gcode_position", "speed_factor", "extrude_factor"],
        "fan" | "heater_fan hotend" => &["speed", "rpm"],
        _ => &["temperature", "target", "can_extrude", "power"],
    }
}

fn value(field: &str, u: &mut Unstructured<'_>) -> Result<String> {
    Ok(match field {
        "state" => match u.int_in_range(0..=13)? {
            n @ 0..6 => format!("\"{}\"", KLIPPERS[n]),
            n => format!("\"{}\"", PRINTS[n - 6]),
        },
        "state_message" | "filename" | "message" => (*u.choose(&STRINGS)?).to_owned(),
        "homed_axes" => format!("\"{}\"", u.choose(&["", "x", "xyz", "zy"])?),
        "can_extrude" | "is_active" => u.arbitrary::<bool>()?.to_string(),
        "info" => "{\"total_layer\": null, \"current_layer\": [1, {\"a\": \"}\"}]}".into(),
        "gcode_position" => {
            let mut axes = Vec::new();
            for _ in 0..u.int_in_range(3..=5)? {
                axes.push(*u.choose(&NUMBERS)?);
            }
            format!("[{}]", axes.join(", "))
        }
        _ => (*u.choose(&NUMBERS)?).to_owned(),
    })
}
