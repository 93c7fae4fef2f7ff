//! The driver of Bambu Lab printers on a simulated one, over TLS, through every part of it.

mod bambu {
    mod ends;
    mod files;
    mod ftp;
    mod guards;
    pub(crate) mod harness;
    mod job;
    mod moves;
    mod orders;
    mod renames;
    mod starts;
}
