//! What one command has learned of the places that packs come from, so that it asks each question once.
//!
//! A command may plan several times: before it takes a lock and after, once for ranges and once for the lockfile. In all of it a document says the same; what
//! another command writes meanwhile is seen by the next one. Nothing of this outlives the command.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::Mutex;

use crate::model::Repository;
use crate::net::Answer;
use crate::net::Fetched;
use crate::ops::github::Listing;

/// What a repository offers, once it is known; whoever finds out holds the lock meanwhile.
type ListingSlot = Arc<Mutex<Option<Arc<Listing>>>>;

/// The answers of this command so far.
#[derive(Default)]
pub struct Memo {
    /// By the host of the API and the repository.
    listings: Mutex<BTreeMap<(String, Repository), ListingSlot>>,
    /// By the address of the registry and the path of the document.
    documents: Mutex<BTreeMap<(String, String), Answer<Fetched>>>,
    /// The servers and directories that did not answer.
    silent: Mutex<BTreeSet<String>>,
    /// What was told, by what it is about.
    told: Mutex<BTreeSet<String>>,
}

impl Memo {
    /// Gives the place for what a repository offers.
    pub(super) fn listing(&self, host: &str, repository: &Repository) -> ListingSlot {
        let mut listings = self.listings.lock().expect("no holder panics");
        Arc::clone(listings.entry((host.to_owned(), repository.clone())).or_default())
    }

    /// Gives what a registry said about a document before.
    pub(super) fn document(&self, address: &str, path: &str) -> Option<Answer<Fetched>> {
        self.documents.lock().expect("no holder panics").get(&(address.to_owned(), path.to_owned())).cloned()
    }

    /// Keeps what a registry says about a document.
    pub(super) fn keep_document(&self, address: &str, path: &str, answer: Answer<Fetched>) {
        self.documents.lock().expect("no holder panics").insert((address.to_owned(), path.to_owned()), answer);
    }

    /// Forgets what a registry said about a document.
    pub(super) fn forget_document(&self, address: &str, path: &str) {
        self.documents.lock().expect("no holder panics").remove(&(address.to_owned(), path.to_owned()));
    }

    /// Tells whether a place did not answer before.
    pub(super) fn is_silent(&self, place: &str) -> bool {
        self.silent.lock().expect("no holder panics").contains(place)
    }

    /// Keeps that a place does not answer; tells whether that is new.
    pub(super) fn fall_silent(&self, place: &str) -> bool {
        self.silent.lock().expect("no holder panics").insert(place.to_owned())
    }

    /// Tells whether something is said for the first time.
    pub(super) fn is_first(&self, about: &str) -> bool {
        self.told.lock().expect("no holder panics").insert(about.to_owned())
    }
}
