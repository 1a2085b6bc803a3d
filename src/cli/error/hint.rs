//! What would help: a command or an edit for each failure that has one, in the order of the rooms.

#![allow(clippy::match_same_arms, reason = "tables of failures, kept in the order of their rooms")]

use crate::archive::ArchiveError;
use crate::build::BuildError;
use crate::cli::error::kind;
use crate::cli::output::plain;
use crate::fetch::Cut;
use crate::fsys::FsError;
use crate::generation::GenerationError;
use crate::generation::UndoObstacle;
use crate::lock::LockError;
use crate::lock::Staleness;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Refusal;
use crate::model::nearest;
use crate::model::side_file_of;
use crate::net::Credential;
use crate::net::NetError;
use crate::net::variables_for;
use crate::ops::LineEdit;
use crate::ops::OpsError;
use crate::ops::Planned;
use crate::ops::ShownFix;
use crate::registry::RegistryError;
use crate::resolve::Change;
use crate::resolve::ConflictHint;
use crate::source::GitHubError;
use crate::source::SourceError;
use crate::source::Trust;
use crate::store::StoreError;

/// How many releases are named where none was found, the newest ones.
const RELEASES_SHOWN: usize = 10;

/// Gives what would help, only where it applies.
#[allow(clippy::too_many_lines, reason = "a flat table")]
pub(super) fn hints(failure: &OpsError) -> Vec<String> {
    match failure {
        OpsError::NoProject { .. } => vec!["`packs init` makes a packs.toml here".into()],
        OpsError::NoHome => vec!["name one with --home DIR or PACKS_HOME".into()],
        OpsError::UnknownEnvironment { name, known } => nearest(name.as_str(), known).map(did_you_mean).into_iter().collect(),
        OpsError::ValueApart { option, value } => vec![format!("write {option}={value}, with an equals sign and no blank")],
        OpsError::AmbiguousEnvironment { known } if !known.is_empty() => {
            vec![format!("name it: -E {}, or write default-environment = \"{}\" under [project]", known[0], known[0])]
        }
        OpsError::LastKey { name, .. } => {
            vec![format!("trust its successor first: `packs registry add-key {name} KEY`; to ask for no signatures, remove `keys` from packs.toml")]
        }
        OpsError::NotAnAddress => {
            vec!["an address is written https://HOST/PATH, s3://BUCKET/PREFIX, gs://… or az://…; a directory of such a name ./NAME".into()]
        }
        OpsError::NotWritten { repository } => vec![format!("`packs release {repository} --tag TAG ARCHIVE…` makes a release there")],
        OpsError::UnknownRegistry { name, .. } => vec![format!("add {name} = \"file:DIRECTORY\" under [registries] in packs.toml")],
        OpsError::Refused { .. } => vec!["`packs lock` without --locked chooses what is allowed".into()],
        OpsError::LockfileMissing { environment, .. } => {
            vec![format!("`packs lock {environment}` makes it; so does `packs switch {environment}` without --locked")]
        }
        OpsError::LockfileStale { environment, reasons, .. } if reasons.iter().any(|reason| matches!(reason, Staleness::Conflicted { .. })) => {
            vec![format!("`packs lock {environment}` settles the conflict and prefers what both sides have locked; so does `packs switch {environment}`")]
        }
        OpsError::LockfileStale { environment, .. } => {
            vec![format!("`packs lock {environment}` makes it anew; so does `packs switch {environment}` without --locked")]
        }
        OpsError::UnknownPack { nearest: Some(nearest), .. } => vec![did_you_mean(nearest)],
        OpsError::Conflict { environment, conflict, fixes, planned, seconds } => {
            let next = match planned {
                None => format!("`packs resolve {environment} --fixes 3` shows more"),
                Some(Planned::Asked) => "then the same command again".to_owned(),
                Some(Planned::Fix { environment, .. }) => format!("then `packs resolve {environment} --fixes 3` again"),
            };
            let fix = fixes.first().and_then(fix_hint).map(|hint| format!("{hint}; {next}"));
            let unfinished = (!conflict.is_smallest()).then(|| cut_short("the smallest conflict", *seconds));
            conflict.hints().iter().map(|hint| conflict_hint(hint, environment)).chain(fix).chain(unfinished).collect()
        }
        OpsError::NoSuchFix { found: 0, .. } => vec![],
        OpsError::NoSuchFix { environment, .. } => vec![format!("`packs resolve {environment} --fixes 5` shows those there are")],
        OpsError::NothingToFix { environment, .. } => vec![format!("`packs lock {environment}` locks it")],
        OpsError::FixesCutShort { environment, .. } => {
            vec![format!("`--solve-timeout SECONDS` gives it more time; a fix that `packs resolve {environment} --fixes 5` has shown can be written by hand")]
        }
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
            let archive = archive.display().to_string();
            vec![format!("`packs build` writes it; or: sha256sum {archive} > {}, if you trust the archive", side_file_of(&archive))]
        }
        OpsError::SameName { .. } => vec!["download them one after the other, each into a directory of its own with --to; nothing was written".into()],
        OpsError::OtherFile { .. } => vec!["move it away, or download into another directory with --to; --force replaces a file".into()],
        OpsError::ArchiveMissing { .. } => vec!["publish it again, or `packs update` to a release that is there".into()],
        OpsError::OtherSeen { .. } => vec!["a newer packs wrote it: use that one with this home".into()],
        OpsError::NoArchiveOfPath { .. } => vec!["`packs build DIRECTORY` makes one; --registry REGISTRY downloads a published one".into()],
        OpsError::OtherRequirements { .. } => vec!["the registry's index does not say what its archive says: tell whoever keeps it; nothing was linked".into()],
        OpsError::NoArchiveForHost { .. } => vec!["build and publish an archive for this platform, or for `any`".into()],
        OpsError::NoArchiveForPlatform { offered, .. } if !offered.is_empty() => vec![format!("take another one's with --platform {}", offered[0])],
        OpsError::NoArchiveForPlatform { .. } => vec!["build and publish an archive for this platform, or for `any`".into()],
        OpsError::NoSuchRelease { name, range, newest: Some(newest), .. } if range.matches_as_stable(newest) => {
            vec![format!("a pre-release is taken only where it is named: {name}@={newest}")]
        }
        OpsError::NotPrecise { environment, name, wanted, .. } => {
            vec![format!("`packs resolve {environment} --what-if {name}@{wanted}` tells what stands against it, or would move with it")]
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
        OpsError::RegistryOffline { .. } | OpsError::IndexesOffline { .. } => {
            vec!["the same command, once without --offline, keeps what it reads for the next time".into()]
        }
        OpsError::ArchivesOffline { .. } => vec!["the same command without --offline downloads them".into()],
        OpsError::Download { there_bytes, source, .. } => download_hints(*there_bytes, source),
        OpsError::InterruptedBetween => vec!["the same command goes on with what is left".into()],
        OpsError::Fetch { .. } => vec!["the archive is not the one that is locked: fetch or publish it anew; nothing of it was unpacked".into()],
        OpsError::Fs(error) | OpsError::Store(StoreError::Disk(error)) | OpsError::Generation(GenerationError::Disk(error)) => fs_hints(error),
        OpsError::Store(StoreError::BadPackManifest { .. }) => vec!["`packs verify --store --repair` mends it".into()],
        OpsError::UnknownCommand { name, known } => nearest(name, known).map(did_you_mean).into_iter().collect(),
        OpsError::UnknownSetting { name, known } => nearest_setting(name, known).map(did_you_mean).into_iter().collect(),
        OpsError::NoSuchPack { nearest: Some(nearest), .. } => vec![did_you_mean(nearest)],
        OpsError::Lockfile(LockError::Conflicted { .. }) => vec!["`packs lock` settles the conflict, with what both sides have locked preferred".into()],
        OpsError::Lockfile(LockError::Invalid { file, .. } | LockError::Markers { file, .. }) => vec![
            format!("mend that line, or `git checkout HEAD -- {file}` where the committed one is whole; then `packs lock`"),
            format!("remove {file}, and `packs lock` makes it anew: with the newest releases that will do, not with those that were locked"),
        ],
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
        BuildError::LinkedDeclaration { .. } => vec!["put a copy of the file in the place of the link; nothing was read through it".into()],
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
    match kind::fs(error).code {
        "disk-full" => vec!["`packs gc` frees space, also on a full disk; the state is as before".into()],
        "locked" => vec!["wait longer with --wait SECONDS".into()],
        "permission-denied" | "read-only" => vec!["the home must be yours and writable: see --home; the state is as before".into()],
        _ => vec![],
    }
}

/// Says that a search was ended before its time.
pub(in crate::cli) fn cut_short(sought: &str, seconds: u64) -> String {
    format!("the time limit of {seconds} s ended the search for {sought}: give it longer with --solve-timeout SECONDS")
}

/// Says what may help in a conflict of an environment.
pub(in crate::cli) fn conflict_hint(hint: &ConflictHint, environment: &EnvironmentName) -> String {
    match hint {
        ConflictHint::UnknownPack { name, nearest: Some(nearest), .. } => format!("there is no pack {name}; did you mean {nearest}?"),
        ConflictHint::UnknownPack { name, registry: Some(registry), .. } => format!("there is no pack {name} in the registry {registry}"),
        ConflictHint::UnknownPack { name, .. } => format!("there is no pack {name} in its registry"),
        ConflictHint::InOtherRegistry { name, registry, range } => {
            format!("the registry {registry} has a pack {name}: write {name} = {{ version = \"{range}\", registry = \"{registry}\" }} in packs.toml")
        }
        ConflictHint::UnknownExtra { name, version, extra, newest_with: Some(other), .. } => format!("{name} {version} has no extra {extra}; {other} has it"),
        ConflictHint::UnknownExtra { name, version, extra, newest_hidden_with: Some(other), .. } => {
            format!("{name} {version} has no extra {extra}; {other} has it, but was yanked or is not allowed")
        }
        ConflictHint::UnknownExtra { name, extra, known, .. } if known.is_empty() => {
            format!("no release of {name} that may be chosen has any extra, so not {extra}")
        }
        ConflictHint::UnknownExtra { name, extra, known, .. } => {
            format!("{name} has no extra {extra}; it has {}", known.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        ConflictHint::PrereleaseExists { name, version, direct: false, .. } => {
            format!("the pre-release {name} {version} is in the range but not named: {name} = \"={version}\" under [overrides] in packs.toml names it")
        }
        ConflictHint::PrereleaseExists { name, version, .. } => {
            format!("the pre-release {name} {version} is in the range but not named: {name} = \"={version}\" names it")
        }
        ConflictHint::Yanked { name, version, reason } => {
            format!("{name} {version} is in the range but was yanked ({}): {name} = \"={version}\" admits it all the same", plain(reason))
        }
        ConflictHint::Refused { name, version, refusal } => {
            let refused = format!("{name} {version} is in the range but is not allowed: {}", plain(&refusal.to_string()));
            let is_locked = refusal.rule == Refusal::AS_OF && refusal.at.is_some();
            if is_locked { format!("{refused}; `packs lock {environment} --as-of none` lifts that") } else { refused }
        }
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
    Some(format!("this would do: {}", edits.join(", and ")))
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
fn nearest_setting<'n>(name: &str, known: &'n [String]) -> Option<&'n String> {
    let by_last_part = known.iter().find(|other| other.rsplit('.').next() == Some(name));
    by_last_part.or_else(|| nearest(name, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_took_too_long_names_the_hottest_packs() {
        let check = |hottest: &[&str], message: &str, expected: &[&str]| {
            let hottest = hottest.iter().map(|name| PackName::parse(name).expect("a valid name")).collect();
            let failure = OpsError::OutOfTime { environment: EnvironmentName::default_environment(), seconds: 60, hottest };
            assert_eq!((failure.to_string().as_str(), hints(&failure)), (message, expected.iter().map(ToString::to_string).collect()));
        };
        let longer = "give it longer with --solve-timeout SECONDS";
        check(&[], "environment default: no resolution was found within 60 s", &[longer]);
        check(
            &["dove", "hole", "pigeon"],
            "environment default: no resolution was found within 60 s; most conflicts were about dove, hole and pigeon",
            &["narrow what may be chosen, as with dove = \"^1\" under [constraints] in packs.toml", longer],
        );
    }
}
