use std::collections::BTreeMap;

use crate::text::{host_name, path_prefix, printable};
use crate::{Address, Kind};

/// How many addresses and how many TXT values of one announcement are kept.
const ADDRESSES_MAX: usize = 16;
const TXT_MAX: usize = 32;

/// TXT names under which printers announce the login of a proxy in front of them, or might.
const SECRETS: [&str; 12] = [
    "u",
    "p",
    "user",
    "username",
    "pass",
    "password",
    "key",
    "apikey",
    "api_key",
    "token",
    "access_token",
    "secret",
];

/// What tells announcements apart: how it was heard (`_octoprint._tcp`), and the name there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) source: &'static str,
    pub(crate) instance: String,
}

impl Key {
    pub(crate) fn new(source: &'static str, instance: &str) -> Self {
        Self { source, instance: instance.to_ascii_lowercase() }
    }
}

/// One service that one machine says it has; plain data, however it was heard, and already clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) host: Option<String>,
    pub(crate) addresses: Vec<Address>,
    pub(crate) port: u16,
    pub(crate) path: String,
    pub(crate) txt: BTreeMap<String, String>,
}

impl Announcement {
    /// What can be used of an announcement; `None` if nobody could connect to it.
    pub(crate) fn clean<'a>(
        kind: Kind,
        name: &str,
        host: &str,
        addresses: impl IntoIterator<Item = Address>,
        port: u16,
        txt: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Option<Self> {
        let mut addresses: Vec<_> = addresses.into_iter().filter(|address| !address.is_useless()).collect();
        sort_addresses(&mut addresses);
        if addresses.is_empty() || port == 0 {
            return None;
        }
        let txt: BTreeMap<_, _> = txt
            .into_iter()
            .take(TXT_MAX)
            .map(|(name, value)| (printable(name).to_lowercase(), printable(&String::from_utf8_lossy(value))))
            .filter(|(name, _)| !name.is_empty() && !SECRETS.contains(&name.as_str()))
            .collect();
        let host_for_display = printable(host.trim_end_matches('.'));
        let name = [printable(name), host_for_display, addresses[0].to_string()]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default();
        let path = match kind {
            Kind::Moonraker => txt.get("route_prefix"),
            _ => txt.get("path"),
        };
        let path = path.map_or_else(String::new, |path| path_prefix(path));
        Some(Self { kind: actual_kind(kind, &name), name, host: host_name(host), addresses, port, path, txt })
    }

    /// Both are the same server, since a connection to either ends in the same place.
    ///
    /// Not so if each has a uuid of its own: copies of one SD card share the host name `octopi.local`. An equal uuid
    /// proves nothing, since such copies share that too.
    pub(crate) fn is_same_printer(&self, other: &Self) -> bool {
        let same_host = self.host.is_some() && self.host == other.host;
        let same_address = match (self.addresses.first(), other.addresses.first()) {
            (Some(a), Some(b)) => a.is_distinctive() && a.ip == b.ip && a.zone == b.zone,
            _ => false,
        };
        self.port == other.port
            && self.path == other.path
            && (same_host || same_address)
            && !self.is_other_printer(other)
    }

    /// They say themselves that they are different.
    pub(crate) fn is_other_printer(&self, other: &Self) -> bool {
        matches!((self.txt.get("uuid"), other.txt.get("uuid")), (Some(a), Some(b)) if a != b)
    }
}

/// The best in front, none twice, a bounded number.
pub(crate) fn sort_addresses(addresses: &mut Vec<Address>) {
    addresses.sort();
    // An address heard on two networks is on-link if it is for one of them, and that one sorts first.
    let mut seen = Vec::new();
    addresses.retain(|address| {
        let new = !seen.contains(&(address.ip, address.zone.clone()));
        if new {
            seen.push((address.ip, address.zone.clone()));
        }
        new && seen.len() <= ADDRESSES_MAX
    });
}

/// PrusaLink announces itself as OctoPrint too, for old slicers.
fn actual_kind(kind: Kind, name: &str) -> Kind {
    match kind {
        Kind::OctoPrint if name.starts_with("PrusaLink at ") => Kind::PrusaLink,
        _ => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(txt: &[(&str, &[u8])]) -> Announcement {
        let address = Address::new([10, 0, 0, 7].into(), true);
        let txt = txt.iter().copied();
        Announcement::clean(Kind::OctoPrint, "a\u{1b}[1mb", "octopi.local.", [address], 5000, txt).unwrap()
    }

    #[test]
    fn announced_credentials_are_dropped() {
        let announcement = clean(&[
            ("path", b"/octo"),
            ("u", b"joe"),
            ("P", b"hunter2"),
            ("apiKey", b"A1B2"),
            ("api", b"0.1"),
        ]);
        let text = format!("{announcement:?}");
        assert!(!text.contains("joe") && !text.contains("hunter2") && !text.contains("A1B2"), "{text}");
        assert_eq!(announcement.txt.get("api").map(String::as_str), Some("0.1"));
        assert_eq!(announcement.path, "/octo");
    }

    #[test]
    fn hostile_announcement_is_bounded_and_printable() {
        let names: Vec<String> = (0..1000).map(|n| format!("k{n}\u{7}")).collect();
        let value = [0xff; 4000];
        let txt: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &value[..])).collect();
        let announcement = clean(&txt);
        assert_eq!(announcement.name, "a [1mb");
        assert_eq!(announcement.txt.len(), TXT_MAX);
        for (name, value) in &announcement.txt {
            assert!(name.len() < 10 && value.chars().count() <= 255 && !name.contains('\u{7}'));
        }
        let many = (0..=255).map(|n| Address::new([10, 0, 0, n].into(), true));
        let announcement = Announcement::clean(Kind::Moonraker, "x", "", many, 7125, []).unwrap();
        assert_eq!(announcement.addresses.len(), ADDRESSES_MAX);
    }

    #[test]
    fn announcement_to_which_nobody_can_connect_is_none() {
        let clean = |ip: [u8; 4], port| {
            Announcement::clean(Kind::OctoPrint, "x", "x", [Address::new(ip.into(), true)], port, [])
        };
        assert!(clean([10, 0, 0, 7], 0).is_none());
        assert!(clean([0, 0, 0, 0], 80).is_none());
        assert!(clean([224, 0, 0, 251], 80).is_none());
    }

    #[test]
    fn name_is_never_empty() {
        let address = || [Address::new([10, 0, 0, 7].into(), true)];
        let name = |host| Announcement::clean(Kind::OctoPrint, "\0", host, address(), 80, []).unwrap().name;
        assert_eq!(name("octopi.local."), "octopi.local");
        assert_eq!(name("."), "10.0.0.7");
    }
}
