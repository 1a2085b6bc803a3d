//! What a use case refuses, or what kept it from being done.

mod wording;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use crate::archive::ArchiveError;
use crate::archive::Compression;
use crate::audit::AuditError;
use crate::build::BuildError;
use crate::fetch::Cut;
use crate::fetch::FetchError;
use crate::fsys::FsError;
use crate::gc::GcError;
use crate::generation::Clashes;
use crate::generation::GenerationError;
use crate::generation::InTheWay;
use crate::generation::UndoObstacle;
use crate::lock::LockError;
use crate::lock::Staleness;
use crate::manifest::ManifestError;
use crate::model::EnvironmentName;
use crate::model::InvalidNoun;
use crate::model::KeyId;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Platform;
use crate::model::Range;
use crate::model::Refusal;
use crate::model::RegistryName;
use crate::model::ReleaseId;
use crate::model::Repository;
use crate::model::Sha256Digest;
use crate::model::StorePath;
use crate::model::Version;
use crate::model::side_file_of;
use crate::net::NetError;
use crate::ops::MissingArchive;
use crate::ops::Planned;
use crate::ops::ShownFix;
use crate::ops::error::wording::archives;
use crate::ops::error::wording::fixes;
use crate::ops::error::wording::indexes_offline;
use crate::ops::error::wording::listed;
use crate::ops::error::wording::stale;
use crate::ops::error::wording::with_planned;
use crate::registry::RegistryError;
use crate::resolve::Conflict;
use crate::source::SourceError;
use crate::store::StoreError;

