//! What a reader of an archive does with its entries.

use std::io;
use std::io::Read;

use crate::archive::ArchiveError;
use crate::archive::input::Input;
use crate::model::Blake3Digest;
use crate::model::TreePath;

/// Does something with each entry while an archive is read, in the archive's order.
///
/// Paths are relative to the archive's root: `MANIFEST.json`, `kanban/bin/kanban`. Whatever a visitor gets is valid by itself (name, kind, limits,
/// clashes), but the archive as a whole is good only once `read_archive` has said so.
pub trait Visitor {
    /// What can go wrong with what it does.
    type Error;

    /// Is told of a directory: each once, before anything in it, also those that the archive only implies.
    fn directory(&mut self, path: &TreePath) -> Result<(), Self::Error>;

    /// Is given a file. Content that it does not read is read and hashed without it.
    fn file(&mut self, file: FileHead<'_>, content: Content<'_>) -> Result<(), Self::Error>;

    /// Is told of a symbolic link; that it stays inside is known only at the end.
    fn symlink(&mut self, path: &TreePath, target: &str) -> Result<(), Self::Error>;

    /// Is told of a hard link to a file that it was given before.
    fn hard_link(&mut self, path: &TreePath, to: &TreePath) -> Result<(), Self::Error>;
}

/// What is known of a file before its content.
#[derive(Debug, Clone, Copy)]
pub struct FileHead<'a> {
    /// Its path, relative to the archive's root.
    pub path: &'a TreePath,
    /// Its length in bytes.
    pub size: u64,
    /// Whether it may be executed.
    pub executable: bool,
}

/// The content of a file.
pub enum Content<'a> {
    /// All of it, and its digest: files up to 1 MiB, and MANIFEST.json of any size.
    Whole {
        /// The bytes.
        bytes: &'a [u8],
        /// Their BLAKE3.
        digest: Blake3Digest,
    },
    /// A reader, for larger files.
    Streamed(&'a mut ContentReader<'a>),
}

/// Reads one file of an archive, which is hashed on the way.
pub struct ContentReader<'a> {
    stream: &'a mut dyn Pieces,
}

impl<'a> ContentReader<'a> {
    pub(super) fn new(stream: &'a mut dyn Pieces) -> Self {
        ContentReader { stream }
    }

    /// Gives the BLAKE3 of the content once all of it was read, and nothing before.
    pub fn digest(&self) -> Option<Blake3Digest> {
        self.stream.digest()
    }

    /// Gives the next bytes, up to 128 KiB, without copying them; nothing after the end.
    ///
    /// # Errors
    /// Fails where the archive is cut off or damaged; `read_archive` then returns the cause, whatever the visitor makes of it.
    pub fn next_piece(&mut self) -> io::Result<&[u8]> {
        self.stream.next_piece(usize::MAX)
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.stream.next_piece(buffer.len())?;
        buffer[..piece.len()].copy_from_slice(piece);
        Ok(piece.len())
    }
}

/// What a [`ContentReader`] reads from; parts its lifetime from that of the archive.
pub(super) trait Pieces {
    fn next_piece(&mut self, bytes_max: usize) -> io::Result<&[u8]>;
    fn digest(&self) -> Option<Blake3Digest>;
}

/// The content of one large file, and how far it was read.
pub(super) struct ContentStream<'c, 'a> {
    input: &'c mut Input<'a>,
    entry: &'c str,
    remaining: u64,
    hasher: blake3::Hasher,
    fault: Option<ArchiveError>,
}

impl<'c, 'a> ContentStream<'c, 'a> {
    pub(super) fn new(input: &'c mut Input<'a>, entry: &'c str, size: u64) -> Self {
        ContentStream { input, entry, remaining: size, hasher: blake3::Hasher::new(), fault: None }
    }

    /// Takes the fault of the archive that reading met, if it met one.
    pub(super) fn take_fault(&mut self) -> Option<ArchiveError> {
        self.fault.take()
    }

    /// Reads what the visitor left, and gives the digest.
    pub(super) fn finish(mut self) -> Result<Blake3Digest, ArchiveError> {
        loop {
            if let Some(fault) = self.take_fault() {
                return Err(fault);
            }
            if let Some(digest) = self.digest() {
                return Ok(digest);
            }
            // What it fails with is the fault that the next round finds.
            let _ = self.next_piece(usize::MAX);
        }
    }
}

impl Pieces for ContentStream<'_, '_> {
    fn next_piece(&mut self, bytes_max: usize) -> io::Result<&[u8]> {
        if self.fault.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(bytes_max);
        if wanted == 0 {
            return Ok(&[]);
        }
        let position = self.input.position();
        let taken = match self.input.take_some(wanted) {
            Ok([]) => Err(ArchiveError::CutOff { entry: self.entry.to_owned(), position, expected: "the rest of the file" }),
            other => other,
        };
        match taken {
            Ok(piece) => {
                self.remaining -= piece.len() as u64;
                self.hasher.update(piece);
                Ok(piece)
            }
            Err(fault) => {
                self.fault = Some(fault);
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    fn digest(&self) -> Option<Blake3Digest> {
        (self.remaining == 0).then(|| Blake3Digest::from(self.hasher.finalize()))
    }
}

/// A visitor that does nothing: reading alone verifies an archive.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nothing;

impl Visitor for Nothing {
    type Error = std::convert::Infallible;

    fn directory(&mut self, _: &TreePath) -> Result<(), Self::Error> {
        Ok(())
    }

    fn file(&mut self, _: FileHead<'_>, _: Content<'_>) -> Result<(), Self::Error> {
        Ok(())
    }

    fn symlink(&mut self, _: &TreePath, _: &str) -> Result<(), Self::Error> {
        Ok(())
    }

    fn hard_link(&mut self, _: &TreePath, _: &TreePath) -> Result<(), Self::Error> {
        Ok(())
    }
}
