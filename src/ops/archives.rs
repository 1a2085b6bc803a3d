//! Locked archives: those that lie on this machine are read where they are, all others are downloaded into the cache first.

use std::ops::ControlFlow;
use std::path::PathBuf;

use crate::archive::Verified;
use crate::fetch;
use crate::fetch::Cut;
use crate::fetch::DownloadError;
use crate::fetch::Ends;
use crate::fetch::FetchError;
use crate::fetch::Need;
use crate::fetch::Received;
use crate::fetch::Wanted;
use crate::fsys;
use crate::model::PathComponent;
use crate::model::in_one_line;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::Event;
use crate::ops::MissingArchive;
use crate::ops::OpsError;
use crate::ops::project::Project;
use crate::ops::sources::LockedFrom;
use crate::ops::sources::Sources;
use crate::registry;
use crate::source::ArchivePosition;
use crate::source::Source;
use crate::source::SourceError;

/// An archive of a lockfile, and the place that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LockedArchive<'n> {
    /// The archive.
    pub(super) need: &'n Need,
    /// The place.
    pub(super) from: &'n LockedFrom,
}

/// The archives that a project's lockfiles name.
pub(super) struct Archives<'a> {
    context: &'a Context,
    sources: Sources<'a>,
}

impl<'a> Archives<'a> {
    /// Takes the registries of a project; none is asked yet.
    pub(super) fn new(context: &'a Context, project: &Project) -> Archives<'a> {
        Archives { context, sources: Sources::new(context, &project.manifest, &project.directory) }
    }

    /// Gives what it works with.
    pub(super) fn context(&self) -> &'a Context {
        self.context
    }

    /// Opens an archive: from the cache, from a directory on this machine without copying it, else by a download.
    ///
    /// # Errors
    /// Those of [`Archives::download`]; [`OpsError::Fetch`] where it is not what is locked.
    pub(super) fn open(&self, locked: LockedArchive<'_>) -> Result<Verified, OpsError> {
        let need = locked.need;
        // A damaged cache is as good as none: the source has the archive.
        if let Ok(verified) = fetch::open_file(&self.context.layout.archive(&need.sha256), need.size, need.sha256) {
            return Ok(verified);
        }
        match self.open_local(locked) {
            Ok(Some(verified)) => return Ok(verified),
            // A mirror may be damaged: then the registry itself has the archive, and the download says what was passed over.
            Err(OpsError::Fetch { .. }) if !self.is_local(locked.from) => {}
            Err(error) => return Err(error),
            Ok(None) => {}
        }
        let received = self.download(locked)?;
        self.open_received(locked, received)
    }

    /// Opens an archive that lies in a directory of this machine, without copying it.
    fn open_local(&self, locked: LockedArchive<'_>) -> Result<Option<Verified>, OpsError> {
        let (need, path) = (locked.need, self.local_file(locked)?);
        path.map(|path| fetch::open_file(&path, need.size, need.sha256).map_err(|source| refused(need, path.display().to_string(), source))).transpose()
    }

    /// Tells whether a registry itself is a directory of this machine: then nobody else has its archives.
    fn is_local(&self, from: &LockedFrom) -> bool {
        matches!(from, LockedFrom::Registry(registry, _) if self.sources.local_root(registry).is_some())
    }

