use alloc::{boxed::Box, format, string::String};
use core::fmt::Display;

use printhost_core::{Capabilities, Clock as _, Error, PrintHost as _};

use crate::{Bench, cases};

/// The end of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The claim holds.
    Passed,
    /// It could not be judged, and why.
    Skipped(String),
    /// It does not hold, and how that was seen.
    Failed(String),
}

/// A claim about every driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Case {
    /// The claim.
    pub name: &'static str,
    /// Judged only where the host claims all of these.
    pub needs: Needs,
}

/// Names of [`Capabilities`].
pub type Needs = &'static [&'static str];

/// Why a case did not pass.
#[derive(Debug)]
pub(crate) enum Why {
    Skip(String),
    Fail(String),
}

/// What a case ends with.
pub(crate) type Claim<T = ()> = Result<T, Why>;

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self::Fail(format!("{error}"))
    }
}

/// Adds what was being done to an error that should not have been one.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl Display) -> Claim<T>;
}

impl<T> Doing<T> for printhost_core::Result<T> {
    fn doing(self, what: impl Display) -> Claim<T> {
        self.map_err(|error| Why::Fail(format!("{what}: {error}")))
    }
}

/// Fails the case unless something holds.
macro_rules! ensure {
    ($holds:expr, $($text:tt)+) => {{
        let holds: bool = $holds;
        if !holds {
            return Err($crate::case::Why::Fail(alloc::format!($($text)+)));
        }
    }};
}
pub(crate) use ensure;

macro_rules! cases {
    ($($group:ident { $($name:ident $([$($needs:ident),+])?;)+ })+) => {
        /// Every claim, in the order in which they are best judged.
        pub const CASES: &[Case] = &[
            $($(Case { name: stringify!($name), needs: &[$($(stringify!($needs)),+)?] },)+)+
        ];

        async fn dispatch<B: Bench>(name: &str, bench: &B) -> Claim {
            match name {
                // Each in a box of its own, or all would be as large as the largest.
                $($(stringify!($name) => Box::pin(cases::$group::$name(bench)).await,)+)+
                _ => Err(Why::Fail("there is no such case".into())),
            }
        }
    };
}

