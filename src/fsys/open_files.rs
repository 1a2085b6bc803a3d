//! How many files this process may hold open.

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;

/// Enough for a command that holds one handle for each of tens of thousands of stages, and below what any system refuses.
const WANTED: u64 = 65_536;

/// Raises the soft limit on open files as far as the hard one allows, up to 65,536.
///
/// Shells keep the soft limit at 1,024 (macOS: 256) for programs that use `select`; this one does not. A system that refuses changes nothing.
pub fn raise_open_files_max() {
    let found = getrlimit(Resource::Nofile);
    let wanted = found.maximum.unwrap_or(u64::MAX).min(WANTED);
    if found.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: found.maximum });
    }
}
