//! What users of other software complain about, each as a claim that this one is held to.
//!
//! | complaint | tests | OctoPrint | PrusaLink | Moonraker |
//! |---|---|---|---|---|
//! | 1: a fixed deadline ends uploads over slow links | `slow_links` | yes | yes | yes |
//! | 2: an upload to PrusaLink stands still at its beginning | `digest` | | yes | |
//! | 3: an upload in the local network fails without the internet | `lan_only` | yes | yes | yes |
//! | 4: the whole file is held in memory | `memory`; as resident memory, with SHA-1 too: `cargo xtask bench` | yes | yes | yes |
//! | 5: a file damaged on its way prints | `damage` | by SHA-1 | when asked to read it back | by SHA-256 |
//! | 6: key and password of PrusaLink are taken for each other | `digest` | | yes | |
//! | 7: every request to PrusaLink is refused once | `digest` | | yes | |
//! | 8: asking starves the printer | `polling` | it tells | yes | it tells |
//! | 9: PrusaLink takes one file at a time | `transfers` | | yes | |
//! | 10: a version that nobody has heard of is refused | `versions` | yes | yes | yes |
//! | 20: certificates of one's own are refused | `trust` | yes | yes | yes |
//! | 21: a redirect to https loses the upload | `redirects` | yes | yes | yes |
//! | 22: a proxy's limit, its timeout and a full disk look alike | `gateways` | yes | yes | yes |
//! | 22: a full disk leaves a part of the file | `gateways` | not simulated | the firmware | yes |
//! | 23: a push connection that comes and goes tells things twice | `churn` | | | yes |
//! | 24: a push connection that brings nothing stays so | `silent_login`, `silence` | within 5 s | within 60 s | within 60 s |
//!
//! Complaints 11 to 20 are about Bambu Lab printers: `bambu_requirements.rs`.
//!
//! `drivers` is the table of them; PrusaLink is there twice, as the program on a Pi and as that in a printer's firmware, and
//! "yes" is of both. Where nothing stands, the complaint is about another kind of host; OctoPrint's push connection is cut
//! on real ones (`real/cuts.rs`).
//!
//! Every claim is made over hyper and over the portable client, and beside each stands what would break it: a test that
//! cannot fail shows nothing.

#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

#[macro_use]
mod requirements {
    #[macro_use]
    pub(crate) mod harness;
    mod churn;
    mod damage;
    mod digest;
    mod drivers;
    mod gateways;
    mod lan_only;
    mod link;
    mod memory;
    mod polling;
    mod prusalink;
    mod redirects;
    mod silence;
    mod silent_login;
    mod slow_links;
    mod tls_front;
    mod transfers;
    mod trust;
    mod versions;
}

#[path = "bad_input/server.rs"]
#[expect(dead_code, reason = "bad_input does more with it")]
mod server;
