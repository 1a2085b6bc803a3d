//! What every use case is given: where, who, when, how; and whom to tell.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::archive::Limits;
use crate::fsys::Waiting;
use crate::model::EnvironmentName;
use crate::model::Platform;
use crate::net::Network;
use crate::ops::Interrupt;
use crate::ops::Memo;
use crate::ops::Mirror;
use crate::store::layout::Layout;

/// Whether a lockfile may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// A missing or stale lockfile is made anew.
    Allowed,
    /// A missing or stale lockfile is refused.
    Locked,
}

/// Who runs this, as generations and the audit log record it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The command line, as typed.
    pub command: String,
}

/// What every change is asked with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeRequest {
    /// Whether to plan only.
    pub dry_run: bool,
    /// Why, as the person said.
    pub reason: Option<String>,
}

/// What happens meanwhile, told to whoever watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Another packs holds a lock we need: who.
    Waiting(String),
    /// Something a person should know that is no failure.
    Warning(String),
    /// Something a person may want to know.
    Note(String),
    /// Something for whoever wants to know more.
    Detail(String),
    /// Archives are about to be downloaded and unpacked.
    StageBegins {
        /// Count of those that are downloaded.
        downloads: usize,
        /// Their bytes in all.
        download_bytes: u64,
        /// Count of all that are unpacked.
        archives: usize,
        /// Their bytes in all.
        bytes: u64,
    },
    /// One archive is about to be downloaded.
    DownloadBegins {
        /// The release, for people.
        release: String,
        /// Bytes of its archive.
        bytes: u64,
    },
    /// More of it is there.
    DownloadAdvances {
        /// The release.
        release: String,
        /// Bytes that are there.
        there_bytes: u64,
    },
    /// Nobody downloads it any more, whatever came of it.
    DownloadEnds {
        /// The release.
        release: String,
    },
    /// One archive was downloaded and is good.
    Downloaded {
        /// The release.
        release: String,
        /// Bytes of its archive.
        bytes: u64,
        /// How many of them were there from an earlier try.
        there_bytes: u64,
    },
    /// One archive was unpacked.
    Unpacked {
        /// The release, for people.
        release: String,
        /// Bytes of its archive.
        bytes: u64,
    },
    /// All archives were unpacked, or it failed.
    StageEnds,
    /// So many packs are about to be built.
    BuildBegins {
        /// Count of packs.
        packs: usize,
    },
    /// One pack was built, found unchanged, or refused.
    Built {
        /// Its archive, for people.
        archive: String,
    },
    /// All packs were built.
    BuildEnds,
}

/// Is told what happens; called from any thread.
pub trait Report: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event);
}

/// Everything a use case needs to know besides its request.
#[allow(clippy::struct_excessive_bools, reason = "each answers one question of the command line")]
pub struct Context {
    /// The home's paths.
    pub layout: Layout,
    /// Where to look for the project.
    pub directory: PathBuf,
    /// Whether `directory` was named, so that nothing above it is meant.
    pub directory_is_project: bool,
    /// The environment that was named, if one was.
    pub environment: Option<EnvironmentName>,
    /// Whether it was named for this very command, so that edits of packs.toml are meant for it alone.
    pub environment_typed: bool,
    /// Whether lockfiles may be written.
    pub locking: Locking,
    /// Whether the network may not be asked.
    pub offline: bool,
    /// The door to registries that are not directories of this machine; not to be used if `offline`.
    pub network: Network,
    /// Whether effects are synced to the disk.
    pub sync: bool,
    /// Other addresses of registries, asked first.
    pub mirrors: Vec<Mirror>,
    /// Requests that registries are asked at once, at least 1.
    pub connections: usize,
    /// What an archive may ask of the machine.
    pub limits: Limits,
    /// Where this user's signing keys lie; `None` where the user has no directory of settings.
    pub keys: Option<PathBuf>,
    /// Threads to use; 1 means calls in an exact order.
    pub jobs: usize,
    /// Whether somebody asked this run to stop.
    pub interrupt: Interrupt,
    /// How long to wait for a lock.
    pub wait_max: Duration,
    /// How long to look for a resolution.
    pub solve_max: Duration,
    /// Who runs this.
    pub who: Who,
    /// What this machine runs; `None` where packs knows no name for it.
    pub platform: Option<Platform>,
    /// What this command has learned already of the places that packs come from.
    pub memo: Arc<Memo>,
    /// The clock.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    /// Whom to tell.
    pub report: Arc<dyn Report>,
}

impl Context {
    /// Asks the clock.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Tells that something a person should know came up.
    pub fn warn(&self, text: impl Into<String>) {
        self.report.event(Event::Warning(text.into()));
    }

    /// Tells something a person may want to know.
    pub fn note(&self, text: impl Into<String>) {
        self.report.event(Event::Note(text.into()));
    }

    /// Says who holds the locks that this run takes.
    pub fn holder(&self) -> String {
        format!("pid {} on {}: {} (since {})", self.who.pid, self.who.host, self.who.command, self.now().strftime("%Y-%m-%d %H:%M:%S UTC"))
    }

    /// Says who holds a lock that lies outside of the home, where others may read it: the command without its arguments.
    pub fn public_holder(&self) -> String {
        let word = self.who.command.split_whitespace().nth(1).filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        let word = word.filter(|word| !word.starts_with('-')).map(|word| format!(" {word}")).unwrap_or_default();
        format!("pid {} on {}: packs{word} (since {})", self.who.pid, self.who.host, self.now().strftime("%Y-%m-%d %H:%M:%S UTC"))
    }

    /// Runs `work` with the words for waiting: who we are, and whom to tell.
    pub fn waiting<T>(&self, work: impl FnOnce(&Waiting<'_>) -> T) -> T {
        let holder = self.holder();
        let on_wait = |other: &str| self.report.event(Event::Waiting(other.to_owned()));
        work(&Waiting { wait_max: self.wait_max, holder: &holder, on_wait: &on_wait })
    }
}
