//! From an error to what people read: kind, exit code, causes, hints. No other file knows them.

#![allow(clippy::match_same_arms, reason = "tables of failures, kept in the order of their rooms")]

use std::error::Error;
use std::process::ExitCode;

use serde::Serialize;

use crate::archive::ArchiveError;
use crate::audit::AuditError;
use crate::build::BuildError;
use crate::cli::output::BAD;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Format;
use crate::fetch::Cut;
use crate::fetch::FetchError;
use crate::fsys::FsError;
use crate::gc::GcError;
use crate::generation::GenerationError;
use crate::generation::UndoObstacle;
use crate::lock::LockError;
use crate::manifest::render_faults;
use crate::model::PackName;
use crate::model::Place;
use crate::net::Credential;
use crate::net::NetError;
use crate::net::variables_for;
use crate::ops::LineEdit;
use crate::ops::MissingArchive;
use crate::ops::OpsError;
use crate::ops::ShownFix;
use crate::registry::RegistryError;
use crate::resolve::Change;
use crate::resolve::Conflict;
use crate::resolve::ConflictHint;
use crate::source::GitHubError;
use crate::source::SourceError;
use crate::source::Trust;
use crate::store::StoreError;

/// The check ran and the answer is no.
pub(super) const ANSWER_IS_NO: u8 = 1;
/// The request is wrong.
pub(super) const USAGE: u8 = 2;
/// No resolution exists.
pub(super) const CONFLICT: u8 = 3;
/// The lockfile must not change and does not fit.
const LOCKED: u8 = 4;
/// A digest, an archive, the store or the log is not what it should be.
pub(super) const INTEGRITY: u8 = 5;
/// It could not be told.
pub(super) const UNKNOWN: u8 = 6;
/// A rule of the project refuses.
const REFUSED: u8 = 7;
/// Another packs holds the lock.
const BUSY: u8 = 8;
/// Something named is not there.
const NOT_FOUND: u8 = 9;
/// The machine failed.
pub(super) const MACHINE: u8 = 10;
/// Somebody asked it to stop, as a shell tells of SIGINT.
pub(super) const INTERRUPTED: u8 = 130;
/// packs itself is wrong.
const BUG: u8 = 70;
/// A child could not be executed, as in sh.
const NOT_EXECUTABLE: u8 = 126;
/// A child was not found, as in sh.
const NOT_A_COMMAND: u8 = 127;

/// How many releases are named where none was found, the newest ones.
const RELEASES_SHOWN: usize = 10;

/// What kind of failure it is: the code for programs and the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    code: &'static str,
    exit: u8,
}

const fn kind(code: &'static str, exit: u8) -> Kind {
    Kind { code, exit }
}

/// A failure as programs read it; schema `packs.error/1`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Failure {
    schema: &'static str,
    /// What kind of failure it is, in kebab-case; never reused for another.
    code: &'static str,
    /// The exit code.
    exit: u8,
    /// What went wrong.
    message: String,
    /// Why, from the nearest to the deepest cause.
    causes: Vec<String>,
    /// What would help.
    hints: Vec<String>,
    /// The line of a file that a person wrote.
    at: Option<Place>,
    /// Archives that are missing because the network may not be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingArchive>,
}

/// Tells a failure: words to stderr, and with `--json` a document to stdout.
pub(super) fn report(failure: &OpsError, output: Output) -> ExitCode {
    if output.format == Format::Json {
        output.data(&serde_json::to_string(&document(failure)).expect("a failure has string keys only"));
    }
    ExitCode::from(tell(failure))
}

/// Makes the document of a failure.
pub(super) fn document(failure: &OpsError) -> Failure {
    let found = classify(failure);
    Failure {
        schema: "packs.error/1",
        code: found.code,
        exit: found.exit,
        message: failure.to_string(),
        causes: causes(failure),
        hints: hints(failure),
        at: place(failure),
        missing: missing(failure).to_vec(),
    }
}

