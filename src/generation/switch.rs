//! One environment of one project: its generations, which one is current, and how that changes.
//!
//! Numbers are never used again: the next one is above every generation that is kept and every tombstone that a collected one left.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::fsys;
use crate::generation::About;
use crate::generation::GenerationError;
use crate::generation::GenerationRecord;
use crate::generation::RECORD_FILE;
use crate::generation::Result;
use crate::generation::apply;
use crate::generation::document::read_document;
use crate::model::EnvironmentName;
use crate::model::ProjectId;
use crate::store::layout::Layout;

/// An environment of a project, as the home knows it.
#[derive(Debug, Clone)]
pub struct Environment {
    layout: Layout,
    project: ProjectId,
    name: EnvironmentName,
}

/// What a collected generation left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collected {
    /// Its number, which is never used again.
    pub number: u64,
    /// The generation it came from.
    pub parent: u64,
}

/// Lists the environments of a project that have a directory in the home, sorted.
pub fn environments(layout: &Layout, project: &ProjectId) -> Result<Vec<EnvironmentName>> {
    let mut found = Vec::new();
    for entry in fsys::list_dir(&layout.project(project))? {
        // `operations` and `project.json` lie beside them: an environment is what has generations.
        let Some(name) = entry.name_str().and_then(|name| EnvironmentName::parse(name).ok()) else { continue };
        if fsys::status(&layout.generations(project, &name))?.is_some() {
            found.push(name);
        }
    }
    Ok(found)
}

impl Environment {
    /// Takes an environment that may not exist yet; looks at nothing.
    pub fn new(layout: &Layout, project: &ProjectId, name: &EnvironmentName) -> Self {
        Environment { layout: layout.clone(), project: project.clone(), name: name.clone() }
    }

    /// Gives its name.
    pub fn name(&self) -> &EnvironmentName {
        &self.name
    }

    /// Gives the project it belongs to.
    pub fn project(&self) -> &ProjectId {
        &self.project
    }

    /// Gives the layout of the home it lies in.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Gives the directory of a generation.
    pub fn path(&self, number: u64) -> PathBuf {
        self.layout.generation(&self.project, &self.name, number)
    }

    /// Gives the number of the current generation; `None` before the environment's first use.
    pub fn current(&self) -> Result<Option<u64>> {
        let link = self.layout.current(&self.project, &self.name);
        let Some(target) = fsys::read_link(&link)? else { return Ok(None) };
        match current_number(&target) {
            Some(number) => Ok(Some(number)),
            None => Err(GenerationError::BadCurrent { found: target.display().to_string(), link }),
        }
    }

    /// Reads the record of the current generation.
    pub fn current_record(&self) -> Result<Option<GenerationRecord>> {
        self.current()?.map(|number| self.record(number)).transpose()
    }

    /// Reads the record of the current generation, if it is kept: one that a hand removed is as none, so that a switch can make the environment whole again.
    pub fn find_current_record(&self) -> Result<Option<GenerationRecord>> {
        Ok(self.current()?.map(|number| self.find_record(number)).transpose()?.flatten())
    }

    /// Reads the record of a generation.
    ///
    /// # Errors
    /// [`GenerationError::NoGeneration`] where it never was or was collected.
    pub fn record(&self, number: u64) -> Result<GenerationRecord> {
        match self.find_record(number)? {
            Some(record) => Ok(record),
            None => Err(self.no_generation(number)?),
        }
    }

    /// Reads the record of a generation, if it is kept.
    pub fn find_record(&self, number: u64) -> Result<Option<GenerationRecord>> {
        read_document(&self.path(number).join(RECORD_FILE))
    }

    /// Lists the numbers of the kept generations, ascending.
    pub fn numbers(&self) -> Result<Vec<u64>> {
        Ok(self.names()?.0)
    }

    /// Lists what collected generations left behind, ascending.
    pub fn collected(&self) -> Result<Vec<Collected>> {
        let (kept, tombstones) = self.names()?;
        // A crash between leaving the tombstone and dropping the generation leaves both: it is still kept.
        Ok(tombstones.into_iter().filter(|tombstone| kept.binary_search(&tombstone.number).is_err()).collect())
    }

    /// Reads the records of all kept generations, ascending.
    pub fn generations(&self) -> Result<Vec<GenerationRecord>> {
        self.numbers()?.into_iter().map(|number| self.record(number)).collect()
    }

    /// Gives the number that the next generation takes.
    pub fn next_number(&self) -> Result<u64> {
        let (kept, tombstones) = self.names()?;
        let newest = kept.into_iter().chain(tombstones.iter().map(|tombstone| tombstone.number)).max();
        Ok(newest.map_or(0, |newest| newest + 1))
    }

    /// Finds where a rollback from a generation leads: its parent, or the nearest kept one among those before it.
    ///
    /// # Errors
    /// [`GenerationError::NoParent`] for generation 0.
    pub fn rollback_target(&self, from: u64) -> Result<u64> {
        let parent = self.parent(from)?;
        let (kept, tombstones) = self.names()?;
        let gone: BTreeMap<u64, u64> = tombstones.into_iter().map(|tombstone| (tombstone.number, tombstone.parent)).collect();
        nearest_kept(parent, &kept, &gone).ok_or_else(|| GenerationError::NoParent { environment: self.name.clone(), number: from })
    }

