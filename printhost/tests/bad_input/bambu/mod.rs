//! A wrong or hostile Bambu Lab printer: reports and orders on MQTT, files on FTP, both behind TLS.

mod config;
mod harness;
mod listings;
mod orders;
mod packets;
mod printer;
mod replies;
mod reports;
mod transfers;
mod trust;
mod words;
