//! One archive from its source into the cache: hashed while it arrives, resumed after a cut, named only once it is good.
//!
//! The bytes go to `cache/archives/<sha256>.part`, which is kernel-locked as long as somebody writes to it. A cut, a kill or a power cut leaves it; the next
//! try hashes what is there and asks its source for the rest. When size and sha256 are right it becomes `cache/archives/<sha256>` by one rename. Nothing is
//! synced: whoever takes an archive out of the cache checks it again.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use crate::archive::Mismatch;
use crate::archive::Verification;
use crate::archive::Verified;
use crate::fetch::FetchError;
use crate::fetch::Pieces;
use crate::fetch::retry::Next;
use crate::fetch::retry::Pieced;
use crate::fetch::retry::Tries;
use crate::fsys::FsError;
use crate::fsys::PartialFile;
use crate::fsys::Waiting;
use crate::model::Sha256Digest;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Revision;

/// Largest archive that is handed on in memory, in bytes: with sixteen arriving at once they stay far below the memory that unpacking may take.
const HANDED_ON_BYTES_MAX: u64 = 1 << 20;

/// An archive that is to come into the cache.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'w> {
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// Where it is to lie.
    pub cached: &'w Path,
    /// Where its beginning lies until then.
    pub partial: &'w Path,
}

/// An archive that is in the cache.
#[derive(Debug)]
pub struct Received {
    /// Its bytes, where they are few.
    pub verified: Option<Verified>,
    /// Bytes that were there already.
    pub there_bytes: u64,
    /// Bytes that arrived, those of answers that were thrown away included.
    pub arrived_bytes: u64,
}

/// Tells why a download did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError<E: std::error::Error + 'static> {
    /// What arrived is not what was promised, or cannot be kept.
    #[error(transparent)]
    Refused(#[from] FetchError),
    /// The source does not give it, or no longer; what is there stays for the next try.
    #[error("{there_bytes} bytes are there")]
    Cut {
        /// Bytes that are there.
        there_bytes: u64,
        /// What its source, or the reader, said.
        #[source]
        source: Cut<E>,
    },
    /// Whoever watches wants no more of it; what is there stays for the next try.
    #[error("the download was stopped")]
    Stopped,
}

/// Why bytes stopped arriving.
#[derive(Debug, thiserror::Error)]
pub enum Cut<E: std::error::Error + 'static> {
    /// Its source does not open it (again).
    #[error(transparent)]
    Source(E),
    /// It breaks off each time.
    #[error("it breaks off each time")]
    Broken(#[source] io::Error),
}

/// Opens an archive so many bytes from its start, if its state still is the one given.
pub type Open<'o, E> = dyn Fn(u64, Option<&Revision>) -> Result<Answer<Body>, E> + 'o;

/// The ends of a download: who opens the archive at a position, who is told how many bytes are there, and who knows of other places.
pub struct Ends<'e, E: std::error::Error + 'static> {
    /// Opens it at a position.
    pub open: &'e Open<'e, E>,
    /// Is told how many bytes are there, and says whether to go on.
    pub watch: &'e dyn Fn(u64) -> ControlFlow<()>,
    /// Is told why a place is given up, and says whether opening asks another one from now on.
    pub elsewhere: &'e dyn Fn(&DownloadError<E>) -> bool,
}

