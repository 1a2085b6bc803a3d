//! The `packs` program: process in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    packs::cli::run(std::env::args_os())
}
