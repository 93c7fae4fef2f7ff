//! What a reply means that is no success.

use alloc::string::String;

use printhost_core::{Error, ErrorKind, Secret};

use crate::proto::ftp::{MAX_TEXT, Reply};

/// The detail of the error when a server wants data connections to resume the TLS session of the control connection, and
/// this network could not: [`ErrorKind::Unsupported`].
pub const SESSION_REQUIRED: &str =
    "the server wants the data connection to resume the control connection's TLS session";

/// A refusal of what was asked for.
pub(super) fn error(operation: &'static str, reply: &Reply, password: &Secret) -> Error {
    let error = Error::new(kind(operation, reply), operation);
    if is_session_required(reply) {
        return error.with_detail(SESSION_REQUIRED);
    }
    error.with_detail(format_args!("{} {}", reply.code, words(reply, password)))
}

/// A refusal to let us in.
pub(super) fn at_login(operation: &'static str, reply: &Reply, password: &Secret) -> Error {
    let kind = match reply.code {
        421 => ErrorKind::Busy,
        430 | 530 | 532 => ErrorKind::Unauthorized,
        // Asks for an account after the password, for one: not a server for which we have the right words.
        300..400 => ErrorKind::Protocol,
        _ => kind(operation, reply),
    };
    Error::new(kind, operation).with_detail(format_args!("{} {}", reply.code, words(reply, password)))
}

/// What the server says, without the password, and without the beginning of one in the middle of which it was cut.
pub(super) fn words(reply: &Reply, password: &Secret) -> String {
    password.redact_cut(&reply.text, MAX_TEXT)
}

/// To EPSV, 522 means another address family (RFC 2428); nobody else's 522 speaks of anything but sessions.
fn is_session_required(reply: &Reply) -> bool {
    reply.code == 522
}

fn kind(operation: &'static str, reply: &Reply) -> ErrorKind {
    match reply.code {
        ..400 => ErrorKind::Protocol,
        421 | 426 => ErrorKind::Disconnected,
        // No data connection; the file is in use.
        425 | 450 => ErrorKind::Busy,
        452 | 552 => ErrorKind::StorageFull,
        400..500 => ErrorKind::HostFault,
        500 | 502 | 504 | 522 | 534 | 536 => ErrorKind::Unsupported,
        501 => ErrorKind::InvalidInput,
        530 | 532 => ErrorKind::Unauthorized,
        521 if operation == "make folder" => ErrorKind::Exists,
        550 if operation == "make folder" => ErrorKind::Conflict,
        550 => ErrorKind::NotFound,
        // A name that it does not take; with printers also no card, or a full one.
        553 => ErrorKind::Conflict,
        _ => ErrorKind::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_told() {
        let password = Secret::from("geheim78");
        let told = |text: String| words(&Reply { code: 530, text }, &password);
        assert_eq!(told("no geheim78 here".into()), "no *** here");
        assert_eq!(told("ends in geh".into()), "ends in geh");
        let long = "x".repeat(MAX_TEXT - 7);
        assert_eq!(told(alloc::format!("{long}geheim7")), long);
        assert_eq!(told(alloc::format!("{}geheim78", &long[1..])), alloc::format!("{}***", &long[1..]));
        assert_eq!(told("x".repeat(MAX_TEXT)), "x".repeat(MAX_TEXT));
    }
}
