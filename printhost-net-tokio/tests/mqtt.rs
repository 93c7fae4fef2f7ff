//! The MQTT client against a scripted server, in virtual time.

#[path = "mqtt/liveness.rs"]
mod liveness;
#[path = "mqtt/network.rs"]
mod network;
#[path = "mqtt/opening.rs"]
mod opening;
#[path = "mqtt/running.rs"]
mod running;
