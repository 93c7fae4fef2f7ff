//! What users of other software complain about, each as a claim that this one is held to.
//!
//! | complaint | tests |
//! |---|---|
//! | 1: a fixed deadline ends uploads over slow links | `slow_links` |
//! | 2: an upload to PrusaLink stands still at its beginning | `digest` |
//! | 3: an upload in the local network fails without the internet | `lan_only` |
//! | 4: the whole file is held in memory | `memory`; as resident memory, with SHA-1 too: `cargo xtask bench` |
//! | 5: a file damaged on its way prints | `damage` |
//! | 6: key and password of PrusaLink are taken for each other | `digest` |
//! | 7: every request to PrusaLink is refused once | `digest` |
//! | 8: asking starves the printer | `polling` |
//! | 9: PrusaLink takes one file at a time | `transfers` |
//! | 10: a version that nobody has heard of is refused | `versions` |
//! | 20: certificates of one's own are refused | `trust` |
//! | 21: a redirect to https loses the upload | `redirects` |
//! | 24: a push connection that brings nothing stays so | `silent_login` |
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