    /// Gives the generation that one came from; by the name of its tombstone, which is read sooner than its record.
    fn parent(&self, number: u64) -> Result<Option<u64>> {
        let entries = fsys::list_dir(&self.path(number)).unwrap_or_default();
        let tombstone = entries.iter().filter_map(|entry| Collected::parse(entry.name_str()?)).find(|tombstone| tombstone.number == number);
        match tombstone {
            Some(tombstone) => Ok(Some(tombstone.parent)),
            None => Ok(self.record(number)?.parent),
        }
    }

    /// Makes the environment's directories, the empty generation and `current`, as far as they are missing.
    ///
    /// If the power goes meanwhile a part of that is there, and the next call makes the rest; `current` never points at nothing.
    pub fn ensure(&self, about: About) -> Result<()> {
        fsys::create_dir_all(&self.layout.generations(&self.project, &self.name))?;
        if self.next_number()? == 0 {
            let empty = GenerationRecord::empty(self.name.clone(), About { number: 0, parent: None, lockfile: None, ..about });
            apply::build(&self.layout, &self.project, &empty, &apply::Copies::default())?.publish()?;
        }
        if self.current()?.is_none() {
            self.flip(0)?;
            fsys::fsync_dir(&self.layout.project(&self.project))?;
        }
        Ok(())
    }

    /// Makes a kept generation the current one: one rename, however large the generation is.
    ///
    /// After a power cut during the call `current` points at the old generation or the new one; after the call at the new one.
    ///
    /// # Errors
    /// [`GenerationError::NoGeneration`] where it is not kept; `current` is as before then.
    pub fn flip(&self, to: u64) -> Result<()> {
        if fsys::status(&self.path(to))?.is_none() {
            return Err(self.no_generation(to)?);
        }
        let link = self.layout.current(&self.project, &self.name);
        fsys::replace_symlink(Path::new(&format!("generations/{to}")), &link)?;
        Ok(fsys::fsync_dir(&self.layout.environment(&self.project, &self.name))?)
    }

    /// Tells that a generation is not there, and whether it once was.
    pub(super) fn no_generation(&self, number: u64) -> Result<GenerationError> {
        let collected = self.names()?.1.iter().any(|tombstone| tombstone.number == number);
        Ok(GenerationError::NoGeneration { environment: self.name.clone(), number, collected })
    }

    /// Reads the names in `generations/`: kept numbers and tombstones, each ascending; stages and trash are neither.
    fn names(&self) -> Result<(Vec<u64>, Vec<Collected>)> {
        let entries = fsys::list_dir(&self.layout.generations(&self.project, &self.name))?;
        let names: Vec<&str> = entries.iter().filter_map(fsys::DirEntry::name_str).collect();
        let mut kept: Vec<u64> = names.iter().filter_map(|name| parse_number(name)).collect();
        let mut tombstones: Vec<Collected> = names.iter().filter_map(|name| Collected::parse(name)).collect();
        kept.sort_unstable();
        tombstones.sort_unstable();
        Ok((kept, tombstones))
    }
}

impl Collected {
    /// Gives the name of the tombstone: `7.from-5`.
    pub(super) fn file_name(self) -> String {
        format!("{}.from-{}", self.number, self.parent)
    }

    fn parse(name: &str) -> Option<Collected> {
        let (number, parent) = name.split_once(".from-")?;
        Some(Collected { number: parse_number(number)?, parent: parse_number(parent)? })
    }
}

/// Reads a number in its one spelling, without leading zeros or signs.
fn parse_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn current_number(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("generations/").and_then(parse_number)
}

/// Goes from a generation to the ones before it until one is kept.
fn nearest_kept(from: Option<u64>, kept: &[u64], gone: &BTreeMap<u64, u64>) -> Option<u64> {
    let mut at = from?;
    while kept.binary_search(&at).is_err() {
        // A parent has always the lower number; anything else would lead in a circle. Without a trace the empty generation is what remains.
        at = gone.get(&at).copied().filter(|parent| *parent < at).unwrap_or(0);
        if at == 0 {
            return kept.first().copied().filter(|first| *first == 0);
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Option<u64>, expected: Option<u64>) {
        let gone = BTreeMap::from([(7, 5), (5, 2), (3, 3)]);
        assert_eq!(nearest_kept(from, &[0, 2, 4], &gone), expected, "from {from:?}");
    }

    #[test]
    fn a_rollback_skips_what_was_collected() {
        check(Some(4), Some(4));
        check(Some(7), Some(2));
        check(Some(3), Some(0));
        check(Some(6), Some(0));
        check(None, None);
    }

    #[test]
    fn names_have_one_spelling() {
        assert_eq!(Collected::parse("7.from-5"), Some(Collected { number: 7, parent: 5 }));
        for bad in ["7", "07.from-5", "7.from-+5", "7.from-", ".from-5", "7.from-5.x"] {
            assert_eq!(Collected::parse(bad), None, "{bad}");
        }
        assert_eq!(current_number(Path::new("generations/12")), Some(12));
        assert_eq!(current_number(Path::new("generations/012")), None);
        assert_eq!(current_number(Path::new("../generations/1")), None);
    }
}