    /// Gives the path of an archive in a registry, or a mirror of it, that is a directory of this machine, if it is there.
    pub(super) fn local_file(&self, locked: LockedArchive<'_>) -> Result<Option<PathBuf>, OpsError> {
        let LockedFrom::Registry(registry, _) = locked.from else { return Ok(None) };
        let release = &locked.need.release;
        // The name comes from a lockfile: it must not lead out of the registry.
        let archive = PathComponent::parse(&locked.need.archive)?;
        let path = registry::archive_path(&release.name, &release.version, archive.as_str());
        for root in self.sources.local_roots(registry) {
            let path = root.join(&path);
            if fsys::status(&path)?.is_some_and(|found| found.kind == fsys::FileKind::File) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// Downloads an archive into the cache, and tells meanwhile how far it is.
    ///
    /// # Errors
    /// Those of [`deliver`].
    pub(super) fn download(&self, locked: LockedArchive<'_>) -> Result<Received, OpsError> {
        let (need, layout) = (locked.need, &self.context.layout);
        let source = self.sources.locked(locked.from, need)?;
        let (cached, partial) = (layout.archive(&need.sha256), layout.archive_partial(&need.sha256));
        // What is no file is as good as nothing: the cache may be deleted at any time.
        fsys::remove_unless_file(&cached)?;
        fsys::remove_unless_file(&partial)?;
        deliver(self.context, need, &*source, &Wanted { size: need.size, sha256: need.sha256, cached: &cached, partial: &partial })
    }

    /// Opens what was downloaded.
    pub(super) fn open_received(&self, locked: LockedArchive<'_>, received: Received) -> Result<Verified, OpsError> {
        let need = locked.need;
        if let Some(verified) = received.verified {
            return Ok(verified);
        }
        let cached = self.context.layout.archive(&need.sha256);
        fetch::open_file(&cached, need.size, need.sha256).map_err(|source| refused(need, cached.display().to_string(), source))
    }

    /// Refuses, before anything is begun, what could not be done without the network, and names all of it.
    ///
    /// # Errors
    /// [`OpsError::ArchivesOffline`].
    pub(super) fn require_reachable(&self, far: &[LockedArchive<'_>]) -> Result<(), OpsError> {
        if !self.context.offline || far.is_empty() {
            return Ok(());
        }
        let missing = far.iter().map(|locked| Ok(MissingArchive::new(locked.need, self.sources.describe(locked.from)?)));
        Err(OpsError::ArchivesOffline { missing: missing.collect::<Result<Vec<_>, OpsError>>()? })
    }
}

/// Downloads an archive to where it is wanted, and tells meanwhile how far it is.
///
/// # Errors
/// [`OpsError::ArchiveMissing`], [`OpsError::ArchivesOffline`] where it cannot be had; [`OpsError::Download`] where it broke off, so that the next try
/// goes on; [`OpsError::Fetch`] where something else arrived.
pub(super) fn deliver(context: &Context, need: &Need, source: &dyn Source, wanted: &Wanted<'_>) -> Result<Received, OpsError> {
    let release = need.release.to_string();
    context.report.event(Event::DownloadBegins { release: release.clone(), bytes: need.size });
    let answer = receive(context, need, source, wanted);
    context.report.event(Event::DownloadEnds { release: release.clone() });
    match answer.map_err(|error| failed(need, source.describe_archive(&need.release, &need.archive), error))? {
        Answer::Found(received) => {
            let there_bytes = received.there_bytes;
            if received.arrived_bytes > 0 {
                context.report.event(Event::Downloaded { release, bytes: need.size, there_bytes });
            }
            Ok(received)
        }
        Answer::Absent => Err(OpsError::ArchiveMissing { archive: need.archive.clone(), release: need.release.clone(), registry: source.describe() }),
        Answer::Offline => Err(OpsError::ArchivesOffline { missing: vec![MissingArchive::new(need, source.describe())] }),
    }
}

fn receive(context: &Context, need: &Need, source: &dyn Source, wanted: &Wanted<'_>) -> Result<Answer<Received>, DownloadError<SourceError>> {
    let release = need.release.to_string();
    let watch = |there_bytes: u64| {
        context.report.event(Event::DownloadAdvances { release: release.clone(), there_bytes });
        if context.interrupt.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let open = |offset: u64, known: Option<&_>| source.archive_at(&need.release, &need.archive, ArchivePosition { offset, known });
    let elsewhere = |error: &DownloadError<SourceError>| source.pass_over_archive(&need.release, &need.archive, &format!("{release}: {}", in_one_line(error)));
    context.waiting(|waiting| fetch::download(wanted, &Ends { open: &open, watch: &watch, elsewhere: &elsewhere }, waiting))
}

fn refused(need: &Need, from: String, source: FetchError) -> OpsError {
    OpsError::Fetch { release: need.release.to_string(), from, source: Box::new(source) }
}

fn failed(need: &Need, registry: String, error: DownloadError<SourceError>) -> OpsError {
    match error {
        DownloadError::Refused(FetchError::Disk(error)) => OpsError::Fs(error),
        DownloadError::Refused(source) => refused(need, registry, source),
        DownloadError::Stopped => OpsError::Interrupted,
        DownloadError::Cut { there_bytes, source } => cut(need, registry, there_bytes, source),
    }
}

fn cut(need: &Need, registry: String, there_bytes: u64, source: Cut<SourceError>) -> OpsError {
    let (archive, release, size) = (need.archive.clone(), Box::new(need.release.clone()), need.size);
    OpsError::Download { archive, release, registry, there_bytes, size, source: Box::new(source) }
}
