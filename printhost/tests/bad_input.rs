//! What a wrong, broken or hostile host makes of a call: always a typed error, soon, and in little memory.

#[global_allocator]
static HEAP: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

#[macro_use]
mod bad_input {
    #[macro_use]
    pub(crate) mod harness;
    mod addresses;
    mod bambu;
    mod bodies;
    pub(crate) mod drivers;
    mod fields;
    pub(crate) mod frames;
    mod framing;
    mod klippy;
    mod logins;
    mod lost_answers;
    mod pace;
    mod rpc_socket;
    mod secrets;
    pub(crate) mod server;
    mod silence;
    mod sockets;
    mod statuses;
    mod tls;
}
