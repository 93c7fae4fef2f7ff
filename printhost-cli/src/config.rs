//! The configuration: printers by name.

use std::{
    env, io,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use printhost::{Error, ErrorKind, PrinterUrl, Trust, net::Scheme};
use toml_edit::{Array, DocumentMut, Item, Table, TableLike, value};

use crate::{
    args::Pin,
    failure::Failure,
    private_file::{self, Lock, Readers},
};

/// A printer of the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) url: PrinterUrl,
    /// Whom to believe there, if not the public authorities.
    pub(crate) trust: Option<Trust>,
    pub(crate) groups: Vec<String>,
}

/// What `config add` writes.
#[derive(Debug)]
pub(crate) struct NewEntry<'a> {
    pub(crate) name: &'a str,
    pub(crate) url: &'a PrinterUrl,
    pub(crate) ca: Option<&'a Path>,
    pub(crate) pin: Option<&'a Pin>,
    pub(crate) groups: &'a [String],
}

/// The file. It is read when something in it is needed, and edited in place: comments and order stay.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    path: PathBuf,
}

impl Config {
    /// The given file, or the usual one of this platform.
    pub(crate) fn at(given: Option<&Path>) -> Result<Self, Failure> {
        let path = given.map(Path::to_owned).or_else(usual_path).ok_or_else(|| {
            Failure::usage(
                "there is no home directory to look for the configuration in",
                "Name it with --config.",
            )
        })?;
        Ok(Self { path })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Every printer, in the order of the file. A file that does not exist has none.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Failure> {
        let document = self.read()?;
        let Some(printers) = printers(&document, &self.path)? else { return Ok(Vec::new()) };
        printers.iter().map(|(name, item)| self.entry(name, item)).collect()
    }

    /// Adds a printer, or with `replace` changes it. [`ErrorKind::Exists`] if it is there and that was not asked for.
    pub(crate) fn add(&self, new: &NewEntry<'_>, replace: bool) -> Result<(), Failure> {
        check_name(new.name)?;
        check_trust(new.url, new.ca.is_some() || new.pin.is_some())?;
        self.edit(|document| {
            let printers = document.entry("printers").or_insert_with(|| {
                let mut table = Table::new();
                table.set_implicit(true);
                Item::Table(table)
            });
            let printers = printers.as_table_like_mut().ok_or_else(|| self.wrong("printers is no table"))?;
            if printers.contains_key(new.name) && !replace {
                let error = Error::new(ErrorKind::Exists, "config").with_detail(format_args!(
                    "{} is in {} already",
                    new.name,
                    self.path.display()
                ));
                return Err(
                    Failure::from(error).advising("Change it with --replace, or choose another name.")
                );
            }
            let table = printers.entry(new.name).or_insert_with(|| Item::Table(Table::new()));
            let table = table.as_table_like_mut().ok_or_else(|| self.wrong("a printer is no table"))?;
            set(table, "url", Some(value(new.url.to_string())));
            // What is not given stays: a new address must not lose a pin silently.
            let is_encrypted = new.url.base().origin.scheme == Scheme::Https;
            if new.ca.is_some() || new.pin.is_some() || !is_encrypted {
                set(table, "ca", new.ca.map(|ca| value(absolute(ca).to_string_lossy().into_owned())));
                set(table, "pin", new.pin.map(|pin| value(pin.to_string())));
            }
            if !new.groups.is_empty() {
                set(table, "groups", Some(value(new.groups.iter().collect::<Array>())));
            }
            Ok(())
        })
    }

    /// Believes this key of a printer and nothing else. [`ErrorKind::NotFound`] if the printer is not there.
    pub(crate) fn set_pin(&self, name: &str, pin: &Pin) -> Result<(), Failure> {
        self.edit(|document| {
            let printers = document.get_mut("printers").and_then(Item::as_table_like_mut);
            let printer =
                printers.and_then(|printers| printers.get_mut(name)).and_then(Item::as_table_like_mut);
            let table = printer.ok_or_else(|| self.no_such(name))?;
            set(table, "ca", None);
            set(table, "pin", Some(value(pin.to_string())));
            Ok(())
        })
    }

    /// Removes a printer. [`ErrorKind::NotFound`] if it is not there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Failure> {
        self.edit(|document| {
            let printers = document.get_mut("printers").and_then(Item::as_table_like_mut);
            match printers.and_then(|printers| printers.remove(name)) {
                Some(_) => Ok(()),
                None => Err(self.no_such(name)),
            }
        })
    }

    /// That there is no printer of this name.
    pub(crate) fn no_such(&self, name: &str) -> Failure {
        let detail = format!("there is no printer {name} in {}", self.path.display());
        let advice = format!(
            "Write its URL, as octoprint://{name}, or name it once: printhost config add {name} octoprint://…"
        );
        Failure::usage(detail, &advice)
    }

