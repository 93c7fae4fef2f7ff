//! Against a real OctoPrint with its virtual printer; `cargo xtask peers` starts one and sets the environment.

mod real {
    pub(crate) mod access;
    pub(crate) mod commands;
    pub(crate) mod cuts;
    pub(crate) mod fault_proxy;
    pub(crate) mod lifecycle;
    pub(crate) mod names;
    pub(crate) mod operations;
    pub(crate) mod peer;
    pub(crate) mod pictures;
    pub(crate) mod replies;
    pub(crate) mod sockets;
}
