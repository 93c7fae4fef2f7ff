//! Deliberately wrong hosts: each has one defect that drivers have had, here or elsewhere, and the suite must find it.

mod bench;
mod host;

pub use bench::MutantBench;
pub use host::Mutant;

macro_rules! defects {
    ($($(#[$meta:meta])* $defect:ident => $case:ident,)+) => {
        /// What is wrong with a [`Mutant`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Defect {
            /// Nothing: what finds this one, finds what is wrong with the mutants themselves. Not among [`Self::ALL`].
            Nothing,
            $($(#[$meta])* $defect,)+
        }

        impl Defect {
            /// All that are wrong.
            pub const ALL: &[Self] = &[$(Self::$defect),+];

            /// The name of the case that must find it; empty for [`Self::Nothing`].
            pub const fn found_by(self) -> &'static str {
                match self {
                    Self::Nothing => "",
                    $(Self::$defect => stringify!($case),)+
                }
            }
        }
    };
}

defects! {
    /// Claims to cancel, and refuses to.
    ClaimsTooMuch => claimed_operations_are_supported,
    /// Pauses without claiming that it can.
    ClaimsTooLittle => unclaimed_operations_are_refused_without_touching_the_network,
    /// Asks the host first whether it can do what is not claimed.
    AsksBeforeRefusing => unclaimed_operations_are_refused_without_touching_the_network,
    /// Takes dangerous paths after cleaning them.
    CleansPaths => nonsense_is_refused_without_touching_the_network,
    /// Takes wrong credentials for a broken network.
    RetriesWrongCredentials => wrong_credentials_are_refused_for_good,
    /// Repeats what a host said, the key included.
    ShowsSecrets => errors_show_no_secret,
    /// Goes on showing the last status of a host that is gone.
    ServesStaleStatus => host_that_is_gone_is_told_and_found_again,
    /// Takes a paused printer for a printing one.
    OverlooksPause => status_agrees_with_a_printer_that_somebody_else_uses,
    /// Shows the temperatures of a printer that is not there.
    InventsTemperatures => printer_without_a_line_is_offline_and_no_error,
    /// Resumes a paused print to find out its status.
    DisturbsByReading => reading_disturbs_nothing,
    /// Tells progress in percent.
    TellsPercent => progress_is_a_fraction_that_does_not_fall,
    /// Makes up for a source that ends early, with zeros.
    PadsShortSources => source_that_ends_early_stores_nothing,
    /// Takes a cut upload for a stored one.
    TakesCutForStored => cut_upload_is_never_listed,
    /// Stores a first piece as a file of its own before the whole.
    StoresInPieces => dropped_upload_is_never_listed,
    /// Replaces files unasked.
    ReplacesUnasked => existing_file_is_kept_unless_replacing_was_asked_for,
    /// Does not look at the hash.
    IgnoresHash => damaged_upload_is_found_out_and_never_printed,
    /// Claims a hash it has not compared.
    ClaimsHash => upload_is_stored_whole,
    /// Starts what was only to be stored.
    StartsUnasked => upload_is_stored_whole,
    /// Says that a print was started, without starting it.
    OnlySaysStarted => upload_and_print_begins_one_print,
    /// Says that a lost start can be repeated.
    InvitesSecondStart => lost_answer_to_a_start_begins_one_print_at_most,
    /// Says that a lost command can be repeated.
    InvitesSecondCommand => lost_answer_to_a_command_is_never_safe_to_repeat,
    /// Sends a command again when its answer is lost.
    RepeatsLostCommands => lost_answer_to_a_command_is_never_safe_to_repeat,
    /// Takes a command whose answer is lost for one that was taken.
    TakesLostForAccepted => lost_answer_to_a_command_is_never_safe_to_repeat,
    /// Sends a start again when its answer is lost.
    RepeatsLostStarts => lost_answer_to_a_start_begins_one_print_at_most,
    /// Confirms a pause it has not sent.
    ConfirmsUnsent => pause_resume_and_cancel_do_what_they_say,
    /// Pauses when it is told to cancel.
    PausesForCancel => pause_resume_and_cancel_do_what_they_say,
    /// Starts the first plate of every project.
    StartsFirstPlate => stored_project_is_started_by_its_only_plate,
    /// Says that a project was started after its upload, and has only stored it.
    OnlySaysProjectStarted => uploaded_project_is_printed_by_its_only_plate,
    /// Starts the first plate when none was chosen.
    ChoosesPlates => project_of_several_plates_is_started_only_by_the_one_chosen,
    /// Starts another plate than the one that was chosen.
    StartsAnotherPlate => project_of_several_plates_is_started_only_by_the_one_chosen,
    /// Starts some plate when the one that was chosen is not there.
    MakesUpForMissingPlates => plate_that_is_not_in_the_project_is_refused_and_nothing_begins,
    /// Prints a project although the printer finds it damaged.
    PrintsDamagedProjects => damaged_project_is_found_out_and_never_printed,
    /// Says that G-code was taken, without sending it.
    SwallowsGcode => gcode_reaches_the_printer,
    /// Says that a move was taken, without sending it.
    SwallowsMoves => moving_is_taken_while_idle,
    /// Heats the bed when it is told to heat the tool.
    HeatsTheOtherHeater => target_temperature_is_set_on_the_heater_named,
    /// Ends a listing after its first page.
    ForgetsPages => pages_make_up_the_whole_listing,
    /// Shows the first page again and again.
    RepeatsPages => pages_make_up_the_whole_listing,
    /// Loses the last byte of a download.
    LosesLastByte => download_is_what_was_stored,
    /// Takes a cut download for a whole one.
    TakesCutForWhole => cut_download_is_an_error,
    /// Says that a file is deleted, without deleting it.
    OnlySaysDeleted => deleted_file_is_gone,
    /// Deletes folders with everything in them.
    DeletesFolders => folder_with_something_in_it_is_not_deleted,
    /// Replaces what is in the way of a moved file.
    MovesOverFiles => moved_file_keeps_its_content_and_replaces_nothing,
    /// Tells the end of a job twice.
    DoublesEnds => job_events_tell_a_finished_print_once,
    /// Forgets that a job was paused.
    ForgetsPauses => job_events_tell_a_cancelled_print_in_order,
    /// Does not tell that the connection was lost.
    HidesLoss => lost_connection_is_told_and_made_up_for,
    /// Takes every end of a job for success.
    TakesEveryEndForSuccess => end_of_a_job_that_nobody_saw_is_told_once,
}
