//! The multipart form of an upload.

use bytes::Bytes;
use http_body_util::{BodyDataStream, BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header;
use multer::{Field, Multipart};
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::server::Incoming1;
use crate::http::FlippedByte;
use crate::multipart::{file_name, flipped};
use crate::uri::{hex, is_true, query_value};

/// The longest form without a file, in bytes.
const LONGEST_ENCODED: usize = 64 << 10;

/// What a form asks for.
#[derive(Default)]
pub(super) struct Form {
    pub(super) file: Option<Uploaded>,
    pub(super) folder_name: Option<String>,
    pub(super) path: Option<String>,
    pub(super) print: bool,
    pub(super) select: bool,
    pub(super) no_overwrite: bool,
    pub(super) userdata: Option<Value>,
}

/// The part `file`, hashed and, unless it is too long, kept.
pub(super) struct Uploaded {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha1_hex: String,
    pub(super) data: Option<Bytes>,
}

impl Form {
    /// Reads the whole body of a request; none when it was cut or is no form.
    pub(super) async fn read(request: Incoming1, keep: u64) -> Option<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
        let flip = request.extensions().get::<FlippedByte>().map(|byte| byte.0);
        let content_type = content_type.map(str::to_owned);
        let mut body = request.into_body();
        let form = match boundary {
            Some(boundary) => Self::parse(&mut body, boundary, keep, flip).await,
            None if content_type
                .as_deref()
                .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded")) =>
            {
                return Self::read_encoded(body).await;
            }
            None => Ok(Self::default()),
        };
        // What follows the closing boundary belongs to the body too, and it may be cut there.
        let mut complete = form.is_ok();
        while let Some(frame) = body.frame().await {
            complete &= frame.is_ok();
        }
        form.ok().filter(|_| complete)
    }

    /// A form without a file, as a new folder can be asked for.
    async fn read_encoded(body: Incoming) -> Option<Self> {
        let body = Limited::new(body, LONGEST_ENCODED).collect().await.ok()?.to_bytes();
        let query = String::from_utf8_lossy(&body);
        Some(Self {
            folder_name: query_value(Some(&query), "foldername"),
            path: query_value(Some(&query), "path"),
            ..Self::default()
        })
    }

    async fn parse(
        body: &mut Incoming,
        boundary: String,
        keep: u64,
        flip: Option<u64>,
    ) -> Result<Self, multer::Error> {
        let mut form = Self::default();
        let mut parts = Multipart::new(BodyDataStream::new(body), boundary);
        while let Some(part) = parts.next_field().await? {
            match part.name().unwrap_or_default() {
                "file" => form.file = Some(Uploaded::read(part, keep, flip).await?),
                "foldername" => form.folder_name = Some(part.text().await?),
                "path" => form.path = Some(part.text().await?),
                "print" => form.print = is_true(&part.text().await?),
                "select" => form.select = is_true(&part.text().await?),
                "noOverwrite" => form.no_overwrite = is_true(&part.text().await?),
                "userdata" => form.userdata = serde_json::from_str(&part.text().await?).ok(),
                _ => drop(part.bytes().await?),
            }
        }
        Ok(form)
    }
}

impl Uploaded {
    async fn read(mut part: Field<'_>, keep: u64, flip: Option<u64>) -> Result<Self, multer::Error> {
        let disposition = part.headers().get(header::CONTENT_DISPOSITION);
        let disposition = disposition.map_or(&[][..], |value| value.as_bytes());
        let name = file_name(&String::from_utf8_lossy(disposition)).unwrap_or_default();
        let mut hash = Sha1::new();
        let mut size = 0;
        let mut data = Some(Vec::new());
        while let Some(chunk) = part.chunk().await? {
            let chunk = flipped(chunk, size, flip);
            hash.update(&chunk);
            size += chunk.len() as u64;
            if size > keep {
                data = None;
            }
            if let Some(data) = &mut data {
                data.extend_from_slice(&chunk);
            }
        }
        Ok(Self { name, size, sha1_hex: hex(&hash.finalize()), data: data.map(Bytes::from) })
    }
}
