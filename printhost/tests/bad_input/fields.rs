//! Every field of every answer that a read is made of: missing, null, of another type, and with others beside it.

use printhost::{
    ErrorKind, FileEntry, FileInfo, FilePage, Heater, Job, Page, Phase, PrintHost, PrinterStatus, Result,
    net::Net,
};
use serde_json::{Value, json};

use super::{
    drivers::Driver,
    harness::{Call, Scene, decent},
    server::{Answer, Heard, Step, json as answer},
};

over_all!(fields_that_nobody_knows_are_passed_over);
over_lenient!(
    field_that_is_missing_or_of_another_type_is_none_and_costs_no_other,
    numbers_that_no_printer_has_are_none,
);

/// What a read brings.
#[derive(Clone, Debug, PartialEq)]
enum Read {
    Host,
    Status(Box<PrinterStatus>),
    Files(FilePage),
    Info(Box<FileInfo>),
}

const READS: [Call; 4] = [Call::Connect, Call::Status, Call::Files, Call::FileInfo];

async fn read<N: Net>(net: fn() -> N, driver: &Driver, call: Call, port: u16) -> Result<Read> {
    let host = driver.host(net(), port);
    Ok(match call {
        Call::Connect => host.connect().await.map(|_| Read::Host)?,
        Call::Status => Read::Status(Box::new(host.status().await?)),
        Call::Files => Read::Files(host.files("", Page::first(10)).await?),
        _ => Read::Info(Box::new(host.file_info("x.gcode").await?)),
    })
}

/// What a printer that prints answers to each request of a call, and what that brings.
async fn healthy<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
    call: Call,
) -> (Vec<(String, Value)>, Read) {
    let server = driver.server(Scene::Printing, |_| None).await;
    let whole = read(net, driver, call, server.port).await.unwrap();
    let mut requests = server.heard();
    requests.sort();
    requests.dedup();
    let bodies = requests.into_iter().map(|line| {
        let body = body_of(&(driver.healthy)(&Heard(&line, ""), Scene::Printing));
        (line, serde_json::from_str(&body).unwrap())
    });
    (bodies.collect(), whole)
}

fn body_of(answer: &Answer) -> String {
    let said = answer.iter().find_map(|step| match step {
        Step::Say(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
        _ => None,
    });
    said.unwrap().split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// Every place in it, but for itself.
fn places(value: &Value) -> Vec<String> {
    fn walk(value: &Value, at: &str, all: &mut Vec<String>) {
        let members: Vec<(String, &Value)> = match value {
            Value::Object(map) => map.iter().map(|(name, value)| (name.replace('/', "~1"), value)).collect(),
            Value::Array(list) => list.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect(),
            _ => return,
        };
        for (name, value) in members {
            let at = format!("{at}/{name}");
            walk(value, &at, all);
            all.push(at);
        }
    }
    let mut all = Vec::new();
    walk(value, "", &mut all);
    all
}

fn without(body: &Value, place: &str) -> Value {
    let mut body = body.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.remove(&name.replace("~1", "/"))),
        Value::Array(list) => drop(list.remove(name.parse().unwrap())),
        _ => unreachable!(),
    }
    body
}

fn with(body: &Value, place: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(place).unwrap() = value;
    body
}

/// What a call brings when one of its requests is answered like this.
async fn read_of<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
    call: Call,
    line: &str,
    body: &Value,
) -> Result<Read> {
    let (line, body) = (line.to_owned(), body.to_string());
    let server =
        driver.server(Scene::Printing, move |heard| heard.is(&line).then(|| answer(200, &body))).await;
    read(net, driver, call, server.port).await
}

