use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::announcement::{Announcement, Key, sort_addresses};
use crate::{DiscoveredPrinter, PrinterId};

/// How many printers, and how many announcements of all of them, are kept. More are not looked at until others go.
pub(crate) const PRINTERS_MAX: usize = 1024;
const ANNOUNCEMENTS_MAX: usize = 2 * PRINTERS_MAX;

/// All announcements that are valid now, and which printer each belongs to. No input, no output, no clock.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    announcements: BTreeMap<Key, Entry>,
    last_id: u64,
    last_age: u64,
}

#[derive(Debug)]
struct Entry {
    printer: PrinterId,
    /// Counts up with every new key: after a rename the new name is the larger one.
    age: u64,
    announcement: Announcement,
}

impl Catalog {
    /// Takes in what was announced under `key`, new or again, and returns the printers that may look different now.
    pub(crate) fn announce(&mut self, key: Key, announcement: Announcement) -> BTreeSet<PrinterId> {
        let previous = self.announcements.remove(&key);
        if previous.is_none() && self.announcements.len() >= ANNOUNCEMENTS_MAX {
            return BTreeSet::new();
        }
        let mut touched: BTreeSet<_> = previous.iter().map(|entry| entry.printer).collect();
        let orphan = touched.first().copied().filter(|id| !self.exists(*id));

        let mut same = self.printers_like(&announcement);
        same.extend(orphan);
        let home = same.first().copied().or_else(|| self.new_printer());
        let Some(home) = home else { return touched };
        for other in same.into_iter().filter(|id| *id != home) {
            if self.merge(other, home) {
                touched.insert(other);
            }
        }
        touched.insert(home);
        let age = previous.map_or_else(|| self.next_age(), |entry| entry.age);
        self.announcements.insert(key, Entry { printer: home, age, announcement });
        touched
    }

    /// Forgets what was announced under `key`, and returns the printer that may look different now.
    pub(crate) fn withdraw(&mut self, key: &Key) -> Option<PrinterId> {
        self.announcements.remove(key).map(|entry| entry.printer)
    }

    /// Forgets everything heard in one way.
    pub(crate) fn withdraw_all(&mut self, source: &str) -> BTreeSet<PrinterId> {
        let gone = self.announcements.extract_if(.., |key, _| key.source == source);
        gone.map(|(_, entry)| entry.printer).collect()
    }

    /// The printer made of all its announcements; `None` if there is none left.
    pub(crate) fn printer(&self, id: PrinterId) -> Option<DiscoveredPrinter> {
        let entries: Vec<_> = self.announcements.values().filter(|entry| entry.printer == id).collect();
        printer_of(&entries)
    }

    /// Every printer there is.
    pub(crate) fn printers(&self) -> Vec<DiscoveredPrinter> {
        let mut printers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in self.announcements.values() {
            printers.entry(entry.printer).or_default().push(entry);
        }
        printers.values().filter_map(|entries| printer_of(entries)).collect()
    }

    fn ids(&self) -> BTreeSet<PrinterId> {
        self.announcements.values().map(|entry| entry.printer).collect()
    }

    pub(crate) fn exists(&self, id: PrinterId) -> bool {
        self.announcements.values().any(|entry| entry.printer == id)
    }

    /// The printers of which this is one more announcement, the one known longest first.
    fn printers_like(&self, announcement: &Announcement) -> BTreeSet<PrinterId> {
        let ids = |test: fn(&Announcement, &Announcement) -> bool| -> BTreeSet<_> {
            let entries = self.announcements.values();
            entries.filter(|e| test(&e.announcement, announcement)).map(|e| e.printer).collect()
        };
        &ids(Announcement::is_same_printer) - &ids(Announcement::is_other_printer)
    }

    /// Makes one printer out of two that turned out to be the same, unless they say they are not.
    fn merge(&mut self, from: PrinterId, to: PrinterId) -> bool {
        let of = |id| self.announcements.values().filter(move |entry| entry.printer == id);
        if of(from).any(|a| of(to).any(|b| a.announcement.is_other_printer(&b.announcement))) {
            return false;
        }
        self.announcements.values_mut().filter(|entry| entry.printer == from).for_each(|e| e.printer = to);
        true
    }

    fn new_printer(&mut self) -> Option<PrinterId> {
        if self.ids().len() >= PRINTERS_MAX {
            return None;
        }
        self.last_id += 1;
        Some(PrinterId(self.last_id))
    }

    const fn next_age(&mut self) -> u64 {
        self.last_age += 1;
        self.last_age
    }
}

