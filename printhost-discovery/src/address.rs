use std::cmp::Ordering;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of a printer, as seen from this machine.
///
/// The order is the order to try them in: IPv4 on the network the announcement came from, loopback, other IPv4, IPv6,
/// link-local IPv6; last what only means something inside the printer's own machine: container bridges
/// (`172.17.0.1`), loopback and link-local addresses heard from elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Of a link-local IPv6 address: the interface to use, its name, or on Windows its number.
    pub zone: Option<String>,
    /// It belongs to the network of the interface on which it was heard.
    pub on_link: bool,
}

impl Address {
    /// An address, heard on its own network or not.
    pub(crate) const fn new(ip: IpAddr, on_link: bool) -> Self {
        Self { ip, zone: None, on_link }
    }

    /// Nobody can be reached at such an address.
    pub(crate) const fn is_useless(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
            IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
        }
    }

    /// Two machines heard on this network do not share it.
    pub(crate) fn is_distinctive(&self) -> bool {
        self.rank() < Rank::InsideTheHost
    }

    fn rank(&self) -> Rank {
        match (self.ip, self.on_link) {
            (IpAddr::V4(ip), true) if ip.is_loopback() => Rank::Loopback,
            (IpAddr::V4(_), true) => Rank::SameNetwork4,
            (IpAddr::V4(ip), false) if is_usually_internal(ip) => Rank::InsideTheHost,
            (IpAddr::V4(_), false) => Rank::Elsewhere4,
            (IpAddr::V6(ip), _) if is_link_local(ip) && self.zone.is_some() => Rank::LinkLocal6,
            (IpAddr::V6(ip), false) if ip.is_loopback() || is_link_local(ip) => Rank::InsideTheHost,
            (IpAddr::V6(_), true) => Rank::SameNetwork6,
            (IpAddr::V6(_), false) => Rank::Elsewhere6,
        }
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.rank(), self.ip, &self.zone, self.on_link).cmp(&(
            other.rank(),
            other.ip,
            &other.zone,
            other.on_link,
        ))
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some(zone) => write!(f, "{}%{zone}", self.ip),
            None => write!(f, "{}", self.ip),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    SameNetwork4,
    Loopback,
    Elsewhere4,
    SameNetwork6,
    Elsewhere6,
    LinkLocal6,
    InsideTheHost,
}

pub(crate) const fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.segments()[0] & 0xffc0 == 0xfe80
}

/// Docker's, libvirt's and link-local defaults: heard from another network, they are that machine's own.
const fn is_usually_internal(ip: Ipv4Addr) -> bool {
    ip.is_loopback()
        || ip.is_link_local()
        || matches!(ip.octets(), [172, 17..=31, ..] | [192, 168, 122, _] | [10, 0, 3, _])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str, on_link: bool) -> Address {
        Address::new(text.parse().unwrap(), on_link)
    }

    #[test]
    fn reachable_addresses_come_before_those_inside_the_printers_machine() {
        let link_local = Address { zone: Some("eth0".into()), ..address("fe80::1", true) };
        let best_first = [
            address("192.168.1.9", true),
            address("127.0.0.1", true),
            address("10.9.0.4", false),
            address("fd00::9", true),
            address("2001:db8::9", false),
            link_local,
            address("127.0.1.1", false),
            address("172.17.0.1", false),
        ];
        let mut sorted = best_first.to_vec();
        sorted.reverse();
        sorted.sort();
        assert_eq!(sorted, best_first);
    }

    #[test]
    fn bridge_network_that_is_ours_too_is_as_good_as_any() {
        assert!(address("172.20.1.5", true) < address("192.168.1.9", false));
        assert!(address("172.20.1.5", true).is_distinctive());
        assert!(!address("172.17.0.1", false).is_distinctive());
    }
}
