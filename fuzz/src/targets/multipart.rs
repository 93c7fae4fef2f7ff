//! The form around an upload, read again by `multer`, which knows nothing of the writer.

use futures::stream;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use multer::{Multipart, bytes::Bytes};
use printhost_net::proto::multipart::Form;

use super::{percent::decode, text};
use crate::{cuts, host::settle, memory};

pub fn run(data: &[u8]) {
    let _ = form(Unstructured::new(data));
}

fn form(mut u: Unstructured<'_>) -> Result<()> {
    let random = u.arbitrary()?;
    let mut fields = Vec::new();
    for name in ["print", "path", "x-y"].into_iter().take(u.int_in_range(0..=3)?) {
        fields.push((name, text(&mut u)?));
    }
    let filename = text(&mut u)?;
    let content = u.take_rest();
    let size = fields.iter().map(|(_, value)| value.len()).sum::<usize>() + filename.len();
    let (content_type, before, after) = memory::within(8 * size + 4096, || {
        let mut form = Form::new(random);
        for (name, value) in &fields {
            form = form.text(name, value);
        }
        let content_type = form.content_type();
        let (before, after) = form.file("file", filename);
        (content_type, before, after)
    });
    let boundary = multer::parse_boundary(&content_type).expect("a boundary");
    if content.windows(boundary.len()).any(|w| w == boundary.as_bytes())
        || fields.iter().any(|(_, value)| value.contains(&boundary))
    {
        return Ok(()); // which unpredictable bytes see to
    }
    let wire = [before.as_bytes(), content, after.as_bytes()].concat();
    let pieces: Vec<_> =
        cuts::of(&wire)[2].iter().map(|p| Ok::<_, std::io::Error>(Bytes::copy_from_slice(p))).collect();
    settle(async {
        let mut read = Multipart::new(stream::iter(pieces), boundary);
        for (name, value) in &fields {
            let field = read.next_field().await.expect("a form").expect("a field");
            assert_eq!((field.name(), field.file_name()), (Some(*name), None));
            assert_eq!(field.bytes().await.expect("a value"), value.as_bytes());
        }
        let file = read.next_field().await.expect("a form").expect("the file");
        assert_eq!(file.name(), Some("file"));
        let disposition = file.headers()["content-disposition"].to_str().expect("plain ASCII").to_owned();
        named(&disposition, file.file_name().expect("a file name"), filename);
        assert_eq!(file.bytes().await.expect("the content"), content);
        assert!(read.next_field().await.expect("the end").is_none());
    })
    .expect("an end");
    Ok(())
}

/// The name is given as it is, or in full beside a plain one.
fn named(disposition: &str, plain: &str, filename: &str) {
    assert!(plain.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{disposition}");
    match disposition.split_once("; filename*=UTF-8''") {
        Some((_, full)) => assert_eq!(decode(full), filename.as_bytes(), "{disposition}"),
        None => assert_eq!(plain, filename, "{disposition}"),
    }
    assert_eq!(plain.chars().count(), filename.chars().count(), "{disposition}");
}