/// The newest announcement of the best kind says what the printer is, all of them say where.
fn printer_of(entries: &[&Entry]) -> Option<DiscoveredPrinter> {
    let entry = entries.iter().min_by_key(|entry| (entry.announcement.kind, Reverse(entry.age)))?;
    let Announcement { kind, name, host, port, path, txt, .. } = entry.announcement.clone();
    let mut addresses: Vec<_> =
        entries.iter().flat_map(|entry| &entry.announcement.addresses).cloned().collect();
    sort_addresses(&mut addresses);
    Some(DiscoveredPrinter {
        id: entry.printer,
        kind,
        name,
        host,
        addresses,
        port,
        https: port == 443,
        path,
        version: txt.get("version").filter(|version| !version.is_empty()).cloned(),
        txt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Kind};

    const OCTOPRINT: &str = "_octoprint._tcp";
    const PRUSALINK: &str = "_prusalink._tcp";
    const MOONRAKER: &str = "_moonraker._tcp";

    /// An announcement as it comes from the network: where, and a TXT record.
    struct Heard<'a> {
        source: &'static str,
        instance: &'a str,
        host: &'a str,
        addresses: &'a [&'a str],
        port: u16,
        txt: &'a [(&'a str, &'a str)],
    }

    const OCTOPI: Heard<'static> = Heard {
        source: OCTOPRINT,
        instance: "OctoPrint instance on octopi",
        host: "octopi.local.",
        addresses: &["192.168.1.9"],
        port: 5000,
        txt: &[("path", "/")],
    };

    impl Heard<'_> {
        fn key(&self) -> Key {
            Key::new(self.source, self.instance)
        }

        fn tell(&self, catalog: &mut Catalog) -> BTreeSet<PrinterId> {
            let kind = match self.source {
                OCTOPRINT => Kind::OctoPrint,
                PRUSALINK => Kind::PrusaLink,
                _ => Kind::Moonraker,
            };
            let addresses = self.addresses.iter().map(|text| {
                let on_link = text.starts_with("192.168.1.") || text.starts_with("fe80:");
                let zone = text.starts_with("fe80:").then(|| "eth0".to_owned());
                Address { zone, ..Address::new(text.parse().unwrap(), on_link) }
            });
            let txt = self.txt.iter().map(|(name, value)| (*name, value.as_bytes()));
            let clean = Announcement::clean(kind, self.instance, self.host, addresses, self.port, txt);
            catalog.announce(self.key(), clean.unwrap())
        }
    }

    fn catalog<const N: usize>(heard: [Heard<'_>; N]) -> Catalog {
        let mut catalog = Catalog::default();
        heard.iter().for_each(|heard| drop(heard.tell(&mut catalog)));
        catalog
    }

    fn only(catalog: &Catalog) -> DiscoveredPrinter {
        let [printer] = catalog.printers().try_into().expect("one printer");
        printer
    }

    #[test]
    fn printer_that_announces_two_protocols_is_one_of_the_better_kind() {
        for order in [[OCTOPRINT, PRUSALINK], [PRUSALINK, OCTOPRINT]] {
            let name = "PrusaLink at mk3";
            let catalog = catalog(order.map(|source| Heard {
                source,
                instance: name,
                host: "mk3.local.",
                port: 80,
                ..OCTOPI
            }));
            let printer = only(&catalog);
            assert_eq!((printer.kind, printer.name.as_str()), (Kind::PrusaLink, name));
            assert_eq!(printer.url(), "prusalink://192.168.1.9");
        }
        let alone = Heard { instance: "PrusaLink at mk3", ..OCTOPI };
        assert_eq!(only(&catalog([alone])).kind, Kind::PrusaLink);
    }

    #[test]
    fn better_kind_that_goes_leaves_the_other() {
        let native = Heard { source: MOONRAKER, instance: "voron", ..OCTOPI };
        let key = native.key();
        let mut catalog = catalog([native, OCTOPI]);
        assert_eq!(only(&catalog).kind, Kind::Moonraker);
        let id = catalog.withdraw(&key).unwrap();
        assert_eq!(catalog.printer(id).unwrap().kind, Kind::OctoPrint);
        assert_eq!(catalog.withdraw(&OCTOPI.key()), Some(id));
        assert_eq!(catalog.printer(id), None);
        assert_eq!(catalog.withdraw(&OCTOPI.key()), None);
    }

    #[test]
    fn renamed_instance_is_the_same_printer_under_its_new_name() {
        let mut catalog = catalog([OCTOPI]);
        let id = only(&catalog).id;
        Heard { instance: "\"Ender\" on octopi", ..OCTOPI }.tell(&mut catalog);
        // The old name is heard once more before it goes.
        OCTOPI.tell(&mut catalog);
        for _ in 0..2 {
            let printer = only(&catalog);
            assert_eq!((printer.id, printer.name.as_str()), (id, "\"Ender\" on octopi"));
            catalog.withdraw(&OCTOPI.key());
        }
    }

    #[test]
    fn new_address_port_and_host_of_one_instance_are_an_update() {
        let mut catalog = catalog([OCTOPI]);
        let id = only(&catalog).id;
        let moved = Heard { host: "octopi-2.local.", addresses: &["192.168.1.77"], port: 80, ..OCTOPI };
        assert_eq!(moved.tell(&mut catalog), BTreeSet::from([id]));
        assert_eq!(only(&catalog).url(), "octoprint://192.168.1.77");
    }

    #[test]
    fn several_addresses_and_interfaces_are_one_printer_with_the_reachable_first() {
        let wifi = Heard { instance: "b", addresses: &["172.17.0.1", "fe80::9", "10.1.1.9"], ..OCTOPI };
        let printer = only(&catalog([wifi, OCTOPI]));
        let addresses: Vec<_> = printer.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["192.168.1.9", "10.1.1.9", "fe80::9%eth0", "172.17.0.1"]);
    }

    #[test]
    fn same_address_under_another_host_name_is_the_same_printer() {
        let renamed = Heard { source: PRUSALINK, instance: "new", host: "new.local.", ..OCTOPI };
        assert_eq!(only(&catalog([OCTOPI, renamed])).host.as_deref(), Some("new.local"));
    }

    #[test]
    fn address_of_a_container_bridge_does_not_make_two_printers_one() {
        let a = Heard { instance: "a", host: "a.local.", addresses: &["172.17.0.1"], ..OCTOPI };
        let b = Heard { instance: "b", host: "b.local.", ..a };
        assert_eq!(catalog([a, b]).printers().len(), 2);
    }

    #[test]
    fn ports_and_paths_of_one_machine_are_different_printers() {
        let second = Heard { instance: "2", port: 5001, ..OCTOPI };
        let third = Heard { instance: "3", txt: &[("path", "/three")], ..OCTOPI };
        let catalog = catalog([OCTOPI, second, third]);
        let mut urls: Vec<_> = catalog.printers().iter().map(DiscoveredPrinter::url).collect();
        urls.sort();
        assert_eq!(
            urls,
            [
                "octoprint://192.168.1.9:5000",
                "octoprint://192.168.1.9:5000/three",
                "octoprint://192.168.1.9:5001"
            ]
        );
    }

    #[test]
    fn cloned_cards_with_one_host_name_stay_two_printers_when_their_uuids_differ() {
        let one = Heard { txt: &[("uuid", "1")], ..OCTOPI };
        let two = Heard { instance: "OctoPrint instance on octopi-2", txt: &[("uuid", "2")], ..OCTOPI };
        assert_eq!(catalog([one, two]).printers().len(), 2);
    }

    #[test]
    fn equal_uuid_alone_does_not_hide_a_printer() {
        let one = Heard { txt: &[("uuid", "1")], ..OCTOPI };
        let clone = Heard { instance: "b", host: "b.local.", addresses: &["192.168.1.10"], ..one };
        assert_eq!(catalog([one, clone]).printers().len(), 2);
    }

    #[test]
    fn printers_that_turn_out_to_be_one_keep_the_older_id() {
        let other =
            Heard { source: PRUSALINK, instance: "x", host: "x.local.", addresses: &["10.9.9.9"], ..OCTOPI };
        let mut catalog = catalog([OCTOPI, other]);
        let [first, second] = [0, 1].map(|n| catalog.printers()[n].id);
        let touched =
            Heard { source: PRUSALINK, instance: "x", host: "octopi.local.", ..OCTOPI }.tell(&mut catalog);
        assert_eq!(touched, BTreeSet::from([first, second]));
        assert_eq!(only(&catalog).id, first);
    }

    #[test]
    fn announcement_that_bridges_two_printers_makes_them_one() {
        let a = Heard { instance: "a", host: "a.local.", addresses: &["10.0.0.1"], ..OCTOPI };
        let b = Heard { instance: "b", host: "b.local.", addresses: &["10.0.0.2"], ..OCTOPI };
        let bridge = Heard { instance: "c", host: "a.local.", addresses: &["10.0.0.2"], ..OCTOPI };
        let catalog = catalog([a, b, bridge]);
        assert_eq!(only(&catalog).id, PrinterId(1));
    }

    #[test]
    fn same_thing_heard_again_changes_nothing() {
        let mut catalog = catalog([OCTOPI]);
        let before = only(&catalog);
        OCTOPI.tell(&mut catalog);
        assert_eq!(only(&catalog), before);
    }

    #[test]
    fn flood_of_printers_is_bounded_and_known_ones_still_change() {
        let mut catalog = catalog([OCTOPI]);
        for n in 0..PRINTERS_MAX + 500 {
            let (name, host) = (format!("n{n}"), format!("h{n}.local."));
            Heard { instance: &name, host: &host, addresses: &["10.0.3.1"], ..OCTOPI }.tell(&mut catalog);
        }
        assert_eq!(catalog.printers().len(), PRINTERS_MAX);
        Heard { txt: &[("version", "1.11.8")], ..OCTOPI }.tell(&mut catalog);
        assert_eq!(catalog.printer(PrinterId(1)).unwrap().version.as_deref(), Some("1.11.8"));
        assert!(!catalog.withdraw_all(OCTOPRINT).is_empty());
        assert!(catalog.printers().is_empty());
        for n in 0..ANNOUNCEMENTS_MAX + 10 {
            Heard { instance: &format!("n{n}"), ..OCTOPI }.tell(&mut catalog);
        }
        assert_eq!(catalog.announcements.len(), ANNOUNCEMENTS_MAX);
    }
}
