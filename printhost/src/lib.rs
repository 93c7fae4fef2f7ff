//! printhost
