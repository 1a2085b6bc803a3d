//! What kind of failure an error is: its code for programs, and the exit code; in the order of the rooms.

#![allow(clippy::match_same_arms, reason = "tables of failures, kept in the order of their rooms")]

use crate::audit::AuditError;
use crate::build::BuildError;
use crate::fetch::Cut;
use crate::fetch::FetchError;
use crate::fsys::FsError;
use crate::gc::GcError;
use crate::generation::GenerationError;
use crate::lock::LockError;
use crate::net::NetError;
use crate::ops::OpsError;
use crate::registry::RegistryError;
use crate::source::GitHubError;
use crate::source::SourceError;
use crate::store::StoreError;

/// The check ran and the answer is no.
pub(in crate::cli) const ANSWER_IS_NO: u8 = 1;
/// The request is wrong.
pub(in crate::cli) const USAGE: u8 = 2;
/// No resolution exists.
pub(in crate::cli) const CONFLICT: u8 = 3;
/// The lockfile must not change and does not fit.
pub(in crate::cli) const LOCKED: u8 = 4;
/// A digest, an archive, the store or the log is not what it should be.
pub(in crate::cli) const INTEGRITY: u8 = 5;
/// It could not be told.
pub(in crate::cli) const UNKNOWN: u8 = 6;
/// A rule of the project refuses.
pub(in crate::cli) const REFUSED: u8 = 7;
/// Another packs holds the lock.
pub(in crate::cli) const BUSY: u8 = 8;
/// Something named is not there.
pub(in crate::cli) const NOT_FOUND: u8 = 9;
/// The machine failed.
pub(in crate::cli) const MACHINE: u8 = 10;
/// Somebody asked it to stop, as a shell tells of SIGINT.
pub(in crate::cli) const INTERRUPTED: u8 = 130;
/// packs itself is wrong.
pub(in crate::cli) const BUG: u8 = 70;
/// A child could not be executed, as in sh.
pub(in crate::cli) const NOT_EXECUTABLE: u8 = 126;
/// A child was not found, as in sh.
pub(in crate::cli) const NOT_A_COMMAND: u8 = 127;

/// What kind of failure it is: the code for programs and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) code: &'static str,
    pub(super) exit: u8,
}

const fn kind(code: &'static str, exit: u8) -> Kind {
    Kind { code, exit }
}

