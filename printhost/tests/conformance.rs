//! The conformance suite, on the simulator; on real servers with the feature `real-peers`.
//!
//! `PRINTHOST_CASES=upload` limits it to the cases whose names contain that word. With `PRINTHOST_LEDGER=FOLDER` every
//! run leaves a column of the ledger there.

mod conformance {
    pub(crate) mod bench;
    #[cfg(feature = "real-peers")]
    pub(crate) mod moonraker_crashes;
    pub(crate) mod mutants;
    #[cfg(feature = "real-peers")]
    pub(crate) mod real;
    #[cfg(feature = "real-peers")]
    pub(crate) mod real_moonraker;
    #[cfg(feature = "real-peers")]
    pub(crate) mod real_prusalink;
    pub(crate) mod simulated;
}
