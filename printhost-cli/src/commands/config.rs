//! `printhost config`.

use clap::Subcommand;
use printhost::{PrinterUrl, Trust};
use serde_json::json;

use crate::{
    args::Global,
    config::{Config, NewEntry},
    failure::{Code, Failure},
    keys::{KeyStore, read_secret},
    output::Output,
};

/// What can be done with the configuration. Editing keeps comments and order.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show where the configuration is.
    Path,
    /// List the printers.
    List,
    /// Name a printer; --ca and --pin are kept with it.
    Add {
        /// Its name.
        name: String,
        /// Its URL.
        url: PrinterUrl,
        /// A group it belongs to, for @GROUP; may be repeated.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// Change a printer of this name; groups, --ca and --pin that are not given stay.
        #[arg(long)]
        replace: bool,
    },
    /// Forget a printer and its key.
    Remove {
        /// Its name.
        name: String,
    },
    /// Keep a printer's key, which is read from stdin or asked for; it is never an argument.
    ///
    /// A PrusaLink or Moonraker also takes a user and a password, as USER:PASSWORD.
    SetKey {
        /// Its name.
        name: String,
    },
}

/// Runs the command.
pub(crate) fn run(global: &Global, command: &ConfigCommand, out: &Output) -> Result<Code, Failure> {
    let config = Config::at(global.config.as_deref())?;
    let keys = KeyStore::beside(config.path());
    match command {
        ConfigCommand::Path => {
            out.plain(config.path().display());
            let fields =
                json!({ "path": config.path().to_string_lossy(), "keys": keys.path().to_string_lossy() });
            out.record("config", fields);
        }
        ConfigCommand::List => list(&config, &keys, out)?,
        ConfigCommand::Add { name, url, groups, replace } => {
            let (ca, pin) = (global.ca.as_deref(), global.pin.as_ref());
            if let Some(ca) = ca {
                crate::config::read_ca(ca)?;
            }
            config.add(&NewEntry { name, url, ca, pin, groups }, *replace)?;
            out.say("Added", format_args!("{name}: {url}"));
            out.event(name, "added", json!({ "url": url.to_string(), "groups": groups }));
        }
        ConfigCommand::Remove { name } => {
            let entries = config.entries()?;
            let entry =
                entries.iter().find(|entry| entry.name == *name).ok_or_else(|| config.no_such(name))?;
            config.remove(name)?;
            let is_shared = entries.iter().any(|other| other.name != *name && other.url == entry.url);
            if !is_shared {
                keys.remove(&entry.url.to_string())?;
            }
            out.say("Removed", name);
            out.event(name, "removed", json!({ "url": entry.url.to_string() }));
        }
        ConfigCommand::SetKey { name } => {
            let entries = config.entries()?;
            let entry =
                entries.iter().find(|entry| entry.name == *name).ok_or_else(|| config.no_such(name))?;
            let advice = "Give it on stdin: … config set-key NAME < FILE";
            let key = read_secret(&format!("Key for {name}: "), "key", advice, out)?;
            keys.set(&entry.url.to_string(), &key)?;
            out.say("Kept", format_args!("the key for {name} in {}", keys.path().display()));
            out.event(name, "key_kept", json!({ "keys": keys.path().to_string_lossy() }));
        }
    }
    Ok(Code::Success)
}

fn list(config: &Config, keys: &KeyStore, out: &Output) -> Result<(), Failure> {
    let kept = keys.read(out)?;
    for entry in config.entries()? {
        let url = entry.url.to_string();
        let has_key = kept.named(&url).is_some();
        let trust = match entry.trust {
            Some(Trust::PinnedKey(_)) => "pin",
            Some(Trust::Ca(_)) => "ca",
            Some(Trust::Device { .. }) => "device",
            _ => "public",
        };
        let groups: Vec<String> = entry.groups.iter().map(|group| format!("@{group}")).collect();
        let key = if has_key { "" } else { "  no key kept" };
        out.plain(format_args!("{:<16} {url}  {}{key}", entry.name, groups.join(" ")));
        let fields = json!({ "url": url, "groups": entry.groups, "key": has_key, "trust": trust });
        out.event(&entry.name, "configured", fields);
    }
    Ok(())
}