async fn field_that_is_missing_or_of_another_type_is_none_and_costs_no_other<N: Net>(
    net: fn() -> N,
    driver: &'static Driver,
) {
    let mut faults = Vec::new();
    for call in READS {
        let (bodies, whole) = healthy(net, driver, call).await;
        for (line, body) in &bodies {
            for place in places(body) {
                let now = body.pointer(&place).unwrap();
                // Of what is nothing here, nobody knows what it should be; and a list is shorter without an entry.
                let is_field = place.rsplit('/').next().unwrap().parse::<u8>().is_err();
                let missing = is_field.then(|| without(body, &place));
                if now.is_null() {
                    continue;
                }
                let others = [
                    json!(null),
                    json!(true),
                    json!(7),
                    json!("odd"),
                    json!([]),
                    json!([["odd"]]),
                    json!({}),
                ];
                let others = others
                    .into_iter()
                    .filter(|other| std::mem::discriminant(other) != std::mem::discriminant(now));
                for odd in others.map(|other| with(body, &place, other)).chain(missing) {
                    let name = format!("{call:?}: {line} {place} in {odd}");
                    match read_of(net, driver, call, line, &odd).await {
                        Ok(read) if tells_no_more(&read, &whole) => {}
                        // Nothing is known then, but that there is somebody.
                        Ok(Read::Status(read))
                            if driver.envelope.contains(&&*place)
                                && matches!(read.phase, Phase::Connecting | Phase::Unknown) => {}
                        Ok(read) => faults.push(format!("{name}: {read:?}")),
                        // Without a result it is no answer.
                        Err(error)
                            if driver.envelope.contains(&&*place) && error.kind() == ErrorKind::Protocol =>
                        {
                            decent(&name, &error);
                        }
                        // Without its list it is no listing; an empty folder would be a wrong value.
                        Err(error)
                            if call == Call::Files
                                && error.detail() == Some("there is no list in the answer") => {}
                        // Without what it tells of itself, nobody knows what it is.
                        Err(error) if line.contains(driver.probe) && error.kind() == ErrorKind::Protocol => {
                            decent(&name, &error);
                        }
                        Err(error) => faults.push(format!("{name}: {error:?}")),
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
}

async fn fields_that_nobody_knows_are_passed_over<N: Net>(net: fn() -> N, driver: &'static Driver) {
    for call in READS {
        let (bodies, whole) = healthy(net, driver, call).await;
        for (line, body) in &bodies {
            let mut more = body.clone();
            let deep = (0..30).fold(json!([]), |inner, _| json!({"x": [inner]}));
            for place in places(body).into_iter().chain([String::new()]) {
                if let Value::Object(map) = more.pointer_mut(&place).unwrap() {
                    map.insert("a field of tomorrow".into(), deep.clone());
                    map.insert(String::new(), json!(1e300));
                }
            }
            let read = read_of(net, driver, call, line, &more).await.unwrap();
            assert_eq!(read, whole, "{call:?}: {line}");
        }
    }
}

/// A negative length, a time of more than a century, and the like.
async fn numbers_that_no_printer_has_are_none<N: Net>(net: fn() -> N, driver: &'static Driver) {
    let mut faults = Vec::new();
    for call in READS {
        let (bodies, whole) = healthy(net, driver, call).await;
        for (line, body) in &bodies {
            for place in places(body) {
                if !body.pointer(&place).unwrap().is_number() {
                    continue;
                }
                for number in [json!(-1e30), json!(1e30), json!(1e300)] {
                    let odd = with(body, &place, number);
                    match read_of(net, driver, call, line, &odd).await {
                        Ok(read) if is_possible(&read, &whole) => {}
                        other => faults.push(format!("{call:?}: {line} {place} in {odd}: {other:?}")),
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}:\n{}", faults.len(), faults.join("\n"));
}

fn is_part<T: PartialEq>(now: &Option<T>, whole: &Option<T>) -> bool {
    now.is_none() || now == whole
}

fn tells_no_more(now: &Read, whole: &Read) -> bool {
    match (now, whole) {
        (Read::Host, Read::Host) => true,
        (Read::Status(now), Read::Status(whole)) => status_tells_no_more(now, whole),
        (Read::Files(now), Read::Files(whole)) => now.entries.iter().all(|entry| {
            whole.entries.iter().any(|known| known.path == entry.path && entry_tells_no_more(entry, known))
        }),
        (Read::Info(now), Read::Info(whole)) => {
            entry_tells_no_more(&now.entry, &whole.entry)
                && now.entry.path == whole.entry.path
                && is_part(&now.print_time, &whole.print_time)
                && now.thumbnails.iter().all(|thumbnail| {
                    whole.thumbnails.iter().any(|known| {
                        known.source == thumbnail.source && is_part(&thumbnail.size, &known.size)
                    })
                })
        }
        _ => false,
    }
}

fn entry_tells_no_more(now: &FileEntry, whole: &FileEntry) -> bool {
    is_part(&now.size, &whole.size)
        && is_part(&now.modified, &whole.modified)
        && is_part(&now.sha1, &whole.sha1)
}

fn status_tells_no_more(now: &PrinterStatus, whole: &PrinterStatus) -> bool {
    let heater = |now: &Option<Heater>, whole: &Option<Heater>| match (now, whole) {
        (None, _) => true,
        (Some(now), Some(whole)) => {
            is_part(&now.actual, &whole.actual) && is_part(&now.target, &whole.target)
        }
        _ => *now == Some(Heater::default()),
    };
    let tools =
        (0..now.tools.len()).all(|n| heater(&now.tools.get(n).copied(), &whole.tools.get(n).copied()));
    let job = |now: &Job, whole: &Job| {
        is_part(&now.path, &whole.path)
            && is_part(&now.size, &whole.size)
            && is_part(&now.progress, &whole.progress)
            && is_part(&now.elapsed, &whole.elapsed)
            && is_part(&now.remaining, &whole.remaining)
    };
    (now.phase == whole.phase || now.phase == Phase::Unknown)
        && (now.state_text == whole.state_text || now.state_text.is_empty())
        && now.job.as_ref().is_none_or(|now| whole.job.as_ref().is_some_and(|whole| job(now, whole)))
        && tools
        && heater(&now.bed, &whole.bed)
        && heater(&now.chamber, &whole.chamber)
        && is_part(&now.speed_factor, &whole.speed_factor)
        && is_part(&now.flow_factor, &whole.flow_factor)
        && now.fans.iter().all(|fan| {
            whole.fans.iter().any(|known| {
                known.name == fan.name && is_part(&fan.speed, &known.speed) && is_part(&fan.rpm, &known.rpm)
            })
        })
        && now.position.as_ref().is_none_or(|now| {
            whole.position.as_ref().is_some_and(|whole| {
                is_part(&now.x, &whole.x) && is_part(&now.y, &whole.y) && is_part(&now.z, &whole.z)
            })
        })
        && is_part(&now.fault, &whole.fault)
}

/// The control: another phase, another number and something that was not there before are found.
#[test]
fn values_that_are_wrong_are_found() {
    let _alone = super::harness::alone_blocking();
    let mut whole = PrinterStatus::default();
    whole.phase = Phase::Printing;
    whole.bed = Some(Heater::new(Some(60.0), Some(65.0)));
    whole.job = Some(Job::default());
    let changes: [fn(&mut PrinterStatus); 5] = [
        |status| status.phase = Phase::Idle,
        |status| status.bed = Some(Heater::new(Some(0.0), Some(65.0))),
        |status| status.chamber = Some(Heater::new(Some(0.0), None)),
        |status| status.speed_factor = Some(0),
        |status| status.job.as_mut().unwrap().size = Some(0),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut now = whole.clone();
        change(&mut now);
        assert!(!status_tells_no_more(&now, &whole), "{n}");
        assert!(status_tells_no_more(&PrinterStatus::default(), &now), "{n}");
    }
}

/// What cannot be counted is as it was or none; what is measured need not be likely.
fn is_possible(now: &Read, whole: &Read) -> bool {
    let entry = |now: &FileEntry, whole: &FileEntry| {
        is_part(&now.size, &whole.size) && is_part(&now.modified, &whole.modified)
    };
    match (now, whole) {
        (Read::Status(now), Read::Status(whole)) => {
            let finite = |number: Option<f32>| number.is_none_or(f32::is_finite);
            let heater = |heater: &Heater| finite(heater.actual) && finite(heater.target);
            let job = |now: &Job, whole: &Job| {
                is_part(&now.size, &whole.size)
                    && is_part(&now.elapsed, &whole.elapsed)
                    && is_part(&now.remaining, &whole.remaining)
                    && now.progress.is_none_or(|part| (0.0..=1.0).contains(&part))
            };
            now.phase == whole.phase
                && now.job.as_ref().zip(whole.job.as_ref()).is_none_or(|(now, whole)| job(now, whole))
                && now.tools.iter().chain(&now.bed).chain(&now.chamber).all(heater)
                && is_part(&now.speed_factor, &whole.speed_factor)
                && is_part(&now.flow_factor, &whole.flow_factor)
                && now.position.is_none_or(|at| finite(at.x) && finite(at.y) && finite(at.z))
                && now.fans.iter().all(|fan| {
                    let known = whole.fans.iter().find(|known| known.name == fan.name).unwrap();
                    is_part(&fan.rpm, &known.rpm)
                        && fan.speed.is_none_or(|speed| (0.0..=1.0).contains(&speed))
                })
        }
        (Read::Files(now), Read::Files(whole)) => {
            now.entries.iter().zip(&whole.entries).all(|(now, whole)| entry(now, whole))
        }
        (Read::Info(now), Read::Info(whole)) => {
            entry(&now.entry, &whole.entry)
                && is_part(&now.print_time, &whole.print_time)
                && now.filament.iter().all(|mm| mm.is_finite())
                && now
                    .thumbnails
                    .iter()
                    .zip(&whole.thumbnails)
                    .all(|(now, whole)| is_part(&now.size, &whole.size))
        }
        _ => true,
    }
}
