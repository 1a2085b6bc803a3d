//! What can stop a collection.

use std::path::PathBuf;

use crate::fsys::FsError;
use crate::generation::GenerationError;
use crate::store::StoreError;

/// Tells why nothing, or not everything, was removed.
#[derive(Debug, thiserror::Error)]
pub enum GcError {
    /// A project, environment or generation cannot be read, so what it uses is not known. Nothing was removed.
    #[error("cannot read what keeps store paths; nothing was removed")]
    Roots {
        /// What stands in the way.
        #[source]
        source: GenerationError,
    },
    /// What a running command uses is not known. Nothing was removed.
    #[error("cannot read what running commands use; nothing was removed")]
    Running {
        /// What stands in the way.
        #[source]
        source: StoreError,
    },
    /// A running command uses a generation by a name that is none. Nothing was removed.
    #[error("{} names {}, which is no generation; nothing was removed", file.display(), found.display())]
    BadClaim {
        /// The file under `roots/`.
        file: PathBuf,
        /// What it names.
        found: PathBuf,
    },
    /// A project has generations, but what it is is not known. Nothing was removed.
    #[error("{} is missing, though the project has generations; nothing was removed", path.display())]
    NoProjectFile {
        /// Where project.json should be.
        path: PathBuf,
    },
    /// A generation has no record, so what it uses is not known. Nothing was removed.
    #[error("{} has no record; nothing was removed", path.display())]
    NoRecord {
        /// The generation.
        path: PathBuf,
    },
    /// An environment's current generation is not there. Nothing was removed.
    #[error("{} points to generation {number}, which is not there; nothing was removed", link.display())]
    DanglingCurrent {
        /// The link.
        link: PathBuf,
        /// The generation it points to.
        number: u64,
    },
    /// The home cannot be looked through. Nothing was removed.
    #[error("cannot look through the home; nothing was removed")]
    Look {
        /// What the disk said.
        #[source]
        source: FsError,
    },
    /// The store could not be locked: another command held it too long. Nothing was removed.
    #[error("cannot lock the store; nothing was removed")]
    Lock {
        /// Who holds it, or what the disk said.
        #[source]
        source: FsError,
    },
    /// A generation could not be dropped. What went before is done; the next gc does the rest.
    #[error("cannot drop a generation; what is left is removed by the next gc")]
    Drop {
        /// What stands in the way.
        #[source]
        source: GenerationError,
    },
    /// Something dead could not be removed. Nothing live is touched; the next gc does the rest.
    #[error("cannot remove everything that is dead ({failures} failures, this is the first); what is left is removed by the next gc")]
    Remove {
        /// How many removals failed.
        failures: usize,
        /// What the disk said at first.
        #[source]
        source: FsError,
    },
    /// The system gives no threads. Nothing was removed.
    #[error("cannot start {jobs} threads; nothing was removed")]
    Threads {
        /// How many were asked for.
        jobs: usize,
        /// What the system said.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
}

impl GcError {
    pub(super) fn roots(source: GenerationError) -> Self {
        GcError::Roots { source }
    }

    pub(super) fn look(source: FsError) -> Self {
        GcError::Look { source }
    }

    pub(super) fn lock(source: FsError) -> Self {
        GcError::Lock { source }
    }

    pub(super) fn remove(source: FsError) -> Self {
        GcError::Remove { failures: 1, source }
    }
}
