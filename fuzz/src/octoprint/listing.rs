//! `GET /api/files/local`, page by page.

use libfuzzer_sys::arbitrary::Unstructured;
use printhost_core::{FileEntry, Page, PrintHost as _};

use super::{answer, bound, driver, made, model, network};
use crate::{
    cuts::Numbers,
    host::{response, settle},
    json::{Expected, IllTyped, Json},
    memory,
};

pub fn run(data: &[u8]) {
    judge(data);
    if let Ok(made) = made::listing(&mut Unstructured::new(data)) {
        judge(made.as_bytes());
    }
}

fn judge(data: &[u8]) {
    let mut numbers = Numbers::of(data);
    let mut page = Page::first(numbers.below(4) as u16);
    for _ in 0..numbers.below(3) {
        page = page.next();
    }
    let answer = |head: &str| answer(head, |_, _| response("200 OK", data));
    let net = network(&answer);
    let listed = memory::within(bound(data, &net), || settle(driver(&net).files("", page))).expect("an end");
    let Some(Ok(all)) = Json::parse(data).map(|json| entries(&json)) else { return };
    let listed = listed.expect("a listing");
    let end = (page.offset as usize + usize::from(page.limit)).min(all.len());
    assert_eq!(listed.entries, all[(page.offset as usize).min(end)..end]);
    assert_eq!(listed.more, all.len() > end);
}

fn entries(answer: &Json) -> Expected<Vec<FileEntry>> {
    let Json::Object(members) = answer else { return Err(IllTyped) };
    let lists =
        members.iter().filter_map(|(_, value)| if let Json::List(list) = value { Some(list) } else { None });
    let all: Vec<&Vec<Json>> = lists.collect();
    if all.is_empty() {
        return Err(IllTyped);
    }
    all.into_iter().flatten().filter(|item| matches!(item, Json::Object(_))).map(model::file).collect()
}