    fn entry(&self, name: &str, item: &Item) -> Result<Entry, Failure> {
        let wrong = |what: &str| self.wrong(&format!("printers.{name}: {what}"));
        let table = item.as_table_like().ok_or_else(|| wrong("is no table"))?;
        for (key, _) in table.iter() {
            if !["url", "ca", "pin", "groups"].contains(&key) {
                return Err(wrong(&format!("{key} means nothing; known are url, ca, pin and groups")));
            }
        }
        let text = |key: &str| match table.get(key) {
            None => Ok(None),
            Some(item) => item.as_str().map(Some).ok_or_else(|| wrong(&format!("{key} is no text"))),
        };
        let url = text("url")?.ok_or_else(|| wrong("its url is missing"))?;
        let url = PrinterUrl::from_str(url).map_err(|e| wrong(&e.to_string()))?;
        let trust = match (text("pin")?, text("ca")?) {
            (Some(_), Some(_)) => return Err(wrong("it has a pin and a ca; one is enough")),
            (Some(pin), None) => Some(Trust::PinnedKey(Pin::from_str(pin).map_err(|e| wrong(&e))?.0)),
            (None, Some(ca)) => Some(read_ca(&self.folder().join(ca))?),
            (None, None) => None,
        };
        check_trust(&url, trust.is_some()).map_err(|f| wrong(f.error.detail().unwrap_or_default()))?;
        let groups = match table.get("groups") {
            None => Vec::new(),
            Some(groups) => {
                let names = groups.as_array().and_then(|names| {
                    names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
                });
                names.ok_or_else(|| wrong("groups is no list of texts"))?
            }
        };
        Ok(Entry { name: name.into(), url, trust, groups })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    fn read(&self) -> Result<DocumentMut, Failure> {
        let text = private_file::read(&self.path).map_err(|e| self.failed("read", &e))?;
        text.unwrap_or_default().parse::<DocumentMut>().map_err(|e| {
            let text = e.to_string();
            let first: Vec<&str> = text.lines().filter(|line| !line.contains('|')).collect();
            self.wrong(&first.join(": "))
        })
    }

    fn edit(&self, change: impl FnOnce(&mut DocumentMut) -> Result<(), Failure>) -> Result<(), Failure> {
        let failed = |e| self.failed("write", &e);
        let _lock = Lock::beside(&self.path).map_err(failed)?;
        let mut document = self.read()?;
        change(&mut document)?;
        private_file::replace(&self.path, &document.to_string(), Readers::Usual).map_err(failed)
    }

    fn failed(&self, what: &str, error: &io::Error) -> Failure {
        let detail = format!("cannot {what} {}: {error}", self.path.display());
        Failure::from(Error::new(ErrorKind::Sink, "config").with_detail(detail))
            .advising("Check the permissions of this file and its folder.")
    }

    fn wrong(&self, what: &str) -> Failure {
        Failure::usage(format_args!("{}: {what}", self.path.display()), "Correct the configuration.")
    }
}

/// A certificate file, as trust.
pub(crate) fn read_ca(path: &Path) -> Result<Trust, Failure> {
    std::fs::read(path).map(Trust::Ca).map_err(|e| {
        let detail = format!("cannot read the certificate {}: {e}", path.display());
        Failure::usage(detail, "Check the name of the certificate's file.")
    })
}

/// What is asked for must not be dropped silently where nothing is encrypted.
pub(crate) fn check_trust(url: &PrinterUrl, asked: bool) -> Result<(), Failure> {
    match asked && url.base().origin.scheme != Scheme::Https {
        false => Ok(()),
        true => Err(Failure::usage(
            format_args!("a ca or pin is for encrypted connections, and {url} is none"),
            "Write octoprint+https://…, or leave them out.",
        )),
    }
}

/// Refuses names that could be taken for something else.
fn check_name(name: &str) -> Result<(), Failure> {
    match crate::targets::is_name(name) {
        true => Ok(()),
        false => Err(Failure::usage(
            format_args!("{name:?} cannot be a printer's name"),
            "A name consists of letters, digits, - _ and ., begins with a letter or digit, and is not sim.",
        )),
    }
}

fn printers<'a>(document: &'a DocumentMut, path: &Path) -> Result<Option<&'a dyn TableLike>, Failure> {
    let Some(item) = document.get("printers") else { return Ok(None) };
    let wrong = || {
        Failure::usage(format_args!("{}: printers is no table", path.display()), "Correct the configuration.")
    };
    item.as_table_like().map(Some).ok_or_else(wrong)
}

fn set(table: &mut dyn TableLike, key: &str, new: Option<Item>) {
    match new {
        Some(item) => drop(table.insert(key, item)),
        None => drop(table.remove(key)),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// `$XDG_CONFIG_HOME/printhost/config.toml`, or what the platform has instead.
fn usual_path() -> Option<PathBuf> {
    let folder = |variable: &str| env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || folder(if cfg!(windows) { "USERPROFILE" } else { "HOME" });
    let base = folder("XDG_CONFIG_HOME").or_else(|| {
        if cfg!(windows) {
            folder("APPDATA")
        } else if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Application Support"))
        } else {
            home().map(|home| home.join(".config"))
        }
    })?;
    Some(base.join("printhost").join("config.toml"))
}
