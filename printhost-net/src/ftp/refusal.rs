//! What a reply means that is no success.

use printhost_core::{Error, ErrorKind, Secret};

use crate::proto::ftp::Reply;

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
    error.with_detail(format_args!("{} {}", reply.code, password.redact(&reply.text)))
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
    Error::new(kind, operation).with_detail(format_args!("{} {}", reply.code, password.redact(&reply.text)))
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
