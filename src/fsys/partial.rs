//! A file that arrives in parts, over several runs if need be, and gets its own name once it is whole.

use std::fs;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys::FileKind;
use crate::fsys::FsError;
use crate::fsys::LockMode;
use crate::fsys::LockRequest;
use crate::fsys::Result;
use crate::fsys::Waiting;
use crate::fsys::atomic::FILE_MODE;
use crate::fsys::change;
use crate::fsys::lock_file::is_at;
use crate::fsys::lock_file::wait_for;
use crate::fsys::rename;
use crate::fsys::status_of;

/// A beginning of a file, locked against others who would write to it.
///
/// Dropping it leaves it for the next run. Nothing of it is synced: after a power cut it may hold anything, and its reader checks it.
#[derive(Debug)]
pub struct PartialFile {
    file: fs::File,
    path: PathBuf,
}

impl PartialFile {
    /// Opens what is there of a file, or begins it; waits for whoever works with it.
    ///
    /// # Errors
    /// [`FsError::Locked`] where somebody else was not done in time.
    pub fn open(path: &Path, waiting: &Waiting<'_>) -> Result<PartialFile> {
        let mut options = fs::OpenOptions::new();
        // A fifo in its place must not keep us waiting.
        let flags = rustix::fs::OFlags::NOFOLLOW.union(rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE).custom_flags(flags);
        loop {
            let file = change("open", path, || options.open(path))?;
            if status_of(&file, path)?.kind != FileKind::File {
                return Err(FsError::io("write", path, std::io::Error::new(std::io::ErrorKind::InvalidInput, "not a regular file")));
            }
            wait_for(&file, &LockRequest { path, mode: LockMode::Exclusive, waiting }, |_| "another packs that fetches it".to_owned())?;
            // Whoever had it may have given it its own name, or removed it: then ours is a file without a name.
            if is_at(path, &file)? {
                return Ok(PartialFile { file, path: path.to_owned() });
            }
        }
    }

    /// Gives a reader of what is there, from the beginning; the next bytes go to where it ends.
    pub fn rewound(&mut self) -> Result<&mut fs::File> {
        self.file.seek(SeekFrom::Start(0)).map_err(|source| FsError::io("read", &self.path, source))?;
        Ok(&mut self.file)
    }

    /// Gives the path that it has until it is whole.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        change("write", &self.path, || self.file.write_all(bytes))
    }

    /// Throws away what is there.
    pub fn clear(&mut self) -> Result<()> {
        change("cut", &self.path, || {
            self.file.set_len(0)?;
            self.file.seek(SeekFrom::Start(0)).map(|_| ())
        })
    }

    /// Gives the file its own name, replacing what has it.
    pub fn keep_as(self, path: &Path) -> Result<()> {
        rename(&self.path, path)
    }

    /// Removes it and gives its space back.
    pub fn remove(self) -> Result<()> {
        change("remove", &self.path, || fs::remove_file(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::time::Duration;

    const NOBODY: Waiting<'static> = Waiting { wait_max: Duration::ZERO, holder: "", on_wait: &|_| {} };

    #[test]
    fn it_grows_over_several_runs_and_gets_its_name_at_the_end() {
        let world = tempfile::tempdir().expect("a directory");
        let (path, part) = (world.path().join("file"), world.path().join("file.part"));
        PartialFile::open(&part, &NOBODY).expect("opened").append(b"one ").expect("written");
        let mut again = PartialFile::open(&part, &NOBODY).expect("opened");
        let mut found = String::new();
        again.rewound().expect("rewound").read_to_string(&mut found).expect("read");
        assert_eq!(found, "one ");
        again.append(b"two").expect("written");
        again.keep_as(&path).expect("kept");
        assert_eq!(fs::read(&path).expect("there"), b"one two");
        assert!(!part.exists());
    }

    #[test]
    fn what_is_there_can_be_thrown_away() {
        let world = tempfile::tempdir().expect("a directory");
        let part = world.path().join("file.part");
        let mut file = PartialFile::open(&part, &NOBODY).expect("opened");
        file.append(b"wrong").expect("written");
        file.clear().expect("cleared");
        file.append(b"ok").expect("written");
        assert_eq!(fs::read(&part).expect("there"), b"ok");
        file.remove().expect("removed");
        assert!(!part.exists());
    }

    #[test]
    fn one_at_a_time_and_who_waited_does_not_write_to_what_has_its_name() {
        let world = tempfile::tempdir().expect("a directory");
        let (path, part) = (world.path().join("file"), world.path().join("file.part"));
        let mut first = PartialFile::open(&part, &NOBODY).expect("opened");
        assert!(matches!(PartialFile::open(&part, &NOBODY), Err(FsError::Locked { .. })));
        first.append(b"whole").expect("written");
        std::thread::scope(|scope| {
            let patient = Waiting { wait_max: Duration::from_secs(10), ..NOBODY };
            let second = scope.spawn({
                let part = &part;
                move || PartialFile::open(part, &patient).expect("opened").append(b"other").expect("written")
            });
            first.keep_as(&path).expect("kept");
            second.join().expect("it ends");
        });
        assert_eq!(fs::read(&path).expect("there"), b"whole");
    }
}
