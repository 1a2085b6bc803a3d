//! A file that is filled under a passing name, and gets its own once it is good.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys::Result;
use crate::fsys::atomic::FILE_MODE;
use crate::fsys::change;
use crate::fsys::random_id;
use crate::fsys::rename;

/// A new file under a random name beside the one it is to get; removed when dropped, unless it got that.
#[derive(Debug)]
pub struct SpoolFile {
    file: fs::File,
    path: PathBuf,
    kept: bool,
}

impl SpoolFile {
    /// Creates an empty file that is to become `path`, for writing and reading.
    pub fn create(path: &Path) -> Result<SpoolFile> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = path.with_file_name(format!(".{name}.{}.tmp", random_id()?));
        let file = change("create", &beside, || fs::OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&beside))?;
        Ok(SpoolFile { file, path: beside, kept: false })
    }

    /// Appends bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        change("write", &self.path, || self.file.write_all(bytes))
    }

    /// Gives the file its own name, replacing what has it, and hands it out. Not synced.
    pub fn keep_as(mut self, path: &Path) -> Result<fs::File> {
        rename(&self.path, path)?;
        self.kept = true;
        change("open", path, || self.file.try_clone())
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_whole_or_not_at_all() {
        let world = tempfile::tempdir().expect("a directory");
        let path = world.path().join("file");
        let mut spool = SpoolFile::create(&path).expect("made");
        spool.write(b"one").expect("written");
        assert!(!path.exists());
        drop(spool);
        assert_eq!(fs::read_dir(world.path()).expect("listed").count(), 0);
        let mut spool = SpoolFile::create(&path).expect("made");
        spool.write(b"two").expect("written");
        spool.keep_as(&path).expect("kept");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        assert_eq!(fs::read_dir(world.path()).expect("listed").count(), 1);
    }
}
