//! Whose answer a message is of which only the ends are known: what a JSON parser finds in all of it.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_net::proto::{json_rpc::answered_id, websocket::SUFFIX};

use crate::json::{self, Json};

pub fn run(data: &[u8]) {
    for limit in [1, 20, 100, usize::MAX] {
        judge(data, found(data, limit), limit >= data.len());
    }
    let _ = made(&mut Unstructured::new(data));
}

/// As the websocket keeps a message above the limit.
fn found(data: &[u8], limit: usize) -> Option<u32> {
    answered_id(&data[..data.len().min(limit)], &data[data.len().saturating_sub(SUFFIX)..])
}

fn judge(data: &[u8], found: Option<u32>, is_whole: bool) {
    let Some(json) = Json::parse(data) else { return };
    let Json::Object(members) = &json else {
        assert_eq!(found, None);
        return;
    };
    if let Some(id) = found {
        assert!(members.iter().any(|(name, value)| name == "id" && *value == Json::Whole(id.into())));
    }
    // Of members that come twice, or are written with escapes, nothing is promised.
    if is_whole && !data.contains(&b'\\') {
        let is_answer = members.iter().all(|(name, _)| name != "method");
        if let Ok(Json::Whole(id)) = json.get("id") {
            assert_eq!(found, u32::try_from(*id).ok().filter(|_| is_answer));
        }
    }
}

/// An answer with its number at either end.
fn made(u: &mut Unstructured<'_>) -> Result<()> {
    let id: u32 = u.arbitrary()?;
    let number = format!("\"id\" :{id}{}", u.choose(&["", " ", "\r\n"])?);
    let mut others = String::from("\"jsonrpc\":\"2.0\", \"result\": ");
    json::write(&mut others, u, 4)?;
    let is_first: bool = u.arbitrary()?;
    let text = match is_first {
        true => format!("{{{number},{others}}}"),
        false => format!(" {{{others}, {number}}} "),
    };
    assert!(Json::parse(text.as_bytes()).is_some(), "{text}");
    for limit in [if is_first { 30 } else { 2 }, 50, 100, usize::MAX] {
        assert_eq!(found(text.as_bytes(), limit), Some(id), "{text} up to {limit}");
    }
    Ok(())
}
