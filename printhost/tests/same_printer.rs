//! OctoRest, a client that others wrote, and this driver see the same printer in the same state, field by field.
//!
//! OctoRest brings the printer into each state and says what it reads; that alone is what is expected.
//! `PRINTHOST_OCTOREST_PYTHON` is a Python that has OctoRest: `cargo xtask octorest` sets it for the simulator, `cargo
//! xtask peers` for the real OctoPrints.

mod same_printer {
    pub(crate) mod fields;
    pub(crate) mod leaves;
    pub(crate) mod octorest;
    pub(crate) mod ours;
    pub(crate) mod states;
}
