//! The multipart form of an upload.

use bytes::Bytes;
use http_body_util::{BodyDataStream, BodyExt};
use hyper::body::Incoming;
use hyper::header;
use multer::{Field, Multipart};
use sha2::{Digest, Sha256};

use crate::http::{FlippedByte, Incoming1};
use crate::multipart::{file_name, flipped};
use crate::uri::hex;

/// What a form says, in whatever order.
#[derive(Default)]
pub(super) struct Form {
    pub(super) file: Option<Uploaded>,
    pub(super) root: Option<String>,
    pub(super) path: Option<String>,
    pub(super) checksum: Option<String>,
    pub(super) print: bool,
}

/// The part `file`, hashed and, unless it is too long, kept.
pub(super) struct Uploaded {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256_hex: String,
    pub(super) data: Option<Bytes>,
}

impl Form {
    /// Reads the whole body of a request; none when it was cut or is no form.
    pub(super) async fn read(request: Incoming1, keep: u64) -> Option<Self> {
        let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|value| multer::parse_boundary(value).ok());
        let flip = request.extensions().get::<FlippedByte>().map(|byte| byte.0);
        let mut body = request.into_body();
        let form = match boundary {
            Some(boundary) => Self::parse(&mut body, boundary, keep, flip).await,
            None => Ok(Self::default()),
        };
        // What follows the closing boundary belongs to the body too, and it may be cut there.
        let mut complete = form.is_ok();
        while let Some(frame) = body.frame().await {
            complete &= frame.is_ok();
        }
        form.ok().filter(|_| complete)
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
                "root" => form.root = Some(part.text().await?),
                "path" => form.path = Some(part.text().await?),
                "checksum" => form.checksum = Some(part.text().await?),
                "print" => form.print = part.text().await? == "true",
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
        let mut hash = Sha256::new();
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
        Ok(Self { name, size, sha256_hex: hex(&hash.finalize()), data: data.map(Bytes::from) })
    }
}

pub(super) fn sha256_hex(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}
