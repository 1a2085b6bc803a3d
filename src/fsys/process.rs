//! The only place where child processes start.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::fsys::Result;
use crate::fsys::look;

/// The code a shell gives for a child that died of signal n: 128 + n.
const SIGNAL_BASE: i32 = 128;

/// Runs a program with the terminal of this one, and gives its exit code as a shell would.
///
/// `environment` is added to that of this process.
///
/// # Errors
/// `NotFound` where there is no such program, `PermissionDenied` where it may not be executed.
pub fn run_child(program: &OsString, arguments: &[OsString], environment: &BTreeMap<String, OsString>) -> Result<i32> {
    let status = look("run", Path::new(program), || Command::new(program).args(arguments).envs(environment).status())?;
    Ok(status.code().unwrap_or_else(|| SIGNAL_BASE + status.signal().unwrap_or(0)))
}

/// Runs a program in a directory and gives what it prints, or `None` where it is missing or fails.
///
/// For questions with a fall-back, such as the time of a directory's newest git commit.
pub fn run_for_output(program: &str, arguments: &[&str], directory: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(directory).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
