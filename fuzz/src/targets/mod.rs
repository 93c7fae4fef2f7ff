//! One module for each target, each with a `run` that panics when a promise is broken.

pub mod bambu_plates;
pub mod base_url;
pub mod digest;
pub mod ftp_list;
pub mod ftp_reply;
pub mod http1;
pub mod json_items;
pub mod json_rpc;
pub mod mqtt;
pub mod multipart;
pub mod percent;
pub mod websocket;

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// Text of any characters, mostly short.
fn text<'a>(u: &mut Unstructured<'a>) -> Result<&'a str> {
    let len = u.int_in_range(0..=40)?;
    let bytes = u.bytes(len.min(u.len()))?;
    Ok(match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    })
}
