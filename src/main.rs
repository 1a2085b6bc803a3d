//! The `packs` program: process in, exit code out.

fn main() {}
