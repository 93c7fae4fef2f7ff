//! Programs in Python, each in a virtual environment of its own, with everything in one version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{self, Result, Steps};
use crate::workspace::{self, command, remove_dir, write};

/// A program, and what it is installed from: a change of that means to install anew.
pub(crate) struct Environment {
    /// In lower case, its folder is called so.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    /// What pip is asked for: the first in [`Self::version`], the others as pinned.
    pub(crate) packages: &'static [&'static str],
    pub(crate) pins: Pins,
    /// What else it is installed from.
    pub(crate) settings: &'static [&'static str],
}

/// Versions, one a line, as pip reads them.
pub(crate) enum Pins {
    /// Of what its packages may ask for, which differs between systems.
    Constraints(&'static str),
    /// Everything that is installed.
    Requirements(&'static str),
}

impl Environment {
    /// Without packages, it is among what it requires.
    pub(crate) const fn new(
        name: &'static str,
        version: &'static str,
        packages: &'static [&'static str],
        pins: Pins,
    ) -> Self {
        Self { name, version, packages, pins, settings: &[] }
    }

    /// Installs it, unless it is there already: then nothing is asked of the network.
    pub(crate) fn install(&self) -> Result {
        self.install_and(|| Ok(()))
    }

    /// As [`Self::install`], with something more to do when it is installed.
    pub(crate) fn install_and(&self, finish: impl FnOnce() -> Result) -> Result {
        if self.is_installed() {
            return Ok(());
        }
        remove_dir(&self.home())?;
        steps::run(command(system_python()).args(["-m", "venv"]).arg(self.home()))?;
        let mut pip = command(self.python());
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
        let (args, pins): (&[_], _) = match self.pins {
            Pins::Constraints(pins) => (&["--constraint"], pins),
            Pins::Requirements(pins) => (&["--no-deps", "--requirement"], pins),
        };
        let file = self.home().join("pins.txt");
        write(&file, pins)?;
        pip.args(args).arg(file);
        if let [package, others @ ..] = self.packages {
            pip.arg(format!("{package}=={}", self.version)).args(others);
        }
        steps::run(&mut pip)?;
        finish()?;
        // Last, so that an interrupted installation starts over.
        write(&self.marker(), self.installed_from())
    }

    /// [`Self::install`] as a step.
    pub(crate) fn step(&self, steps: &mut Steps) -> Result {
        steps.run(self.to_string(), || self.install())
    }

    pub(crate) fn is_installed(&self) -> bool {
        fs::read_to_string(self.marker()).is_ok_and(|text| text == self.installed_from())
    }

    /// An error that says what to do unless it is installed.
    pub(crate) fn demand(&self) -> Result {
        match self.is_installed() {
            true => Ok(()),
            false => Err(format!("{self} is not installed: run `cargo xtask setup`")),
        }
    }

    /// Its Python with a script of this repository, if it is installed.
    pub(crate) fn script(&self, script: &str) -> Result<Command> {
        self.demand()?;
        let mut python = command(self.python());
        python.arg(workspace::root().join(script));
        Ok(python)
    }

    /// Its Python.
    pub(crate) fn python(&self) -> PathBuf {
        self.program("python")
    }

    /// A program that was installed with it.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.home().join(if cfg!(windows) { format!("Scripts/{name}.exe") } else { format!("bin/{name}") })
    }

    /// Its folder.
    pub(crate) fn home(&self) -> PathBuf {
        workspace::tools_dir().join(format!("{}-{}", self.name.to_lowercase(), self.version))
    }

    fn marker(&self) -> PathBuf {
        self.home().join("installed-from")
    }

    fn installed_from(&self) -> String {
        let (Pins::Constraints(pins) | Pins::Requirements(pins)) = self.pins;
        [&[self.version], self.settings, &[pins]].concat().join("\n")
    }
}

impl std::fmt::Display for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// Debian's Python comes first because `setup` installs its `venv` module.
fn system_python() -> &'static str {
    if Path::new("/usr/bin/python3").exists() { "/usr/bin/python3" } else { "python3" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_program_is_installed_from_is_in_its_marker() {
        let first = Environment::new("Name", "1.0", &["name"], Pins::Requirements("one==1\ntwo==2\n"));
        assert_eq!(first.installed_from(), "1.0\none==1\ntwo==2\n");
        let with_settings = Environment { settings: &["setting", "another\n"], ..first };
        assert_eq!(with_settings.installed_from(), "1.0\nsetting\nanother\n\none==1\ntwo==2\n");
        assert!(with_settings.home().ends_with("tools/name-1.0"));
    }
}