pub(super) fn classify(failure: &OpsError) -> Kind {
    match failure {
        OpsError::NoDirectory { .. } => kind("no-directory", MACHINE),
        OpsError::NoHome => kind("no-home", USAGE),
        OpsError::Settings(_) => kind("settings-invalid", USAGE),
        OpsError::UnknownSetting { .. } => kind("unknown-setting", NOT_FOUND),
        OpsError::Variable { .. } => kind("variable-invalid", USAGE),
        OpsError::NoProject { .. } => kind("no-project", NOT_FOUND),
        OpsError::ProjectExists { .. } => kind("project-exists", USAGE),
        OpsError::Manifest(_) => kind("manifest-invalid", USAGE),
        OpsError::NotText { .. } => kind("not-text", USAGE),
        OpsError::UnknownEnvironment { .. } => kind("unknown-environment", NOT_FOUND),
        OpsError::ValueApart { .. } => kind("value-apart", USAGE),
        OpsError::AmbiguousEnvironment { .. } => kind("ambiguous-environment", USAGE),
        OpsError::UnknownRegistry { .. } => kind("unknown-registry", USAGE),
        OpsError::LastKey { .. } => kind("last-key", USAGE),
        OpsError::NotAnAddress => kind("registry-address", USAGE),
        OpsError::NotWritten { .. } => kind("registry-read-only", USAGE),
        OpsError::UnopenedRegistry { .. } => kind("unsupported-registry", USAGE),
        OpsError::RegistryOffline { .. } | OpsError::IndexesOffline { .. } => kind("registry-offline", UNKNOWN),
        OpsError::ArchiveMissing { .. } => kind("archive-missing", UNKNOWN),
        OpsError::ArchivesOffline { .. } => kind("archives-offline", UNKNOWN),
        OpsError::Download { source: cut, .. } => match &**cut {
            Cut::Source(error) => source(error),
            Cut::Broken(_) => kind("download-broken", UNKNOWN),
        },
        OpsError::Interrupted | OpsError::InterruptedBetween => kind("interrupted", INTERRUPTED),
        OpsError::Conflict { .. } => kind("conflict", CONFLICT),
        OpsError::OutOfTime { .. } | OpsError::FixesCutShort { .. } => kind("solve-timeout", UNKNOWN),
        OpsError::NoSuchFix { .. } | OpsError::NothingToFix { .. } => kind("no-such-fix", NOT_FOUND),
        OpsError::Lockfile(error) => lockfile(error),
        OpsError::Refused { .. } => kind("refused", REFUSED),
        OpsError::PreciseOfMany { .. } => kind("precise-of-many", USAGE),
        OpsError::LockfileMissing { .. } => kind("lock-missing", LOCKED),
        OpsError::LockfileStale { .. } => kind("lock-stale", LOCKED),
        OpsError::OtherRequirements { .. } => kind("other-requirements", INTEGRITY),
        OpsError::NoArchiveForHost { .. } | OpsError::NoArchiveForPlatform { .. } => kind("no-archive-for-host", CONFLICT),
        OpsError::UnknownPack { .. } => kind("unknown-pack", NOT_FOUND),
        OpsError::NoSuchPack { .. } => kind("no-such-pack", NOT_FOUND),
        OpsError::OtherSeen { .. } => kind("seen-newer", USAGE),
        OpsError::NoArchiveOfPath { .. } => kind("no-archive-of-path", USAGE),
        OpsError::NoKeyDirectory => kind("no-key-directory", USAGE),
        OpsError::KeyExists { .. } => kind("key-exists", USAGE),
        OpsError::UnknownKey { .. } => kind("unknown-signing-key", NOT_FOUND),
        OpsError::NoPassphrase { .. } => kind("no-passphrase", USAGE),
        OpsError::KeyUnusable { .. } => kind("key-unusable", USAGE),
        OpsError::NoKeyNamed => kind("no-key-named", USAGE),
        OpsError::LockedElsewhere { .. } => kind("locked-elsewhere", INTEGRITY),
        OpsError::NoSuchRelease { .. } | OpsError::AllYanked { .. } | OpsError::NoneMeant { .. } => kind("no-such-release", NOT_FOUND),
        OpsError::NotPrecise { .. } => kind("not-precise", CONFLICT),
        OpsError::Clashes(_) => kind("clash", USAGE),
        OpsError::InTheWay { .. } => kind("in-the-way", USAGE),
        OpsError::Generation(error) => generation(error),
        OpsError::NoGeneration { .. } => kind("no-generation", NOT_FOUND),
        OpsError::UnknownGeneration { .. } => kind("unknown-generation", NOT_FOUND),
        OpsError::NothingToUndo => kind("nothing-to-undo", NOT_FOUND),
        OpsError::CannotUndo { .. } => kind("cannot-undo", USAGE),
        OpsError::NothingToRestore { .. } => kind("nothing-to-restore", NOT_FOUND),
        OpsError::Build(error) => build(error),
        OpsError::PathPack { .. } => kind("path-pack-invalid", USAGE),
        OpsError::Archive { .. } => kind("archive-refused", INTEGRITY),
        OpsError::NoSideFile { .. } => kind("no-side-file", INTEGRITY),
        OpsError::NotAsPromised { source, .. } => fetch(source),
        OpsError::OneDigest { .. } => kind("one-digest", USAGE),
        OpsError::NoSuchLevel { .. } => kind("no-such-level", USAGE),
        OpsError::OneName { .. } => kind("one-name", USAGE),
        OpsError::NoSuchFile { .. } => kind("no-such-file", NOT_FOUND),
        OpsError::NotAFile { .. } => kind("not-a-file", USAGE),
        OpsError::SameName { .. } => kind("same-name", USAGE),
        OpsError::OtherFile { .. } => kind("other-file", USAGE),
        OpsError::NoSourceForRepair { .. } => kind("no-source-for-repair", UNKNOWN),
        OpsError::Source(error) => source(error),
        OpsError::Fetch { source, .. } => fetch(source),
        OpsError::Store(error) => store(error),
        OpsError::Gc(error) => gc(error),
        OpsError::Audit(error) => audit(error),
        OpsError::AuditLost { .. } => kind("audit-lost", INTEGRITY),
        OpsError::ReleaseExists { .. } => kind("release-exists", USAGE),
        OpsError::ForeignDraft { .. } => kind("draft-exists", USAGE),
        OpsError::AssetTwice { .. } => kind("asset-twice", USAGE),
        OpsError::AssetRenamed { .. } => kind("asset-renamed", UNKNOWN),
        OpsError::AssetAltered { .. } => kind("asset-altered", INTEGRITY),
        OpsError::NotesTemplate { .. } => kind("notes-template", USAGE),
        OpsError::DraftLeft { source, .. } => kind("draft-left", classify(source).exit),
        OpsError::ReleaseUncertain { .. } => kind("release-uncertain", UNKNOWN),
        OpsError::Fs(error) => fs(error),
        OpsError::UnknownCommand { .. } => kind("unknown-command", USAGE),
        OpsError::CannotRun { source, .. } if source.io_kind() == Some(std::io::ErrorKind::NotFound) => kind("command-not-found", NOT_A_COMMAND),
        OpsError::CannotRun { .. } => kind("command-not-executable", NOT_EXECUTABLE),
        OpsError::NoSuchFormat { .. } => kind("no-such-format", USAGE),
        OpsError::Noun(_) => kind("invalid-name", USAGE),
    }
}

