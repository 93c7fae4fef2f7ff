//! Where keys come from. They are never arguments, since those are seen by every user of a machine.

use std::{
    fs,
    io::{BufRead as _, IsTerminal as _, stdin},
    path::{Path, PathBuf},
};

use printhost::{Error, ErrorKind, Secret};
use tokio::sync::Mutex;

use crate::{
    failure::Failure,
    output::Output,
    private_file::{self, Readers},
};

/// The lines of a key file: `URL KEY` for one printer, `KEY` for all others.
#[derive(Debug, Default)]
pub(crate) struct KeyFile {
    by_printer: Vec<(String, Secret)>,
    other: Option<Secret>,
}

impl KeyFile {
    /// Reads a file's text. Empty lines and those that begin with `#` mean nothing.
    pub(crate) fn parse(text: &str) -> Self {
        let mut keys = Self::default();
        for line in lines(text) {
            match line.split_once(char::is_whitespace) {
                Some((printer, key)) => keys.by_printer.push((address(printer), Secret::new(key.trim()))),
                None => keys.other = Some(Secret::new(line)),
            }
        }
        keys
    }

    /// The key of the line that names this printer.
    pub(crate) fn named(&self, url: &str) -> Option<&Secret> {
        let url = address(url);
        self.by_printer.iter().find(|(other, _)| *other == url).map(|(_, key)| key)
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn address(url: &str) -> String {
    url.trim_end_matches('/').into()
}

/// The keys that were given by file or environment, and those that are kept beside the configuration.
#[derive(Debug)]
pub(crate) struct Keys {
    given: Option<KeyFile>,
    environment: Option<Secret>,
    store: KeyStore,
    out: Output,
    /// One question at a time.
    asking: Mutex<()>,
}

impl Keys {
    /// Reads the given file and the environment; the kept keys are read when they are needed.
    pub(crate) fn load(file: Option<&Path>, store: KeyStore, out: Output) -> Result<Self, Failure> {
        let given = file.map(|path| {
            let text = fs::read_to_string(path).map_err(|e| {
                let detail = format!("cannot read the key file {}: {e}", path.display());
                Failure::usage(detail, "Check the argument of --key-file.")
            })?;
            Ok::<_, Failure>(KeyFile::parse(&text))
        });
        let environment = std::env::var("PRINTHOST_KEY").ok().map(|key| key.trim().to_owned());
        let environment = environment.filter(|key| !key.is_empty()).map(Secret::new);
        Ok(Self { given: given.transpose()?, environment, store, out, asking: Mutex::new(()) })
    }

    /// The key for the printer of this URL, if one was given or is kept. Asks nobody.
    pub(crate) fn known_for(&self, url: &str) -> Result<Option<Secret>, Failure> {
        let given = self.given.as_ref().and_then(|keys| keys.named(url).or(keys.other.as_ref()));
        if let Some(key) = given {
            return Ok(Some(key.clone()));
        }
        if let Some(key) = self.store.read(&self.out)?.named(url) {
            return Ok(Some(key.clone()));
        }
        Ok(self.environment.clone().filter(|_| self.given.is_none()))
    }

    /// The key for the printer of this URL; asks for it when none was given and somebody is there. A key that names
    /// the printer goes before one that does not, so that no printer is shown another one's key. While it asks, what is
    /// done with other printers goes on.
    pub(crate) async fn for_printer(&self, url: &str) -> Result<Secret, Failure> {
        if let Some(key) = self.known_for(url)? {
            return Ok(key);
        }
        if !self.out.json
            && stdin().is_terminal()
            && let Some(key) = self.ask(url).await
        {
            return Ok(key);
        }
        let error =
            Error::new(ErrorKind::Unauthorized, "key").with_detail(format_args!("there is no key for {url}"));
        let advice = "Get one with printhost login, keep one with printhost config set-key, or give it as PRINTHOST_KEY or in a file named with --key-file.";
        Err(Failure::from(error).advising(advice))
    }

    async fn ask(&self, url: &str) -> Option<Secret> {
        let _alone = self.asking.lock().await;
        let question = format!("Key for {url}: ");
        let typed = tokio::task::spawn_blocking(|| rpassword::prompt_password(question)).await;
        let key = typed.ok()?.ok()?;
        (!key.trim().is_empty()).then(|| Secret::new(key.trim()))
    }
}

/// A key or password: from the terminal without showing it, else the first line of stdin.
pub(crate) fn read_secret(question: &str, what: &str, advice: &str, out: &Output) -> Result<Secret, Failure> {
    let unreadable = |e: std::io::Error| Failure::usage(format_args!("cannot read the {what}: {e}"), advice);
    let typed = match stdin().is_terminal() && !out.json {
        true => rpassword::prompt_password(question).map_err(unreadable)?,
        false => {
            let mut line = String::new();
            stdin().lock().read_line(&mut line).map_err(unreadable)?;
            line
        }
    };
    match typed.trim() {
        "" => Err(Failure::usage(format_args!("there is no {what} on stdin"), advice)),
        typed => Ok(Secret::new(typed)),
    }
}

/// The keys file beside the configuration.
#[derive(Clone, Debug)]
pub(crate) struct KeyStore {
    path: PathBuf,
}

impl KeyStore {
    /// The one beside this configuration: `config.keys` beside `config.toml`.
    pub(crate) fn beside(config: &Path) -> Self {
        Self { path: config.with_extension("keys") }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it; nothing when there is no such file.
    pub(crate) fn read(&self, out: &Output) -> Result<KeyFile, Failure> {
        let text = private_file::read(&self.path).map_err(|e| self.failed("read", &e))?;
        if text.is_some() && private_file::is_open_to_others(&self.path) {
            let path = self.path.display();
            out.note(format_args!("other users may read the keys in {path}; change that with chmod 600"));
        }
        Ok(text.map(|text| KeyFile::parse(&text)).unwrap_or_default())
    }

    /// Puts a key into it, in the place of the one this printer had. Other lines stay as they are.
    pub(crate) fn set(&self, url: &str, key: &Secret) -> Result<(), Failure> {
        Self::check(key)?;
        self.change(url, Some(key))
    }

    /// Refuses what a line of the file cannot hold.
    pub(crate) fn check(key: &Secret) -> Result<(), Failure> {
        match key.is_empty() || key.expose().chars().any(|c| c.is_whitespace() || c.is_control()) {
            true => Err(Failure::usage("a key or password is one word", "Check what was copied.")),
            false => Ok(()),
        }
    }

    /// Takes a printer's key out of it, if it is there.
    pub(crate) fn remove(&self, url: &str) -> Result<(), Failure> {
        self.change(url, None)
    }

    fn change(&self, url: &str, key: Option<&Secret>) -> Result<(), Failure> {
        let failed = |e| self.failed("write", &e);
        let _lock = private_file::Lock::beside(&self.path).map_err(failed)?;
        let old = private_file::read(&self.path).map_err(|e| self.failed("read", &e))?;
        if key.is_none() && old.is_none() {
            return Ok(());
        }
        let url = address(url);
        let is_its = |line: &str| {
            line.trim().split_once(char::is_whitespace).is_some_and(|(printer, _)| address(printer) == url)
        };
        let old = old.unwrap_or_else(|| {
            "# Keys of printers, a line `URL KEY` or `URL USER:PASSWORD` each. Written by printhost.\n".into()
        });
        let kept = old.lines().filter(|line| !is_its(line)).map(str::to_owned);
        let new = key.map(|key| format!("{url} {}", key.expose()));
        let text: String = kept.chain(new).map(|line| line + "\n").collect();
        private_file::replace(&self.path, &text, Readers::Owner).map_err(failed)
    }

    fn failed(&self, what: &str, error: &std::io::Error) -> Failure {
        let detail = format!("cannot {what} {}: {error}", self.path.display());
        Failure::from(Error::new(ErrorKind::Sink, "keys").with_detail(detail))
            .advising("Check the permissions of this file and its folder.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_holds_one_key_or_one_per_printer() {
        let keys = KeyFile::parse("# farm\n\noctoprint://a/  KEY-A \noctoprint+https://b/octo KEY-B\n");
        assert_eq!(keys.named("octoprint://a").unwrap().expose(), "KEY-A");
        assert_eq!(keys.named("octoprint+https://b/octo").unwrap().expose(), "KEY-B");
        assert!(keys.named("octoprint://anything").is_none() && keys.other.is_none());
        let keys = KeyFile::parse(" KEY \r\n");
        assert_eq!(keys.other.unwrap().expose(), "KEY");
    }
}
