//! Codecs without input or output: bytes in, values out. Time and randomness come in as arguments.

pub mod date;
pub mod digest;
pub mod ftp;
pub mod http1;
pub mod json_events;
pub mod json_items;
pub mod json_rpc;
pub mod mqtt;
pub mod multipart;
pub mod percent;
pub mod websocket;