cases! {
    honesty {
        nothing_is_claimed_before_connecting_that_is_not_there_after;
        claimed_operations_are_supported;
        unclaimed_operations_are_refused_without_touching_the_network;
        nonsense_is_refused_without_touching_the_network;
    }
    access {
        connecting_tells_who_answered;
        wrong_credentials_are_refused_for_good;
        errors_show_no_secret;
        host_that_is_gone_is_told_and_found_again;
        silent_host_is_a_timeout;
    }
    observing {
        status_agrees_with_an_idle_printer;
        status_agrees_with_a_printer_that_somebody_else_uses [upload];
        printer_without_a_line_is_offline_and_no_error [printer_connection];
        reading_disturbs_nothing [upload];
        progress_is_a_fraction_that_does_not_fall [start, files];
    }
    uploads {
        upload_is_stored_whole [upload];
        upload_of_an_empty_file_is_stored_or_refused [upload];
        upload_into_folders_is_stored_there [upload, folders];
        upload_with_an_awkward_name_is_found_under_the_path_returned [upload];
        existing_file_is_kept_unless_replacing_was_asked_for [upload];
        source_that_ends_early_stores_nothing [upload];
        source_that_fails_stores_nothing [upload];
        dropped_upload_is_never_listed [upload];
        cut_upload_is_never_listed [upload];
        stalled_upload_is_a_timeout_and_never_listed [upload];
        lost_answer_to_an_upload_is_settled_by_reading [upload];
        damaged_upload_is_found_out_and_never_printed [upload, upload_and_print, hash_verification];
        damage_is_found_by_reading_the_upload_back [upload, download];
        upload_and_print_begins_one_print [upload, upload_and_print];
    }
    files {
        pages_make_up_the_whole_listing [upload, files];
        listing_tells_size_and_hash_of_a_file [upload, files];
        missing_files_are_not_found [files];
        download_is_what_was_stored [upload, download];
        cut_download_is_an_error [upload, download];
        deleted_file_is_gone [upload, delete];
        file_being_printed_cannot_be_deleted [upload, delete, start];
        folder_with_something_in_it_is_not_deleted [upload, delete, folders];
        moved_file_keeps_its_content_and_replaces_nothing [upload, move_file];
        folders_are_created_once [create_folder, files];
        file_info_agrees_with_what_is_stored [upload, file_info];
    }
    jobs {
        started_file_is_the_one_that_prints [upload, start];
        pause_resume_and_cancel_do_what_they_say [upload, start, pause, resume, cancel];
        second_start_is_a_conflict_and_changes_nothing [upload, start];
        pausing_nothing_is_a_conflict [pause];
        lost_answer_to_a_start_begins_one_print_at_most [upload, start];
        start_of_a_missing_file_is_not_found [start];
    }
    projects {
        uploaded_project_is_printed_by_its_only_plate [upload, upload_and_print, projects];
        stored_project_is_started_by_its_only_plate [upload, start, projects];
        project_of_several_plates_is_started_only_by_the_one_chosen [upload, upload_and_print, start, projects];
        plate_that_is_not_in_the_project_is_refused_and_nothing_begins [upload, start, projects];
        damaged_project_is_found_out_and_never_printed [upload, upload_and_print, projects];
    }
    commands {
        target_temperature_is_set_on_the_heater_named [set_temperature];
        gcode_reaches_the_printer [gcode, set_temperature];
        gcode_brings_what_the_console_answers [gcode_replies];
        moving_is_taken_while_idle [home, jog];
        moving_by_hand_is_refused_while_printing [upload, start, jog];
        lost_answer_to_a_command_is_never_safe_to_repeat [jog];
        emergency_stop_stops_everything [upload, start, emergency_stop];
        line_to_the_printer_is_closed_and_opened [printer_connection];
    }
    events {
        job_events_tell_a_cancelled_print_in_order [upload, start, pause, resume, cancel];
        job_events_tell_a_finished_print_once [upload, start];
        what_somebody_else_does_is_told [upload, pause, cancel];
        lost_connection_is_told_and_made_up_for [upload];
        end_of_a_job_that_nobody_saw_is_told_once [upload];
        second_run_and_too_many_listeners_are_refused;
    }
}

/// Judges one case; the printer is brought to rest before it.
///
/// Dropping the future leaves the printer as it is at that moment.
pub async fn run<B: Bench>(case: &Case, bench: &B) -> Verdict {
    let judged = async {
        cases::reset(bench).await?;
        let claimed = cases::connected_host(bench).await?.capabilities();
        if let Some(missing) = case.needs.iter().find(|need| !has(&claimed, need)) {
            return Err(Why::Skip(format!("{missing} is not claimed")));
        }
        let result = dispatch(case.name, bench).await;
        cases::reset(bench).await?;
        result
    };
    let patience = bench.clock().sleep(bench.patience());
    match embassy_futures::select::select(judged, patience).await {
        embassy_futures::select::Either::First(Ok(())) => Verdict::Passed,
        embassy_futures::select::Either::First(Err(Why::Skip(why))) => Verdict::Skipped(why),
        embassy_futures::select::Either::First(Err(Why::Fail(why))) => Verdict::Failed(why),
        embassy_futures::select::Either::Second(()) => {
            Verdict::Failed(format!("it took more than {} s", bench.patience().as_secs()))
        }
    }
}

fn has(claimed: &Capabilities, name: &str) -> bool {
    claimed.iter().any(|(n, set)| n == name && set)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_name_capabilities_that_exist_and_are_told_apart_by_name() {
        for (i, case) in CASES.iter().enumerate() {
            for need in case.needs {
                assert!(Capabilities::NONE.iter().any(|(name, _)| name == *need), "{need}");
            }
            assert!(CASES[..i].iter().all(|other| other.name != case.name), "{}", case.name);
        }
    }
}
