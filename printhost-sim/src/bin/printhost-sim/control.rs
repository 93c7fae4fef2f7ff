//! The control route: what a test in any language does to the printers, over HTTP on a port of its own.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::simulated::Simulated;

const LONGEST_BODY: usize = 16 * 1024;

/// An answer, or a status and what was wrong.
pub(crate) type Answer = Result<Value, (StatusCode, String)>;

/// What is simulated.
pub(crate) type Printers = Arc<Vec<Box<dyn Simulated>>>;

/// Serves until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, printers: Printers) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let printers = Arc::clone(&printers);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(&printers, request));
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    printers: &[Box<dyn Simulated>],
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, body) = match answer(printers, request).await {
        Ok(body) => (StatusCode::OK, body),
        Err((status, error)) => (status, json!({ "error": error })),
    };
    let mut response = Response::new(Full::from(format!("{body}\n")));
    *response.status_mut() = status;
    Ok(response)
}

async fn answer(printers: &[Box<dyn Simulated>], request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    let path = request.uri().path().trim_matches('/').to_owned();
    let body = Limited::new(request.into_body(), LONGEST_BODY).collect().await;
    let body = body.map_err(|_| bad("the body is too long"))?.to_bytes();
    let body: Value = match body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&body).map_err(|error| bad(&error.to_string()))?,
    };
    let mut parts = path.split('/');
    if parts.next() != Some("printers") {
        return Err(not_found());
    }
    let Some(number) = parts.next() else {
        return Ok(json!({ "printers": printers.iter().map(|sim| sim.describe()).collect::<Vec<_>>() }));
    };
    let sim = number.parse().ok().and_then(|number: usize| printers.get(number)).ok_or_else(not_found)?;
    let rest: Vec<&str> = parts.collect();
    match (method, rest.as_slice()) {
        (Method::GET, []) => Ok(sim.describe()),
        (Method::GET, ["faults"]) => Ok(json!({ "faults": sim.faults() })),
        (Method::POST, ["faults"]) => Ok(json!({ "id": sim.inject(&body)? })),
        (Method::DELETE, ["faults"]) => {
            sim.clear_faults();
            Ok(json!({}))
        }
        (Method::DELETE, ["faults", id]) => {
            let cleared = id.parse().is_ok_and(|id| sim.clear_fault(id));
            cleared.then(|| json!({})).ok_or_else(not_found)
        }
        (Method::POST, ["restart"]) => {
            let seconds = body["seconds"].as_f64().unwrap_or(0.0);
            let down = Duration::try_from_secs_f64(seconds).map_err(|error| bad(&error.to_string()))?;
            sim.restart(down);
            Ok(json!({}))
        }
        (Method::POST, [action]) => sim.act(action, &body),
        _ => Err(not_found()),
    }
}

pub(crate) fn bad(error: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_owned())
}

pub(crate) fn not_found() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "there is no such thing".to_owned())
}
