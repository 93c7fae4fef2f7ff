//! Against a real OctoPrint with its virtual printer; `cargo xtask peers` starts one and sets the environment.

mod real {
    pub(crate) mod lifecycle;
    pub(crate) mod peer;
}
