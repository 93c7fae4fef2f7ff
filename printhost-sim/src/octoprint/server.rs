//! This server's connections, and the limits of what they carry.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::StatusCode;
use hyper::body::Incoming;

use super::reply::{self, Reply};
use super::routes;
use super::shared::Shared;
use crate::fault::Fault;
pub(super) use crate::http::Incoming1;
use crate::http::{Request, Site};

/// Bytes in the body of an upload.
pub(super) const LONGEST_UPLOAD: u64 = 1 << 30;
/// Bytes in any other body.
pub(super) const LONGEST_BODY: u64 = 100 * 1024;

pub(super) const VERSION: &str = "1.11.8";

impl Site for Shared {
    const DATE: bool = false;

    fn take_fault(&self, method: &str, path: &str) -> Option<Fault> {
        self.lock().faults.take(method, path)
    }

    fn log(&self, request: Request) {
        self.remember(request);
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        Self::spawn(self, task);
    }

    fn refusal(status: StatusCode) -> Reply {
        reply::error(status, status.canonical_reason().unwrap_or("Refused"))
    }

    async fn answer(self: &Arc<Self>, request: Incoming1) -> Reply {
        routes::answer(self, request).await
    }
}

/// A small body, or what to answer when it is cut or too long.
pub(super) async fn small_body(body: Incoming) -> Result<Bytes, Reply> {
    let body = Limited::new(body, LONGEST_BODY as usize).collect().await;
    body.map(http_body_util::Collected::to_bytes).map_err(|_| reply::body_too_long())
}
