//! Multicast DNS: `mdns-sd` asks, caches and expires; here its services become announcements.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use if_addrs::{IfAddr, Interface};
use mdns_sd::{IfKind, Receiver, ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use printhost_core::{Error, ErrorKind, Result};
use socket2::{Domain, Protocol, Socket, Type};

use crate::address::is_link_local;
use crate::announcement::{Announcement, Key};
use crate::discovery::Shared;
use crate::{Address, Kind, Options};

const OPERATION: &str = "discover";
const GROUP4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);

/// The service types that printers announce. `_http._tcp` is not among them: whatever can be recognised there as one of
/// these kinds announces its own type too.
const SERVICES: [Service; 3] = [
    Service { name: "_octoprint._tcp", domain: "_octoprint._tcp.local.", kind: Kind::OctoPrint },
    Service { name: "_prusalink._tcp", domain: "_prusalink._tcp.local.", kind: Kind::PrusaLink },
    Service { name: "_moonraker._tcp", domain: "_moonraker._tcp.local.", kind: Kind::Moonraker },
];

#[derive(Clone, Copy)]
struct Service {
    name: &'static str,
    domain: &'static str,
    kind: Kind,
}

/// Asks and listens until it is dropped.
pub(crate) struct Mdns {
    daemon: ServiceDaemon,
}

impl Mdns {
    /// Starts a source for each service type.
    pub(crate) fn start(options: &Options, shared: &Arc<Shared>) -> Result<Self> {
        let interfaces = interfaces(options)?;
        can_join(&interfaces, mdns_sd::MDNS_PORT)?;
        // From here on dropping it ends everything.
        let mdns = Self { daemon: ServiceDaemon::new().map_err(unreachable)? };
        if !options.interfaces.is_empty() {
            mdns.daemon.disable_interface(IfKind::All).map_err(unreachable)?;
            for interface in &options.interfaces {
                mdns.daemon.enable_interface(if_kind(interface)).map_err(unreachable)?;
            }
        }
        for service in SERVICES {
            let events = mdns.daemon.browse(service.domain).map_err(unreachable)?;
            let source = Source { service, daemon: mdns.daemon.clone(), shared: Arc::clone(shared) };
            shared.source_started();
            let started = thread::Builder::new()
                .name(format!("printhost{}", service.name))
                .spawn(move || source.listen(events));
            if let Err(error) = started {
                shared.source_ended();
                return Err(unreachable(error));
            }
        }
        Ok(mdns)
    }
}

impl Drop for Mdns {
    fn drop(&mut self) {
        // Its queue of commands is full for moments at most.
        while matches!(self.daemon.shutdown(), Err(mdns_sd::Error::Again)) {
            thread::yield_now();
        }
    }
}

impl std::fmt::Debug for Mdns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Mdns")
    }
}

/// Hears one service type.
struct Source {
    service: Service,
    daemon: ServiceDaemon,
    shared: Arc<Shared>,
}

impl Source {
    /// Until there is nothing left to hear.
    fn listen(self, mut events: Receiver<ServiceEvent>) {
        let mut networks = Networks::new();
        loop {
            for event in events {
                self.hear(event, &mut networks);
            }
            // The subscription ended: by a shutdown, or since it was behind by more than its queue can hold. After the
            // latter goodbyes may be missing.
            self.shared.withdraw_all(self.service.name);
            events = loop {
                match self.daemon.browse(self.service.domain) {
                    Ok(events) => break events,
                    Err(mdns_sd::Error::Again) => thread::yield_now(),
                    Err(_) => return,
                }
            };
        }
    }

    fn hear(&self, event: ServiceEvent, networks: &mut Networks) {
        match event {
            ServiceEvent::ServiceResolved(resolved) => {
                let Some(key) = self.key(&resolved.fullname) else { return };
                match self.announcement(&resolved, networks) {
                    Some(announcement) => self.shared.announce(key, announcement),
                    None => self.shared.withdraw(&key),
                }
            }
            ServiceEvent::ServiceRemoved(_, full_name) => {
                if let Some(key) = self.key(&full_name) {
                    self.shared.withdraw(&key);
                }
            }
            _ => {}
        }
    }

    fn key(&self, full_name: &str) -> Option<Key> {
        self.instance(full_name).map(|instance| Key::new(self.service.name, instance))
    }

    /// `PrusaLink at mk3` of `PrusaLink at mk3._prusalink._tcp.local.`
    fn instance<'a>(&self, full_name: &'a str) -> Option<&'a str> {
        let end = full_name.len().checked_sub(self.service.domain.len())?;
        let (instance, domain) = full_name.split_at_checked(end)?;
        domain.eq_ignore_ascii_case(self.service.domain).then(|| instance.strip_suffix('.'))?
    }

    fn announcement(&self, resolved: &ResolvedService, networks: &mut Networks) -> Option<Announcement> {
        let name = self.instance(&resolved.fullname)?;
        let addresses: Vec<_> = resolved.addresses.iter().map(|ip| networks.address(ip)).collect();
        let txt = resolved.txt_properties.iter().map(|p| (p.key(), p.val().unwrap_or_default()));
        Announcement::clean(self.service.kind, name, &resolved.host, addresses, resolved.port, txt)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.shared.source_ended();
    }
}

/// The networks this machine is in, looked up again from time to time.
struct Networks {
    interfaces: Vec<Interface>,
    looked_up: Option<Instant>,
}

impl Networks {
    const VALID: Duration = Duration::from_secs(5);

