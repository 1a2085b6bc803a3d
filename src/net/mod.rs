//! The door to registries: reading and conditionally writing files under a root, wherever it lies.
//!
//! Knows paths, bytes and revisions; knows nothing of packs. Absence and being offline are answers, not errors.
//!
//! Protocol of writing, for every transport: a writer reads a file with its `Revision`, changes it, and writes it back under
//! `Precondition::Unchanged`; if somebody else was faster the answer is `Written::PreconditionFailed`, nothing was written, and the writer starts again.
//! A reader sees the old file or the new one, never a part.
#![allow(clippy::disallowed_methods, reason = "this folder is the boundary to registries")]

mod account;
mod address;
mod aws_profile;
mod body;
mod bucket;
mod client;
mod connector;
mod credentials;
mod directory;
mod error;
mod netrc;
mod network;
mod request;
mod retry;
mod secret;
mod trust;
mod unasked;
mod web;

use std::io::Read;

pub use credentials::variables_for;
pub use directory::Directory;
pub use error::Credential;
pub use error::Fault;
pub use error::NetError;
pub use network::NetSettings;
pub use network::Network;
pub use request::HttpContent;
pub use request::HttpMethod;
pub use request::HttpRequest;
pub use request::HttpResponse;
pub use secret::Secret;
pub use unasked::Unasked;

/// What a look at a registry found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// It is there.
    Found(T),
    /// The registry answers and does not have it.
    Absent,
    /// The registry was not asked, or cannot be reached.
    Offline,
}

impl<T> Answer<T> {
    /// Turns what was found into something else.
    ///
    /// # Errors
    /// What `convert` returns.
    pub fn try_map<U, E>(self, convert: impl FnOnce(T) -> Result<U, E>) -> Result<Answer<U>, E> {
        Ok(match self {
            Answer::Found(found) => Answer::Found(convert(found)?),
            Answer::Absent => Answer::Absent,
            Answer::Offline => Answer::Offline,
        })
    }

    /// Gives what was found.
    pub fn found(self) -> Option<T> {
        match self {
            Answer::Found(found) => Some(found),
            Answer::Absent | Answer::Offline => None,
        }
    }
}

/// The state of a file, as its registry names it (an `ETag`); opaque, and equal only for equal content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revision(String);

impl Revision {
    /// Takes the name a registry gave to a state.
    pub fn new(tag: impl Into<String>) -> Self {
        Revision(tag.into())
    }

    /// Gives the name, as the registry wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file that was read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its state, for a conditional write.
    pub revision: Revision,
}

/// What became of a file since it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It is as it was.
    Same,
    /// It is another now.
    Other(Fetched),
}

/// The bytes of a file from somewhere on, as they arrive.
pub struct Body {
    /// Where the reader begins, in bytes from the start: 0 where the registry gives whole files only, or the file is another than the one begun with.
    pub offset: u64,
    /// The length of the whole file, if the registry says so.
    pub size: Option<u64>,
    /// The state of the file, for going on after a cut; `None` where the registry names none.
    pub revision: Option<Revision>,
    /// The bytes.
    pub reader: Box<dyn Read + Send>,
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// Only if there is no such file.
    Absent,
    /// Only if the file is as it was read.
    Unchanged(Revision),
    /// Always.
    None,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Written {
    /// The file is written, and stays so through a power cut.
    Done,
    /// The precondition does not hold; nothing was written.
    PreconditionFailed,
}

/// A root under which files are read and written by path: a directory, a web server, a bucket.
///
/// Paths are relative, `/` between components, and cannot leave the root: [`NetError::InvalidPath`] otherwise.
pub trait Transport: Send + Sync {
    /// Reads a file of at most `bytes_max` bytes.
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError>;

    /// Reads a file of at most `bytes_max` bytes, unless it is as it was when `known` was its state.
    fn read_changed(&self, path: &str, bytes_max: u64, known: &Revision) -> Result<Answer<Changed>, NetError> {
        self.read(path, bytes_max)?.try_map(|fetched| Ok(if fetched.revision == *known { Changed::Same } else { Changed::Other(fetched) }))
    }

    /// Opens a file of any size for reading.
    fn open(&self, path: &str) -> Result<Answer<Box<dyn Read + Send>>, NetError> {
        self.open_at(path, 0, None)?.try_map(|body| Ok(body.reader))
    }

    /// Opens a file of any size from `offset` on, to go on after a cut; from its beginning if it is no longer the file whose state was `known`.
    ///
    /// [`Body::offset`] says where the bytes really begin.
    fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError>;

    /// Writes a file whole, if the precondition holds.
    fn write(&self, path: &str, bytes: &[u8], when: &Precondition) -> Result<Written, NetError> {
        self.write_from(path, &mut &*bytes, when)
    }

    /// Writes what a reader gives until its end, if the precondition holds; memory stays bounded.
    ///
    /// If the reader fails, nothing was written, and the error is [`NetError::Content`].
    fn write_from(&self, path: &str, content: &mut dyn Read, when: &Precondition) -> Result<Written, NetError>;

    /// Lists the paths of all files below a directory of the root, sorted; none where there is no such directory, `None` where a root of this kind cannot be
    /// listed, as a web server.
    fn list(&self, _directory: &str) -> Result<Option<Vec<String>>, NetError> {
        Ok(None)
    }

    /// Is told that what was read last of a file was checked and is believed: whoever keeps copies keeps this one from now on.
    fn accept(&self, _path: &str) {}

    /// Is told why what was read last of a file is not believed: tells whether another address of the same root can be asked, which reading does from now on.
    fn pass_over(&self, _path: &str, _why: &str) -> bool {
        false
    }

    /// Names the address of the root that answered last for a file, where there are several; holds no secret.
    fn describe_answer(&self, _path: &str) -> String {
        self.describe()
    }

    /// Names the root for people: `file:/srv/packs`; holds no secret.
    fn describe(&self) -> String;
}
