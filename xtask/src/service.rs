//! A program that is started again whenever it ends, as the service manager of a printer's computer does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Process, tied};
use crate::steps::{self, Result, ensure};
use crate::workspace::write;

/// `$0` is where its files are, the rest is the command. The kernel ends the program when this shell dies.
const KEEP: &str = r#"
while :; do
    while [ -e "$0.hold" ]; do sleep 0.02; done
    setpriv --pdeathsig KILL -- sh -c 'echo $$ >"$0.pid"; exec "$@"' "$0" "$@"
    rm -f "$0.pid"
    sleep 0.1
done"#;

/// A service, stopped for good on drop. Its process is in the file `{name}.pid`; as long as there is a file
/// `{name}.hold`, it is not started again. That is all it takes to kill it and to have it back, for tests in another
/// process too.
pub(crate) struct Service {
    name: &'static str,
    _keeper: Process,
    files: PathBuf,
}

impl Service {
    /// Starts a program whose files are in this folder, and `{name}.out` what it prints.
    ///
    /// It also ends when this process dies. That is tied to the calling thread, so call this on the main thread.
    pub(crate) fn start(name: &'static str, folder: &Path, command: &Command) -> Result<Self> {
        let files = folder.join(name);
        let mut keeper = tied("sh");
        keeper.args(["-c", KEEP]).arg(&files).arg(command.get_program()).args(command.get_args());
        let keeper = Process::logged(name, keeper.current_dir(folder), &files.with_extension("out"))?;
        Ok(Self { name, _keeper: keeper, files })
    }

    /// Ends it at once (`kill -9`), and keeps it from starting again.
    pub(crate) fn kill(&self) -> Result {
        write(&self.files.with_extension("hold"), "")?;
        self.crash()
    }

    /// Ends it at once (`kill -9`); it is started again by itself.
    pub(crate) fn crash(&self) -> Result {
        let pid = self.files.with_extension("pid");
        let number = fs::read_to_string(&pid).map_err(|error| format!("{}: {error}", pid.display()))?;
        steps::run(Command::new("kill").args(["-9", number.trim()]))?;
        crate::expect::poll(|| {
            let is_over = fs::read_to_string(&pid).map_or(true, |now| now != number);
            Ok(ensure(is_over, &format!("{} does not end", self.name)))
        })
    }

    /// Has it started again after [`Self::kill`].
    pub(crate) fn release(&self) -> Result {
        fs::remove_file(self.files.with_extension("hold")).map_err(|error| format!("{}: {error}", self.name))
    }

    /// Where what it prints is.
    pub(crate) fn output(&self) -> PathBuf {
        self.files.with_extension("out")
    }
}
