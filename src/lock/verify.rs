//! Whether a lockfile is whole: what a textual merge or an edit by hand may have broken.

use crate::lock::Edge;
use crate::lock::LockError;
use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::model::SourceId;

impl Lockfile {
    /// Verifies that every requirement is met by what is locked, and that nothing else is locked.
    ///
    /// # Errors
    /// The first fault in the order of names: `Missing`, `OutOfRange`, `OtherSource`, `ExtraMissing`, `Unreachable`.
    pub fn verify(&self) -> Result<(), LockError> {
        self.requirements.values().try_for_each(|requirement| self.verify_requirement(requirement))?;
        for release in self.releases.values() {
            release.requires.iter().try_for_each(|edge| self.verify_edge(release, edge))?;
        }
        self.verify_reached()
    }

    fn verify_requirement(&self, requirement: &Requirement) -> Result<(), LockError> {
        let name = &requirement.name;
        let release = self.find_release(name, &requirement.range, || "packs.toml".to_owned())?;
        if !comes_from(&release.source, &requirement.source) {
            let wanted = describe_wanted(&requirement.source);
            return Err(LockError::OtherSource { name: name.clone(), wanted, found: release.source.clone() });
        }
        // A directory without a version in packs.toml will do whatever version it declares, pre-releases too.
        let takes_any = matches!(release.source, SourceId::Path(_)) && requirement.range.as_str() == "*";
        if !takes_any {
            verify_range(release, self.meant(name, &requirement.range), || "packs.toml".to_owned())?;
        }
        match requirement.extras.difference(&release.extras).next() {
            Some(extra) => Err(LockError::ExtraMissing { name: name.clone(), extra: extra.clone() }),
            None => Ok(()),
        }
    }

    fn verify_edge(&self, by: &LockedRelease, edge: &Edge) -> Result<(), LockError> {
        let release = self.find_release(&edge.name, &edge.range, || by.id.to_string())?;
        verify_range(release, self.meant(&edge.name, &edge.range), || by.id.to_string())
    }

    /// Gives the range that counts: the one that the project puts in the place of everybody's, else the one that is written.
    fn meant<'r>(&'r self, name: &PackName, written: &'r Range) -> &'r Range {
        self.options.overrides.get(name).unwrap_or(written)
    }

    fn verify_reached(&self) -> Result<(), LockError> {
        let reached = self.reached(self.requirements.keys());
        match self.releases.values().find(|release| !reached.contains(&release.id.name)) {
            Some(release) => Err(LockError::Unreachable { name: release.id.name.clone(), version: release.id.version.clone() }),
            None => Ok(()),
        }
    }

    fn find_release(&self, name: &PackName, range: &Range, by: impl FnOnce() -> String) -> Result<&LockedRelease, LockError> {
        self.releases.get(name).ok_or_else(|| LockError::Missing { name: name.clone(), range: Box::new(range.clone()), by: by() })
    }
}

fn verify_range(release: &LockedRelease, range: &Range, by: impl FnOnce() -> String) -> Result<(), LockError> {
    if range.matches(&release.id.version) {
        return Ok(());
    }
    Err(LockError::OutOfRange { name: release.id.name.clone(), version: release.id.version.clone(), range: Box::new(range.clone()), by: by() })
}

/// Tells whether a source is one that a requirement may be met from; where it names no registry, the first one that had the pack was taken.
fn comes_from(source: &SourceId, wanted: &RequirementSource) -> bool {
    match (wanted, source) {
        (RequirementSource::Registry(None), SourceId::Registry(_)) => true,
        (RequirementSource::Registry(Some(wanted)), SourceId::Registry(found)) => wanted == found,
        (RequirementSource::GitHub(wanted), SourceId::GitHub(found)) => wanted == found,
        (RequirementSource::Path(wanted), SourceId::Path(found)) => wanted == found,
        _ => false,
    }
}

fn describe_wanted(wanted: &RequirementSource) -> String {
    match wanted {
        RequirementSource::GitHub(repository) => SourceId::GitHub(repository.clone()).to_string(),
        RequirementSource::Path(path) => SourceId::Path(path.clone()).to_string(),
        RequirementSource::Registry(Some(name)) => SourceId::Registry(name.clone()).to_string(),
        RequirementSource::Registry(None) => "a registry".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = include_str!("../../schemas/samples/lock/v1/packs.prod.lock");

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(WHOLE.contains(from), "{from:?} is not in the sample");
        let lockfile = Lockfile::parse(&WHOLE.replace(from, to), "packs.prod.lock").expect("a readable lockfile");
        let answer = lockfile.verify().map_or_else(|error| error.to_string(), |()| "whole".to_owned());
        assert_eq!(answer, expected);
    }

    #[test]
    fn what_is_not_whole_is_named() {
        check("", "", "whole");
        check("[\"workflow ^1.2\"]", "[\"workflow ^2\"]", "kanban 2.0.3 requires workflow ^2, but workflow 1.3.0 is locked");
        check("[\"workflow ^1.2\"]", "[\"flow ^1\", \"workflow ^1.2\"]", "kanban 2.0.3 requires flow ^1, but no release of flow is locked");
        check("kanban = \"=2.0.3\"", "kanban = \"=2.0.4\"", "packs.toml requires kanban =2.0.4, but kanban 2.0.3 is locked");
        check("    \"@acme/axes >=0.3, <0.5\",\n", "", "@acme/axes 0.4.0 is locked, but nothing requires it");
        check("registry+internal", "registry+default", "packs.toml requires reports from registry+internal, but it is locked from registry+default");
        check("extras = [\"charts\"]\n", "", "packs.toml asks for the extra charts of reports, which is not locked");
        check("version = \"0.0.0\"", "version = \"0.1.0-dev\"", "whole");
        let overridden = "[options]\noverrides = { workflow = \"^1\", kanban = \"^2\" }\n";
        check("[options]\n", &overridden.replace("\"^1\"", "\"^2\""), "kanban 2.0.3 requires workflow ^2, but workflow 1.3.0 is locked");
        check("[options]\n", &overridden.replace("\"^2\"", "\"=2.0.3\""), "whole");
    }
}