/// Brings an archive into the cache, with what an earlier try left of it.
///
/// Waits for another process that fetches the same, and then takes what that one got. Reads not one byte more than promised.
///
/// # Errors
/// [`DownloadError::Refused`] as soon as it is known that these are not the bytes promised; [`DownloadError::Cut`] where they do not come.
pub fn download<E>(wanted: &Wanted<'_>, ends: &Ends<'_, E>, waiting: &Waiting<'_>) -> Result<Answer<Received>, DownloadError<E>>
where
    E: std::error::Error + 'static,
{
    let file = PartialFile::open(wanted.partial, waiting).map_err(FetchError::Disk)?;
    if let Some(verified) = taken_from_another(wanted)? {
        file.remove().map_err(FetchError::Disk)?;
        return Ok(Answer::Found(Received { verified: Some(verified), there_bytes: wanted.size, arrived_bytes: 0 }));
    }
    let mut arriving = Arriving::recall(wanted, file)?;
    let there_bytes = arriving.there_bytes();
    match arriving.fill(ends, &mut Tries::from(there_bytes)) {
        Ok(Answer::Found(())) => {
            let arrived_bytes = arriving.arrived_bytes;
            Ok(Answer::Found(Received { verified: arriving.keep()?, there_bytes, arrived_bytes }))
        }
        Ok(answer) => {
            arriving.leave().map(|()| if matches!(answer, Answer::Absent) { Answer::Absent } else { Answer::Offline }).map_err(DownloadError::Refused)
        }
        Err(error) => {
            arriving.settle(&error);
            Err(error)
        }
    }
}

/// Takes the archive if somebody else brought it while we waited for them.
fn taken_from_another(wanted: &Wanted<'_>) -> Result<Option<Verified>, FetchError> {
    // One that is damaged is as good as none: it will be replaced.
    let is_there = crate::fsys::status(wanted.cached)?.is_some();
    Ok(if is_there { crate::fetch::open_file(wanted.cached, wanted.size, wanted.sha256).ok() } else { None })
}

/// An archive on its way into the cache.
struct Arriving<'w> {
    wanted: &'w Wanted<'w>,
    file: PartialFile,
    verification: Verification,
    /// The state of the file at its source that the bytes come from, where it names one.
    revision: Option<Revision>,
    pieced: Pieced,
    arrived_bytes: u64,
}

/// How one answer ended.
enum Ended<E: std::error::Error + 'static> {
    /// All bytes are there, and they are the right ones.
    Whole,
    /// It has no (more) bytes for us.
    Nothing(Answer<()>),
    /// It broke off.
    Broken(io::Error),
    /// It is something else.
    Other(Mismatch),
    /// It cannot go on at all.
    Failed(DownloadError<E>),
}

