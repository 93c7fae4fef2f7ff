//! printhost-core
