//! Releases taken back, or counting again. They stay where they are: whoever locked one keeps it.

use std::str::FromStr;

use serde::Serialize;

use crate::model::InvalidNoun;
use crate::model::PackChange;
use crate::model::PackName;
use crate::model::Range;
use crate::model::Version;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::key::Signing;
use crate::ops::key::open_keys;
use crate::ops::opened::nearest_listed;
use crate::ops::publish::keep_listed;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::typed;
use crate::source::Effect;
use crate::source::RegistrySource;
use crate::source::Source as _;
use crate::source::Yank;
use crate::store::Store;

/// What a registry says of a release that was taken back without a word.
const NO_REASON: &str = "taken back by its maker";

/// Releases as they are named here: `kanban@2.0.3` is that one alone, `kanban@^2.0` all in the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedReleases {
    /// The pack.
    pub name: PackName,
    /// Which of its releases.
    pub which: Which,
}

/// Some releases of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One.
    Exactly(Version),
    /// All in a range.
    Within(Range),
}

impl Which {
    fn has(&self, version: &Version) -> bool {
        match self {
            Which::Exactly(exact) => version == exact,
            Which::Within(range) => range.matches(version),
        }
    }
}

impl FromStr for AskedReleases {
    type Err = InvalidNoun;
    fn from_str(text: &str) -> Result<Self, InvalidNoun> {
        // The first character may be the `@` of a scope.
        let at = text.char_indices().skip(1).find(|(_, c)| *c == '@').map_or(text.len(), |(at, _)| at);
        let name = PackName::parse(&text[..at])?;
        let spelled = text.get(at + 1..).unwrap_or_default();
        let which = match Version::parse(spelled) {
            Ok(version) => Which::Exactly(version),
            Err(_) => Which::Within(Range::parse(spelled)?),
        };
        Ok(AskedReleases { name, which })
    }
}

/// Releases to be taken back, or to count again.
#[derive(Debug, Clone)]
pub struct YankRequest {
    /// Which.
    pub releases: AskedReleases,
    /// The registry: a directory, an address, or a name of packs.toml.
    pub registry: String,
    /// What becomes of them.
    pub wish: YankWish,
    /// Whether to plan only.
    pub dry_run: bool,
}

/// What becomes of releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YankWish {
    /// They are taken back, for a reason.
    TakeBack(Option<String>),
    /// They count again.
    Undo,
}

/// What was taken back.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct YankOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The registry.
    pub registry: String,
    /// The pack.
    pub name: PackName,
    /// The releases that changed.
    pub versions: Vec<Version>,
    /// The releases that were so already.
    pub unchanged: Vec<Version>,
    /// What the registry says of them now; nothing where they count again.
    pub reason: Option<String>,
}

/// Takes releases back, or lets them count again.
///
/// # Errors
/// [`OpsError::NoneMeant`] where none is meant; [`OpsError::Source`]. Nothing has changed then.
pub fn yank(context: &Context, request: &YankRequest, signing: &Signing<'_>) -> Result<YankOutcome, OpsError> {
    let registry = typed::open_to_write(context, &request.registry)?.signing(open_keys(context, signing)?);
    let (source, name, which) = (&registry.source, &request.releases.name, &request.releases.which);
    let meant = meant(source, request)?;
    let reason = match &request.wish {
        YankWish::TakeBack(reason) => Some(reason.as_deref().unwrap_or(NO_REASON)),
        YankWish::Undo => None,
    };
    let yank = Yank { which: &|version| which.has(version), reason };
    let effect = if request.dry_run { Effect::Plan } else { Effect::Write };
    let change = || {
        let versions = source.yank(name, &yank, effect)?;
        if !request.dry_run {
            keep_listed(context, source, std::slice::from_ref(name));
        }
        Ok(versions)
    };
    let versions: Vec<Version> = if request.dry_run {
        change()?
    } else {
        Store::create(context.layout.clone())?;
        let action = if reason.is_some() { "yank" } else { "yank --undo" };
        let packs = meant.iter().map(|version| PackChange { name: name.clone(), from: Some(version.clone()), to: None }).collect();
        recorded(context, Recorded { action, project: None, environment: None, reason, packs }, || registry.change(context, change))?
    };
    let unchanged = meant.into_iter().filter(|version| !versions.contains(version)).collect();
    Ok(YankOutcome { dry_run: request.dry_run, registry: source.describe(), name: name.clone(), versions, unchanged, reason: reason.map(str::to_owned) })
}

/// Gives the releases that are meant, in order; at least one.
fn meant(source: &RegistrySource, request: &YankRequest) -> Result<Vec<Version>, OpsError> {
    let AskedReleases { name, which } = &request.releases;
    let document = match source.index(name)? {
        Answer::Offline => return Err(OpsError::RegistryOffline { registry: source.describe(), needed: format!("the index of {name}") }),
        Answer::Absent => {
            let nearest = nearest_listed(name, [source.names().ok().and_then(Answer::found)]);
            return Err(OpsError::NoSuchPack { name: name.clone(), registry: source.describe(), nearest });
        }
        Answer::Found(document) => document,
    };
    let mut meant: Vec<Version> = document.releases.iter().map(|release| release.version.clone()).filter(|version| which.has(version)).collect();
    meant.sort();
    if meant.is_empty() {
        let asked = match which {
            Which::Exactly(version) => version.to_string(),
            Which::Within(range) => range.as_str().to_owned(),
        };
        let known = document.releases.iter().map(|release| release.version.clone()).collect();
        return Err(OpsError::NoneMeant { name: name.clone(), asked, registry: source.describe(), known });
    }
    Ok(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(&str, bool)>) {
        let found = AskedReleases::from_str(text).ok().map(|asked| (asked.name.to_string(), matches!(asked.which, Which::Exactly(_))));
        assert_eq!(found, expected.map(|(name, exact)| (name.to_owned(), exact)), "{text}");
    }

    #[test]
    fn a_version_means_itself_alone() {
        check("kanban@2.0.3", Some(("kanban", true)));
        check("kanban@=2.0.3", Some(("kanban", false)));
        check("@acme/boards@^1", Some(("@acme/boards", false)));
        check("kanban@2", Some(("kanban", false)));
        for text in ["kanban", "kanban@", "@acme/boards", "", "@"] {
            check(text, None);
        }
    }
}
