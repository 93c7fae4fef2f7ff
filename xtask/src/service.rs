//! A program that is started again whenever it ends, as the service manager of a printer's computer does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::steps::Result;
use crate::workspace;

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
    keeper: Child,
    files: PathBuf,
}

impl Service {
    /// Starts a program whose files are in this folder, and `{name}.out` what it prints.
    ///
    /// It also ends when this process dies. That is tied to the calling thread, so call this on the main thread.
    pub(crate) fn start(name: &'static str, folder: &Path, command: &Command) -> Result<Self> {
        let files = folder.join(name);
        let failed = |error: std::io::Error| format!("cannot start {name}: {error}");
        let output = fs::File::create(files.with_extension("out")).map_err(failed)?;
        let errors = output.try_clone().map_err(failed)?;
        let mut keeper = workspace::command("setpriv");
        keeper.args(["--pdeathsig", "KILL", "--", "sh", "-c", KEEP]).arg(&files);
        keeper.arg(command.get_program()).args(command.get_args());
        keeper.stdin(Stdio::null()).stdout(output).stderr(errors).current_dir(folder);
        Ok(Self { name, keeper: keeper.spawn().map_err(failed)?, files })
    }

    /// Ends it at once (`kill -9`), and keeps it from starting again.
    pub(crate) fn kill(&self) -> Result {
        self.write("hold", "")?;
        self.crash()
    }

    /// Ends it at once (`kill -9`); it is started again by itself.
    pub(crate) fn crash(&self) -> Result {
        let pid = self.files.with_extension("pid");
        let number = fs::read_to_string(&pid).map_err(|error| format!("{}: {error}", pid.display()))?;
        crate::steps::run(Command::new("kill").args(["-9", number.trim()]))?;
        crate::expect::poll(|| {
            let is_over = fs::read_to_string(&pid).map_or(true, |now| now != number);
            Ok(is_over.then_some(()).ok_or_else(|| format!("{} does not end", self.name)))
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

    fn write(&self, extension: &str, text: &str) -> Result {
        fs::write(self.files.with_extension(extension), text)
            .map_err(|error| format!("{}: {error}", self.name))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
