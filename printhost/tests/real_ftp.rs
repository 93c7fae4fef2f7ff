//! The FTP client against vsftpd and pure-ftpd. The oracle is the file system.

mod real_ftp {
    mod certificates;
    mod claims;
    mod cuts;
    mod network;
    mod servers;
}