pub(super) fn fs(error: &FsError) -> Kind {
    match error {
        FsError::Locked { .. } => kind("locked", BUSY),
        FsError::TooLarge { .. } => kind("file-too-large", USAGE),
        FsError::Io { source, .. } => machine(source.kind()).unwrap_or(kind("disk-failed", MACHINE)),
    }
}

/// Names the failures of a machine that have a cure of their own.
fn machine(error: std::io::ErrorKind) -> Option<Kind> {
    match error {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Some(kind("disk-full", MACHINE)),
        std::io::ErrorKind::PermissionDenied => Some(kind("permission-denied", MACHINE)),
        std::io::ErrorKind::ReadOnlyFilesystem => Some(kind("read-only", MACHINE)),
        _ => None,
    }
}

fn lockfile(error: &LockError) -> Kind {
    match error {
        LockError::Newer { .. } => kind("lock-newer", USAGE),
        LockError::TooLong { .. } | LockError::Invalid { .. } | LockError::Conflicted { .. } | LockError::Markers { .. } => kind("lock-invalid", USAGE),
        _ => kind("lock-inconsistent", INTEGRITY),
    }
}

fn generation(error: &GenerationError) -> Kind {
    match error {
        GenerationError::Disk(error) => fs(error),
        GenerationError::NoGeneration { .. } => kind("unknown-generation", NOT_FOUND),
        GenerationError::NoParent { .. } => kind("no-parent", NOT_FOUND),
        GenerationError::NothingToUndo => kind("nothing-to-undo", NOT_FOUND),
        GenerationError::ChangedMeanwhile { .. } => kind("changed-meanwhile", USAGE),
        GenerationError::PathNotUtf8 { .. } => kind("path-not-utf8", USAGE),
        GenerationError::NotADirectory { .. } => kind("not-a-directory", USAGE),
        _ => kind("home-damaged", INTEGRITY),
    }
}

fn build(error: &BuildError) -> Kind {
    match error {
        BuildError::NoVersion { .. } | BuildError::NoPacksBelow { .. } => kind("no-pack-toml", NOT_FOUND),
        BuildError::NoDirectory { .. } => kind("no-source-directory", NOT_FOUND),
        BuildError::NotReproducible { .. } => kind("not-reproducible", ANSWER_IS_NO),
        BuildError::Disk { source } => fs(source),
        _ => kind("source-invalid", USAGE),
    }
}

fn net(error: &NetError) -> Kind {
    match error {
        NetError::Locked { .. } => kind("locked", BUSY),
        NetError::NoRegistry { .. } => kind("no-registry", UNKNOWN),
        NetError::Io { source, .. } | NetError::Content { source, .. } => machine(source.kind()).unwrap_or(kind("registry-failed", UNKNOWN)),
        NetError::InvalidPath { .. } | NetError::NotAFile { .. } | NetError::TooLarge { .. } => kind("registry-refused", INTEGRITY),
        NetError::Unsupported { .. } => kind("unsupported-registry", USAGE),
        NetError::NotAsked { .. } => kind("registry-offline", UNKNOWN),
        NetError::InvalidAddress { .. } => kind("invalid-address", USAGE),
        NetError::Setting { .. } | NetError::SettingFile { .. } | NetError::Cleartext { .. } => kind("network-settings", USAGE),
        NetError::ReadOnly { .. } => kind("registry-read-only", USAGE),
        NetError::Upload { source, .. } => machine(source.kind()).unwrap_or(kind("unreadable", MACHINE)),
        NetError::Start { .. } => kind("no-threads", MACHINE),
        NetError::Unauthorized { .. } | NetError::NoAccount { .. } => kind("unauthorized", UNKNOWN),
        NetError::Forbidden { .. } => kind("forbidden", UNKNOWN),
        NetError::RateLimited { .. } => kind("rate-limited", UNKNOWN),
        NetError::Timeout { .. } => kind("timeout", UNKNOWN),
        NetError::Unreachable { .. } => kind("unreachable", UNKNOWN),
        NetError::Interrupted { .. } => kind("connection-broken", UNKNOWN),
        NetError::Status { .. } | NetError::Refused { .. } | NetError::Bucket { .. } => kind("registry-failed", UNKNOWN),
        NetError::Downgrade { .. } | NetError::BadRedirect { .. } | NetError::TooManyRedirects { .. } => kind("redirect-refused", INTEGRITY),
        NetError::Encoded { .. } => kind("encoded", INTEGRITY),
    }
}

