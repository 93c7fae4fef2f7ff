//! printhost-sim
