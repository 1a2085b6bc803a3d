//! Garbage collection on request.

use jiff::SignedDuration;

use crate::gc;
use crate::gc::Collection;
use crate::gc::Retention;
use crate::ops::Age;
use crate::ops::ByteSize;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::store::Store;

/// What to keep, and how.
#[derive(Debug, Clone)]
pub struct GcRequest {
    /// At least so many of the newest generations of each environment.
    pub keep: usize,
    /// Every generation younger than this.
    pub older_than: Age,
    /// How large the store may be, at the expense of unprotected generations.
    pub max_size: Option<ByteSize>,
    /// Whether projects that are gone lose their generations.
    pub missing_projects: bool,
    /// Whether to plan only: the same path, the same numbers.
    pub dry_run: bool,
}

/// Removes what no kept generation and no running command reaches.
///
/// A home that was never used has nothing to collect; that is no error.
pub fn collect_garbage(context: &Context, request: &GcRequest) -> Result<gc::Outcome, OpsError> {
    let retention = Retention {
        keep: request.keep,
        younger_than: SignedDuration::from_secs(request.older_than.seconds()),
        missing_projects: request.missing_projects,
        max_bytes: request.max_size.map(ByteSize::bytes),
    };
    let is_new = Store::open(context.layout.clone())?.is_none();
    if is_new && !request.dry_run {
        Store::create(context.layout.clone())?;
    }
    let collect = || {
        Ok(context.waiting(|waiting| {
            let collection = Collection { retention: &retention, now: context.now(), dry_run: request.dry_run, jobs: context.jobs, waiting };
            gc::collect(&context.layout, &collection)
        })?)
    };
    if request.dry_run {
        return collect();
    }
    recorded(context, Recorded { action: "gc", project: None, environment: None, reason: None, packs: vec![] }, collect)
}
