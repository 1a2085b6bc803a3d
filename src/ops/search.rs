//! Packs by what people remember of them: over the lists of names that registries keep.

use memchr::memmem::Finder;
use rayon::iter::ParallelIterator as _;
use rayon::str::ParallelString as _;
use serde::Serialize;

use crate::model::PackName;
use crate::model::RegistryName;
use crate::model::Version;
use crate::model::in_one_line;
use crate::net::Answer;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::listed::listed;
use crate::ops::opened::Opened;
use crate::ops::project::Project;
use crate::ops::sources::Sources;
use crate::ops::typed;
use crate::registry::NamedLine;
use crate::registry::NamesText;
use crate::source::SourceError;

/// What is looked for, and where.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    /// What was typed.
    pub text: String,
    /// A directory, an address, or the name of a registry in packs.toml; all registries of the project where there is none.
    pub registry: Option<String>,
    /// How many packs are given at most.
    pub limit: usize,
}

/// What was found.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct SearchOutcome {
    /// What was looked for.
    pub text: String,
    /// How many packs fit, also those that are not given.
    pub total: usize,
    /// The packs, best first.
    pub packs: Vec<FoundPack>,
}

/// One pack.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct FoundPack {
    /// Its name.
    pub name: PackName,
    /// Its newest release.
    pub version: Version,
    /// The registry, as packs.toml or the request names it.
    pub registry: String,
    /// One sentence on what it is.
    pub description: Option<String>,
    /// Whether it is no longer cared for.
    pub deprecated: bool,
    /// How it fits.
    pub fit: Fit,
}

/// How a pack fits what was looked for; the better comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// It has this name.
    Name,
    /// Its name begins so.
    Beginning,
    /// Its name holds it.
    Within,
    /// Its name is nearly that: so many letters differ.
    Nearly(u8),
    /// It is a keyword.
    Keyword,
    /// Its description has every word.
    Description,
}

/// Looks for packs by name, keyword and description; a registry that cannot be asked is left out with a warning, as long as another one answers.
///
/// # Errors
/// [`OpsError::RegistryOffline`], [`OpsError::Source`] where no registry could be asked.
pub fn search(context: &Context, request: &SearchRequest) -> Result<SearchOutcome, OpsError> {
    let mut found: Vec<(Fit, FoundPack)> = Vec::new();
    for (registry, names) in lists(context, request.registry.as_deref())? {
        found.extend(ranked(names.lines(), &request.text).into_iter().filter_map(|(fit, pack)| Some((fit, found_pack(pack, &registry, fit)?))));
    }
    // Sorted by name within a fit, and stable: of equal names the registry asked first comes first.
    found.sort_by(|(fit, one), (other_fit, other)| (fit, one.deprecated, &one.name).cmp(&(other_fit, other.deprecated, &other.name)));
    let total = found.len();
    Ok(SearchOutcome { text: request.text.clone(), total, packs: found.into_iter().take(request.limit).map(|(_, pack)| pack).collect() })
}

fn lists(context: &Context, registry: Option<&str>) -> Result<Vec<(String, NamesText)>, OpsError> {
    let Some(registry) = registry else { return all_lists(context) };
    let (shown, place) = if let Some(name) = typed::typed_name(context, registry)? {
        let project = Project::open(context)?;
        (name.to_string(), Sources::new(context, &project.manifest, &project.directory).registry(&name)?)
    } else {
        let place = typed::open_to_read(context, registry)?;
        // An address as it was typed may hold a password.
        (if typed::is_address(registry) { place.describe() } else { registry.to_owned() }, place)
    };
    Ok(list(context, &place)?.map(|names| (shown, names)).into_iter().collect())
}

/// Asks every registry of the project; what is wrong with one keeps nobody from what the others have.
fn all_lists(context: &Context) -> Result<Vec<(String, NamesText)>, OpsError> {
    let project = Project::open(context)?;
    let sources = Sources::new(context, &project.manifest, &project.directory);
    let (mut lists, mut failed, mut answered) = (Vec::new(), Vec::new(), false);
    for name in sources.order() {
        match sources.registry(name).and_then(|place| list(context, &place)) {
            Ok(names) => {
                answered = true;
                lists.extend(names.map(|names| (name.to_string(), names)));
            }
            Err(error) if is_its_own(&error) => failed.push((name, error)),
            Err(error) => return Err(error),
        }
    }
    if !answered && let Some(worst) = worst(&mut failed) {
        return Err(worst);
    }
    failed.iter().for_each(|(name, error)| context.warn(format!("the registry {name} is left out: {}", in_one_line(error))));
    Ok(lists)
}

/// Tells whether an error is a registry's own: that it could not be asked, or that its list is none.
fn is_its_own(error: &OpsError) -> bool {
    matches!(error, OpsError::RegistryOffline { .. } | OpsError::Source(SourceError::Transport { .. } | SourceError::Document { .. } | SourceError::GitHub(_)))
}

/// Takes the error to end with where no registry answered: one that could not be asked may have what was looked for, whatever another one said.
fn worst(failed: &mut Vec<(&RegistryName, OpsError)>) -> Option<OpsError> {
    let could_not_tell = failed.iter().position(|(_, error)| !matches!(error, OpsError::Source(SourceError::Document { .. })));
    (!failed.is_empty()).then(|| failed.swap_remove(could_not_tell.unwrap_or(0)).1)
}

