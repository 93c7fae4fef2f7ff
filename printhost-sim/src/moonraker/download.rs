//! Downloads.

use hyper::header::{self, HeaderMap};
use hyper::{StatusCode, http::HeaderValue};

use super::failure::Failure;
use super::reply::{self, Reply};
use super::shared::Shared;
use super::store::Place;
use crate::http::byte_range;
use crate::uri::percent_encode_path;

/// `GET` and `HEAD /server/files/ROOT/PATH`. Of folders nothing is handed out.
pub(super) fn download(shared: &Shared, path: &str, headers: &HeaderMap) -> Reply {
    let inner = shared.lock();
    let place = Place::parse(path);
    if place.as_ref().is_some_and(|place| inner.store.is_folder(place)) {
        return reply::failed(&Failure::hidden(403, "It is not a file"));
    }
    let found = place.and_then(|place| Some((inner.store.file(&place)?.clone(), place)));
    let Some((file, place)) = found else { return reply::failed(&Failure::not_found()) };
    let Some(data) = file.data else {
        return reply::failed(&Failure::hidden(507, "The content was not kept"));
    };
    let content_type = match place.name().rsplit_once('.').map(|(_, extension)| extension) {
        Some("png") => "image/png",
        _ => "text/plain",
    };
    let modified = http_date(file.modified);
    let unchanged =
        headers.get(header::IF_MODIFIED_SINCE).and_then(|since| since.to_str().ok()) == Some(&modified);
    let whole = data.len();
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let range = range.and_then(|range| byte_range(range, whole));
    let mut reply = match range {
        _ if unchanged => reply::plain(StatusCode::NOT_MODIFIED, content_type, bytes::Bytes::new()),
        Some(range) if range.is_empty() => {
            let mut reply =
                reply::plain(StatusCode::RANGE_NOT_SATISFIABLE, content_type, bytes::Bytes::new());
            reply::set(&mut reply, header::CONTENT_RANGE, &format!("bytes */{whole}"));
            return reply;
        }
        Some(range) => {
            let text = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
            let mut reply = reply::plain(StatusCode::PARTIAL_CONTENT, content_type, data.slice(range));
            reply::set(&mut reply, header::CONTENT_RANGE, &text);
            reply
        }
        None => reply::plain(StatusCode::OK, content_type, data),
    };
    let name = percent_encode_path(place.name());
    let disposition = format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}");
    reply.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    reply::set(&mut reply, header::LAST_MODIFIED, &modified);
    reply::set(&mut reply, header::CONTENT_DISPOSITION, &disposition);
    reply
}

/// Seconds since 1970 as HTTP writes them.
fn http_date(time: f64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut left) = (1970, days);
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= lengths[month] {
        left -= lengths[month];
        month += 1;
    }
    format!(
        "{}, {:02} {} {year} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        left + 1,
        MONTHS[month],
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_http_writes_it() {
        assert_eq!(http_date(1_795_207_604.0), "Fri, 20 Nov 2026 20:46:44 GMT");
        assert_eq!(http_date(951_782_400.0), "Tue, 29 Feb 2000 00:00:00 GMT");
    }
}
