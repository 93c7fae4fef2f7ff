//! How large futures are, so that a blow-up is noticed.

use printhost_core::{Command, PrintHost as _, Upload};
use printhost_net_tokio::{HyperNet, PortableNet};

use super::{
    in_memory::{TestNet, network},
    peers::Protocol,
    supervise::{Any, Card, supervise},
};

/// What, and at most how many bytes: a quarter more than measured, on x86-64 with rustc 1.95.
fn check(net: &str, sizes: [(&str, usize, usize); 7]) {
    for (what, size, ceiling) in sizes {
        println!("{net:>8} {what:<10} {size:>6} of {ceiling:>6} bytes");
    }
    for (what, size, ceiling) in sizes {
        assert!(size <= ceiling, "{net} {what}: {size} bytes, at most {ceiling}");
    }
}

macro_rules! sizes {
    ($net:expr, $name:literal, $type:ty, $ceilings:expr) => {{
        let net = $net;
        let host: Any<$type> = Any::new(net.clone(), Protocol::OctoPrint, 80, "key1");
        let card = tokio::sync::watch::Sender::new(Card::default());
        let mut body: &[u8] = b"G28\n";
        let [host_size, connect, status, upload, command, run, supervised] = $ceilings;
        check(
            $name,
            [
                ("host", size_of_val(&host), host_size),
                ("connect", size_of_val(&host.connect()), connect),
                ("status", size_of_val(&host.status()), status),
                ("upload", size_of_val(&host.upload(Upload::new("a.gcode", 4, &mut body))), upload),
                ("command", size_of_val(&host.command(Command::Pause)), command),
                ("run", size_of_val(&host.run()), run),
                ("supervise", size_of_val(&supervise(&host, &net, &card)), supervised),
            ],
        );
    }};
}

#[test]
fn futures_stay_as_small_as_they_are() {
    // host, connect, status, upload, command, run, supervise
    sizes!(HyperNet::new(), "hyper", HyperNet, [2450, 4450, 4700, 7200, 1150, 2800, 3100]);
    sizes!(PortableNet::new(), "portable", PortableNet, [2450, 4450, 4450, 6500, 1150, 2800, 3100]);
    sizes!(network(), "memory", TestNet, [2450, 4150, 4150, 6450, 1150, 2800, 3100]);
}