/// Tells a failure in words to stderr, and gives its exit code.
pub(super) fn tell(failure: &OpsError) -> u8 {
    let mut text = message(failure);
    for cause in causes(failure) {
        // The sentences of a proof follow each other; a chain of causes goes down.
        let is_proof = matches!(failure, OpsError::Conflict { .. });
        text += &if is_proof { format!("\n{}", plain_lines(&cause)) } else { format!("\n  {} {}", paint(BAD, "cause:"), plain_lines(&cause)) };
    }
    for one in missing(failure) {
        text += &format!("\n  {} {}: {} ({}) from {}", one.name, one.version, plain(&one.archive), human_bytes(one.size), plain(&one.registry));
    }
    for hint in hints(failure) {
        text += &format!("\n{} {}", paint(GOOD, "hint:"), plain_lines(&hint));
    }
    anstream::eprintln!("{text}");
    classify(failure).exit
}

/// Tells that packs itself is wrong; what it was doing is taken back or finished by the next command.
pub(super) fn report_bug(output: Output) -> ExitCode {
    let message = "this is a bug in packs: please report it with the lines above, the command line and `packs --version`".to_owned();
    anstream::eprintln!("{} {message}", paint(BAD, "error:"));
    if output.format == Format::Json {
        let document = Failure { schema: "packs.error/1", code: "bug", exit: BUG, message, causes: vec![], hints: vec![], at: None, missing: vec![] };
        output.data(&serde_json::to_string(&document).expect("a failure has string keys only"));
    }
    ExitCode::from(BUG)
}

/// Tells wrong arguments as a document.
pub(super) fn report_usage(answer: &clap::Error) -> ExitCode {
    let message = answer.to_string();
    let document = Failure {
        schema: "packs.error/1",
        code: "usage",
        exit: USAGE,
        message: message.trim().to_owned(),
        causes: vec![],
        hints: vec![],
        at: None,
        missing: vec![],
    };
    anstream::println!("{}", serde_json::to_string(&document).expect("a failure has string keys only"));
    anstream::eprint!("{message}");
    ExitCode::from(USAGE)
}

/// Writes the head of a failure; faults of files that people write are shown with the line and an underline.
fn message(failure: &OpsError) -> String {
    let color = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    match failure {
        OpsError::Manifest(error) => render_faults(error, color).trim_end().to_owned(),
        OpsError::Settings(error) => render_faults(error, color).trim_end().to_owned(),
        OpsError::Build(BuildError::PackToml { source }) => render_faults(source, color).trim_end().to_owned(),
        _ => format!("{} {}", paint(BAD, "error:"), plain_lines(&failure.to_string())),
    }
}

/// Makes foreign text harmless and keeps line breaks, which only our own messages have.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Gives the causes, without those that only repeat the message before.
fn causes(failure: &OpsError) -> Vec<String> {
    // The proof of a conflict is no chain of errors: each of its sentences is a cause.
    if let OpsError::Conflict { conflict, .. } = failure {
        return conflict.explain().lines().map(str::to_owned).collect();
    }
    let mut told = failure.to_string();
    let mut causes = vec![];
    let mut next = failure.source();
    while let Some(cause) = next {
        next = cause.source();
        let text = cause.to_string();
        if !told.contains(&text) {
            causes.push(text.clone());
        }
        told = text;
    }
    causes
}

fn missing(failure: &OpsError) -> &[MissingArchive] {
    match failure {
        OpsError::ArchivesOffline { missing } => missing,
        _ => &[],
    }
}

fn place(failure: &OpsError) -> Option<Place> {
    match failure {
        OpsError::Manifest(error) => Some(error.place()),
        OpsError::Settings(error) => Some(error.place()),
        OpsError::Build(BuildError::PackToml { source }) => Some(source.place()),
        OpsError::Build(BuildError::BadVersionFile { at, .. }) => Some(at.clone()),
        OpsError::Refused { refusal, .. } => refusal.at.clone(),
        OpsError::Source(SourceError::Untrusted { trust, .. }) => Some(trust.at.clone()),
        OpsError::Source(SourceError::OlderIndex { registry, .. } | SourceError::OtherIndex { registry, .. } | SourceError::GoneIndex { registry, .. }) => {
            registry.at.clone()
        }
        OpsError::LastKey { at, .. } => Some(at.clone()),
        OpsError::UnopenedRegistry { at, .. } | OpsError::PathPack { at, .. } => Some(at.clone()),
        OpsError::NotText { path, line } => Some(Place { file: path.display().to_string(), line: *line }),
        OpsError::Lockfile(LockError::Invalid { file, line, .. } | LockError::Conflicted { file, line } | LockError::Markers { file, line, .. }) => {
            Some(Place { file: file.clone(), line: *line })
        }
        _ => None,
    }
}

