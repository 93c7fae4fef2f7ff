//! What a printer sends, in its own words.

pub(crate) mod feed;
mod keys;
pub(crate) mod report;
mod scalar;
mod staged;
