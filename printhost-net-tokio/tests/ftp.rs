//! The FTP client against a server in memory that does as it is told, with a clock that runs when all wait.

mod ftp {
    mod claims;
    mod network;
    mod server;
    mod uploads;
}
