//! The side file of an archive: what it is called, and how long one may be. `archive` knows what stands in it.

/// Largest side file that is read, in bytes: a digest and a file name need some 300.
pub const SIDE_FILE_BYTES_MAX: u64 = 4 * 1024;

/// What the name of a side file ends in, after the archive's.
const ENDING: &str = ".sha256";

/// Gives the name, or the path, of an archive's side file: `kanban-2.0.3.tar.zst.sha256`.
pub fn side_file_of(archive: &str) -> String {
    format!("{archive}{ENDING}")
}

/// Gives the archive that a side file is called after; `None` for what is called otherwise.
pub fn archive_of_side_file(name: &str) -> Option<&str> {
    name.strip_suffix(ENDING).filter(|archive| !archive.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_whose_it_is() {
        assert_eq!(side_file_of("kanban-2.0.3.tar.zst"), "kanban-2.0.3.tar.zst.sha256");
        assert_eq!(archive_of_side_file(&side_file_of("a.tar.gz")), Some("a.tar.gz"));
        assert_eq!(archive_of_side_file("a.tar.gz"), None);
        assert_eq!(archive_of_side_file(".sha256"), None);
    }
}
