//! Writes a sliced project: `project FILE SECONDS PLATE...`, for clients that others wrote.

use std::{env, fs, process::ExitCode};

use printhost_testkit::Project;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let numbers: Option<Vec<u16>> = args.iter().skip(1).map(|arg| arg.parse().ok()).collect();
    let (Some(file), Some([seconds, plates @ ..])) = (args.first(), numbers.as_deref()) else {
        eprintln!("usage: project FILE SECONDS PLATE...");
        return ExitCode::FAILURE;
    };
    let seconds = u32::from(*seconds);
    // Room for all the moves.
    let mut project = Project::new(plates, u64::from(seconds) * 100, seconds);
    let mut bytes = vec![0; usize::try_from(project.len()).unwrap_or_default()];
    project.fill(&mut bytes);
    match fs::write(file, bytes) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{file}: {error}");
            ExitCode::FAILURE
        }
    }
}