    const fn new() -> Self {
        Self { interfaces: Vec::new(), looked_up: None }
    }

    fn address(&mut self, ip: &ScopedIp) -> Address {
        if self.looked_up.is_none_or(|then| then.elapsed() > Self::VALID) {
            self.interfaces = if_addrs::get_if_addrs().unwrap_or_default();
            self.looked_up = Some(Instant::now());
        }
        let on_link = |address: IpAddr, index: u32| {
            let of_index = self.interfaces.iter().filter(|interface| interface.index == Some(index));
            of_index.map(|interface| &interface.addr).any(|own| is_in_network(address, own))
        };
        match ip {
            ScopedIp::V4(v4) => {
                let address = IpAddr::V4(*v4.addr());
                Address::new(address, v4.interface_ids().iter().any(|id| on_link(address, id.index)))
            }
            ScopedIp::V6(v6) => {
                let address = IpAddr::V6(*v6.addr());
                let scope = v6.scope_id();
                let zone = match (is_link_local(*v6.addr()) && scope.index != 0, cfg!(windows)) {
                    (false, _) => None,
                    (true, true) => Some(scope.index.to_string()),
                    (true, false) => Some(scope.name.clone()),
                };
                Address { zone, ..Address::new(address, on_link(address, scope.index)) }
            }
            other => Address::new(other.to_ip_addr(), false),
        }
    }
}

fn is_in_network(address: IpAddr, own: &IfAddr) -> bool {
    match (address, own) {
        (IpAddr::V4(a), IfAddr::V4(own)) => {
            let mask = own.netmask.to_bits();
            a.to_bits() & mask == own.ip.to_bits() & mask
        }
        (IpAddr::V6(a), IfAddr::V6(own)) => {
            let mask = own.netmask.to_bits();
            a.to_bits() & mask == own.ip.to_bits() & mask
        }
        _ => false,
    }
}

/// The interfaces that `options` means, of those that are up.
fn interfaces(options: &Options) -> Result<Vec<Interface>> {
    let mut interfaces = if_addrs::get_if_addrs().map_err(unreachable)?;
    interfaces.retain(Interface::is_oper_up);
    let mut wanted = Vec::new();
    for name in &options.interfaces {
        let is_meant = |interface: &Interface| match name.parse::<IpAddr>() {
            Ok(ip) => interface.ip() == ip,
            Err(_) => interface.name == *name,
        };
        let before = wanted.len();
        wanted.extend(interfaces.iter().filter(|interface| is_meant(interface)).cloned());
        if wanted.len() == before {
            return Err(unreachable(format!("no network interface {name:?} is up")));
        }
    }
    match (options.interfaces.is_empty(), interfaces.is_empty()) {
        (false, _) => Ok(wanted),
        (true, false) => Ok(interfaces),
        (true, true) => Err(unreachable("no network interface is up")),
    }
}

fn if_kind(name_or_address: &str) -> IfKind {
    match name_or_address.parse::<IpAddr>() {
        Ok(ip) => IfKind::from(ip),
        Err(_) => IfKind::from(name_or_address),
    }
}

/// Finds out whether multicast works on any of the interfaces, which `mdns-sd` does not tell.
fn can_join(interfaces: &[Interface], port: u16) -> Result<()> {
    let mut failure = None;
    for interface in interfaces {
        match join(interface, port) {
            Ok(()) => return Ok(()),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.map_or_else(|| unreachable("no network interface"), unreachable))
}

fn join(interface: &Interface, port: u16) -> std::io::Result<()> {
    let (domain, any) = match interface.addr {
        IfAddr::V4(_) => (Domain::IPV4, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        IfAddr::V6(_) => (Domain::IPV6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    match &interface.addr {
        IfAddr::V4(own) => {
            socket.bind(&SocketAddr::new(any, port).into())?;
            socket.join_multicast_v4(&GROUP4, &own.ip)
        }
        IfAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.bind(&SocketAddr::new(any, port).into())?;
            socket.join_multicast_v6(&GROUP6, interface.index.unwrap_or(0))
        }
    }
}

fn unreachable(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unreachable, OPERATION).with_detail(why)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::Discovery;

    #[test]
    fn interface_that_is_not_there_is_named_in_the_error() {
        for name in ["no-such-if0", "192.0.2.254"] {
            let error = Discovery::new(Options::default().interface(name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreachable);
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn port_that_another_program_keeps_to_itself_is_unreachable() {
        let other = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = other.local_addr().unwrap().port();
        let loopback = interfaces(&Options::default().interface("127.0.0.1")).unwrap();
        assert_eq!(can_join(&loopback, port).unwrap_err().kind(), ErrorKind::Unreachable);
        drop(other);
        can_join(&loopback, port).unwrap();
    }

    #[test]
    fn address_is_on_link_only_in_the_network_of_its_interface() {
        let v4 = if_addrs::Ifv4Addr {
            ip: Ipv4Addr::new(192, 168, 1, 20),
            netmask: Ipv4Addr::new(255, 255, 255, 0),
            prefixlen: 24,
            broadcast: None,
        };
        let own = IfAddr::V4(v4);
        assert!(is_in_network(Ipv4Addr::new(192, 168, 1, 9).into(), &own));
        assert!(!is_in_network(Ipv4Addr::new(192, 168, 2, 9).into(), &own));
        assert!(!is_in_network(Ipv6Addr::LOCALHOST.into(), &own));
    }
}
