//! Faults on purpose: a test build can fail, or die at, the n-th disk call of a command.
//!
//! In builds without debug assertions every function here is empty. The test arms it through the process environment, which `cli/settings.rs` reads:
//! `fail:N` gives EIO (`full:N` gives ENOSPC) for the N-th call, `kill:N` aborts the process just before the N-th call that changes the disk.
//! A fault that struck is announced on stderr with [`MARK`], so that a sweep knows when it has passed the last call.

use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::fsys::FsError;

/// Begins the line that announces a fault that struck.
pub const MARK: &str = "packs-fault:";

static FAULT: OnceLock<Fault> = OnceLock::new();
static CALLS: AtomicU64 = AtomicU64::new(0);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fault {
    kind: FaultKind,
    at_call: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FaultKind {
    Fail(rustix::io::Errno),
    Kill,
}

/// Arms a fault for the rest of the process; a text that is no fault arms nothing.
///
/// Does nothing in builds without debug assertions.
pub fn arm(text: &str) {
    if cfg!(debug_assertions)
        && let Some(fault) = parse(text)
    {
        // A second arming would make the count meaningless; the first stands.
        let _ = FAULT.set(fault);
    }
}

fn parse(text: &str) -> Option<Fault> {
    let (kind, count) = text.split_once(':')?;
    let kind = match kind {
        "fail" => FaultKind::Fail(rustix::io::Errno::IO),
        "full" => FaultKind::Fail(rustix::io::Errno::NOSPC),
        "kill" => FaultKind::Kill,
        _ => return None,
    };
    Some(Fault { kind, at_call: count.parse().ok()? })
}

pub(super) fn before_change(operation: &'static str, path: &Path) -> Result<(), FsError> {
    if cfg!(debug_assertions) { strike(operation, path, true) } else { Ok(()) }
}

pub(super) fn before_look(operation: &'static str, path: &Path) -> Result<(), FsError> {
    if cfg!(debug_assertions) { strike(operation, path, false) } else { Ok(()) }
}

fn strike(operation: &'static str, path: &Path, changes: bool) -> Result<(), FsError> {
    let Some(fault) = FAULT.get() else { return Ok(()) };
    // Dying before a look leaves the same disk as dying before the next change: such calls are not counted.
    if fault.kind == FaultKind::Kill && !changes {
        return Ok(());
    }
    if CALLS.fetch_add(1, Ordering::SeqCst) + 1 != fault.at_call {
        return Ok(());
    }
    eprintln!("{MARK} {:?} before {operation} {}", fault.kind, path.display());
    match fault.kind {
        FaultKind::Fail(errno) => Err(FsError::io(operation, path, errno)),
        FaultKind::Kill => std::process::abort(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_spelled() {
        assert_eq!(parse("fail:3"), Some(Fault { kind: FaultKind::Fail(rustix::io::Errno::IO), at_call: 3 }));
        assert_eq!(parse("kill:1"), Some(Fault { kind: FaultKind::Kill, at_call: 1 }));
        assert_eq!(parse("kill"), None);
        assert_eq!(parse("fail:x"), None);
    }
}