impl<'w> Arriving<'w> {
    /// Hashes what an earlier try left; more than promised is worth nothing.
    fn recall(wanted: &'w Wanted<'w>, file: PartialFile) -> Result<Arriving<'w>, FetchError> {
        let verification = new_verification(wanted);
        let mut arriving = Arriving { wanted, file, verification, revision: None, pieced: Pieced::OneAnswer, arrived_bytes: 0 };
        let path = arriving.file.path().to_owned();
        let mut pieces = Pieces::new(arriving.file.rewound()?);
        let mut is_too_long = false;
        while let Some(piece) = pieces.next().map_err(|source| FsError::io("read", &path, source))? {
            is_too_long = arriving.verification.update(piece).is_err();
            if is_too_long {
                break;
            }
        }
        if is_too_long {
            arriving.begin_anew()?;
        } else if arriving.there_bytes() > 0 {
            arriving.pieced = Pieced::Several;
        }
        Ok(arriving)
    }

    fn there_bytes(&self) -> u64 {
        self.verification.seen_bytes()
    }

    fn begin_anew(&mut self) -> Result<(), FetchError> {
        self.file.clear()?;
        self.verification = new_verification(self.wanted);
        self.revision = None;
        self.pieced = Pieced::OneAnswer;
        Ok(())
    }

    /// Asks for the bytes that are missing until they are there, or there is no hope.
    fn fill<E: std::error::Error + 'static>(&mut self, ends: &Ends<'_, E>, tries: &mut Tries) -> Result<Answer<()>, DownloadError<E>> {
        let mut given_up = None;
        loop {
            let (next, failure) = match self.take_one_answer(ends) {
                Ended::Whole => return Ok(Answer::Found(())),
                // What was wrong with the place that has it says more than that the others lack it.
                Ended::Nothing(answer) => return given_up.map_or(Ok(answer), Err),
                Ended::Failed(error) => return Err(error),
                Ended::Broken(source) => {
                    let there_bytes = self.there_bytes();
                    (tries.after_cut(there_bytes), DownloadError::Cut { there_bytes, source: Cut::Broken(source) })
                }
                Ended::Other(source) => {
                    (tries.after_mismatch(self.pieced), DownloadError::Refused(FetchError::Mismatch { sha256: self.wanted.sha256, source }))
                }
            };
            match next {
                Next::GoOn => self.pieced = Pieced::Several,
                Next::BeginAnew => self.begin_anew()?,
                Next::GiveUp if (ends.elsewhere)(&failure) => {
                    self.begin_anew()?;
                    *tries = Tries::default();
                    given_up = Some(failure);
                }
                Next::GiveUp => return Err(failure),
            }
        }
    }

    /// Takes the bytes of one answer.
    fn take_one_answer<E: std::error::Error + 'static>(&mut self, ends: &Ends<'_, E>) -> Ended<E> {
        if self.there_bytes() == self.wanted.size && self.pieced == Pieced::Several {
            // An earlier try was stopped between the last byte and the name.
            return self.verification.check().map_or_else(Ended::Other, |()| Ended::Whole);
        }
        let body = match (ends.open)(self.there_bytes(), self.revision.as_ref()) {
            Ok(Answer::Found(body)) => body,
            Ok(Answer::Absent) => return Ended::Nothing(Answer::Absent),
            Ok(Answer::Offline) => return Ended::Nothing(Answer::Offline),
            Err(source) => return Ended::Failed(DownloadError::Cut { there_bytes: self.there_bytes(), source: Cut::Source(source) }),
        };
        match self.accept(&body) {
            Ok(()) => self.take(body, ends.watch),
            Err(ended) => ended,
        }
    }

    /// Looks whether an answer is about these bytes, before any of them is read.
    fn accept<E: std::error::Error + 'static>(&mut self, body: &Body) -> Result<(), Ended<E>> {
        if body.offset != self.there_bytes() {
            // Its source gives whole files only, or the file is another by now.
            self.begin_anew().map_err(|error| Ended::Failed(error.into()))?;
            if body.offset != 0 {
                return Err(Ended::Broken(io::Error::new(io::ErrorKind::InvalidData, format!("it answers from byte {}", body.offset))));
            }
        }
        self.revision.clone_from(&body.revision);
        match body.size {
            Some(found) if found != self.wanted.size => {
                // What its source has now is another file: no beginning of ours will ever fit it.
                self.pieced = Pieced::OneAnswer;
                Err(Ended::Other(Mismatch::Size { expected: self.wanted.size, found }))
            }
            _ => Ok(()),
        }
    }

    fn take<E: std::error::Error + 'static>(&mut self, mut body: Body, watch: &dyn Fn(u64) -> ControlFlow<()>) -> Ended<E> {
        let mut pieces = Pieces::new(&mut body.reader);
        loop {
            match pieces.next() {
                Err(error) => return Ended::Broken(error),
                Ok(None) if self.there_bytes() < self.wanted.size => return Ended::Broken(io::ErrorKind::UnexpectedEof.into()),
                Ok(None) => return self.verification.check().map_or_else(Ended::Other, |()| Ended::Whole),
                Ok(Some(piece)) => {
                    self.arrived_bytes += piece.len() as u64;
                    if let Err(mismatch) = self.verification.update(piece) {
                        return Ended::Other(mismatch);
                    }
                    if let Err(error) = self.file.append(piece) {
                        return Ended::Failed(FetchError::Disk(error).into());
                    }
                }
            }
            if watch(self.there_bytes()).is_break() {
                return Ended::Failed(DownloadError::Stopped);
            }
        }
    }

    /// Gives the archive its name.
    fn keep(self) -> Result<Option<Verified>, FetchError> {
        let verified = self.verification.finish_kept().map_err(|source| FetchError::Mismatch { sha256: self.wanted.sha256, source })?;
        self.file.keep_as(self.wanted.cached)?;
        Ok(verified)
    }

    /// Leaves what is there for the next try; nothing at all is no beginning.
    fn leave(self) -> Result<(), FetchError> {
        if self.there_bytes() == 0 { Ok(self.file.remove()?) } else { Ok(()) }
    }

    /// Decides after a failure whether what is there is worth keeping: not if it is wrong, and not if the disk needs the space.
    fn settle<E: std::error::Error + 'static>(self, error: &DownloadError<E>) {
        let is_worthless = matches!(error, DownloadError::Refused(_)) || self.there_bytes() == 0;
        if is_worthless {
            // The failure that counts is told already; what cannot be removed is checked by the next try.
            let _ = self.file.remove();
        }
    }
}

fn new_verification(wanted: &Wanted<'_>) -> Verification {
    if wanted.size <= HANDED_ON_BYTES_MAX { Verification::keeping(wanted.size, wanted.sha256) } else { Verification::new(wanted.size, wanted.sha256) }
}

#[cfg(test)]
mod tests;
