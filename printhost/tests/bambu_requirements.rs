//! What users of other software complain about Bambu Lab printers, each as a claim that this one is held to; see
//! `requirements.rs` for the rest.
//!
//! | complaint | tests |
//! |---|---|
//! | 11: a printer that drops connections is dialled again and again | `drops` |
//! | 12: a wrong access code is tried for ever, silently | `codes` |
//! | 13: orders are dropped silently when control is blocked | `control` |
//! | 14: a dead connection looks alive | `dead` |
//! | 15: every user of a printer takes a connection of it | `sharing` |
//! | 16: the file server insists on the session of the control connection | `transfers` |
//! | 17: file servers differ between models | `transfers` |
//! | 18: the word that a file is stored comes late, wrong or never | `transfers` |
//! | 19: a large report ends the connection | `reports` |
//! | 20: certificates of the maker's own are refused, or nobody looks at them | `trust` |
//!
//! Beside each claim stands what would break it: a test that cannot fail shows nothing.

mod bambu_requirements {
    mod clock;
    mod codes;
    mod control;
    mod dead;
    mod drops;
    mod reports;
    mod sharing;
    mod transfers;
    mod trust;
}

#[path = "bambu/harness.rs"]
#[expect(dead_code, reason = "the tests of the driver do more with it")]
mod harness;
