#![doc = include_str!("../README.md")]

mod dial;
mod hyper_backend;
mod io;
mod platform;
mod stream;
mod tls;

pub use dial::TokioDial;
pub use hyper_backend::{Hyper, HyperConn};
pub use io::FromTokio;
pub use platform::{HyperNet, OsEntropy, PortableNet, TokioClock, TokioNet, TokioParts};
pub use stream::{ReadHalf, TokioConn, WriteHalf};
pub use tls::PeerKey;
