//! Addresses and redirects: what is accepted is safe, shown as it was given, and made of the parts it was made of.

use libfuzzer_sys::arbitrary::{Result, Unstructured};
use printhost_net::{BaseUrl, Scheme};

use crate::memory;

const PATH: &str = "/api/version";

pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let lines: Vec<&str> = text.splitn(2, '\n').collect();
        if let Ok(url) = memory::within(4 * text.len() + 1024, || BaseUrl::parse(lines[0])) {
            accepted(lines[0], &url);
            if let Some(location) = lines.get(1) {
                redirected(&url, location);
            }
        }
        for base in ["http://h", "https://h:8443/p", "http://[::1]:5000/a/b"] {
            redirected(&BaseUrl::parse(base).expect("good"), text);
        }
    }
    let _ = made(&mut Unstructured::new(data));
}

fn accepted(text: &str, url: &BaseUrl) {
    let shown = url.to_string();
    assert_eq!(BaseUrl::parse(&shown).as_ref(), Ok(url), "{text}");
    assert!(!shown.contains(|c: char| c.is_control() || c.is_whitespace() || "?#\\".contains(c)), "{shown}");
    assert!(!url.origin.authority().to_string().contains('@'), "{shown}");
    assert!(!url.origin.host.is_empty() && !url.origin.host.contains('/') && url.origin.port != 0);
    assert!(url.prefix.is_empty() || url.prefix.starts_with('/') && !url.prefix.ends_with('/'), "{shown}");
    assert!(text.to_ascii_lowercase().contains(&url.origin.host.to_ascii_lowercase()));
}

/// Credentials follow a redirect, so it must stay on its host and not get weaker.
fn redirected(from: &BaseUrl, location: &str) {
    let Ok(to) = from.redirected(PATH, location) else { return };
    accepted(&to.to_string(), &to);
    assert!(to.origin.host.eq_ignore_ascii_case(&from.origin.host), "{from} -> {location}");
    assert!(to.origin.scheme == Scheme::Https || from.origin.scheme == Scheme::Http, "{from} -> {location}");
    assert_ne!(to, *from);
    let target = to.target(PATH);
    assert!(location.contains(&target) || location.contains("//"), "{location} is not {target}");
    // What stands before the path is the host and nothing else: a browser would go to the same one.
    let authority =
        location.split("//").nth(1).filter(|_| !location.starts_with('/') || location.starts_with("//"));
    if let Some(authority) = authority.and_then(|a| a.split('/').next()) {
        let host = authority.strip_prefix('[').map_or_else(
            || authority.split(':').next().unwrap_or_default(),
            |v6| v6.split(']').next().unwrap_or_default(),
        );
        assert!(host.eq_ignore_ascii_case(&from.origin.host), "{from} -> {location}");
    }
}

/// An address put together from its parts, and a redirect to it.
fn made(u: &mut Unstructured<'_>) -> Result<()> {
    let (name, scheme, default) = *u.choose(&[("HTTP", Scheme::Http, 80), ("https", Scheme::Https, 443)])?;
    let host = *u.choose(&["octopi.local", "10.0.0.1", "::1", "fe80::1"])?;
    let port = if u.arbitrary()? { Some(u.int_in_range(1..=u16::MAX)?) } else { None };
    let segment: String = super::text(u)?
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace() && !"/\\?#".contains(*c))
        .collect();
    let prefix = if segment.is_empty() { String::new() } else { format!("/x/{segment}") };
    let authority = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let with_port = port.map_or(authority.clone(), |port| format!("{authority}:{port}"));
    let slash = if u.arbitrary()? { "/" } else { "" };
    let url = BaseUrl::parse(&format!("{name}://{with_port}{prefix}{slash}")).expect("a good address");
    assert_eq!(
        (url.origin.scheme, url.origin.host.as_str(), url.origin.port, url.prefix.as_str()),
        (scheme, host, port.unwrap_or(default), prefix.as_str())
    );
    let from = BaseUrl::parse(&format!("{name}://{with_port}/other")).expect("a good address");
    let query = if u.arbitrary()? { "?login=1" } else { "" };
    for location in [
        format!("{name}://{with_port}{prefix}{PATH}{query}"),
        format!("//{with_port}{prefix}{PATH}{query}"),
        format!("{prefix}{PATH}{query}"),
    ] {
        assert_eq!(from.redirected(PATH, &location).as_ref(), Ok(&url), "{from} -> {location}");
    }
    Ok(())
}
