//! `CALLS.md` is true to the trait and its errors.

use printhost::{Error, ErrorKind};

const CALLS: &str = include_str!("../CALLS.md");

/// Every kind there is; [`ErrorKind`] may grow, and a new one belongs here and into the table.
const KINDS: [ErrorKind; 22] = [
    ErrorKind::Unsupported,
    ErrorKind::InvalidInput,
    ErrorKind::Unauthorized,
    ErrorKind::Forbidden,
    ErrorKind::NotFound,
    ErrorKind::Exists,
    ErrorKind::Conflict,
    ErrorKind::Busy,
    ErrorKind::TooLarge,
    ErrorKind::StorageFull,
    ErrorKind::Source,
    ErrorKind::Sink,
    ErrorKind::Corrupted,
    ErrorKind::Protocol,
    ErrorKind::Redirected,
    ErrorKind::Unreachable,
    ErrorKind::Disconnected,
    ErrorKind::Timeout,
    ErrorKind::Untrusted,
    ErrorKind::NotRunning,
    ErrorKind::Unconfirmed,
    ErrorKind::HostFault,
];

#[test]
fn every_kind_of_error_is_told_with_its_retry_and_advice() {
    let table = CALLS.split_once("| kind | retry | what to do |\n|---|---|---|\n").unwrap().1;
    let expected = KINDS.map(|kind| {
        let retry = Error::new(kind, "").retry();
        format!("| `{}` | `{}` | {} |", kind.name(), retry.name(), kind.advice())
    });
    assert!(table.lines().eq(expected));
}

#[test]
fn kinds_named_in_the_table_of_calls_exist() {
    let calls = CALLS.split_once("## Whether to repeat").unwrap().0;
    let known = |word: &str| KINDS.iter().any(|kind| kind.name() == word) || word == "None" || word == "run";
    for word in
        calls.split('`').skip(1).step_by(2).filter(|word| word.chars().all(|c| c.is_lowercase() || c == '_'))
    {
        let is_call = CALLS.contains(&format!("[`{word}`](PrintHost::{word})")) || word == "beside";
        assert!(known(word) || is_call, "{word}");
    }
}

#[test]
fn every_call_of_the_trait_is_told() {
    let host = concat!(env!("CARGO_MANIFEST_DIR"), "/../printhost-core/src/host.rs");
    let host = std::fs::read_to_string(host).unwrap();
    let body = host.split_once("pub trait PrintHost {").unwrap().1.split_once("\n}\n").unwrap().0;
    let names: Vec<&str> = body
        .lines()
        .filter_map(|line| line.strip_prefix("    async fn ").or(line.strip_prefix("    fn ")))
        .map(|rest| rest.split(['(', '<']).next().unwrap())
        .collect();
    assert!(names.len() >= 16, "{names:?}");
    for name in names {
        assert!(CALLS.contains(&format!("](PrintHost::{name})")), "{name}");
    }
}
