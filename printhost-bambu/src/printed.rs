//! Whether a file is the one that is printed, as far as the printer tells names.

use alloc::string::String;

use crate::{jobs::stem, wire::report::Report};

/// Whether the names that a printer tells of its job may be those of this file, in whatever folder: it tells neither the
/// folder nor, with every model, the name as it is. Storage does not tell capitals from other letters.
pub(crate) fn may_be(report: &Report, path: &str) -> bool {
    let file = plain(path);
    // As it was given as a job's name.
    let cut = plain(stem(path.rsplit('/').next().unwrap_or_default()));
    let told = [&report.gcode_file, &report.subtask_name].into_iter().flatten();
    // What X1 unpack has the same name for all files.
    let told = told.filter(|told| !told.contains("/Metadata/")).map(|told| plain(told));
    let mut told = told.filter(|told| !told.is_empty());
    told.any(|told| match told.strip_suffix("...") {
        Some(beginning) => file.starts_with(beginning),
        None => told == file || told == cut,
    })
}

/// A file's name without folders and without what tells its kind, as it may come back from a printer.
fn plain(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or_default();
    let mut name = name.to_lowercase().replace(' ', "_");
    for kind in [".3mf", ".gcode"] {
        if name.len() > kind.len() && name.ends_with(kind) {
            name.truncate(name.len() - kind.len());
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_printers_change_them() {
        let mut report = Report::default();
        let mut is = |file: &str, task: &str, path| {
            (report.gcode_file, report.subtask_name) = (Some(file.into()), Some(task.into()));
            may_be(&report, path)
        };
        assert!(is("/data/Metadata/plate_1.gcode", "their_one", "jobs/Their one.gcode.3mf"));
        assert!(is("their one.gcode.3mf", "", "jobs/their one.gcode.3mf"));
        assert!(is("", "a_very_long...", "a very long name.3mf"));
        assert!(is("cache/a.gcode", "", "A.gcode"));
        assert!(!is("/data/Metadata/plate_1.gcode", "one", "plate_1.gcode"));
        assert!(!is("their.gcode.3mf", "their", "other.gcode.3mf"));
        assert!(!is("", "", "a.3mf"));
    }

    #[test]
    fn name_that_was_cut_before_it_was_given_to_a_job_is_known_again() {
        let long = "Ü very long one ".repeat(7) + ".3mf";
        let told = stem(&long).replace(' ', "_");
        assert!(told.len() < long.len() - 4);
        let file = Some("/data/Metadata/plate_1.gcode".into());
        let report = Report { gcode_file: file, subtask_name: Some(told), ..Report::default() };
        assert!(may_be(&report, &long) && !may_be(&report, "a.3mf"));
    }
}
