use std::{
    convert::Infallible,
    format, io,
    net::{Ipv4Addr, SocketAddr},
    string::String,
    sync::Arc,
    vec::Vec,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};

use crate::{Answer, Oracle, Question};

/// The longest question, in bytes.
const QUESTION: usize = 16 << 10;

/// An oracle as an HTTP service, for drivers on other machines: the other end of [`crate::RemoteOracle`].
///
/// It has no credentials and does what it is told: for test networks only. It ends when dropped.
#[derive(Debug)]
pub struct OracleService {
    address: SocketAddr,
    accepting: AbortHandle,
}

impl OracleService {
    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// No port can be bound.
    ///
    /// # Panics
    ///
    /// There is no tokio runtime with I/O enabled.
    pub async fn start<O>(oracle: Arc<O>) -> io::Result<Self>
    where
        O: Oracle + AskAnywhere + 'static,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                connections.spawn(serve(stream, Arc::clone(&oracle)));
            }
        });
        Ok(Self { address, accepting: accepting.abort_handle() })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for OracleService {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An oracle whose futures can be spawned; concrete ones are.
pub trait AskAnywhere: Send + Sync {
    /// As [`Oracle::ask`].
    fn ask_anywhere(&self, question: Question)
    -> impl Future<Output = printhost_core::Result<Answer>> + Send;
}

async fn serve<O: AskAnywhere>(stream: TcpStream, oracle: Arc<O>) {
    let answer = |request: Request<Incoming>| {
        let oracle = Arc::clone(&oracle);
        async move { Ok::<_, Infallible>(reply(request, &*oracle).await) }
    };
    // A client that breaks off is not worth a word.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn reply<O: AskAnywhere>(request: Request<Incoming>, oracle: &O) -> Response<Full<Bytes>> {
    let answered = async {
        let body = Limited::new(request.into_body(), QUESTION).collect().await.map_err(|e| format!("{e}"))?;
        let question: Question = serde_json::from_slice(&body.to_bytes()).map_err(|e| format!("{e}"))?;
        let answer = oracle.ask_anywhere(question).await.map_err(|e| format!("{e}"))?;
        serde_json::to_vec(&answer).map_err(|e| format!("{e}"))
    };
    let answered: Result<Vec<u8>, String> = answered.await;
    let (status, body) = match answered {
        Ok(json) => (StatusCode::OK, Bytes::from(json)),
        Err(text) => (StatusCode::INTERNAL_SERVER_ERROR, Bytes::from(text)),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}
