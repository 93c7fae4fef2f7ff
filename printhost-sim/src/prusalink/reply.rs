//! Answers, as each family words them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode, Version};
use serde_json::{Value, json};

use super::config::PrusaLinkFamily;
pub(super) use crate::http::Reply;

/// What is wrong, in a host's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wrong {
    status: u16,
    /// The Pi's; the firmware has the name of the status there.
    title: &'static str,
    text: &'static str,
    /// The Pi's page about it.
    page: Option<&'static str>,
}

impl Wrong {
    pub(super) const fn new(
        status: u16,
        title: &'static str,
        text: &'static str,
        page: &'static str,
    ) -> Self {
        Self { status, title, text, page: Some(page) }
    }

    pub(super) const fn bare(status: u16, title: &'static str, text: &'static str) -> Self {
        Self { status, title, text, page: None }
    }

    pub(super) const NO_FILE: Self =
        Self::new(404, "File Not Found", "File you want was not found.", "not-found");
    pub(super) const NO_ROUTE: Self =
        Self::new(404, "Not Found", "Resource you want not found.", "not-found");
    pub(super) const NO_LOCATION: Self =
        Self::new(404, "Location Not Found", "Location not found, use local.", "location-not-found");
    pub(super) const OTHER_JOB: Self =
        Self::new(404, "Not Current Job", "Given job id does not belong to current job", "not-found");
    pub(super) const EXISTS: Self =
        Self::new(409, "File Already Exists", "File already exists.", "file-already-exists");
    pub(super) const NO_STATE_TO_PRINT: Self =
        Self::new(409, "Not in state to print", "Printer is not in state to print.", "not-state-to-print");
    pub(super) const PRINTED: Self = Self::new(
        409,
        "File is currently printed",
        "You try to do an operation with the file, which is currently printed.",
        "file-currently-printed",
    );
    pub(super) const NOT_EMPTY: Self = Self::new(
        409,
        "Directory is not empty",
        "Directory can't be deleted, because it's not empty.",
        "directory-not-empty",
    );
    pub(super) const CARD: Self =
        Self::new(409, "SD Card Read Only", "SD Card storage is read only.", "entity-too-large");
    pub(super) const NO_LENGTH: Self = Self::new(
        411,
        "Length Required",
        "Missing Content-Length header or no content in request.",
        "length-required",
    );
    pub(super) const TYPE: Self = Self::new(
        415,
        "Unsupported Media Type",
        "Only G-Code for FDM printer can be uploaded.",
        "unsupported-media-type",
    );
    pub(super) const UPLOAD: Self =
        Self::new(400, "File Upload Failed", "File upload has failed", "file-upload-failed");
    pub(super) const CHARACTERS: Self = Self::new(
        400,
        "Forbidden Characters",
        "Forbidden characters in file or folder name.",
        "forbidden-characters",
    );
    pub(super) const NOT_PRINTING: Self = Self::bare(
        409,
        "Printer Is Not Printing",
        "Operation you want can only be done when printer is printing.",
    );
    pub(super) const NOT_PAUSED: Self = Self::bare(
        409,
        "Printer Is Not Paused",
        "Operation you want can only be done when printer is paused.",
    );

    /// Of the firmware, which has the name of the status for a title.
    pub(super) const fn of(status: u16, text: &'static str) -> Self {
        Self::bare(status, "", text)
    }
}

/// What one family makes of its answers.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) family: PrusaLinkFamily,
    /// How errors are wanted.
    accept: String,
    host: String,
    method: String,
    path: String,
}

impl Words {
    pub(super) fn new(family: PrusaLinkFamily, method: &str, path: &str, headers: &HeaderMap) -> Self {
        let text =
            |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Self {
            family,
            accept: text(header::ACCEPT),
            host: text(header::HOST),
            method: method.to_owned(),
            path: path.to_owned(),
        }
    }

    fn is_pi(&self) -> bool {
        self.family == PrusaLinkFamily::Pi
    }

    pub(super) fn json(&self, body: &Value) -> Reply {
        self.reply(
            200,
            if self.is_pi() { "application/json; charset=utf-8" } else { "application/json" },
            body.to_string(),
        )
    }

    /// A status, and nothing to it.
    pub(super) fn done(&self, status: u16) -> Reply {
        let kind = if self.is_pi() { "text/html; charset=utf-8" } else { "text/plain" };
        self.reply(status, kind, Bytes::new())
    }

    pub(super) fn wrong(&self, wrong: Wrong) -> Reply {
        match self.family {
            PrusaLinkFamily::Pi => self.pi_wrong(wrong),
            PrusaLinkFamily::Buddy => self.buddy_wrong(wrong),
        }
    }

