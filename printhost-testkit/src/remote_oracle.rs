use alloc::{format, string::String};
use core::time::Duration;

use printhost_core::{Error, ErrorKind, Result};
use printhost_net::{BaseUrl, Body, Method, Net, Request};

use crate::{Answer, Oracle, Question};

/// The longest answer that is read, in bytes.
const ANSWER: usize = 16 << 10;
/// Bringing a printer to rest takes the longest: a host may have to be started anew, and shows the end of a print before.
const PATIENCE: Duration = Duration::from_secs(120);

/// An oracle on another machine, asked over HTTP: for drivers that run on a microcontroller.
///
/// One POST per question, to the URL's path; question and answer are JSON. The runner's `OracleService` is the other
/// end.
#[derive(Debug)]
pub struct RemoteOracle<N> {
    net: N,
    url: BaseUrl,
}

impl<N: Net> RemoteOracle<N> {
    /// The oracle at a URL.
    pub const fn new(net: N, url: BaseUrl) -> Self {
        Self { net, url }
    }
}

impl<N: Net> Oracle for RemoteOracle<N> {
    async fn ask(&self, question: &Question) -> Result<Answer> {
        let wrong = |what: String| Error::new(ErrorKind::Protocol, "oracle").with_detail(what);
        let body = serde_json::to_vec(question).map_err(|e| wrong(format!("{e}")))?;
        let target = self.url.target("/");
        let request = Request::new("oracle", Method::Post, &self.url.origin, &target)
            .headers(&[("Content-Type", "application/json")])
            .answer_within(PATIENCE);
        let mut response = self.net.parts().send(&request, Body::bytes(&body)).await?;
        let status = response.status();
        let text = response.read_to_end(ANSWER).await?;
        if status != 200 {
            return Err(wrong(format!("{status}: {}", String::from_utf8_lossy(&text))));
        }
        serde_json::from_slice(&text).map_err(|e| wrong(format!("{e}")))
    }
}
