//! printhost-net-embassy
