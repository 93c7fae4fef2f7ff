//! The multipart form of an upload.

use bytes::Bytes;
use http_body_util::{BodyDataStream, BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header;
use multer::{Field, Multipart};
use serde_json::Value;
use sha1::{Digest, Sha1};

use super::server::{FlippedByte, Incoming1};
use super::uri::{hex, is_true, percent_decode, query_value};

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

/// The chunk that begins at `start`, with one bit flipped if the byte to damage is in it.
fn flipped(chunk: Bytes, start: u64, flip: Option<u64>) -> Bytes {
    let at = flip.and_then(|byte| usize::try_from(byte.checked_sub(start)?).ok());
    let Some(at) = at.filter(|at| *at < chunk.len()) else { return chunk };
    let mut damaged = chunk.to_vec();
    damaged[at] ^= 1;
    damaged.into()
}

/// The file name in a Content-Disposition; the extended one of RFC 5987 wins.
fn file_name(disposition: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = disposition.split_once(';')?.1;
    while !rest.trim().is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = extended_value(&value),
            _ => {}
        }
        rest = after.trim_start().trim_start_matches(';');
    }
    extended.or(plain)
}

/// The text up to the closing quote, and what follows that.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((text, &quoted[at + 1..])),
            '\\' => text.push(chars.next()?.1),
            _ => text.push(c),
        }
    }
    None
}

fn extended_value(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    charset.eq_ignore_ascii_case("utf-8").then(|| percent_decode(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extended_file_name_wins() {
        let both = r#"form-data; name="file"; filename="u.gcode"; filename*=UTF-8''%C3%BC%20x.gcode"#;
        assert_eq!(file_name(both).as_deref(), Some("ü x.gcode"));
        let plain = r#"form-data; filename="a \"b\"; c.gcode"; name=file"#;
        assert_eq!(file_name(plain).as_deref(), Some("a \"b\"; c.gcode"));
        assert_eq!(file_name("form-data; name=path"), None);
    }

    #[test]
    fn the_byte_to_flip_is_counted_from_the_start_of_the_file() {
        let chunk = || Bytes::from_static(b"abc");
        assert_eq!(flipped(chunk(), 10, Some(11)), "acc");
        assert_eq!(flipped(chunk(), 10, Some(9)), "abc");
        assert_eq!(flipped(chunk(), 10, Some(13)), "abc");
        assert_eq!(flipped(chunk(), 10, None), "abc");
    }
}
