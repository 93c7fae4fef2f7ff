//! printhost-net-tokio
