use std::{
    format, fs,
    io::{Error, Result},
    path::{Path, PathBuf},
    string::String,
    time::Duration,
};

use tokio::{process::Command, time::sleep};

/// A process that something else starts again whenever it ends, as a service manager does. In its folder is its number
/// (`{name}.pid`) while it runs; while there is a file `{name}.hold`, it is not started again. `cargo xtask` keeps
/// servers so.
#[derive(Debug)]
pub struct KeptProcess {
    files: PathBuf,
}

impl KeptProcess {
    /// The process whose files are in the folder.
    pub fn new(folder: impl AsRef<Path>, name: &str) -> Self {
        Self { files: folder.as_ref().join(name) }
    }

    /// Ends it as `kill -9` does. Returns when it is gone; it comes back by itself.
    ///
    /// # Errors
    ///
    /// It does not run, or cannot be ended.
    pub async fn crash(&self) -> Result<()> {
        let number = self.number()?;
        let killed = Command::new("kill").args(["-9", number.trim()]).status().await?;
        if !killed.success() {
            return Err(Error::other(format!("kill: {killed}")));
        }
        while self.number().is_ok_and(|now| now == number) {
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// As [`Self::crash`], but it stays away until [`Self::release`].
    ///
    /// # Errors
    ///
    /// As [`Self::crash`].
    pub async fn kill(&self) -> Result<()> {
        fs::write(self.files.with_extension("hold"), "")?;
        self.crash().await
    }

    /// Lets it come back after [`Self::kill`].
    ///
    /// # Errors
    ///
    /// It was not kept away.
    pub fn release(&self) -> Result<()> {
        fs::remove_file(self.files.with_extension("hold"))
    }

    fn number(&self) -> Result<String> {
        fs::read_to_string(self.files.with_extension("pid"))
    }
}
