//! Locked releases that were taken back since, or are no longer cared for: said wherever a lockfile is used, and nothing is changed for it.
//!
//! What counts is what is known without asking anybody: the index of a registry that is a directory of this machine, else the document that was read last,
//! out of the index cache, else what the lockfile says. Nearly every document says nothing of the kind, which a look at its bytes tells; only the others are
//! read, so that a switch with nothing to do stays quick.

use rayon::iter::IntoParallelRefIterator as _;
use rayon::iter::ParallelIterator as _;
use serde::Serialize;

use crate::lock::LockedRelease;
use crate::lock::Lockfile;
use crate::manifest::Wants;
use crate::model::PackName;
use crate::model::Place;
use crate::model::ReleaseId;
use crate::model::SourceId;
use crate::model::Version;
use crate::ops::Context;
use crate::ops::project::Project;
use crate::ops::solve::LockPlan;
use crate::ops::sources::Sources;
use crate::registry::Deprecation;
use crate::registry::IndexRelease;

/// What is to be said of a locked release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ReleaseNotice {
    /// The pack.
    pub name: PackName,
    /// The locked version.
    pub version: Version,
    /// Why it was taken back, if it was.
    pub yanked: Option<String>,
    /// What its maker says, and what to use instead, if it is no longer cared for.
    pub deprecated: Option<Deprecation>,
}

impl ReleaseNotice {
    /// Says that a release was taken back or is no longer cared for, if either is so.
    pub(super) fn of(release: &ReleaseId, yanked: Option<String>, deprecated: Option<Deprecation>) -> Option<Self> {
        let (name, version) = (release.name.clone(), release.version.clone());
        (yanked.is_some() || deprecated.is_some()).then_some(ReleaseNotice { name, version, yanked, deprecated })
    }

    /// Words it, a line each; a release that packs.toml names stays locked whatever is updated.
    fn lines(&self, file: &str, named: Option<&Place>) -> Vec<String> {
        let release = format!("{} {} in {file}", self.name, self.version);
        let stays = match named {
            Some(place) => format!("as long as {place} names it"),
            None => format!("until `packs update {}`", self.name),
        };
        let yanked = self.yanked.iter().map(|reason| format!("{release} was yanked: {reason}; it stays locked {stays}"));
        let deprecated = self.deprecated.iter().map(|deprecation| {
            let instead = deprecation.replacement.as_ref().map_or_else(String::new, |name| format!("; use {name} instead"));
            format!("{release} is deprecated: {}{instead}", deprecation.message)
        });
        yanked.chain(deprecated).collect()
    }
}

/// Looks what is to be said of the releases of a lockfile, and says it, a line each.
pub(super) fn tell(context: &Context, project: &Project, lockfile: &Lockfile) -> Vec<ReleaseNotice> {
    said(context, (project, lockfile), find(context, project, lockfile))
}

/// Says what is to be said of the releases of a plan: as the documents say that were read for it, or as [`tell`] finds it.
pub(super) fn tell_of_plan(context: &Context, project: &Project, plan: &LockPlan) -> Vec<ReleaseNotice> {
    let notices = plan.notices.clone().unwrap_or_else(|| find(context, project, &plan.lockfile));
    said(context, (project, &plan.lockfile), notices)
}

fn said(context: &Context, (project, lockfile): (&Project, &Lockfile), notices: Vec<ReleaseNotice>) -> Vec<ReleaseNotice> {
    if notices.is_empty() {
        return notices;
    }
    let file = lockfile.environment.lockfile_name();
    // What is wrong with packs.toml is said where it is used.
    let wants = project.wants(&lockfile.environment).ok();
    let named = |notice: &ReleaseNotice| wants.as_ref().and_then(|wants| naming(wants, notice));
    notices.iter().flat_map(|notice| notice.lines(&file, named(notice))).for_each(|line| context.warn(line));
    notices
}