/// Everything that a use case may end with instead of an outcome.
#[derive(Debug, thiserror::Error)]
pub enum OpsError {
    /// The directory this runs in is gone.
    #[error("cannot tell which directory this runs in")]
    NoDirectory {
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// There is neither a home named nor a user's home directory.
    #[error("cannot tell where the home of the store is: no --home, no PACKS_HOME and no home directory of the user")]
    NoHome,
    /// A settings file is at fault.
    #[error(transparent)]
    Settings(Box<ManifestError>),
    /// A variable that sets something holds no such value.
    #[error("{variable} is {found:?}, expected {expected}")]
    Variable {
        /// The variable.
        variable: &'static str,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: String,
    },
    /// A setting was named that there is not.
    #[error("no setting {name}")]
    UnknownSetting {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// No packs.toml was found.
    #[error("no packs.toml in {} or above", searched.display())]
    NoProject {
        /// Where the search began.
        searched: PathBuf,
    },
    /// A packs.toml is there already.
    #[error("{} exists already; nothing was written", path.display())]
    ProjectExists {
        /// The file.
        path: PathBuf,
    },
    /// packs.toml is at fault.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file that should be text is not UTF-8.
    #[error("{}:{line}: not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first bad byte.
        line: usize,
    },
    /// The environment named is not declared.
    #[error("no environment {name} in packs.toml; there is {}", listed(known))]
    UnknownEnvironment {
        /// The name.
        name: EnvironmentName,
        /// Those declared.
        known: Vec<EnvironmentName>,
    },
    /// Nothing tells which environment is meant.
    #[error("which environment? packs.toml declares {} and names no default-environment", listed(known))]
    AmbiguousEnvironment {
        /// Those declared.
        known: Vec<EnvironmentName>,
    },
    /// A registry is named that packs.toml does not declare.
    #[error("no registry {name} in packs.toml{}", if known.is_empty() { String::new() } else { format!("; there is {}", listed(known)) })]
    UnknownRegistry {
        /// The name.
        name: RegistryName,
        /// Those declared.
        known: Vec<RegistryName>,
    },
    /// What was typed begins as an address and is none; it is not shown, since it may hold a password.
    #[error("what was typed for a registry begins as an address and is none (it is not shown here, since it may hold a password); nothing was changed")]
    NotAnAddress,
    /// A repository's releases were to be written or looked through as a registry is.
    #[error("{} is a repository's releases, which packs neither writes, signs nor looks through as a registry; nothing was changed", repository.address())]
    NotWritten {
        /// The repository.
        repository: Repository,
    },
    /// The only key trusted for a registry was to be removed, after which anything would be believed.
    #[error("{at}: {key} is the only key trusted for {name}; without it the registry would be believed unsigned; nothing was changed")]
    LastKey {
        /// The registry.
        name: RegistryName,
        /// The key.
        key: KeyId,
        /// Where packs.toml declares the registry.
        at: Place,
    },
    /// A registry of packs.toml cannot be opened as its address says.
    #[error("{at}: the registry {name} cannot be opened")]
    UnopenedRegistry {
        /// The registry.
        name: RegistryName,
        /// Where it is written.
        at: Place,
        /// Why.
        #[source]
        source: Box<NetError>,
    },
    /// A registry could not be asked.
    #[error("the registry {registry} is offline, and {needed} is needed")]
    RegistryOffline {
        /// The registry.
        registry: String,
        /// What was to be read.
        needed: String,
    },
    /// What registries say of some packs is not known here, and the network may not be asked.
    #[error("{}", indexes_offline(missing))]
    IndexesOffline {
        /// Registries as people know them, each with its packs.
        missing: BTreeMap<String, BTreeSet<PackName>>,
    },
    /// An archive that is locked is not there.
    #[error("the archive {archive} of {release} is not in {registry}, and its tree is not in the store")]
    ArchiveMissing {
        /// The archive's file name.
        archive: String,
        /// The release.
        release: ReleaseId,
        /// The registry that was asked.
        registry: String,
    },
    /// Archives are needed that only the network has, and it may not be asked.
    #[error("{} must be downloaded, and this run is offline; nothing was changed", archives(missing.len()))]
    ArchivesOffline {
        /// All of them.
        missing: Vec<MissingArchive>,
    },
    /// A download broke off.
    #[error("cannot download {archive} of {release} from {registry}: {there_bytes} of its {size} bytes are here; nothing was changed")]
    Download {
        /// The archive's file name.
        archive: String,
        /// The release.
        release: Box<ReleaseId>,
        /// The registry it comes from.
        registry: String,
        /// Bytes that are here, for the next try.
        there_bytes: u64,
        /// Its length in bytes.
        size: u64,
        /// Why.
        #[source]
        source: Box<Cut<SourceError>>,
    },
    /// Somebody asked this run to stop, and it did before it changed anything.
    #[error("interrupted, state unchanged")]
    Interrupted,
    /// Somebody asked this run to stop, between two steps that each stand for themselves.
    #[error("interrupted; what was done so far is complete and stays, the rest was not begun")]
    InterruptedBetween,
    /// No resolution exists.
    #[error("environment {environment}: no set of releases satisfies packs.toml{}", with_planned(planned.as_ref()))]
    Conflict {
        /// The environment.
        environment: EnvironmentName,
        /// The proof.
        conflict: Box<Conflict>,
        /// The smallest changes that would help, as far as they were found at once; the best first.
        fixes: Vec<ShownFix>,
        /// What was to make packs.toml another than it is, if this is about that one; the fixes edit it as it is.
        planned: Option<Planned>,
        /// How long it was looked for, in seconds at most.
        seconds: u64,
    },
    /// Fewer changes that would help were found than the one that is to be made.
    #[error("there is no fix {number}: {}", fixes(*found))]
    NoSuchFix {
        /// The environment.
        environment: EnvironmentName,
        /// The number asked for.
        number: usize,
        /// How many were found.
        found: usize,
    },
    /// Not all changes that would help were looked for, so that a number may mean another one than it did before.
    #[error("which fix is number {number} was not found out in {seconds} s; packs.toml is as it was")]
    FixesCutShort {
        /// The environment.
        environment: EnvironmentName,
        /// The number asked for.
        number: usize,
        /// How long they were looked for, in seconds.
        seconds: u64,
    },
    /// There is a resolution, so there is nothing to mend.
    #[error("environment {environment}: there is a resolution, so there is no fix {number} to make; packs.toml is as it was")]
    NothingToFix {
        /// The environment.
        environment: EnvironmentName,
        /// The number asked for.
        number: usize,
    },
    /// Whether there is a resolution was not found out in time.
    #[error("environment {environment}: no resolution was found within {seconds} s{}", if hottest.is_empty() { String::new() } else { format!("; most conflicts were about {}", listed(hottest)) })]
    OutOfTime {
        /// The environment.
        environment: EnvironmentName,
        /// The time that was given.
        seconds: u64,
        /// The packs with most conflicts, the hottest first.
        hottest: Vec<PackName>,
    },
    /// A lockfile is at fault.
    #[error(transparent)]
    Lockfile(#[from] LockError),
    /// One version is asked for, and several packs.
    #[error("--precise is about one pack, and {} are named: {}", packs.len(), listed(packs))]
    PreciseOfMany {
        /// The packs named.
        packs: Vec<PackName>,
    },
    /// A rule does not allow what is locked, and the lockfile must not change.
    #[error("{file} has {release}, which is not allowed: {refusal}")]
    Refused {
        /// The lockfile.
        file: String,
        /// The release.
        release: ReleaseId,
        /// The rule and its reason.
        refusal: Box<Refusal>,
    },
    /// The lockfile must not change, but it is missing.
    #[error("{file} is missing")]
    LockfileMissing {
        /// The environment.
        environment: EnvironmentName,
        /// The lockfile.
        file: String,
    },
    /// The lockfile must not change, but it does not fit packs.toml.
    #[error("{}", stale(file, reasons))]
    LockfileStale {
        /// The environment.
        environment: EnvironmentName,
        /// The lockfile.
        file: String,
        /// What differs.
        reasons: Vec<Staleness>,
    },
    /// A release requires something else than the index, or the lockfile, says.
    #[error("{release} is locked as requiring {locked}, but its MANIFEST.json requires {found}")]
    OtherRequirements {
        /// The release.
        release: ReleaseId,
        /// What was solved with.
        locked: String,
        /// What the release says.
        found: String,
    },
    /// No archive of a release runs on this machine.
    #[error("{release} has no archive for this machine ({host}); its archives are for {}", listed(offered))]
    NoArchiveForHost {
        /// The release.
        release: ReleaseId,
        /// This machine's platform.
        host: String,
        /// Those it has archives for.
        offered: Vec<Platform>,
    },
    /// No archive of a release runs on the platform that is meant.
    #[error("{release} has no archive for {platform}; its archives are for {}", listed(offered))]
    NoArchiveForPlatform {
        /// The release.
        release: ReleaseId,
        /// The platform, as it was asked for, or this machine's.
        platform: String,
        /// Those it has archives for.
        offered: Vec<Platform>,
    },
    /// A pack is named that the project does not have.
    #[error("{name} is not in {place}")]
    UnknownPack {
        /// The pack.
        name: PackName,
        /// Where it was looked for.
        place: String,
        /// The nearest name there.
        nearest: Option<PackName>,
    },
    /// No release of a pack is meant.
    #[error("no release of {name} in {registry} is {asked}")]
    NoneMeant {
        /// The pack.
        name: PackName,
        /// The version or range asked for.
        asked: String,
        /// The registry that was asked.
        registry: String,
        /// The releases there are.
        known: Vec<Version>,
    },
    /// There is nowhere to keep keys.
    #[error("cannot tell where signing keys lie: no home directory of the user and no XDG_CONFIG_HOME")]
    NoKeyDirectory,
    /// A key is there already.
    #[error("{} exists already; a key is never overwritten", path.display())]
    KeyExists {
        /// The file that is there.
        path: PathBuf,
    },
    /// A key is named that is not there.
    #[error("no signing key {name}{}", if known.is_empty() { String::new() } else { format!("; there is {}", listed(known)) })]
    UnknownKey {
        /// The name, or the file.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A key needs a passphrase, and there is neither one given nor a terminal to ask at.
    #[error("the key {key} needs a passphrase, and there is nobody to ask")]
    NoPassphrase {
        /// The key.
        key: String,
    },
    /// A file is no key, or its passphrase is another.
    #[error("the key {} cannot be used", path.display())]
    KeyUnusable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<RegistryError>,
    },
    /// Nothing says with which key to sign.
    #[error("no key is named to sign with")]
    NoKeyNamed,
    /// The registry that a lockfile takes a pack from no longer has it, and others could.
    #[error("{lockfile} takes {name} from the registry {registry}, which has no such pack now")]
    LockedElsewhere {
        /// The pack.
        name: PackName,
        /// The registry.
        registry: RegistryName,
        /// The lockfile's name.
        lockfile: String,
    },
    /// No registry has a pack of this name.
    #[error("no pack {name} in {registry}")]
    NoSuchPack {
        /// The name.
        name: PackName,
        /// The registry that was asked.
        registry: String,
        /// The pack that was most likely meant, by the list of that registry.
        nearest: Option<PackName>,
    },
    /// What a home remembers of registries was written by another packs, most likely a newer one.
    #[error("{}: the schema is {found:?}, expected {expected:?}; nothing was changed", path.display())]
    OtherSeen {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: String,
        /// The one this packs reads.
        expected: &'static str,
    },
    /// An archive was asked for of a pack that packs.toml takes from a directory.
    #[error("packs.toml takes {name} from a directory, which has no archive to download")]
    NoArchiveOfPath {
        /// The pack.
        name: PackName,
    },
    /// A pack has no release in a range.
    #[error("no release of {name} in {registry} is in {range}{}", newest.as_ref().map_or_else(String::new, |newest| format!("; the newest is {newest}")))]
    NoSuchRelease {
        /// The pack.
        name: PackName,
        /// The range.
        range: Box<Range>,
        /// The registry that was asked.
        registry: String,
        /// The newest release there is.
        newest: Option<Box<Version>>,
    },
    /// Every release of a pack in a range was taken back.
    #[error("every release of {name} in {registry} that is in {range} was yanked; the newest, {newest}: {reason}")]
    AllYanked {
        /// The pack.
        name: PackName,
        /// The range.
        range: Box<Range>,
        /// The registry that was asked.
        registry: String,
        /// The newest of them.
        newest: Box<Version>,
        /// Why that was taken back.
        reason: String,
    },
    /// A version asked for precisely was not chosen.
    #[error("{name} {wanted} cannot be locked: {reason}")]
    NotPrecise {
        /// The environment.
        environment: EnvironmentName,
        /// The pack.
        name: PackName,
        /// The version asked for.
        wanted: Version,
        /// Why not.
        reason: String,
    },
    /// Two packs want the same name in the generation.
    #[error(transparent)]
    Clashes(#[from] Clashes),
    /// Generations, the journal or placed files are in the way of something.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// An environment was never switched to.
    #[error("environment {environment} has no generation yet")]
    NoGeneration {
        /// The environment.
        environment: EnvironmentName,
    },
    /// A generation is not there.
    #[error("environment {environment} has no generation {number}{}", if *collected { " any more: it was collected" } else { "" })]
    UnknownGeneration {
        /// The environment.
        environment: EnvironmentName,
        /// The number.
        number: u64,
        /// Those that are there.
        known: Vec<u64>,
        /// Whether it was there once.
        collected: bool,
    },
    /// The journal has nothing that could be taken back.
    #[error("there is nothing to undo in this project")]
    NothingToUndo,
    /// A generation has no copies of packs.toml and lockfile to restore.
    #[error("generation {number} of {environment} keeps no packs.toml and lockfile to restore")]
    NothingToRestore {
        /// The environment.
        environment: EnvironmentName,
        /// The generation.
        number: u64,
    },
    /// Something was changed since, so that an operation cannot be taken back.
    #[error("`{command}` cannot be taken back: {}", obstacles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    CannotUndo {
        /// The command that was to be taken back.
        command: String,
        /// All that is in the way.
        obstacles: Vec<UndoObstacle>,
    },
    /// Files that are not ours lie where something is to be placed.
    #[error("files that packs did not place are in the way:{}", all.iter().map(|one| format!("\n  {one}")).collect::<String>())]
    InTheWay {
        /// All of them.
        all: Vec<InTheWay>,
    },
    /// A directory that packs.toml names cannot be packed.
    #[error("{at}: the directory of {name} cannot be used")]
    PathPack {
        /// The pack.
        name: PackName,
        /// Where packs.toml names it.
        at: Place,
        /// Why.
        #[source]
        source: Box<BuildError>,
    },
    /// Nothing tells where a broken store path could be had again.
    #[error("no good copy of its files is in the store, and no project's lockfile names an archive of {store_path}")]
    NoSourceForRepair {
        /// The store path.
        store_path: StorePath,
    },
    /// A file or directory that was named is not there.
    #[error("{} is not there", path.display())]
    NoSuchFile {
        /// The path.
        path: PathBuf,
    },
    /// What was named is a directory, or something that may never answer, such as a fifo.
    #[error("{} is no file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Two archives would get one name in one directory.
    #[error("{one} and {other} are two archives, and both are named {archive}")]
    SameName {
        /// The file name.
        archive: String,
        /// One of them: release, platform and registry.
        one: String,
        /// The other.
        other: String,
    },
    /// Something else has the name that a download is to get.
    #[error("{} is there, and is {found}; nothing was written", path.display())]
    OtherFile {
        /// The path.
        path: PathBuf,
        /// What it is, in words.
        found: &'static str,
    },
    /// There are changes that the audit log does not tell of: it was removed, or begun anew.
    #[error("{} tells of {begun} changes, and {made} generations were made: entries are missing", directory.display())]
    AuditLost {
        /// The log's directory.
        directory: PathBuf,
        /// How many changes it tells of.
        begun: u64,
        /// How many generations the projects of the home have had.
        made: u64,
    },
    /// A source directory cannot be packed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// An archive is refused.
    #[error("the archive {archive} is refused")]
    Archive {
        /// The archive, as it was named.
        archive: String,
        /// Why.
        #[source]
        source: Box<ArchiveError>,
    },
    /// An archive has no digest to be checked against.
    #[error("{} has no side file {} beside it: nothing unverified is read", archive.display(), side_file_of(&archive.display().to_string()))]
    NoSideFile {
        /// The archive.
        archive: PathBuf,
    },
    /// An archive file is not what its digest promises.
    #[error("{} is not the archive that its digest promises", archive.display())]
    NotAsPromised {
        /// The archive.
        archive: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<FetchError>,
    },
    /// One digest was typed, and it is not plain what it belongs to.
    #[error("--sha256 is the digest of one archive, without other files of digests; {archives} archives are named")]
    OneDigest {
        /// How many archives are named.
        archives: usize,
    },
    /// A compression has no such level.
    #[error("{compression} has levels {} to {}, not {level}", levels.start(), levels.end())]
    NoSuchLevel {
        /// The compression.
        compression: Compression,
        /// The level asked for.
        level: i32,
        /// Those there are.
        levels: std::ops::RangeInclusive<i32>,
    },
    /// One name was given to several packs.
    #[error("--name is the name of one pack, and {packs} are to be built")]
    OneName {
        /// How many packs are to be built.
        packs: usize,
    },
    /// An archive or an index could not be had from a source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// An archive is not what it should be.
    #[error("{release} from {from}")]
    Fetch {
        /// The release.
        release: String,
        /// Where it came from.
        from: String,
        /// What is wrong.
        #[source]
        source: Box<FetchError>,
    },
    /// The store refuses or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Garbage collection could not tell what is live.
    #[error(transparent)]
    Gc(#[from] GcError),
    /// The audit log could not be written, or is not whole.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A release of this tag is published.
    #[error("{repository} has a release {tag} already: {url}")]
    ReleaseExists {
        /// The repository.
        repository: Repository,
        /// The git tag.
        tag: String,
        /// Its page.
        url: String,
    },
    /// Somebody prepares a release of this tag.
    #[error("{repository} has a draft release {tag} that packs did not make, or was told to leave: {url}")]
    ForeignDraft {
        /// The repository.
        repository: Repository,
        /// The git tag.
        tag: String,
        /// Its page.
        url: String,
    },
    /// Two files of a release would have one name.
    #[error("two files of the release would be called {asset}")]
    AssetTwice {
        /// The name.
        asset: String,
    },
    /// GitHub keeps a file under another name.
    #[error("GitHub keeps {asset} under another name, {found}")]
    AssetRenamed {
        /// The name it was sent under.
        asset: String,
        /// The name it has there.
        found: String,
    },
    /// What was sent is not what is there.
    #[error("{asset} was sent with sha256 {expected}, and downloaded again it has {found}")]
    AssetAltered {
        /// The file.
        asset: String,
        /// The digest it was sent with.
        expected: Sha256Digest,
        /// The digest it has there.
        found: Sha256Digest,
    },
    /// A template names what there is not.
    #[error("{file}:{line}: there is no `{name}`; a template can name {known}")]
    NotesTemplate {
        /// The template.
        file: String,
        /// The line.
        line: usize,
        /// The name.
        name: String,
        /// Those there are.
        known: String,
    },
    /// A release failed, and its draft could not be removed.
    #[error("nothing was published, and the draft {url} could not be removed: {removal}")]
    DraftLeft {
        /// The page of the draft.
        url: String,
        /// Why it could not be removed.
        removal: String,
        /// What failed at first.
        #[source]
        source: Box<OpsError>,
    },
    /// Nobody knows whether a release was published.
    #[error("GitHub does not say whether it published the release: look at {url}")]
    ReleaseUncertain {
        /// Its page.
        url: String,
        /// What happened.
        #[source]
        source: Box<SourceError>,
    },
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A command of this program does not exist.
    #[error("no command {name}")]
    UnknownCommand {
        /// The name.
        name: String,
        /// Those there are.
        known: Vec<String>,
    },
    /// A program to run is not there or may not be run.
    #[error("cannot run {program}")]
    CannotRun {
        /// The program.
        program: String,
        /// The operating system's answer.
        #[source]
        source: Box<FsError>,
    },
    /// The value of an option that takes it after an equals sign was written as a word of its own, which then meant an environment that is not there.
    #[error("there is no environment {value}, and {option} takes its value after an equals sign")]
    ValueApart {
        /// The option.
        option: &'static str,
        /// The value.
        value: String,
    },
    /// A command does not answer in the form asked for.
    #[error("this command has no --format {format}; it has {}", listed(known))]
    NoSuchFormat {
        /// The form asked for.
        format: &'static str,
        /// Those it has.
        known: Vec<&'static str>,
    },
    /// A text that was typed is no valid noun.
    #[error(transparent)]
    Noun(#[from] InvalidNoun),
}
