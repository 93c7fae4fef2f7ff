//! printhost-net
