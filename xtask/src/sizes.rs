//! What a firmware image consists of, by crate.

use std::collections::BTreeMap;
use std::path::Path;

use crate::steps::{self, Result};
use crate::workspace;

/// Wrappers: what they contain is whose code it is.
const WRAPPERS: [&str; 6] =
    ["core", "alloc", "embassy_futures", "embassy_executor", "embassy_sync", "static_cell"];

/// Crates that belong together in the table.
const GROUPS: [(&str, &str); 7] = [
    ("serde_json", "JSON"),
    ("serde_core", "JSON"),
    ("zmij", "JSON"),
    ("itoa", "JSON"),
    ("smoltcp", "TCP/IP"),
    ("embassy_net", "TCP/IP"),
    ("compiler_builtins", "core and alloc"),
];

/// Prints flash and RAM by crate, from the symbols of an image. Inlining makes it approximate.
pub(crate) fn print(image: &Path) -> Result {
    let mut nm = workspace::command("nm");
    nm.args(["--demangle", "--print-size", "--size-sort", "--radix=d"]).arg(image);
    let symbols = steps::output(&mut nm)?;
    let mut sizes: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for line in symbols.lines() {
        let mut words = line.splitn(4, ' ');
        let (Some(_), Some(size), Some(kind), Some(name)) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let size: u64 = size.parse().unwrap_or(0);
        let (flash, ram) = sizes.entry(owner(name)).or_default();
        match kind {
            "b" | "B" => *ram += size,
            "d" | "D" => (*flash, *ram) = (*flash + size, *ram + size),
            _ => *flash += size,
        }
    }
    let mut rows: Vec<_> = sizes.into_iter().collect();
    rows.sort_by_key(|(_, (flash, ram))| std::cmp::Reverse((*flash, *ram)));
    let total = rows.iter().fold((0, 0), |sum, (_, (flash, ram))| (sum.0 + flash, sum.1 + ram));
    println!("  {:24} {:>8} {:>8}", "crate", "flash", "RAM");
    for (name, (flash, ram)) in rows.iter().chain([&("all symbols", total)]) {
        println!("  {name:24} {flash:8} {ram:8}");
    }
    Ok(())
}

/// The first crate a symbol names that is more than a wrapper.
fn owner(symbol: &str) -> &str {
    let crates = symbol.match_indices("::").filter_map(|(end, _)| {
        let start =
            symbol[..end].rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        let inner = symbol[..start].ends_with("::"); // a module, not a crate
        (!inner && start < end).then(|| &symbol[start..end])
    });
    if symbol.starts_with("mbedtls_") {
        return "mbedTLS";
    }
    let mut wrapper = false;
    for name in crates {
        if !WRAPPERS.contains(&name) {
            return GROUPS.iter().find(|(member, _)| *member == name).map_or(name, |(_, group)| group);
        }
        wrapper = true;
    }
    if wrapper { "core and alloc" } else { "other" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_belongs_to_the_first_crate_that_is_more_than_a_wrapper() {
        for (symbol, crate_name) in [
            ("sha1::block_api::compress", "sha1"),
            (
                "<core::marker::PhantomData<printhost_octoprint::wire::Job> as serde_core::de::X>::y",
                "printhost_octoprint",
            ),
            ("<embassy_futures::select::Select<hub_firmware::relay::relay<a::B>>>::poll", "hub_firmware"),
            ("<smoltcp::socket::dhcpv4::Socket>::process", "TCP/IP"),
            ("core::str::from_utf8", "core and alloc"),
            ("mbedtls_ssl_read", "mbedTLS"),
            ("memcpy", "other"),
        ] {
            assert_eq!(owner(symbol), crate_name, "{symbol}");
        }
    }
}
