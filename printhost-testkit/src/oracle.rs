use alloc::{string::String, vec::Vec};

use printhost_core::Result;
use serde::{Deserialize, Serialize};

/// Knows the truth about the printer, and can do things to it, without the driver that is being judged.
///
/// One method, so that it can be asked over a wire as well: see [`crate::RemoteOracle`].
pub trait Oracle {
    /// Answers, or fails when it cannot find out.
    async fn ask(&self, question: &Question) -> Result<Answer>;
}

/// What an oracle can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Question {
    /// Bring the printer to rest: connected, no job, no files, heaters off, no faults, nothing counted.
    Reset,
    /// What the printer shows.
    Printer,
    /// The paths of all stored files, folders not among them.
    Files,
    /// What is stored under this path.
    Stored(String),
    /// Do something, as somebody else at the same printer would.
    Do(Deed),
    /// Let something go wrong between driver and host.
    Break(Fault),
    /// How many bytes and connections of the driver have come by since the reset.
    Traffic,
    /// How many of the driver's requests that change something have come by since the reset.
    Changes,
}

/// What somebody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Deed {
    /// Stores [`crate::Content`] of this length and this many seconds of printing.
    Store {
        /// Where.
        path: String,
        /// Bytes.
        len: u64,
        /// Seconds it prints.
        seconds: u32,
    },
    /// Stores a [`crate::Project`] of these plates, each with so many seconds of printing.
    StoreProject {
        /// Where.
        path: String,
        /// The plates' numbers.
        plates: Vec<u16>,
        /// Seconds each of them prints.
        seconds: u32,
    },
    /// Starts a stored file.
    Start(String),
    /// Pauses.
    Pause,
    /// Resumes.
    Resume,
    /// Cancels.
    Cancel,
    /// Closes the line between host and printer.
    Disconnect,
}

/// What goes wrong. Bytes are counted on each connection from now on, driver to host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing, from now on; the host can be reached again.
    None,
    /// The connection that gets that far is reset.
    ResetAt(u64),
    /// Nothing moves any more on the connection that gets that far.
    StallAt(u64),
    /// The lowest bit of that byte is turned over.
    FlipAt(u64),
    /// The next request that changes something reaches the host, and its answer is cut off.
    LoseAnswer,
    /// All that the host sends is cut off after so many bytes of the next answer that gets that far.
    ResetAnswerAt(u64),
    /// Nothing moves any more on the connection on which the host has sent so much.
    StallAnswerAt(u64),
    /// The connection on which the host has sent so much is closed as if that had been all.
    CloseAnswerAt(u64),
    /// All connections there are, are reset.
    CutAll,
    /// The host cannot be reached, and connections there are, are reset.
    Gone,
}

/// What an oracle answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Answer {
    /// It is done.
    Done,
    /// To [`Question::Printer`].
    Printer(Seen),
    /// To [`Question::Files`], sorted.
    Files(Vec<String>),
    /// To [`Question::Stored`].
    Stored(Option<Stored>),
    /// To [`Question::Traffic`].
    Traffic(u64),
    /// To [`Question::Changes`].
    Changes(u64),
}

/// A stored file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "an oracle says this and nothing else")]
pub struct Stored {
    /// Bytes.
    pub len: u64,
    /// Of the content, if the host knows it.
    pub sha1: Option<[u8; 20]>,
}

/// What a printer shows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "an oracle says this and nothing else")]
pub struct Seen {
    /// What it does.
    pub activity: Activity,
    /// The file it prints, or has selected.
    pub file: Option<String>,
    /// Of a project, which plate of it.
    pub plate: Option<u16>,
    /// How many prints have begun since the reset.
    pub prints: u32,
    /// Target of the first hot end, °C.
    pub tool_target: Option<f32>,
    /// Target of the bed, °C.
    pub bed_target: Option<f32>,
}

/// What a printer does, as coarse as every protocol tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Activity {
    /// Not connected to its host.
    Offline,
    /// Failed.
    Faulted,
    /// Ready.
    #[default]
    Idle,
    /// At work on a job.
    Printing,
    /// Paused.
    Paused,
    /// On its way from one to another.
    Changing,
}
