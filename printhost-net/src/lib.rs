#![doc = include_str!("../README.md")]
#![no_std]
extern crate alloc;

mod base_url;
pub mod ftp;
pub mod http;
mod http1;
pub mod json;
pub mod link;
mod login;
pub mod memory;
pub mod mqtt;
mod net;
mod pace;
mod pool;
pub mod proto;
pub mod rest;
mod seam;
pub mod websocket;

pub use base_url::{BaseUrl, Origin, Scheme, TlsVersions, Trust};
pub use http1::{Http1, Http1Conn};
pub use login::Login;
pub use net::{Limits, Net, Parts};
pub use printhost_core::{Clock, Entropy, within};
pub use seam::{
    Body, Conn, Dial, Head, HttpBackend, HttpConn, HttpMemory, Meter, Method, NO_BODY, Pressure, Request,
    Streamed,
};
