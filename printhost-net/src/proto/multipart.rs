//! `multipart/form-data` bodies (RFC 7578) around one streamed file.

use alloc::{
    format,
    string::{String, ToString},
};
use core::fmt::Write as _;

use super::percent::encode_component;

/// What comes before and after the file.
#[derive(Debug)]
pub struct Form {
    boundary: String,
    before: String,
}

impl Form {
    /// An empty form. The boundary must not occur in the file: 16 unpredictable bytes see to that.
    pub fn new(random: [u8; 16]) -> Self {
        let mut boundary = "printhost-".to_string();
        for b in random {
            let _ = write!(boundary, "{b:02x}");
        }
        Self { boundary, before: String::new() }
    }

    /// The value of the `Content-Type` field.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Adds a text field. `name` is ours and plain; `value` may be anything.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        let boundary = &self.boundary;
        let _ = write!(
            self.before,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\
             Content-Type: text/plain; charset=utf-8\r\n\r\n{value}\r\n"
        );
        self
    }

    /// Adds the file: what comes before and after its content. A file name beyond plain ASCII is given twice, for
    /// old servers and, after RFC 5987, for those that read `filename*`.
    pub fn file(self, name: &str, filename: &str) -> (String, String) {
        let Self { boundary, mut before } = self;
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '%');
        let ascii: String = filename.chars().map(|c| if plain(c) || c == ' ' { c } else { '_' }).collect();
        let _ = write!(
            before,
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{ascii}\""
        );
        if ascii != filename {
            before.push_str("; filename*=UTF-8''");
            encode_component(&mut before, filename);
        }
        before.push_str("\r\nContent-Type: application/octet-stream\r\n\r\n");
        (before, format!("\r\n--{boundary}--\r\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_is_what_rfc_7578_asks_for() {
        let form = Form::new([0xab; 16]).text("print", "false");
        let boundary = form.content_type().split_once("boundary=").unwrap().1.to_string();
        let (before, after) = form.file("file", "a \"ü\".gcode");
        assert_eq!(
            before + "G28" + &after,
            format!(
                "--{boundary}\r\nContent-Disposition: form-data; name=\"print\"\r\n\
                 Content-Type: text/plain; charset=utf-8\r\n\r\nfalse\r\n\
                 --{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a ___.gcode\"; \
                 filename*=UTF-8''a%20%22%C3%BC%22.gcode\r\nContent-Type: application/octet-stream\r\n\r\n\
                 G28\r\n--{boundary}--\r\n"
            )
        );
    }

    #[test]
    fn plain_name_is_given_once() {
        let (before, _) = Form::new([0; 16]).file("file", "cube-0.2mm.gcode");
        assert!(before.contains("filename=\"cube-0.2mm.gcode\"\r\n"), "{before}");
    }
}
