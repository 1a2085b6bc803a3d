//! The only place where child processes start.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use crate::fsys::Result;
use crate::fsys::look;

/// Becomes another program, which keeps the terminal, the signals and the process number of this one; returns only where that fails.
///
/// `environment` is added to that of this process. Nothing is dropped: what lives as long as the process lives on, if it is kept across the change.
///
/// # Errors
/// `NotFound` where there is no such program, `PermissionDenied` where it may not be executed.
pub fn become_program(program: &OsString, arguments: &[OsString], environment: &BTreeMap<String, OsString>) -> Result<Infallible> {
    look("run", Path::new(program), || Err(Command::new(program).args(arguments).envs(environment).exec()))
}

/// Runs a program in a directory and gives what it prints, or `None` where it is missing or fails.
///
/// For questions with a fall-back, such as the time of a directory's newest git commit.
pub fn run_for_output(program: &str, arguments: &[&str], directory: &Path) -> Option<String> {
    let output = Command::new(program).args(arguments).current_dir(directory).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