/// Gives the line of packs.toml that names this very release, if one counts that does.
fn naming<'w>(wants: &'w Wants, notice: &ReleaseNotice) -> Option<&'w Place> {
    let required = || wants.packages.get(&notice.name).map(|entry| (&entry.requirement.range, &entry.at));
    let (range, at) = wants.overrides.get(&notice.name).map(|entry| (&entry.range, &entry.at)).or_else(required)?;
    (range.exact_version().as_ref() == Some(&notice.version)).then_some(at)
}

fn find(context: &Context, project: &Project, lockfile: &Lockfile) -> Vec<ReleaseNotice> {
    let sources = Sources::new(context, &project.manifest, &project.directory);
    let releases: Vec<&LockedRelease> = lockfile.releases.values().collect();
    releases.par_iter().filter_map(|release| notice(&sources, release)).collect()
}

fn notice(sources: &Sources<'_>, locked: &LockedRelease) -> Option<ReleaseNotice> {
    let (yanked, deprecated) = match known(sources, locked) {
        Known::Release(release) => (release.yanked.clone(), release.deprecated.clone()),
        Known::Clean => (None, None),
        Known::Nothing => (locked.yanked.clone(), None),
    };
    ReleaseNotice::of(&locked.id, yanked, deprecated)
}

/// What is known of a release without asking anybody.
enum Known {
    /// No document, or none that is believed.
    Nothing,
    /// The document says nothing of the kind of any release.
    Clean,
    /// What the document says of it.
    Release(Box<IndexRelease>),
}

fn known(sources: &Sources<'_>, locked: &LockedRelease) -> Known {
    let SourceId::Registry(registry) = &locked.source else { return Known::Nothing };
    let Some(bytes) = sources.known_index(registry, &locked.id.name) else { return Known::Nothing };
    if !may_say_something(&bytes) {
        return Known::Clean;
    }
    let Some(document) = sources.parse_known(registry, &locked.id.name, &bytes) else { return Known::Nothing };
    let release = document.releases.into_iter().find(|release| release.version == locked.id.version);
    release.map_or(Known::Nothing, |release| Known::Release(Box::new(release)))
}

/// Tells whether a document may say of a release that it was taken back or is no longer cared for: one of the two keys has another value than null.
///
/// A key is what stands between two quotation marks, so that one pass over the document finds it.
fn may_say_something(document: &[u8]) -> bool {
    let mut pieces = document.split(|byte| *byte == b'"');
    while let Some(piece) = pieces.next() {
        if matches!(piece, b"yanked" | b"deprecated") && !pieces.next().is_some_and(is_null) {
            return true;
        }
    }
    false
}

fn is_null(after_key: &[u8]) -> bool {
    let value = after_key.iter().find(|byte| !byte.is_ascii_whitespace() && **byte != b':');
    value == Some(&b'n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_documents_that_say_something_are_read() {
        for (document, expected) in [
            (r#"{"yanked": null, "deprecated" :null}"#, false),
            (r#"{"releases": []}"#, false),
            (r#"{"yanked": null, "deprecated": {"message": "old"}}"#, true),
            ("{\"yanked\"\n:\n\"broken\"}", true),
            (r#"{"keywords": ["yanked", "x"]}"#, true),
            (r#"{"yanked""#, true),
        ] {
            assert_eq!(may_say_something(document.as_bytes()), expected, "{document}");
        }
    }

    #[test]
    fn a_notice_is_a_line_for_each_thing() {
        let deprecated = Some(Deprecation { message: "old".into(), replacement: Some(PackName::parse("boards").expect("a name")), at: None });
        let (name, version) = (PackName::parse("kanban").expect("a name"), Version::parse("2.0.3").expect("a version"));
        let notice = ReleaseNotice { name, version, yanked: Some("broken".into()), deprecated };
        let expected = |stays: &str| {
            [
                format!("kanban 2.0.3 in packs.lock was yanked: broken; it stays locked {stays}"),
                "kanban 2.0.3 in packs.lock is deprecated: old; use boards instead".to_owned(),
            ]
        };
        assert_eq!(notice.lines("packs.lock", None), expected("until `packs update kanban`"));
        let place = Place { file: "packs.toml".into(), line: 8 };
        assert_eq!(notice.lines("packs.lock", Some(&place)), expected("as long as packs.toml:8 names it"));
    }
}