fn classify(failure: &OpsError) -> Kind {
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
        OpsError::AmbiguousEnvironment { .. } => kind("ambiguous-environment", USAGE),
        OpsError::UnknownRegistry { .. } => kind("unknown-registry", USAGE),
        OpsError::LastKey { .. } => kind("last-key", USAGE),
        OpsError::NotWritten { .. } => kind("registry-read-only", USAGE),
        OpsError::UnopenedRegistry { .. } => kind("unsupported-registry", USAGE),
        OpsError::RegistryOffline { .. } => kind("registry-offline", UNKNOWN),
        OpsError::ArchiveMissing { .. } => kind("archive-missing", UNKNOWN),
        OpsError::ArchivesOffline { .. } => kind("archives-offline", UNKNOWN),
        OpsError::Download { source: cut, .. } => match &**cut {
            Cut::Source(error) => source(error),
            Cut::Broken(_) => kind("download-broken", UNKNOWN),
        },
        OpsError::Interrupted | OpsError::InterruptedBetween => kind("interrupted", INTERRUPTED),
        OpsError::Conflict { .. } => kind("conflict", CONFLICT),
        OpsError::OutOfTime { .. } => kind("solve-timeout", UNKNOWN),
        OpsError::NoSuchFix { .. } => kind("no-such-fix", NOT_FOUND),
        OpsError::Lockfile(error) => lockfile(error),
        OpsError::Refused { .. } => kind("refused", REFUSED),
        OpsError::PreciseOfMany { .. } => kind("precise-of-many", USAGE),
        OpsError::LockfileMissing { .. } => kind("lock-missing", LOCKED),
        OpsError::LockfileStale { .. } => kind("lock-stale", LOCKED),
        OpsError::OtherRequirements { .. } => kind("other-requirements", INTEGRITY),
        OpsError::NoArchiveForHost { .. } => kind("no-archive-for-host", CONFLICT),
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

fn fs(error: &FsError) -> Kind {
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

/// Gives what would help, only where it applies.
fn hints(failure: &OpsError) -> Vec<String> {
    match failure {
        OpsError::NoProject { .. } => vec!["`packs init` makes a packs.toml here".into()],
        OpsError::NoHome => vec!["name one with --home DIR or PACKS_HOME".into()],
        OpsError::UnknownEnvironment { name, known } => {
            let known: Vec<String> = known.iter().map(ToString::to_string).collect();
            strsim_nearest(name.as_str(), &known).map(|near| format!("did you mean {near}?")).into_iter().collect()
        }
        OpsError::AmbiguousEnvironment { known } if !known.is_empty() => {
            vec![format!("name it: -E {}, or write default-environment = \"{}\" under [project]", known[0], known[0])]
        }
        OpsError::LastKey { name, .. } => {
            vec![format!("trust its successor first: `packs registry add-key {name} KEY`; to ask for no signatures, remove `keys` from packs.toml")]
        }
        OpsError::NotWritten { repository } => vec![format!("`packs release {repository} --tag TAG ARCHIVE…` makes a release there")],
        OpsError::UnknownRegistry { name, .. } => vec![format!("add {name} = \"file:DIRECTORY\" under [registries] in packs.toml")],
        OpsError::Refused { .. } => vec!["`packs lock` without --locked chooses what is allowed".into()],
        OpsError::LockfileMissing { .. } => vec!["`packs lock` makes it; so does `packs switch` without --locked".into()],
        OpsError::LockfileStale { .. } => vec!["`packs lock` makes it anew; so does `packs switch` without --locked".into()],
        OpsError::UnknownPack { nearest: Some(nearest), .. } => vec![format!("did you mean {nearest}?")],
        OpsError::Conflict { conflict, fix, seconds, .. } => conflict_hints(conflict, fix.as_deref(), *seconds),
        OpsError::NoSuchFix { .. } => vec!["`packs resolve --fixes 5` shows those there are".into()],
        OpsError::OutOfTime { hottest, .. } => {
            let narrower = hottest.first().map(|name| format!("narrow what may be chosen, as with {name} = \"^1\" under [constraints] in packs.toml"));
            narrower.into_iter().chain(["give it longer with --solve-timeout SECONDS".to_owned()]).collect()
        }
        OpsError::Clashes(clashes) => clash_hints(clashes),
        OpsError::InTheWay { .. } => vec!["move these files away, or choose another target under [place]; nothing was changed".into()],
        OpsError::NoGeneration { environment } => vec![format!("`packs switch {environment}` makes the first one")],
        OpsError::Generation(GenerationError::NoGeneration { environment, .. }) => {
            vec![format!("it was removed by something else than packs; `packs switch {environment}` makes a new one of what is locked")]
        }
        OpsError::UnknownGeneration { known, .. } => {
            vec![format!("there is {}; `packs history` shows them", known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
        }
        OpsError::CannotUndo { obstacles, .. } => undo_hints(obstacles),
        OpsError::Build(error) => build_hints(error),
        OpsError::NoSideFile { archive } => {
            vec![format!("`packs build` writes it; or: sha256sum {0} > {0}.sha256, if you trust the archive", archive.display())]
        }
        OpsError::SameName { .. } => vec!["download them one after the other, each into a directory of its own with --to; nothing was written".into()],
        OpsError::OtherFile { .. } => vec!["move it away, or download into another directory with --to; --force replaces a file".into()],
        OpsError::ArchiveMissing { .. } => vec!["publish it again, or `packs update` to a release that is there".into()],
        OpsError::OtherSeen { .. } => vec!["a newer packs wrote it: use that one with this home".into()],
        OpsError::NoArchiveOfPath { .. } => vec!["`packs build DIRECTORY` makes one; --registry REGISTRY downloads a published one".into()],
        OpsError::OtherRequirements { .. } => vec!["the registry's index does not say what its archive says: tell whoever keeps it; nothing was linked".into()],
        OpsError::NoArchiveForHost { .. } => vec!["build and publish an archive for this platform, or for `any`".into()],
        OpsError::NotPrecise { name, wanted, .. } => {
            vec![format!("`packs resolve --what-if {name}@{wanted}` tells what stands against it, or would move with it")]
        }
        OpsError::Source(SourceError::Transport { source, .. }) => net_hints(source),
        OpsError::NoneMeant { known, .. } => {
            vec![format!("there is {}", known.iter().rev().take(RELEASES_SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", "))]
        }
        OpsError::AllYanked { name, newest, .. } => vec![format!("{name}@={newest} names it precisely, and takes it all the same")],
        OpsError::UnknownKey { known, .. } if known.is_empty() => vec!["`packs key generate NAME` makes one".into()],
        OpsError::NoPassphrase { .. } => {
            vec!["give it with --passphrase-file FILE or PACKS_KEY_PASSPHRASE; a new key can do without: --no-passphrase".into()]
        }
        OpsError::NoKeyNamed => vec!["name one with --key NAME or PACKS_SIGNING_KEY; `packs key list` shows those there are".into()],
        OpsError::Source(
            error @ (SourceError::NewerField { .. } | SourceError::OlderIndex { .. } | SourceError::OtherIndex { .. } | SourceError::GoneIndex { .. }),
        ) => index_hints(error),
        OpsError::LockedElsewhere { name, registry, .. } => vec![
            format!("somebody may want another registry to have its name: ask whoever keeps {registry}; no other registry was asked"),
            format!("if it really moved, say where to: {name} = {{ version = \"…\", registry = \"…\" }} in packs.toml"),
        ],
        OpsError::Source(SourceError::Untrusted { trust, source, .. }) => trust_hints(trust, source),
        OpsError::Source(SourceError::KeyNeeded { .. } | SourceError::SignedRegistry { .. }) => {
            vec!["sign with --key NAME; `packs key list` shows the keys of this machine; nothing was written".into()]
        }
        OpsError::Source(SourceError::NobodyVouches { .. }) => {
            vec!["look at the document; if it is right, `packs registry sign --adopt` signs it as it stands; nothing was written".into()]
        }
        OpsError::Source(SourceError::NotListed { .. }) => vec!["whoever keeps it: `packs registry init` makes the list".into()],
        OpsError::Source(SourceError::GitHub(error)) => github_hints(error),
        OpsError::ReleaseExists { .. } => vec!["a published release never changes: choose another tag, or delete that release by hand".into()],
        OpsError::ForeignDraft { .. } => vec!["publish or delete it there, or choose another tag".into()],
        OpsError::AssetAltered { .. } => vec!["something between here and GitHub changes what it carries: a proxy, most likely".into()],
        OpsError::DraftLeft { .. } => vec!["delete it there, or run the same command again, which begins with that".into()],
        OpsError::Source(SourceError::NotTaken { .. }) => vec!["a published release never changes: raise the version and publish that".into()],
        OpsError::ArchivesOffline { .. } => vec!["the same command without --offline downloads them".into()],
        OpsError::Download { there_bytes, source, .. } => download_hints(*there_bytes, source),
        OpsError::InterruptedBetween => vec!["the same command goes on with what is left".into()],
        OpsError::Fetch { .. } => vec!["the archive is not the one that is locked: fetch or publish it anew; nothing of it was unpacked".into()],
        OpsError::Fs(error) | OpsError::Store(StoreError::Disk(error)) | OpsError::Generation(GenerationError::Disk(error)) => fs_hints(error),
        OpsError::Store(StoreError::BadPackManifest { .. }) => vec!["`packs verify --store --repair` mends it".into()],
        OpsError::UnknownCommand { name, known } => strsim_nearest(name, known).map(did_you_mean).into_iter().collect(),
        OpsError::UnknownSetting { name, known } => nearest_setting(name, known).map(did_you_mean).into_iter().collect(),
        OpsError::NoSuchPack { nearest: Some(nearest), .. } => vec![did_you_mean(nearest)],
        OpsError::Lockfile(LockError::Missing { .. } | LockError::OutOfRange { .. } | LockError::Unreachable { .. }) => {
            vec!["a merge may have done this: remove the lockfile's bad lines, or the file, and `packs lock`".into()]
        }
        _ => vec![],
    }
}

/// Gives what would help where a registry's document is not what was seen of it before, or more than this packs understands.
fn index_hints(error: &SourceError) -> Vec<String> {
    match error {
        SourceError::NewerField { .. } => vec!["a newer packs wrote it: change it with that one; the file is as it was".into()],
        SourceError::OlderIndex { registry, .. } => vec![
            "somebody may be hiding newer releases from you: ask whoever keeps the registry; nothing of it was used".into(),
            format!("if it was really set back: `packs registry forget {}` takes it as it is", registry.name),
        ],
        SourceError::OtherIndex { registry, .. } => vec![
            "every change of a document raises its revision: ask whoever keeps the registry; nothing of it was used".into(),
            format!("if it was really made anew: `packs registry forget {}` takes it as it is", registry.name),
        ],
        SourceError::GoneIndex { registry, .. } => vec![
            "somebody may be hiding it from you, or want another registry to have its name: ask whoever keeps the registry; no other was asked".into(),
            format!("if it was really removed: `packs registry forget {}` takes the registry as it is", registry.name),
        ],
        _ => vec![],
    }
}

fn download_hints(there_bytes: u64, cut: &Cut<SourceError>) -> Vec<String> {
    let mut hints = match cut {
        Cut::Source(SourceError::Transport { source, .. }) => net_hints(source),
        Cut::Source(SourceError::GitHub(error)) => github_hints(error),
        _ => vec![],
    };
    if there_bytes > 0 {
        hints.push("the same command goes on where it broke off".into());
    }
    hints
}

fn github_hints(error: &GitHubError) -> Vec<String> {
    let token = "put a token into GITHUB_TOKEN or GH_TOKEN";
    match error {
        GitHubError::BadApi { .. } => vec!["leave GITHUB_API_URL out for github.com".into()],
        GitHubError::Network { source, .. } => net_hints(source),
        GitHubError::NoToken { .. } => vec![format!("{token}; for a release it needs write access to the repository's contents")],
        GitHubError::TokenRefused { variable, .. } => vec![format!("the token in {variable} is wrong or has run out: make another, or unset {variable}")],
        GitHubError::RateLimited { variable: None, .. } => {
            vec![
                format!("{token}: GitHub then takes 5,000 requests an hour instead of 60"),
                "what is locked is downloaded without any: packs switch --locked".into(),
            ]
        }
        GitHubError::RateLimited { .. } => vec!["try again then; what is locked is downloaded without any request: packs switch --locked".into()],
        GitHubError::NotFound { variable: None, .. } => vec![format!("check the name; if the repository is private, {token}")],
        GitHubError::NotFound { .. } => vec!["check the name; if the repository is private, the token must be allowed to read it".into()],
        GitHubError::Forbidden { .. } => vec!["the token needs write access to the repository's contents".into()],
        _ => vec![],
    }
}

fn net_hints(error: &NetError) -> Vec<String> {
    match error {
        NetError::Locked { .. } => vec!["wait longer with --wait SECONDS; the lock ends with the process that holds it".into()],
        NetError::NoRegistry { root } if bucket_making(root).is_some() => {
            vec![format!("check the name; packs makes no buckets, {} does", bucket_making(root).unwrap_or_default())]
        }
        NetError::NoRegistry { .. } => vec!["check the address under [registries] in packs.toml; relative ones start at packs.toml".into()],
        NetError::Unsupported { .. } | NetError::InvalidAddress { .. } => {
            vec!["packs opens file:DIRECTORY, https://HOST/PATH, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX and az://CONTAINER/PREFIX".into()]
        }
        NetError::Cleartext { .. } => vec!["use https://; http:// takes passwords only to this machine itself".into()],
        NetError::Unauthorized { host, sent, .. } | NetError::Forbidden { host, sent, .. } => vec![credential_hint(host, *sent)],
        NetError::NoAccount { root } => vec![account_hint(root).to_owned()],
        NetError::RateLimited { .. } => vec!["try again later; with credentials many servers allow more".into()],
        NetError::Unreachable { .. } | NetError::Timeout { .. } => {
            vec!["is the network up, is a proxy needed (HTTPS_PROXY)? with --offline packs uses what is here".into()]
        }
        NetError::ReadOnly { .. } => vec!["publish to the directory or bucket behind it: --registry DIRECTORY or s3://BUCKET/PREFIX".into()],
        NetError::Downgrade { .. } => vec!["the server is set up wrongly, or somebody on the way is: tell whoever keeps it".into()],
        NetError::Encoded { .. } => vec!["something between here and the server changes what it sends: a proxy, most likely".into()],
        _ => vec![],
    }
}

/// Tells how an account for a bucket is named.
fn account_hint(root: &str) -> &'static str {
    match root.split("://").next() {
        Some("gs") => "set GOOGLE_APPLICATION_CREDENTIALS; GOOGLE_SKIP_SIGNATURE=true reads what is public",
        Some("az") => {
            "set AZURE_STORAGE_ACCOUNT_NAME, which is part of the address, and AZURE_STORAGE_ACCOUNT_KEY; AZURE_SKIP_SIGNATURE=true reads what is public"
        }
        _ => "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_SKIP_SIGNATURE=true reads what is public",
    }
}

/// Names the command of a service's own tools that makes the bucket of a root; `None` for what is none.
fn bucket_making(root: &str) -> Option<String> {
    let (scheme, rest) = root.split_once("://")?;
    let bucket = rest.split('/').next().unwrap_or_default();
    match scheme {
        "s3" => Some(format!("`aws s3 mb s3://{bucket}`")),
        "gs" => Some(format!("`gcloud storage buckets create gs://{bucket}`")),
        "az" => Some(format!("`az storage container create --name {bucket}`")),
        _ => None,
    }
}

fn build_hints(error: &BuildError) -> Vec<String> {
    match error {
        BuildError::NoVersion { .. } => {
            vec!["give --version VERSION, or write it into a file VERSION, or write a pack.toml with [pack], name and version".into()]
        }
        BuildError::BadVersionFile { .. } => vec!["write a version such as 1.2.0, and nothing else, or give --version VERSION".into()],
        BuildError::NoName { suggested, .. } => {
            let name = suggested.as_ref().map_or_else(|| "NAME".to_owned(), ToString::to_string);
            vec![format!("give --name {name}, or write a pack.toml with [pack], name and version")]
        }
        BuildError::OutIsSource { .. } => vec!["name another directory with --out; one within, such as dist, is left out of the archive".into()],
        BuildError::SameArchive { .. } => {
            vec!["give one of them another name, version or platform, or build them into two directories; nothing was written".into()]
        }
        BuildError::NotReproducible { .. } => {
            vec!["something changes its files, or their times, while they are read: set SOURCE_DATE_EPOCH, or stop what writes there".into()]
        }
        BuildError::Archive { source: ArchiveError::Changed { .. } } => {
            vec!["something writes there while it is packed: build again when it is done; no archive was written".into()]
        }
        BuildError::Archive { source: ArchiveError::OverLimit { .. } } => {
            vec!["whoever has the usual limits would refuse this archive: divide the pack, or leave files out; no archive was written".into()]
        }
        BuildError::Unfit { faults, .. } if faults.iter().all(|fault| matches!(fault, BuildError::Replaced { .. })) => {
            vec!["something writes there while it is packed: build again when it is done; nothing was written".into()]
        }
        BuildError::Unfit { .. } => vec!["change these files, or leave them out with .packsignore; nothing was written".into()],
        _ => vec![],
    }
}

fn credential_hint(host: &str, sent: Credential) -> String {
    let token = variables_for(host).swap_remove(0);
    match sent {
        Credential::None => format!("packs sends what {token} or the netrc file says, over https only; nothing was sent"),
        Credential::Address => "the name and password in the address were not accepted".into(),
        Credential::Token => format!("the token in {token} was not accepted"),
        Credential::Netrc => format!("the netrc entry for {host} was not accepted"),
        Credential::Caller => "the token was not accepted".into(),
        Credential::Cloud => "the keys of the account were not accepted, or it may not do this: see AWS_*, GOOGLE_* and AZURE_* variables".into(),
    }
}

fn trust_hints(trust: &Trust, fault: &RegistryError) -> Vec<String> {
    let registry = &trust.registry;
    match fault {
        RegistryError::UnknownSigner { signers, .. } => {
            vec![format!("if the owner of {registry} tells you that {signers} is theirs: `packs registry add-key {registry} KEY`, with the key they give you")]
        }
        RegistryError::Unsigned { .. } => vec![format!("whoever keeps {registry} signs it with `packs registry sign`; nothing of it was used")],
        _ => vec![format!("nothing of it was used: tell whoever keeps {registry}")],
    }
}

fn fs_hints(error: &FsError) -> Vec<String> {
    match fs(error).code {
        "disk-full" => vec!["`packs gc` frees space, also on a full disk; the state is as before".into()],
        "locked" => vec!["wait longer with --wait SECONDS".into()],
        "permission-denied" | "read-only" => vec!["the home must be yours and writable: see --home; the state is as before".into()],
        _ => vec![],
    }
}

/// Gives what is known to help, the best fix, and that there may be a smaller conflict.
fn conflict_hints(conflict: &Conflict, fix: Option<&ShownFix>, seconds: u64) -> Vec<String> {
    let unfinished = (!conflict.is_smallest()).then(|| cut_short("the smallest conflict", seconds));
    conflict.hints().iter().map(conflict_hint).chain(fix.and_then(fix_hint)).chain(unfinished).collect()
}

/// Says that a search was ended before its time.
pub(super) fn cut_short(sought: &str, seconds: u64) -> String {
    format!("the time limit of {seconds} s ended the search for {sought}: give it longer with --solve-timeout SECONDS")
}

pub(super) fn conflict_hint(hint: &ConflictHint) -> String {
    match hint {
        ConflictHint::UnknownPack { name, nearest: Some(nearest), .. } => format!("there is no pack {name}; did you mean {nearest}?"),
        ConflictHint::UnknownPack { name, .. } => format!("there is no pack {name} in its registry"),
        ConflictHint::InOtherRegistry { name, registry } => {
            format!("the registry {registry} has a pack {name}: write {name} = {{ version = \"…\", registry = \"{registry}\" }} in packs.toml")
        }
        ConflictHint::UnknownExtra { name, extra, known, .. } if known.is_empty() => format!("{name} has no extras, so not {extra}"),
        ConflictHint::UnknownExtra { name, extra, known, .. } => {
            format!("{name} has no extra {extra}; it has {}", known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        ConflictHint::PrereleaseExists { name, version, direct: false, .. } => {
            format!("the pre-release {name} {version} would do: write {name} = \"={version}\" under [overrides] in packs.toml")
        }
        ConflictHint::PrereleaseExists { name, version, .. } => format!("the pre-release {name} {version} would do: write {name} = \"={version}\""),
        ConflictHint::Yanked { name, version, reason } => {
            format!("{name} {version} would do but was yanked ({}): write {name} = \"={version}\" to take it all the same", plain(reason))
        }
        ConflictHint::Refused { name, version, refusal } => format!("{name} {version} would do but is not allowed: {}", plain(&refusal.to_string())),
    }
}

/// Gives a line of TOML up to its comment.
fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return &line[..at],
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    line
}

/// Says which lines to edit; to do without what was asked for is no advice.
fn fix_hint(fix: &ShownFix) -> Option<String> {
    let is_constraint = |change: &Change| matches!(change, Change::Constraint { .. } | Change::DropConstraint { .. });
    // Whoever wrote a constraint had a reason: weakening it is shown among the fixes, with all others, and not as the thing to do.
    if fix.changes.iter().all(|change| matches!(change, Change::Drop { .. })) || fix.changes.iter().any(is_constraint) {
        return None;
    }
    let joined = |lines: &[String]| lines.iter().map(|line| without_comment(line).trim()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ");
    let edit = |edit: &LineEdit| {
        let at = format!("in {}:{}", edit.file, edit.line);
        match (joined(&edit.before), joined(&edit.after)) {
            (before, after) if after.is_empty() => format!("{at} take out {before}"),
            (before, after) if before.is_empty() => format!("{at} add {after}"),
            (before, after) => format!("{at} write {after} instead of {before}"),
        }
    };
    let edits: Vec<String> = fix.edits.iter().map(edit).collect();
    Some(format!("this would do: {}; `packs resolve --fixes 3` shows more", edits.join(", and ")))
}

fn clash_hints(clashes: &crate::generation::Clashes) -> Vec<String> {
    let pack = |clash: &crate::generation::Clash| -> Option<(PackName, String)> {
        let owner = clash.owners.last()?;
        Some((owner.pack.clone(), owner.command.as_ref()?.to_string()))
    };
    let Some((name, command)) = clashes.all.iter().find_map(pack) else { return vec![] };
    vec![
        format!("rename one in packs.toml: {name} = {{ version = \"…\", rename = {{ {command} = \"{command}-2\" }} }}"),
        format!("or let one win: {name} = {{ version = \"…\", priority = 1 }}"),
    ]
}

fn undo_hints(obstacles: &[UndoObstacle]) -> Vec<String> {
    obstacles
        .iter()
        .filter_map(|obstacle| match obstacle {
            UndoObstacle::CurrentMoved { environment, expected, .. } => Some(format!("to go back there first: packs rollback {environment} --to {expected}")),
            UndoObstacle::FileChanged { path } => Some(format!("put {path} back as it was, or go on by hand; nothing was changed")),
            _ => None,
        })
        .collect()
}

fn did_you_mean(nearest: impl std::fmt::Display) -> String {
    format!("did you mean {nearest}?")
}

/// Finds a setting by its last part, `timeout` for `http.timeout`, or by its spelling.
fn nearest_setting(name: &str, known: &[String]) -> Option<String> {
    let by_last_part = known.iter().find(|other| other.rsplit('.').next() == Some(name)).cloned();
    by_last_part.or_else(|| strsim_nearest(name, known))
}

fn strsim_nearest(name: &str, known: &[String]) -> Option<String> {
    known.iter().map(|other| (strsim::osa_distance(name, other), other)).filter(|(distance, _)| *distance <= 2).min().map(|(_, other)| other.clone())
}
