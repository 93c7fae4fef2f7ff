//! `GET /server/files/directory`, page by page.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::{FileEntry, Page, PrintHost as _};

use super::{answer, bound, driver, model, network};
use crate::{
    cuts::Numbers,
    host::{response, settle},
    json::{Expected, IllTyped, Json},
    memory,
};

pub fn run(data: &[u8]) {
    judge(data, false);
    if let Ok(made) = made(&mut Unstructured::new(data)) {
        judge(made.as_bytes(), true);
    }
}

/// The driver may refuse what is read here; but not what was made for it.
fn judge(data: &[u8], made: bool) {
    let mut numbers = Numbers::of(data);
    let mut page = Page::first(numbers.below(4) as u16);
    for _ in 0..numbers.below(3) {
        page = page.next();
    }
    let answer = |head: &str| answer(head, |_, _| response("200 OK", data));
    let net = network(&answer);
    let listed = memory::within(bound(data, &net), || settle(driver(&net).files("", page))).expect("an end");
    let Some(Ok(all)) = Json::parse(data).map(|json| entries(&json)) else { return };
    if listed.is_err() && !made {
        return;
    }
    let listed = listed.expect("a listing");
    let end = (page.offset as usize + usize::from(page.limit)).min(all.len());
    assert_eq!(listed.entries, all[(page.offset as usize).min(end)..end]);
    assert_eq!(listed.more, all.len() > end);
}

fn entries(answer: &Json) -> Expected<Vec<FileEntry>> {
    let Json::Object(members) = answer else { return Err(IllTyped) };
    // Lists elsewhere would be read as well.
    let nested = |value: &Json| matches!(value, Json::Object(_) | Json::List(_));
    if members.iter().any(|(name, value)| name != "result" && nested(value)) {
        return Err(IllTyped);
    }
    let Json::Object(result) = answer.get("result")? else { return Err(IllTyped) };
    let mut all = Vec::new();
    for (_, value) in result {
        let Json::List(list) = value else { continue };
        for item in list.iter().filter(|item| matches!(item, Json::Object(_))) {
            all.extend(model::entry(item)?);
        }
    }
    Ok(all)
}

const NAMES: [&str; 6] = ["\"\"", "\"a.gcode\"", "\"\\u00fc b.gcode\"", "\".thumbs\"", "\"x\\\"}]\"", "null"];
const NUMBERS: [&str; 8] =
    ["null", "0", "598", "1795207604.5205247", "-1", "1e30", "0.5", "18446744073709551615"];

/// As Moonraker could give it: well-typed, with values that it never has.
fn made(u: &mut Unstructured<'_>) -> Result<String> {
    let mut lists = Vec::new();
    for (list, name) in [("dirs", "dirname"), ("files", "filename")] {
        let mut items = Vec::new();
        for _ in 0..u.int_in_range(0..=5)? {
            let (own, size, modified) = (u.choose(&NAMES)?, u.choose(&NUMBERS)?, u.choose(&NUMBERS)?);
            items.push(format!(
                "{{\"modified\": {modified}, \"size\": {size}, \"permissions\": \"rw\", \"{name}\": {own}}}"
            ));
        }
        lists.push(format!("\"{list}\": [{}]", items.join(", ")));
    }
    let usage =
        "\"disk_usage\": {\"total\": 9, \"used\": 4, \"free\": 5}, \"root_info\": {\"name\": \"gcodes\"}";
    Ok(format!("{{\"result\": {{{}, {usage}}}}}", lists.join(", ")))
}
