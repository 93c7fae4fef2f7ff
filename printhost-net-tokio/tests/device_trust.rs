//! Whom a [`printhost_net::Trust::Device`] believes: each rule of it, with a control beside it.

#[path = "device_trust/certificates.rs"]
mod certificates;
#[path = "device_trust/peer.rs"]
mod peer;
#[path = "device_trust/rules.rs"]
mod rules;
#[path = "device_trust/sessions.rs"]
mod sessions;
