//! `printhost discover`.

use std::time::Duration;

use clap::Args;
use printhost::{Net, PrinterUrl};
use printhost_discovery::{DiscoveredPrinter, Options, discover};
use serde_json::json;
use tokio::net::lookup_host;

use crate::{
    config::{Config, Entry, NewEntry},
    failure::{Code, Failure},
    targets::{Session, is_name},
};

/// Longest wait for a look-up of a name, which some systems never answer.
const TO_LOOK_UP: Duration = Duration::from_secs(2);

/// The arguments.
#[derive(Debug, Args)]
pub(crate) struct Discover {
    /// How long to look.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Add to the configuration what this program can talk to, and is not there yet.
    #[arg(long)]
    add: bool,
    /// Look only on this interface, by name or address; may be repeated.
    #[arg(long = "interface", value_name = "INTERFACE")]
    interfaces: Vec<String>,
}

/// Looks, shows what is there, and may add it.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, args: &Discover) -> Result<Code, Failure> {
    let out = &session.out;
    let options = args.interfaces.iter().fold(Options::default(), |options, one| options.interface(one));
    let bar = out.bar(0, "Looking", "{prefix:>10.bold.green} for printers …");
    let found = discover(options, Duration::from_secs(args.seconds)).await?;
    drop(bar);
    let mut entries = session.config.entries()?;
    for printer in &found {
        let url = best_url(printer).await;
        let known = entries.iter().find(|entry| is_same(entry, printer)).map(|entry| entry.name.clone());
        let version = printer.version.as_deref().unwrap_or_default();
        let kind = format!("{} {version}", printer.kind);
        let as_known = known.as_ref().map(|name| format!("  (configured as {name})")).unwrap_or_default();
        out.plain(format_args!("{kind:<18} {url:<40} {}{as_known}", printer.name));
        let addresses: Vec<String> = printer.addresses.iter().map(ToString::to_string).collect();
        out.record(
            "found",
            json!({
                "kind": printer.kind.scheme(),
                "name": printer.name,
                "url": url,
                "host": printer.host,
                "addresses": addresses,
                "port": printer.port,
                "version": printer.version,
                "configured": known,
            }),
        );
        if args.add && known.is_none() {
            match url.parse::<PrinterUrl>() {
                Ok(url) => {
                    let entry = add(&session.config, &entries, printer, url)?;
                    out.say("Added", format_args!("{}; get a key with: printhost login {0}", entry.name));
                    out.event(&entry.name, "added", json!({ "url": entry.url.to_string(), "groups": [] }));
                    entries.push(entry);
                }
                Err(_) => {
                    out.warn("Skipped", format_args!("{}: this program cannot talk to it yet", printer.name))
                }
            }
        }
    }
    if found.is_empty() {
        out.note("nothing announces itself here; give a printer's URL instead, as octoprint://192.168.1.9");
    }
    Ok(Code::Success)
}

/// By its name, which survives a new address, if this system finds it by that; else by its address.
async fn best_url(printer: &DiscoveredPrinter) -> String {
    let by_address = printer.url();
    let (Some(host), Some(by_name)) = (&printer.host, printer.url_by_name()) else { return by_address };
    let found = tokio::time::timeout(TO_LOOK_UP, lookup_host((host.as_str(), printer.port))).await;
    let is_it = found.is_ok_and(|found| {
        found.is_ok_and(|mut found| found.any(|at| printer.addresses.iter().any(|known| known.ip == at.ip())))
    });
    if is_it { by_name } else { by_address }
}

fn is_same(entry: &Entry, printer: &DiscoveredPrinter) -> bool {
    let url = entry.url.to_string();
    printer.url() == url || printer.url_by_name() == Some(url)
}

fn add(
    config: &Config,
    entries: &[Entry],
    printer: &DiscoveredPrinter,
    url: PrinterUrl,
) -> Result<Entry, Failure> {
    let taken: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let name = free_name(printer.host.as_deref().unwrap_or(&printer.name), &taken);
    config.add(&NewEntry { name: &name, url: &url, ca: None, pin: None, groups: &[] }, false)?;
    Ok(Entry { name, url, trust: None, groups: Vec::new() })
}

/// A short name that nobody has: `octopi`, `octopi-2`, ….
fn free_name(from: &str, taken: &[&str]) -> String {
    let from = from.trim_end_matches('.').trim_end_matches(".local").to_lowercase();
    let words: Vec<&str> =
        from.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let base = Some(words.join("-")).filter(|name| is_name(name)).unwrap_or_else(|| "printer".into());
    let numbered = (2..).map(|n: u32| format!("{base}-{n}"));
    let mut names = std::iter::once(base.clone()).chain(numbered);
    names.find(|name| !taken.contains(&name.as_str())).unwrap_or(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_nobody_elses() {
        assert_eq!(free_name("octopi.local", &[]), "octopi");
        assert_eq!(free_name("octopi.local.", &["octopi", "octopi-2"]), "octopi-3");
        assert_eq!(free_name("Prusa Mini (left)", &[]), "prusa-mini-left");
        assert_eq!(free_name("sim.local", &[]), "printer");
        assert_eq!(free_name("…", &["printer"]), "printer-2");
    }
}
