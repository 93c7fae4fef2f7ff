//! The File Transfer Protocol as a client speaks it (RFC 959, 2428, 3659, 4217): commands, replies, listings.

mod command;
mod listing;
mod reply;

pub use command::{Command, MAX_ARGUMENT};
pub use listing::{Entry, EntryKind, Listing, MAX_LINE, Modified, nlst_name};
pub use reply::{MAX_REPLY, MAX_TEXT, Reply, ReplyDecoder};
