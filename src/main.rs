//! The `packs` program: process in, exit code out.

use std::process::ExitCode;

/// A solve makes some million small values on several threads, which the allocators of C libraries, musl's above all, are slow at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    packs::cli::run(std::env::args_os())
}