fn github(error: &GitHubError) -> Kind {
    match error {
        GitHubError::BadApi { .. } => kind("network-settings", USAGE),
        GitHubError::Network { source, .. } => net(source),
        GitHubError::Cut { .. } => kind("connection-broken", UNKNOWN),
        GitHubError::NoToken { .. } | GitHubError::TokenRefused { .. } => kind("unauthorized", UNKNOWN),
        GitHubError::Forbidden { .. } => kind("forbidden", UNKNOWN),
        GitHubError::RateLimited { .. } => kind("rate-limited", UNKNOWN),
        GitHubError::NotFound { .. } => kind("no-repository", UNKNOWN),
        GitHubError::Status { .. } => kind("registry-failed", UNKNOWN),
        GitHubError::TooLarge { .. } | GitHubError::Unreadable { .. } | GitHubError::UploadElsewhere { .. } => kind("registry-refused", INTEGRITY),
    }
}

fn source(error: &SourceError) -> Kind {
    match error {
        SourceError::Transport { source, .. } => net(source),
        SourceError::GitHub(error) => github(error),
        SourceError::BadAddress => kind("lock-invalid", USAGE),
        SourceError::Document { .. } => kind("index-refused", INTEGRITY),
        SourceError::Untrusted { source, .. } => trust(source),
        SourceError::KeyNeeded { .. } | SourceError::SignedRegistry { .. } => kind("key-needed", USAGE),
        SourceError::NobodyVouches { source, .. } => trust(source),
        SourceError::NewerField { .. } => kind("newer-field", USAGE),
        SourceError::OlderIndex { .. } => kind("older-index", INTEGRITY),
        SourceError::OtherIndex { .. } => kind("other-index", INTEGRITY),
        SourceError::GoneIndex { .. } => kind("gone-index", INTEGRITY),
        SourceError::NoSuchPack { .. } => kind("no-such-pack", NOT_FOUND),
        SourceError::NotListed { .. } => kind("registry-not-listed", UNKNOWN),
        SourceError::NotTaken { source, .. } => match &**source {
            RegistryError::OtherBytes { .. } | RegistryError::OtherRequirements { .. } => kind("published-already", INTEGRITY),
            _ => kind("not-publishable", USAGE),
        },
        SourceError::LeftOver { .. } => kind("left-over", INTEGRITY),
        SourceError::OtherArchives { .. } => kind("other-archives", USAGE),
        SourceError::Contended { .. } => kind("contended", BUSY),
        SourceError::Offline { .. } => kind("registry-offline", UNKNOWN),
    }
}

fn trust(error: &RegistryError) -> Kind {
    match error {
        RegistryError::Unsigned { .. } => kind("unsigned", INTEGRITY),
        RegistryError::UnknownSigner { .. } => kind("unknown-key", INTEGRITY),
        _ => kind("wrong-signature", INTEGRITY),
    }
}

fn fetch(error: &FetchError) -> Kind {
    match error {
        FetchError::Disk(error) => fs(error),
        FetchError::Mismatch { .. } | FetchError::WrongFile { .. } => kind("digest-mismatch", INTEGRITY),
    }
}

fn store(error: &StoreError) -> Kind {
    match error {
        StoreError::Disk(error) => fs(error),
        StoreError::UnknownVersion { .. } => kind("home-version", USAGE),
        StoreError::SourceChanged { .. } => kind("source-changed", USAGE),
        StoreError::Archive { .. } => kind("archive-refused", INTEGRITY),
        StoreError::WrongRelease { .. } | StoreError::WrongPlatform { .. } | StoreError::WrongTree { .. } | StoreError::WrongArchive { .. } => {
            kind("other-content", INTEGRITY)
        }
        StoreError::NoTree { .. } => kind("source-invalid", USAGE),
        StoreError::BadPackManifest { .. } | StoreError::Irreparable { .. } => kind("store-damaged", INTEGRITY),
        StoreError::BadRoot { .. } => kind("home-damaged", INTEGRITY),
    }
}

fn gc(error: &GcError) -> Kind {
    match error {
        GcError::Look { source } | GcError::Lock { source } | GcError::Remove { source, .. } => fs(source),
        GcError::Threads { .. } => kind("no-threads", MACHINE),
        GcError::Drop { source, .. } => generation(source),
        _ => kind("roots-unreadable", INTEGRITY),
    }
}

fn audit(error: &AuditError) -> Kind {
    match error {
        AuditError::Write { source } | AuditError::Read { source } => fs(source),
        AuditError::LineTooLong { .. } | AuditError::Broken { .. } | AuditError::Truncated { .. } => kind("audit-broken", INTEGRITY),
    }
}
