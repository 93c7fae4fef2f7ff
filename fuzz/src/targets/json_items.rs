//! The entries of a long listing: those a JSON parser finds, however the bytes are cut, and in bounded memory.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_core::ErrorKind;
use printhost_net::proto::json_items::JsonItems;

use crate::{
    cuts,
    json::{self, Json},
    memory,
};

pub fn run(data: &[u8]) {
    for limit in [40, 1 << 20] {
        let whole = items(limit, &[data]);
        for pieces in cuts::of(data) {
            assert_eq!(items(limit, &pieces), whole);
        }
    }
    // An item's buffer at most doubles, and is copied when it grows.
    memory::within(40 * 3 + 512, || {
        let _ = JsonItems::new(40).feed(data, |_| Ok(true));
    });
    judge(data, items(1 << 20, &[data]));
    let _ = made(&mut Unstructured::new(data));
}

/// A listing as another writer writes it.
fn made(u: &mut Unstructured<'_>) -> Result<()> {
    let mut text = String::from(" {\"x\": ");
    json::write(&mut text, u, 3)?;
    text.push_str(",\r\n\"files\" :[");
    for i in 0..u.int_in_range(0..=4)? {
        text.push_str(if i == 0 { "" } else { "," });
        json::write(&mut text, u, 3)?;
    }
    text.push_str("] } ");
    let text = text.as_bytes();
    assert!(Json::parse(text).is_some());
    for pieces in cuts::of(text) {
        judge(text, items(1 << 20, &pieces));
    }
    Ok(())
}

/// The entries, or what is wrong.
type Found = std::result::Result<Vec<Vec<u8>>, ErrorKind>;

fn items(limit: usize, pieces: &[&[u8]]) -> Found {
    let mut items = JsonItems::new(limit);
    let mut all = Vec::new();
    for piece in pieces {
        let more = items.feed(piece, |item| {
            assert!(item.len() <= limit);
            all.push(item.to_vec());
            Ok(true)
        });
        assert!(more.map_err(|e| e.kind())?);
    }
    items.finish().map_err(|e| e.kind())?;
    Ok(all)
}

/// What a JSON parser says to it.
fn judge(data: &[u8], items: Found) {
    let Some(json) = Json::parse(data) else { return };
    let lists: Vec<&Vec<Json>> = match &json {
        Json::Object(members) => members
            .iter()
            .filter_map(|(_, value)| if let Json::List(list) = value { Some(list) } else { None })
            .collect(),
        _ => Vec::new(),
    };
    if lists.is_empty() {
        assert_eq!(items, Err(ErrorKind::Protocol));
        return;
    }
    let expected = lists.into_iter().flatten().filter(|item| matches!(item, Json::Object(_)));
    let items = items.expect("a listing");
    let items: Vec<Json> = items.iter().map(|item| Json::parse(item).expect("an item is JSON")).collect();
    assert!(items.iter().eq(expected), "{items:?}");
}
