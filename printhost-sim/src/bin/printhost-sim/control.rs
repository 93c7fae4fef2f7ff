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
use printhost_sim::{Fault, Injected, On};
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
        (Method::GET, ["faults"]) => {
            Ok(json!({ "faults": sim.faults().iter().map(injected).collect::<Vec<_>>() }))
        }
        (Method::POST, ["faults"]) => Ok(json!({ "id": sim.inject(fault(&body)?, on(&body)?).number() })),
        (Method::DELETE, ["faults"]) => {
            sim.clear_faults();
            Ok(json!({}))
        }
        (Method::DELETE, ["faults", id]) => {
            let named = sim.faults().into_iter().find(|fault| fault.id.number().to_string() == *id);
            named.filter(|fault| sim.clear_fault(fault.id)).map(|_| json!({})).ok_or_else(not_found)
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

fn fault(body: &Value) -> Result<Fault, (StatusCode, String)> {
    let number = |name: &str| body[name].as_u64().ok_or_else(|| bad(&format!("`{name}` must be a number")));
    Ok(match body["fault"].as_str().unwrap_or_default() {
        "reset-after-receiving" => Fault::ResetAfterReceiving(number("bytes")?),
        "reset-after-sending" => Fault::ResetAfterSending(number("bytes")?),
        "stall-after-receiving" => Fault::StallAfterReceiving(number("bytes")?),
        "stall-after-sending" => Fault::StallAfterSending(number("bytes")?),
        "truncate-answer" => Fault::TruncateAnswer(number("bytes")?),
        "early-status" => {
            Fault::EarlyStatus(u16::try_from(number("status")?).map_err(|_| bad("no such status"))?)
        }
        "flip-bit" => Fault::FlipBit { byte: number("byte")? },
        "lose-answer" => Fault::LoseAnswer,
        "delay-answer" => Fault::DelayAnswer(Duration::from_millis(number("milliseconds")?)),
        other => return Err(bad(&format!("there is no fault `{other}`"))),
    })
}

fn on(body: &Value) -> Result<On, (StatusCode, String)> {
    let path = body["path"].as_str().unwrap_or("/");
    let on = match body["method"].as_str() {
        Some(method) => On::request(method, path),
        None => On::path(path),
    };
    let count = |name: &str| match &body[name] {
        Value::Null => Ok(None),
        value => {
            let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
            count.map(Some).ok_or_else(|| bad(&format!("`{name}` must be a number")))
        }
    };
    let on = on.after(count("after")?.unwrap_or(0));
    Ok(match body["times"] {
        ref times if times == "until-cleared" => on.until_cleared(),
        _ => on.times(count("times")?.unwrap_or(1)),
    })
}

fn injected(injected: &Injected) -> Value {
    json!({ "id": injected.id.number(), "fault": format!("{:?}", injected.fault), "hits": injected.hits })
}

pub(crate) fn bad(error: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_owned())
}

pub(crate) fn not_found() -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, "there is no such thing".to_owned())
}