    fn pi_wrong(&self, wrong: Wrong) -> Reply {
        let url = wrong.page.map(|page| format!("http://{}/error/{page}", self.host));
        let mut reply = if self.accept.contains("application/json") {
            let mut body = json!({ "title": wrong.title, "message": wrong.text });
            if let Some(url) = &url {
                body["url"] = json!(url);
            }
            self.reply(wrong.status, "application/json; charset=utf-8", body.to_string())
        } else if self.accept.contains("text/html") {
            let page = format!(
                "<!DOCTYPE html>\n<html><h1>{} {}</h1><p>{}</p></html>",
                wrong.status, wrong.title, wrong.text
            );
            return self.reply(wrong.status, "text/html; charset=utf-8", page);
        } else {
            let see = url.as_ref().map(|url| format!("\n\nSee: {url}")).unwrap_or_default();
            let text = format!("{}\n{}\n{see}", wrong.title, wrong.text);
            self.reply(wrong.status, "text/plain; charset=utf-8", text)
        };
        reply.headers_mut().remove("x-powered-by");
        if let Some(url) = url {
            set(&mut reply, header::CONTENT_LOCATION, &url);
        }
        reply
    }

    /// It looks only at how the field begins.
    fn buddy_wrong(&self, wrong: Wrong) -> Reply {
        let name =
            StatusCode::from_u16(wrong.status).ok().and_then(|s| s.canonical_reason()).unwrap_or_default();
        let title = format!("{}: {name}", wrong.status);
        if self.accept.starts_with("application/json") {
            let body = json!({ "title": title, "message": wrong.text });
            return self.reply(wrong.status, "application/json", body.to_string());
        }
        self.reply(wrong.status, "text/plain", format!("{title}\n\n{}\n", wrong.text))
    }

    pub(super) fn unauthorized(&self, challenge: &str) -> Reply {
        let mut reply = match self.family {
            PrusaLinkFamily::Pi => self.page(
                401,
                "Unauthorized",
                &format!("<p>Method {} for {} uri.</p>", self.method, self.path),
            ),
            PrusaLinkFamily::Buddy => self.wrong(Wrong::of(401, "")),
        };
        set(&mut reply, header::WWW_AUTHENTICATE, challenge);
        reply
    }

    pub(super) fn bad_key(&self) -> Reply {
        self.reply(403, "text/html; charset=utf-8", "Bad X-Api-Key.")
    }

    pub(super) fn method_not_allowed(&self) -> Reply {
        match self.family {
            PrusaLinkFamily::Pi => {
                let what = format!(
                    "<p>This method {} is not allowed to access <code>{}</code>\n   on this server.</p>",
                    self.method, self.path
                );
                self.page(405, "Method Not Allowed", &what)
            }
            PrusaLinkFamily::Buddy => self.wrong(Wrong::of(405, "")),
        }
    }

    pub(super) fn no_camera(&self) -> Reply {
        let body = json!({ "message": "Camera is not available" });
        self.reply(404, "application/json; charset=utf-8", body.to_string())
    }

    /// An error that nobody has thought of.
    pub(super) fn internal_error(&self) -> Reply {
        self.page(500, "Internal Server Error", "")
    }

    pub(super) fn bytes(&self, kind: &'static str, data: Bytes) -> Reply {
        self.reply(200, kind, data)
    }

    fn page(&self, status: u16, name: &str, text: &str) -> Reply {
        let html = format!(
            "<!DOCTYPE html>\n<html>\n <head>\n  <title>{status} - {name}</title>\n </head>\n <body>\n  \
             <h1>{status} - {name}</h1>\n  {text}\n  <hr>\n  \
             <small><i>webmaster: webmaster@127.0.0.1 </i></small>\n </body>\n</html>\n"
        );
        let mut reply = self.reply(status, "text/html; charset=utf-8", html);
        if status == 401 {
            reply.headers_mut().remove("x-powered-by");
        }
        reply
    }

    fn reply(&self, status: u16, kind: &'static str, body: impl Into<Bytes>) -> Reply {
        let mut reply = Response::new(Full::new(body.into()));
        *reply.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if self.is_pi() {
            *reply.version_mut() = Version::HTTP_10;
            reply.headers_mut().insert(header::SERVER, HeaderValue::from_static("PrusaLink"));
            reply.headers_mut().insert("x-powered-by", HeaderValue::from_static("Poor WSGI for Python"));
        }
        reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        reply
    }
}

pub(super) fn set(reply: &mut Reply, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        reply.headers_mut().insert(name, value);
    }
}
