//! `printhost files`.

mod delete;
mod download;
mod info;
mod list;
mod mkdir;
mod move_file;
mod thumbnail;
mod upload;

use clap::Subcommand;
use printhost::Net;

use crate::{
    failure::{Code, Failure},
    targets::Session,
};

/// What can be done with files.
#[derive(Debug, Subcommand)]
pub(crate) enum Files {
    /// List a folder.
    List(list::List),
    /// Show what the host knows of a file.
    Info(info::Info),
    /// Store a file without printing it.
    Upload(upload::Upload),
    /// Fetch a file.
    Download(download::Download),
    /// Fetch a file's picture.
    Thumbnail(thumbnail::Thumbnail),
    /// Move or rename a file.
    Move(move_file::Move),
    /// Create a folder, with the folders above it.
    Mkdir(mkdir::Mkdir),
    /// Delete files and empty folders.
    Delete(delete::Delete),
}

/// Runs the command.
pub(crate) async fn run<N: Net + Clone>(session: &Session<N>, files: &Files) -> Result<Code, Failure> {
    match files {
        Files::List(args) => list::run(session, args).await,
        Files::Info(args) => info::run(session, args).await,
        Files::Upload(args) => upload::run(session, args).await,
        Files::Download(args) => download::run(session, args).await,
        Files::Thumbnail(args) => thumbnail::run(session, args).await,
        Files::Move(args) => move_file::run(session, args).await,
        Files::Mkdir(args) => mkdir::run(session, args).await,
        Files::Delete(args) => delete::run(session, args).await,
    }
}