fn list(context: &Context, place: &Opened<'_>) -> Result<Option<NamesText>, OpsError> {
    match listed(context, place)? {
        Answer::Found(names) => Ok(Some(names)),
        Answer::Absent => {
            context.warn(format!("{} keeps no list of its packs; `packs publish` to it makes one", place.describe()));
            Ok(None)
        }
        Answer::Offline => Err(OpsError::RegistryOffline { registry: place.describe(), needed: "the list of its packs".to_owned() }),
    }
}

/// Reads a line that fits; `None` where it names no release.
fn found_pack(pack: NamedLine<'_>, registry: &str, fit: Fit) -> Option<FoundPack> {
    Some(FoundPack {
        name: PackName::parse(pack.name).ok()?,
        version: Version::parse(pack.version).ok()?,
        registry: registry.to_owned(),
        description: pack.description.map(str::to_owned),
        deprecated: pack.deprecated,
        fit,
    })
}

/// Gives the packs that fit, best first.
fn ranked<'t>(lines: &'t str, text: &str) -> Vec<(Fit, NamedLine<'t>)> {
    let text = text.trim().to_lowercase();
    let words: Vec<Finder<'_>> = text.split_whitespace().map(Finder::new).collect();
    let fitting = |line| NamedLine::parse(line).and_then(|pack| Some((fit(&pack, &text, &words)?, pack)));
    let mut ranked: Vec<(Fit, NamedLine<'_>)> = lines.par_lines().filter_map(fitting).collect();
    ranked.sort_by_key(|(fit, pack)| (*fit, pack.deprecated, pack.name));
    ranked
}

fn fit(pack: &NamedLine<'_>, text: &str, words: &[Finder<'_>]) -> Option<Fit> {
    if text.is_empty() {
        return Some(Fit::Within);
    }
    let full = pack.name;
    let bare = full.rsplit('/').next().unwrap_or(full);
    if full == text || bare == text {
        return Some(Fit::Name);
    }
    if full.starts_with(text) || bare.starts_with(text) {
        return Some(Fit::Beginning);
    }
    if full.contains(text) {
        return Some(Fit::Within);
    }
    nearly(bare, text).or_else(|| described(pack, text, words))
}

/// One letter in four may differ, at least one where there are three; lengths are compared first, which spares nearly all the work.
///
/// Stricter than [`crate::model::nearest`], which names the one pack that a mistyped name means: here every near pack is a line of the answer, and more
/// of them would bury those that fit by a keyword or their description.
fn nearly(name: &str, text: &str) -> Option<Fit> {
    let distance_max = (text.len() / 4).max(usize::from(text.len() >= 3));
    if name.len().abs_diff(text.len()) > distance_max {
        return None;
    }
    let distance = strsim::osa_distance(name, text);
    (distance <= distance_max).then(|| Fit::Nearly(u8::try_from(distance).unwrap_or(u8::MAX)))
}

/// Looks for the whole text among the keywords, and for every word in the description; both are looked for in small letters.
fn described(pack: &NamedLine<'_>, text: &str, words: &[Finder<'_>]) -> Option<Fit> {
    if pack.keywords().any(|keyword| keyword.eq_ignore_ascii_case(text)) {
        return Some(Fit::Keyword);
    }
    let description = pack.description?;
    // Most descriptions are ASCII, where this is a fraction of the work.
    let small = if description.is_ascii() { description.to_ascii_lowercase() } else { description.to_lowercase() };
    words.iter().all(|word| word.find(small.as_bytes()).is_some()).then_some(Fit::Description)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::NamedPack;
    use crate::registry::Names;

    fn names() -> Names {
        let pack = |name: &str, description: &str, keywords: &[&str]| NamedPack {
            name: PackName::parse(name).expect("a name"),
            version: Version::parse("1.0.0").expect("a version"),
            description: Some(description.to_owned()),
            keywords: keywords.iter().map(|&keyword| keyword.to_owned()).collect(),
            deprecated: false,
        };
        let packs = vec![
            pack("@acme/kanban", "Boards of a company", &[]),
            pack("boards", "Cards on a wall", &["kanban"]),
            pack("kanban", "A board in the terminal", &["tasks"]),
            pack("kanban-extra", "More", &[]),
            pack("my-kanban", "Mine", &[]),
            pack("wall", "Shows Kanban boards on a wall", &[]),
        ];
        Names { packs }
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let names = NamesText::of(&names(), &[]);
        let found: Vec<String> = ranked(names.lines(), text).iter().map(|(fit, pack)| format!("{} {fit:?}", pack.name)).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn the_better_fit_comes_first() {
        let all = ["@acme/kanban Name", "kanban Name", "kanban-extra Beginning", "my-kanban Within", "boards Keyword", "wall Description"];
        check("Kanban", &all.map(|line| line));
        check("kanbna", &["@acme/kanban Nearly(1)", "kanban Nearly(1)"]);
        check("boards wall", &["wall Description"]);
        check("tasks", &["kanban Keyword"]);
        check("zzz", &[]);
        check("WALL cards", &["boards Description"]);
    }

    #[test]
    fn words_are_found_whatever_their_letters_are() {
        for (description, words, expected) in
            [("A Board", "board", true), ("boar", "board", false), ("Größe", "GRÖSSE", false), ("GRÖẞE der Ära", "ära größe", true), ("aab", "ab", true)]
        {
            let line = format!("x\t1.0.0\t-\t\t{description}");
            assert_eq!(!ranked(&line, words).is_empty(), expected, "{words} in {description}");
        }
    }
}
