//! Using an environment: its commands in PATH, for one child process or for a shell.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::Path;

use serde::Serialize;

use crate::fsys;
use crate::fsys::FileLock;
use crate::fsys::Waiting;
use crate::generation::GenerationRecord;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::nearest;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::located::Located;
use crate::store;
use crate::store::RunningRoot;
use crate::store::StoreError;
use crate::store::locks;

/// A command to run in an environment.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// The program and its arguments; never empty.
    pub command: Vec<OsString>,
    /// PATH as found.
    pub path: Option<OsString>,
}

/// What a shell needs to find the packs of an environment.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct EnvOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// Variables that get a directory in front, by name.
    pub prepend: BTreeMap<String, String>,
    /// Variables that are set, by name.
    pub set: BTreeMap<String, String>,
}

/// A path that was asked for.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct StorePathOutcome {
    /// The pack; `None` for the store itself.
    pub pack: Option<PackName>,
    /// The absolute path.
    pub path: String,
}

/// Becomes a command with the current generation's commands first in PATH; returns only where that fails.
///
/// The generation is registered as a root, whose lock the command and its children inherit: however packs or the command end, no gc takes it away below the
/// feet of any of them. Signals, the terminal and the exit code are the command's own.
///
/// # Errors
/// [`OpsError::CannotRun`] where there is no such program or it may not be executed.
pub fn run(context: &Context, request: &RunRequest) -> Result<Infallible, OpsError> {
    let located = Located::recall(context)?;
    let (environment, record) = located.switched(context)?;
    let generation = environment.path(record.number);
    let held = hold(context, &generation, &record)?;
    let mut variables: BTreeMap<String, OsString> = BTreeMap::new();
    variables.insert("PATH".to_owned(), in_front(&generation.join("bin"), request.path.as_ref()));
    variables.insert("PACKS_ENV".to_owned(), located.environment.as_str().into());
    let (program, arguments) = request.command.split_first().expect("clap requires a command");
    let program = find_program(program, &generation.join("bin"))?;
    if let Some(held) = &held {
        held.keep_across_exec()?;
    }
    fsys::become_program(&program, arguments, &variables)
        .map_err(|source| OpsError::CannotRun { program: program.to_string_lossy().into_owned(), source: Box::new(source) })
}

/// What keeps gc away from the generation that a command uses.
enum Held {
    /// The root that names it, as a rule.
    Root(RunningRoot),
    /// The store as a whole, where the disk is too full for a root: a lock needs no space.
    Store(FileLock),
}

impl Held {
    fn keep_across_exec(&self) -> Result<(), OpsError> {
        match self {
            Held::Root(root) => Ok(root.keep_across_exec()?),
            Held::Store(lock) => Ok(lock.keep_across_exec()?),
        }
    }
}

/// Holds a generation and its store paths, and only then looks whether they are (still) there.
///
/// On a home that we may not write nobody of our rights can collect either: there is nothing to hold then.
fn hold(context: &Context, generation: &Path, record: &GenerationRecord) -> Result<Option<Held>, OpsError> {
    let held = match context.waiting(|waiting| register(context, generation, record, waiting)) {
        Ok(held) => Some(held),
        Err(OpsError::Fs(error) | OpsError::Store(StoreError::Disk(error))) if error.is_read_only() => None,
        Err(error) => return Err(error),
    };
    if fsys::status(generation)?.is_none() {
        return Err(OpsError::NoGeneration { environment: record.environment.clone() });
    }
    Ok(held)
}

fn register(context: &Context, generation: &Path, record: &GenerationRecord, waiting: &Waiting<'_>) -> Result<Held, OpsError> {
    let paths: Vec<_> = record.releases.iter().map(|release| release.store_path.clone()).collect();
    let store_lock = locks::store_shared(&context.layout, waiting)?;
    let root = RunningRoot::register(&context.layout, &context.holder(), &paths).and_then(|root| root.hold_generation(generation).map(|()| root));
    match root {
        Ok(root) => {
            // Those before us became their commands and could not remove theirs; what cannot be removed, gc removes.
            let _ = store::clear_dead_roots(&context.layout);
            Ok(Held::Root(root))
        }
        Err(StoreError::Disk(error)) if error.is_disk_full() => {
            context.warn("the disk is full: a gc waits until this command has ended");
            Ok(Held::Store(store_lock))
        }
        Err(error) => Err(error.into()),
    }
}

/// Finds a program by its bare name in the generation first: a child is looked up in the PATH of its parent otherwise.
fn find_program(program: &OsString, bin: &Path) -> Result<OsString, OpsError> {
    let is_bare = !program.as_encoded_bytes().contains(&b'/');
    let in_generation = bin.join(program);
    let is_there = is_bare && fsys::status(&in_generation)?.is_some();
    Ok(if is_there { in_generation.into_os_string() } else { program.clone() })
}

fn in_front(directory: &Path, path: Option<&OsString>) -> OsString {
    let mut joined = directory.as_os_str().to_owned();
    if let Some(rest) = path.filter(|rest| !rest.is_empty()) {
        joined.push(":");
        joined.push(rest);
    }
    joined
}

/// Tells what to set so that a shell finds the environment's packs; the names stay right across switches and rollbacks.
pub fn env(context: &Context) -> Result<EnvOutcome, OpsError> {
    let located = Located::recall(context)?;
    located.switched(context)?;
    let stable = located.project.directory.join(".packs").join(located.environment.as_str());
    let text = |name: &str| stable.join(name).display().to_string();
    let prepend = [("PATH", "bin"), ("MANPATH", "share/man"), ("XDG_DATA_DIRS", "share")].map(|(name, directory)| (name.to_owned(), text(directory)));
    let set = [("PACKS_ENV".to_owned(), located.environment.to_string())];
    Ok(EnvOutcome { environment: located.environment, prepend: prepend.into(), set: set.into() })
}

/// Gives where the store lies, or where a pack of the current generation does.
///
/// # Errors
/// [`OpsError::UnknownPack`] where the generation does not link the pack.
pub fn store_path(context: &Context, pack: Option<&PackName>) -> Result<StorePathOutcome, OpsError> {
    let Some(name) = pack else {
        return Ok(StorePathOutcome { pack: None, path: context.layout.store().display().to_string() });
    };
    let located = Located::recall(context)?;
    let (_, record) = located.switched(context)?;
    let release = record.release(name).ok_or_else(|| OpsError::UnknownPack {
        name: name.clone(),
        place: format!("generation {} of {}", record.number, located.environment),
        nearest: nearest(name.as_str(), record.releases.iter().map(|release| &release.name)).cloned(),
    })?;
    Ok(StorePathOutcome { pack: Some(name.clone()), path: context.layout.store_path(&release.store_path).display().to_string() })
}
