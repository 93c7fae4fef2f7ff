//! Where keys come from. They are never arguments, since those are seen by every user of a machine.

use std::{fs, io::IsTerminal as _, path::Path};

use printhost::{Error, ErrorKind, Secret};

use crate::failure::Failure;

/// The keys that were given, by file or environment.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    by_printer: Vec<(String, Secret)>,
    other: Option<Secret>,
}

impl Keys {
    /// Reads the file or, without one, the environment.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, Failure> {
        match file {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|e| {
                    let detail = format!("cannot read the key file {}: {e}", path.display());
                    Failure::usage(detail, "Check the argument of --key-file.")
                })?;
                Ok(Self::parse(&text))
            }
            None => {
                let key = std::env::var("PRINTHOST_KEY").ok();
                let key = key.map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
                Ok(Self { other: key.map(Secret::new), ..Self::default() })
            }
        }
    }

    fn parse(text: &str) -> Self {
        let mut keys = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(char::is_whitespace) {
                Some((printer, key)) => {
                    keys.by_printer.push((printer.trim_end_matches('/').into(), Secret::new(key.trim())));
                }
                None => keys.other = Some(Secret::new(line)),
            }
        }
        keys
    }

    /// The key for the printer of this URL; asks for it when none was given and somebody is there.
    pub(crate) fn for_printer(&self, printer: &str) -> Result<Secret, Failure> {
        let named = self.by_printer.iter().find(|(url, _)| url == printer).map(|(_, key)| key);
        if let Some(key) = named.or(self.other.as_ref()) {
            return Ok(key.clone());
        }
        if std::io::stdin().is_terminal()
            && let Ok(key) = rpassword::prompt_password(format!("Key for {printer}: "))
            && !key.trim().is_empty()
        {
            return Ok(Secret::new(key.trim()));
        }
        let error = Error::new(ErrorKind::Unauthorized, "key")
            .with_detail(format_args!("there is no key for {printer}"));
        let advice = "Put it into the environment as PRINTHOST_KEY, or into a file named with --key-file.";
        Err(Failure::from(error).advising(advice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_file_holds_one_key_or_one_per_printer() {
        let keys = Keys::parse("# farm\n\noctoprint://a/  KEY-A \noctoprint+https://b/octo KEY-B\n");
        assert_eq!(keys.for_printer("octoprint://a").unwrap().expose(), "KEY-A");
        assert_eq!(keys.for_printer("octoprint+https://b/octo").unwrap().expose(), "KEY-B");
        let keys = Keys::parse(" KEY \r\n");
        assert_eq!(keys.for_printer("octoprint://anything").unwrap().expose(), "KEY");
    }
}
