//! `GET /api/v1/files/local`, page by page.

use printhost_core::{FileEntry, Page, PrintHost as _};

use super::{answer, bound, driver, model, network};
use crate::{
    cuts::Numbers,
    host::{response, settle},
    json::{Expected, IllTyped, Json},
    memory,
};

/// The driver may refuse what is read here.
pub fn run(data: &[u8]) {
    let mut numbers = Numbers::of(data);
    let mut page = Page::first(numbers.below(4) as u16);
    for _ in 0..numbers.below(3) {
        page = page.next();
    }
    let answer = |head: &str| answer(head, |_, _| response("200 OK", data));
    let net = network(&answer);
    let listed = memory::within(bound(data, &net), || settle(driver(&net).files("", page))).expect("an end");
    let (Some(Ok(all)), Ok(listed)) = (Json::parse(data).map(|json| entries(&json)), listed) else { return };
    let end = (page.offset as usize + usize::from(page.limit)).min(all.len());
    assert_eq!(listed.entries, all[(page.offset as usize).min(end)..end]);
    assert_eq!(listed.more, all.len() > end);
}

fn entries(answer: &Json) -> Expected<Vec<FileEntry>> {
    let Json::Object(members) = answer else { return Err(IllTyped) };
    let mut all = Vec::new();
    for (_, value) in members {
        let Json::List(list) = value else { continue };
        for item in list.iter().filter(|item| matches!(item, Json::Object(_))) {
            all.extend(model::entry(item)?);
        }
    }
    Ok(all)
}
