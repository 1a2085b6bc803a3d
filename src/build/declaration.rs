//! What an author says about a pack, in whichever form it was written.

use std::collections::BTreeMap;
use std::ops::Range as Span;

use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::manifest::Faults;
use crate::manifest::ManifestError;
use crate::model::CommandName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Platform;
use crate::model::Range;
use crate::model::TreePath;
use crate::model::Version;

/// Everything that is said about a pack besides its files.
#[derive(Debug)]
pub(super) struct Declaration {
    /// The file it was read from, as faults call it; empty where there is none.
    pub(super) file: String,
    /// The text of that file.
    pub(super) text: String,
    pub(super) name: PackName,
    pub(super) version: Version,
    pub(super) about: About,
    pub(super) requires: BTreeMap<PackName, Range>,
    pub(super) extras: BTreeMap<ExtraName, BTreeMap<PackName, Range>>,
    /// Commands, with the place of each path for faults that only the files show.
    pub(super) bin: BTreeMap<CommandName, Bin>,
    /// Patterns of `[files] include`; everything if empty.
    pub(super) include: Vec<String>,
    /// Patterns of `[files] exclude`.
    pub(super) exclude: Vec<String>,
    /// What the author should know about how it was read.
    pub(super) notes: Vec<Note>,
}

/// The path of a command, and where it is written.
#[derive(Debug)]
pub(super) struct Bin {
    pub(super) path: TreePath,
    pub(super) span: Span<usize>,
}

/// What is passed on as it is.
#[derive(Debug, Default)]
pub(super) struct About {
    pub(super) framework: Option<String>,
    pub(super) description: Option<String>,
    pub(super) authors: Vec<String>,
    pub(super) license: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) homepage: Option<String>,
    pub(super) keywords: Vec<String>,
    pub(super) platform: Option<Platform>,
}

/// Something an author should know about how a directory was read, and is no fault.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Note {
    /// The line it is about, where it is about one.
    pub at: Option<Place>,
    /// A sentence without a full stop; foreign text in it is escaped.
    pub text: String,
}

impl Declaration {
    /// Says name and version, and nothing else.
    pub(super) fn new(name: PackName, version: Version) -> Self {
        Declaration {
            file: String::new(),
            text: String::new(),
            name,
            version,
            about: About::default(),
            requires: BTreeMap::new(),
            extras: BTreeMap::new(),
            bin: BTreeMap::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Makes an error of faults that were found later: span, message, label.
    pub(super) fn faults(&self, found: Vec<(Span<usize>, String, &str)>) -> ManifestError {
        let mut faults = Faults::new(&self.text, &self.file);
        for (span, message, label) in found {
            faults.add(span, message, label);
        }
        faults.finish::<()>(None).expect_err("without a value there is an error")
    }

    /// Makes the pack manifest.
    pub(super) fn into_manifest(self, created_at: jiff::Timestamp, files: Vec<FileEntry>) -> PackManifest {
        let framework = self.about.framework.unwrap_or_else(|| self.name.to_string());
        let mut manifest = PackManifest::new(self.name, self.version, framework, created_at, files);
        manifest.description = self.about.description;
        manifest.authors = self.about.authors;
        manifest.license = self.about.license;
        manifest.repository = self.about.repository;
        manifest.homepage = self.about.homepage;
        manifest.keywords = self.about.keywords;
        manifest.platform = self.about.platform.unwrap_or(Platform::ANY);
        manifest.requires = self.requires;
        manifest.extras = self.extras;
        manifest.bin = self.bin.into_iter().map(|(command, bin)| (command, bin.path)).collect();
        manifest
    }
}
