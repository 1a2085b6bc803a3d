//! A declarative, content-addressed package store: the library behind the `packs` program.
//!
//! A pack store is a chain of nouns. Each noun has one folder that makes it, each arrow between nouns is one function,
//! and every arrow points down. In pipeline order:
//!
//! ```text
//! packs.toml ─▶ Manifest ─▶ Resolution ─▶ Lockfile ─▶ archives ─▶ store paths ─▶ Generation ─▶ current
//!    text        manifest     resolve        lock       fetch       store         generation     switch
//! ```

/// The nouns: names, versions, ranges, digests, trees, store paths.
pub mod model;

/// The disk: atomic writes, links, locks, child processes.
pub mod fsys;

/// The network door: reading and conditionally writing files under a URL.
pub mod net;

/// Archives: strict reading, reproducible writing, MANIFEST.json, limits.
pub mod archive;

/// packs.toml: text to [`manifest::Manifest`], and edits that keep comments and order.
pub mod manifest;

/// Index documents of a registry, and where its files lie.
pub mod registry;

/// Requirements and candidates to a resolution, or to a conflict that says why.
pub mod resolve;

/// Lockfiles: text to value and back, freshness, differences, merges.
pub mod lock;

/// Where a requirement's releases come from: a registry, releases on GitHub, a directory.
pub mod source;

/// Archives of a source, verified before anybody reads them.
pub mod fetch;

/// The immutable store: layout of the home, ingest, reading, verifying.
pub mod store;

/// The rules of an environment: releases to verdicts, each naming its rule.
pub mod policy;

/// Generations: numbered, immutable sets of links, and which one is current.
pub mod generation;

/// The hash-chained log of every change.
pub mod audit;

/// From a source directory to an archive.
pub mod build;

/// What is reached from where, and removal of what is not.
pub mod gc;

/// Use cases: the order of decisions and effects of each.
pub mod ops;

/// People: arguments, settings, output, errors.
pub mod cli;
