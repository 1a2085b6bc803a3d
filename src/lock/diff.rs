//! What one lockfile changes against another.

use std::collections::BTreeSet;

use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::model::PackChange;
use crate::model::PackName;

/// Compares two lockfiles; gives the packs that differ, by name. Without an old one, everything is new.
pub fn diff(old: Option<&Lockfile>, new: &Lockfile) -> Vec<PackChange> {
    let release = |lockfile: Option<&Lockfile>, name: &PackName| lockfile.and_then(|lockfile| lockfile.releases.get(name)).cloned();
    let names: BTreeSet<&PackName> = old.into_iter().flat_map(|old| old.releases.keys()).chain(new.releases.keys()).collect();
    let pairs = names.into_iter().map(|name| (name, release(old, name), release(Some(new), name)));
    pairs.filter(|(_, from, to)| what_is_there(from.as_ref()) != what_is_there(to.as_ref())).map(|(name, from, to)| change(name, from, to)).collect()
}

fn change(name: &PackName, from: Option<LockedRelease>, to: Option<LockedRelease>) -> PackChange {
    PackChange { name: name.clone(), from: from.map(|release| release.id.version), to: to.map(|release| release.id.version) }
}

/// Gives the part of a release that decides what is linked; facts that only policy reads may change without changing that.
fn what_is_there(release: Option<&LockedRelease>) -> Option<impl PartialEq + '_> {
    release.map(|release| (&release.id.version, &release.source, &release.artifacts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Version;

    const LOCKFILE: &str = include_str!("../../schemas/samples/lock/v1/packs.prod.lock");

    #[track_caller]
    fn check(from: &str, to: &str, expected: &[&str]) {
        assert!(LOCKFILE.contains(from), "{from:?} is not in the sample");
        let parse = |text: &str| Lockfile::parse(text, "packs.prod.lock").expect("a readable lockfile");
        let changes = diff(Some(&parse(LOCKFILE)), &parse(&LOCKFILE.replace(from, to)));
        let version = |version: &Option<Version>| version.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let described: Vec<String> = changes.iter().map(|change| format!("{} {} {}", change.name, version(&change.from), version(&change.to))).collect();
        assert_eq!(described, expected);
    }

    #[test]
    fn differences() {
        check("", "", &[]);
        check("version = \"2.0.3\"", "version = \"2.1.0\"", &["kanban 2.0.3 2.1.0"]);
        check("name = \"kanban\"", "name = \"boards\"", &["boards - 2.0.3", "kanban 2.0.3 -"]);
        check("size = 9001", "size = 9002", &["workflow 1.3.0 1.3.0"]);
        check("quality = 87", "quality = 88", &[]);
    }

    #[test]
    fn without_an_old_one_everything_is_new() {
        let lockfile = Lockfile::parse(LOCKFILE, "packs.prod.lock").expect("a readable lockfile");
        assert!(diff(None, &lockfile).iter().all(|change| change.from.is_none()));
        assert_eq!(diff(None, &lockfile).len(), lockfile.releases.len());
    }
}
