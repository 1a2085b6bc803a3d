//! A declarative, content-addressed package store: the library behind the `packs` program.
//!
//! A pack store is a chain of nouns. Each noun has one folder that makes it, each arrow between nouns is one function,
//! and every arrow points down. In pipeline order:
//!
//! ```text
//! packs.toml ─▶ Manifest ─▶ Resolution ─▶ Lockfile ─▶ archives ─▶ store paths ─▶ Generation ─▶ current
//!    text        manifest     resolve        lock       fetch       store         generation     switch
//! ```
//!
//! # File overview
//!
//! Every file that packs reads or writes, and the functions that do. Folders of the home are drawn in `store/layout.rs`,
//! which alone joins their paths; `tests/architecture.rs` checks that each function is there, and that nobody else touches files.
//!
//! In the project:
//!
//! - `packs.toml`: read by `ops/project.rs::read`, `ops/project.rs::recall`; written by `ops/init.rs::init`, then `generation/carry.rs::write_side`
//! - `packs.lock`, `packs.ENV.lock`: read by `ops/project.rs::lockfile_text`; written by `generation/carry.rs::write_side`
//! - `.packs/id`: read by `generation/project.rs::read_project_id`; written by `generation/project.rs::claim_id`, `generation/project.rs::own_project`
//! - `.packs/.gitignore`, `.packs/ENV` (links): written by `generation/links.rs::mend_links`
//! - `.packs/active` (link): read by `generation/links.rs::active_environment`; written by `generation/links.rs::activate`
//! - what `[place]` names: read by `generation/sight.rs::hash_file`; written by `generation/carry.rs::write_side`, `generation/carry.rs::replace_by_copy`
//! - `.gitattributes`: read by `ops/init.rs::attributes`; written by `ops/init.rs::init`
//! - `pack.toml`, `gpack.toml`, `package.toml`, `.packsignore`, `VERSION`, `README`, `LICENSE` of a source: read by `build/declared.rs::read_bytes`
//! - the files of a source: read by `build/walk.rs::hash`
//! - notes of a release: read by `ops/release/mod.rs::read_template`
//!
//! In the home:
//!
//! - `VERSION`: read by `store/mod.rs::open`; written by `store/mod.rs::create`
//! - `store/TREE-NAME-VERSION/`: read by `store/mod.rs::pack_manifest`, `store/contents.rs::digest`; written by `store/ingest.rs::put_streamed`,
//!   `store/from_directory.rs::copy`
//! - `blobs/`: read by `store/origins.rs::is_as_written`, `store/repair.rs::is_good`; written by `store/origins.rs::publish_one`
//! - `projects/ID/project.json`: read by `generation/project.rs::read_projects`; written by `generation/project.rs::write_project_file`
//! - `projects/ID/operations/N/`: read by `generation/journal.rs::read_operation`; written by `generation/journal.rs::write_operation`,
//!   `generation/journal.rs::conclude`
//! - `projects/ID/ENV/generations/N/`: read by `generation/switch.rs::find_record`, `ops/rollback.rs::edits`, `ops/commit.rs::same_manifest`; written by
//!   `generation/apply.rs::build`
//! - `projects/ID/ENV/current` (link): read by `generation/switch.rs::current`; written by `generation/switch.rs::flip`
//! - `registries/NAME.json`: read by `ops/seen.rs::read`; written by `ops/seen.rs::change`
//! - `cache/archives/`: read by `fetch/mod.rs::open_file`; written by `fetch/download.rs::download`
//! - `cache/known/`: read by `store/mod.rs::known`; written by `store/mod.rs::note_known`
//! - `cache/index/`: read by `ops/index_cache.rs::entry`, `ops/github/cache.rs::read`, `ops/listed.rs::listed_by_one_address`; written by
//!   `ops/index_cache.rs::write_cached`, `ops/github/cache.rs::write`
//! - `roots/`: read by `store/roots.rs::read_root`; written by `store/roots.rs::register`
//! - `locks/`: written by `store/locks.rs::acquire`
//! - `audit/YEAR-MONTH.jsonl`: read by `audit/lines.rs::open`, `audit/lines.rs::read_end`; written by `audit/append.rs::write_line`,
//!   `audit/append.rs::mend`
//! - `audit/head`, `audit/reserve`: read by `audit/head.rs::read_head`; written by `audit/head.rs::note_head`, `audit/head.rs::refill_reserve`
//! - every JSON document of a project in the home: read by `generation/document.rs::read_document`
//!
//! Elsewhere:
//!
//! - the files of a registry in a directory: read by `net/directory.rs::read`, `net/directory.rs::open_at`, `ops/sources.rs::known_index`; written by
//!   `net/directory.rs::write_from`
//! - archives, and the side files beside them: read by `ops/publish.rs::check_archive`, `ops/verify_archive.rs::promised_digest`,
//!   `ops/download.rs::has_side_file`; written by `build/write.rs::write_into`, `ops/download.rs::check`
//! - lists of checksums: read by `ops/verify_archive.rs::listed`; written by `ops/build.rs::write_checksums`
//! - signing keys, public keys: read by `ops/key.rs::open_key`, `ops/key.rs::read_public`, `ops/registry_admin.rs::read_key`; written by
//!   `ops/key.rs::write`
//! - a passphrase in a file: read by `cli/passphrase.rs::given`
//! - `/etc/packs/config.toml`, `~/.config/packs/config.toml`: read by `cli/settings.rs::read_config`
//! - `~/.netrc`, certificates, `~/.aws/`: read by `net/client.rs::read_netrc`, `net/trust.rs::certificates_in`, `net/account.rs::read_file`
//! - manual pages: written by `cli/command/man.rs::run`

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
