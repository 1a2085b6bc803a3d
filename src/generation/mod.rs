//! Generations: numbered, immutable sets of links into the store, and which one is current.
//!
//! Knows how a generation is planned out of pack manifests, made, numbered, dropped and switched to; what belongs to a project in the home and in its
//! `.packs/`; what is placed in the project; and the journal of operations that cannot be one rename.
//! Knows nothing of registries, lockfiles or policies, and takes no lock: **the caller holds the lock of the project** around everything here that changes
//! something, and keeps the store paths of a generation alive (a running root) from before it looks at it until `current` points at it.
//!
//! What lies on the disk, per project and environment:
//!
//! ```text
//! projects/<id>/project.json                     see project.rs
//! projects/<id>/operations/<seq>/                see journal.rs
//! projects/<id>/<env>/current -> generations/<n>
//! projects/<id>/<env>/generations/<n>/           immutable once renamed into place; 0 is the empty generation
//!     generation.json                            see record.rs
//!     packs.toml  packs.lock                     exact copies
//!     packs/<name> -> ../../../../../../store/<store path>/<name>
//!     bin/<command> -> ../packs/<name>/<path>    only the links below packs/ name the store
//!     share/man/man<n>/<page> -> ../../../packs/<name>/share/man/man<n>/<page>; completions likewise
//!     <n>.from-<parent>                          empty; becomes the tombstone
//! projects/<id>/<env>/generations/<n>.from-<p>   the tombstone of a collected generation: its number is never used again, its parent is known
//! projects/<id>/<env>/generations/.stage-<random>/ .trash-<random>/
//! ```
//!
//! A tombstone is made by renaming the empty file out of the generation, so that dropping one needs no space on a full disk.

mod apply;
mod carry;
mod clash;
mod difference;
mod document;
mod error;
mod history;
mod journal;
mod links;
mod offers;
mod operation;
mod place;
mod placements;
mod plan;
mod project;
mod record;
mod recover;
mod sight;
mod switch;
mod undo;

pub use apply::Copies;
pub use apply::StagedGeneration;
pub use apply::build;
pub use apply::drop_generation;
pub use clash::Clash;
pub use clash::Clashes;
pub use clash::Owner;
pub use clash::UnknownRename;
pub use difference::Difference;
pub use difference::difference;
pub use difference::difference_between;
pub use document::document_schemas;
pub use error::GenerationError;
pub use error::Result;
pub use history::HistoryRow;
pub use history::history;
pub use journal::Journal;
pub use journal::JournalEntry;
pub use journal::RunningOperation;
pub use links::activate;
pub use links::active_environment;
pub use links::mend_links;
pub use operation::ActiveFlip;
pub use operation::Change;
pub use operation::Content;
pub use operation::CurrentFlip;
pub use operation::FileChange;
pub use operation::FileState;
pub use operation::NewOperation;
pub use operation::Operation;
pub use operation::Outcome;
pub use operation::State;
pub use operation::StoredContent;
pub use place::EditedFiles;
pub use place::InTheWay;
pub use place::PlaceAction;
pub use place::PlacePlan;
pub use place::PlaceStep;
pub use place::Sightings;
pub use place::look_at_places;
pub use place::plan_place;
pub use placements::Placements;
pub use plan::LinkPlan;
pub use plan::PlaceWish;
pub use plan::Wanted;
pub use plan::WantedRelease;
pub use plan::plan;
pub use project::Identity;
pub use project::Naming;
pub use project::Project;
pub use project::ProjectFile;
pub use project::identify;
pub use project::open_project;
pub use project::own_project;
pub use project::read_project_id;
pub use project::read_projects;
pub use record::About;
pub use record::GenerationRecord;
pub use record::GenerationRelease;
pub use record::PlacedContent;
pub use record::PlacedEntry;
pub use record::PlacedFile;
pub use recover::Recovered;
pub use sight::Sighting;
pub use sight::look_beneath;
pub use switch::Collected;
pub use switch::Environment;
pub use switch::environments;
pub use undo::UndoObstacle;
pub use undo::UndoPlan;

/// The file within a generation that holds its record.
const RECORD_FILE: &str = "generation.json";

/// The copy of packs.toml within a generation.
const MANIFEST_COPY: &str = "packs.toml";

/// The copy of the lockfile within a generation, whatever it is called in the project.
const LOCKFILE_COPY: &str = "packs.lock";
