//! What one command has learned of the places that packs come from, so that it asks each question once.
//!
//! A command may plan several times: before it takes a lock and after, once for ranges and once for the lockfile. In all of it a document says the same; what
//! another command writes meanwhile is seen by the next one. Nothing of this outlives the command.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use crate::model::Repository;
use crate::ops::github::Listing;

/// What a repository offers, once it is known; whoever finds out holds the lock meanwhile.
type ListingSlot = Arc<Mutex<Option<Arc<Listing>>>>;

/// The answers of this command so far.
#[derive(Default)]
pub struct Memo {
    /// By the host of the API and the repository.
    listings: Mutex<BTreeMap<(String, Repository), ListingSlot>>,
}

impl Memo {
    /// Gives the place for what a repository offers.
    pub(super) fn listing(&self, host: &str, repository: &Repository) -> ListingSlot {
        let mut listings = self.listings.lock().expect("no holder panics");
        Arc::clone(listings.entry((host.to_owned(), repository.clone())).or_default())
    }
}
