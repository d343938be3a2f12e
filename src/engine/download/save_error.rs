//! Why data could not be saved.

use std::io;
use std::path::PathBuf;

use crate::engine::download::transfer::coding::CodingError;
use crate::engine::download::transfer::decrypt::DecryptError;
use crate::engine::state::link_store::LinkError;
use crate::protocol::counted;
use crate::settings::atomic::describe_io;

/// The system refused to write a file.
#[derive(Debug, thiserror::Error)]
#[error("It can't be written to {}: {}. Choose another place.", .to.display(), describe_io(.source))]
pub(crate) struct WriteError {
    /// The path of the file.
    pub(crate) to: PathBuf,
    /// The system's reason.
    pub(crate) source: io::Error,
}

/// Why data was not saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SaveError {
    /// The file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The task that wrote it panicked.
    #[error(transparent)]
    Panicked(#[from] WriterPanicked),
    /// There is too little space in the newly chosen folder, too.
    #[error(
        "There is too little room in {} too: it has {free} of the {} that are needed. Choose another place.",
        .folder.display(), counted(*.needed, "byte")
    )]
    NoSpace {
        /// The new folder.
        folder: PathBuf,
        /// Bytes that are needed.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// There is no usable link.
    #[error(transparent)]
    NoLink(#[from] LinkError),
    /// No payload came inline.
    #[error("No payload came inline with this request.")]
    NoPayload,
    /// The inline payload can't be decoded.
    #[error("The payload is not valid base64.")]
    NotBase64,
}

/// The task that writes a file panicked; a notice has the details.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("The file could not be written.")]
pub(crate) struct WriterPanicked;

/// Why a payload stays encoded or encrypted; a clause.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnwrapError {
    /// The output file can't be written.
    #[error("{}", .0.to_string().trim_end_matches('.'))]
    Write(#[from] WriteError),
    /// It can't be decompressed.
    #[error(transparent)]
    Coding(#[from] CodingError),
    /// It can't be decrypted.
    #[error(transparent)]
    NotOpened(#[from] DecryptError),
    /// It can't be decrypted without a key.
    #[error("no key is known for this profile")]
    NoKey,
}
