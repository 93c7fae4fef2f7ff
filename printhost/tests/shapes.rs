//! The contract of `PrintHost`, held by drivers of three shapes: calls and events over one websocket, changes over
//! one byte stream, and requests with a push channel; on tokio and on embassy.

#![allow(unreachable_pub)] // drivers are written as they would be in crates of their own

mod shapes {
    pub mod contract;
    pub mod delta_stream;
    pub mod in_memory;
    pub mod memory_net;
    pub mod moonraker_shape;
    pub mod mqtt_shape;
    pub mod octoprint_peer;
    pub mod on_embassy;
    pub mod on_tokio;
    pub mod one_socket;
    pub mod one_websocket;
    pub mod peers;
    pub mod sizes;
    pub mod supervise;
}
