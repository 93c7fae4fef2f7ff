//! What a printer sends and is sent, in its own words.

pub(crate) mod feed;
mod keys;
mod merge;
pub(crate) mod orders;
pub(crate) mod report;
pub(crate) mod scalar;
pub(crate) mod staged;
