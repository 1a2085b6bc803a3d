//! The files of a registry that are about all its packs: `packs-registry.json`, and `names.json.zst` for search.
//!
//! The list of names is derived: whoever changed an index document then reads the list, reads the documents that changed, and writes the list conditionally.
//! Reading in that order makes it right at the end whoever is faster: a writer that succeeds has seen every document that was there when the list had
//! the state it replaces, and whoever changes a document afterwards writes the list once more.

use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;

use crate::model::PackName;
use crate::model::PublicKey;
use crate::net::Answer;
use crate::net::Fetched;
use crate::net::Precondition;
use crate::net::Written;
use crate::registry;
use crate::registry::INDEX_DIR;
use crate::registry::IndexDocument;
use crate::registry::NAMES_BYTES_MAX;
use crate::registry::NAMES_FILE;
use crate::registry::Names;
use crate::registry::REGISTRY_FILE;
use crate::registry::REGISTRY_FILE_BYTES_MAX;
use crate::registry::RegistryDocument;
use crate::source::RegistrySource;
use crate::source::Source as _;
use crate::source::SourceError;
use crate::source::publish::ATTEMPTS_MAX;

/// A list of packs, and the state of the file it is to replace.
struct NamesEdit {
    names: Names,
    when: Precondition,
    is_changed: bool,
}

impl RegistrySource {
    /// Writes what the registry says of itself, unless it says something already.
    pub fn initialize(&self, document: &RegistryDocument) -> Result<Written, SourceError> {
        self.transport.write(REGISTRY_FILE, &document.format(), &Precondition::Absent).map_err(|source| self.failed(source))
    }

    /// Writes which keys the registry says it signs with; tells whether that changed anything. A registry without the file says nothing.
    pub fn list_keys(&self, keys: &[PublicKey]) -> Result<bool, SourceError> {
        for _ in 0..ATTEMPTS_MAX {
            let read = self.transport.read(REGISTRY_FILE, REGISTRY_FILE_BYTES_MAX).map_err(|source| self.failed(source))?;
            let Answer::Found(fetched) = read else { return Ok(false) };
            let mut document = RegistryDocument::parse(&fetched.bytes).map_err(|source| self.refused(source))?;
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            if document.keys == keys {
                return Ok(false);
            }
            if let Some(field) = document.unknown_field(&fetched.bytes) {
                return Err(SourceError::NewerField { registry: self.describe(), file: REGISTRY_FILE.to_owned(), field });
            }
            document.keys = keys;
            let when = Precondition::Unchanged(fetched.revision);
            if self.transport.write(REGISTRY_FILE, &document.format(), &when).map_err(|source| self.failed(source))? == Written::Done {
                return Ok(true);
            }
        }
        Err(self.contended(REGISTRY_FILE))
    }

    /// Reads the list of all packs.
    pub fn names(&self) -> Result<Answer<Names>, SourceError> {
        loop {
            match self.names_file()?.try_map(|fetched| self.read_names(&fetched)) {
                Err(error) if self.pass_over_names(&error) => {}
                answer => return answer,
            }
        }
    }

    /// Passes over the address whose list is not believed, if that is what is wrong; tells whether another will be asked from now on.
    pub fn pass_over_names(&self, error: &SourceError) -> bool {
        self.pass_over(NAMES_FILE, error)
    }

    /// Reads the bytes of the list of all packs, unchecked.
    pub fn names_file(&self) -> Result<Answer<Fetched>, SourceError> {
        self.transport.read(NAMES_FILE, NAMES_BYTES_MAX).map_err(|source| self.failed(source))
    }

    /// Reads a list that was fetched, and believes it.
    ///
    /// # Errors
    /// [`SourceError::Document`].
    pub fn read_names(&self, fetched: &Fetched) -> Result<Names, SourceError> {
        let names = Names::parse(&fetched.bytes).map_err(|source| self.refused_at(NAMES_FILE, source))?;
        self.accept_names();
        Ok(names)
    }

    /// Tells the transport that the list it read last is believed.
    pub fn accept_names(&self) {
        self.transport.accept(NAMES_FILE);
    }

    /// Gives the names of all packs that have an index document: by looking, or where a registry cannot be listed, by its list.
    ///
    /// # Errors
    /// [`SourceError::Offline`]; [`SourceError::NotListed`] where the registry has no list either.
    pub fn packs(&self) -> Result<Vec<PackName>, SourceError> {
        if let Some(paths) = self.transport.list(INDEX_DIR).map_err(|source| self.failed(source))? {
            return Ok(paths.iter().filter_map(|path| registry::pack_of_index_path(path)).collect());
        }
        match self.names()? {
            Answer::Found(names) => Ok(names.packs.into_iter().map(|pack| pack.name).collect()),
            Answer::Absent => Err(SourceError::NotListed { registry: self.describe() }),
            Answer::Offline => Err(SourceError::Offline { registry: self.describe() }),
        }
    }

    /// Lists all files below a directory of the registry; `None` where a registry of its kind cannot be listed.
    pub fn files(&self, directory: &str) -> Result<Option<Vec<String>>, SourceError> {
        self.transport.list(directory).map_err(|source| self.failed(source))
    }

    /// Brings the list of all packs up to date with the documents of these; one that is missing or damaged is made anew from all documents.
    ///
    /// Tells whether it had to be written.
    pub fn refresh_names(&self, changed: &[PackName]) -> Result<bool, SourceError> {
        for _ in 0..ATTEMPTS_MAX {
            let edit = self.plan_names(changed)?;
            if !edit.is_changed {
                return Ok(false);
            }
            if self.transport.write(NAMES_FILE, &edit.names.format(), &edit.when).map_err(|source| self.failed(source))? == Written::Done {
                return Ok(true);
            }
        }
        Err(self.contended(NAMES_FILE))
    }

    fn plan_names(&self, changed: &[PackName]) -> Result<NamesEdit, SourceError> {
        let (names, when) = match self.transport.read(NAMES_FILE, NAMES_BYTES_MAX).map_err(|source| self.failed(source))? {
            Answer::Offline => return Err(SourceError::Offline { registry: self.describe() }),
            Answer::Absent => (None, Precondition::Absent),
            // What cannot be read is worth nothing and holds nothing of its own.
            Answer::Found(fetched) => (Names::parse(&fetched.bytes).ok(), Precondition::Unchanged(fetched.revision)),
        };
        let is_new = names.is_none();
        let mut names = names.unwrap_or_default();
        let all = if is_new { self.transport.list(INDEX_DIR).map_err(|source| self.failed(source))? } else { None };
        let wanted = all.map_or_else(|| changed.to_vec(), |paths| paths.iter().filter_map(|path| registry::pack_of_index_path(path)).collect());
        let mut is_changed = is_new;
        for document in self.documents_for_names(&wanted)? {
            is_changed |= names.update(&document);
        }
        Ok(NamesEdit { names, when, is_changed })
    }

    /// Reads documents for the list, which nobody believes: signatures are not asked for, and what cannot be read is passed over.
    fn documents_for_names(&self, names: &[PackName]) -> Result<Vec<IndexDocument>, SourceError> {
        let read = |name: &PackName| -> Result<Option<IndexDocument>, SourceError> {
            Ok(self.index_file(name)?.found().and_then(|fetched| IndexDocument::parse(&fetched.bytes, name).ok()))
        };
        Ok(names.par_iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn contended(&self, file: &str) -> SourceError {
        SourceError::Contended { registry: self.describe(), file: file.to_owned(), attempts: ATTEMPTS_MAX }
    }
}
