//! Reports of a Bambu printer, message by message. What comes of them is judged by another reading of the same JSON.

mod model;
pub mod report;
