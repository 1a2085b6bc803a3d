//! Who requires whom in what is locked: the graph, the ways to a pack, and where environments differ. Reads lockfiles and nothing else.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::VecDeque;

use serde::Serialize;

use crate::lock::Lockfile;
use crate::manifest::RangeEntry;
use crate::model::EnvironmentName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Range;
use crate::model::Tier;
use crate::model::Version;
use crate::model::nearest;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::located::Located;
use crate::ops::project::Project;

/// Most ways to a pack that are listed; a few layers of diamonds have millions.
const WAYS_MAX: usize = 50;

/// Which way a tree grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TreeDirection {
    /// From a pack to what it requires.
    #[default]
    Down,
    /// From a pack to those that require it.
    Up,
}

/// What of the graph is asked for.
#[derive(Debug, Clone, Default)]
pub struct TreeRequest {
    /// The pack to begin at; everything that the project requires where it is `None`.
    pub pack: Option<PackName>,
    /// Which way it grows.
    pub direction: TreeDirection,
    /// How many steps from the beginning; all where it is `None`.
    pub depth: Option<usize>,
}

/// A part of the graph of an environment's lockfile.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct TreeOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// The project's name.
    pub project: String,
    /// Which way it grows.
    pub direction: TreeDirection,
    /// Where it begins: the pack that was asked for, or all that nothing else leads to, of each circle the first by name.
    pub begins_at: Vec<PackName>,
    /// The packs reached, by name.
    pub packs: Vec<TreePack>,
}

/// A locked pack and its neighbours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct TreePack {
    /// The pack.
    pub name: PackName,
    /// The locked version.
    pub version: Version,
    /// The extras chosen.
    pub extras: BTreeSet<ExtraName>,
    /// What the project itself asks of it, if it does.
    pub asked: Option<Range>,
    /// How much the project wants it; `None` where only other packs require it.
    pub tier: Option<Tier>,
    /// The range that the project puts in the place of everybody's, if it does.
    pub overridden: Option<Range>,
    /// Where packs.toml says so, if it still does.
    pub overridden_at: Option<Place>,
    /// The packs it requires, or with direction `up` those that require it; only those within the depth asked for.
    pub edges: Vec<TreeEdge>,
    /// Whether it has neighbours that lie beyond the depth asked for.
    pub goes_on: bool,
}

/// One requirement between packs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct TreeEdge {
    /// The pack at the other end.
    pub name: PackName,
    /// The range as the requiring release writes it.
    pub range: Range,
}

/// Why a pack is locked.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct WhyOutcome {
    /// The environment.
    pub environment: EnvironmentName,
    /// The pack.
    pub name: PackName,
    /// The locked version.
    pub version: Version,
    /// The shortest ways to it from each direct requirement that leads to it, shorter ones first; each ends at the pack.
    pub ways: Vec<Vec<WayStep>>,
    /// How many more equally short ways there are than are listed.
    pub ways_left_out: u64,
}

/// One pack on the way to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub struct WayStep {
    /// The pack.
    pub name: PackName,
    /// The locked version.
    pub version: Version,
    /// The extras chosen of it: the step after it may be required by one of them alone, which a lockfile does not tell apart.
    pub extras: BTreeSet<ExtraName>,
    /// The range that the step before, or the project, asks for.
    pub range: Range,
    /// The range that the project puts in the place of everybody's, if it does.
    pub overridden: Option<Range>,
    /// Where packs.toml says so, if it still does.
    pub overridden_at: Option<Place>,
}

/// The packs that are locked in more than one version across the project's environments.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DuplicatesOutcome {
    /// The environments that are locked.
    pub environments: Vec<EnvironmentName>,
    /// The packs, by name.
    pub packs: Vec<DuplicatedPack>,
}

/// A pack that is locked in more than one version.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DuplicatedPack {
    /// The pack.
    pub name: PackName,
    /// Its versions, lowest first.
    pub versions: Vec<DuplicatedVersion>,
}

/// One of the versions of a pack, and who has it.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct DuplicatedVersion {
    /// The version.
    pub version: Version,
    /// The environments that have it locked.
    pub environments: Vec<EnvironmentName>,
}

/// Gives the graph of what is locked, or the part of it around a pack.
///
/// # Errors
/// [`OpsError::LockfileMissing`]; [`OpsError::UnknownPack`] where the pack is not locked.
pub fn tree(context: &Context, request: &TreeRequest) -> Result<TreeOutcome, OpsError> {
    let (located, lockfile) = locked(context)?;
    if let Some(name) = &request.pack {
        must_be_locked(&lockfile, name)?;
    }
    let overrides = &located.project.manifest.overrides;
    let graph = Graph::new(&lockfile, request.direction);
    let begins_at = request.pack.as_ref().map_or_else(|| graph.beginnings(), |name| vec![name.clone()]);
    let depths = graph.depths(&begins_at);
    let is_within = |name: &PackName| request.depth.is_none_or(|most| depths[name] <= most);
    let packs = depths.keys().filter(|name| is_within(name)).map(|name| graph.pack(name, &is_within));
    let packs = packs.map(|pack| TreePack { overridden_at: written_at(overrides, &pack.name, pack.overridden.as_ref()), ..pack }).collect();
    let project = located.project.manifest.project.name.to_string();
    Ok(TreeOutcome { environment: located.environment, project, direction: request.direction, begins_at, packs })
}

/// Tells why a pack is locked: the shortest ways to it from the direct requirements.
///
/// # Errors
/// [`OpsError::LockfileMissing`]; [`OpsError::UnknownPack`] where the pack is not locked.
pub fn why(context: &Context, name: &PackName) -> Result<WhyOutcome, OpsError> {
    let (located, lockfile) = locked(context)?;
    must_be_locked(&lockfile, name)?;
    let overrides = &located.project.manifest.overrides;
    let (mut ways, ways_left_out) = Ways::new(&lockfile, name).list();
    for step in ways.iter_mut().flatten() {
        step.overridden_at = written_at(overrides, &step.name, step.overridden.as_ref());
    }
    Ok(WhyOutcome { environment: located.environment, name: name.clone(), version: lockfile.releases[name].id.version.clone(), ways, ways_left_out })
}

/// Finds the packs whose version differs between the environments' lockfiles.
///
/// # Errors
/// [`OpsError::LockfileMissing`] where no environment is locked.
pub fn duplicates(context: &Context) -> Result<DuplicatesOutcome, OpsError> {
    let project = Project::open(context)?;
    let mut versions: BTreeMap<PackName, BTreeMap<Version, Vec<EnvironmentName>>> = BTreeMap::new();
    let mut environments = Vec::new();
    for environment in project.environments() {
        let file = environment.lockfile_name();
        let Some(text) = project.lockfile_text(&environment)? else { continue };
        for (name, version) in Lockfile::parse(&text, &file)?.pins() {
            versions.entry(name).or_default().entry(version).or_default().push(environment.clone());
        }
        environments.push(environment);
    }
    if environments.is_empty() {
        let environment = project.environments().into_iter().next().unwrap_or_else(EnvironmentName::default_environment);
        return Err(OpsError::LockfileMissing { file: environment.lockfile_name(), environment });
    }
    let several = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    let version = |(version, environments)| DuplicatedVersion { version, environments };
    let packs = several.map(|(name, versions)| DuplicatedPack { name, versions: versions.into_iter().map(version).collect() });
    Ok(DuplicatesOutcome { environments, packs: packs.collect() })
}

fn locked(context: &Context) -> Result<(Located, Lockfile), OpsError> {
    let located = Located::find(context)?;
    let file = located.environment.lockfile_name();
    let text = located
        .project
        .lockfile_text(&located.environment)?
        .ok_or_else(|| OpsError::LockfileMissing { environment: located.environment.clone(), file: file.clone() })?;
    let lockfile = Lockfile::parse(&text, &file)?;
    Ok((located, lockfile))
}

fn must_be_locked(lockfile: &Lockfile, name: &PackName) -> Result<(), OpsError> {
    if lockfile.releases.contains_key(name) {
        return Ok(());
    }
    let nearest = nearest(name.as_str(), lockfile.releases.keys()).cloned();
    Err(OpsError::UnknownPack { name: name.clone(), place: lockfile.environment.lockfile_name(), nearest })
}

/// Gives the line of packs.toml that says what is locked as an override; `None` where packs.toml was changed since.
fn written_at(overrides: &BTreeMap<PackName, RangeEntry>, name: &PackName, locked: Option<&Range>) -> Option<Place> {
    overrides.get(name).filter(|entry| Some(&entry.range) == locked).map(|entry| entry.at.clone())
}

/// The requirements between locked packs, in the direction asked for.
struct Graph<'l> {
    lockfile: &'l Lockfile,
    direction: TreeDirection,
    edges: BTreeMap<&'l PackName, Vec<TreeEdge>>,
}

impl<'l> Graph<'l> {
    fn new(lockfile: &'l Lockfile, direction: TreeDirection) -> Self {
        let mut edges: BTreeMap<&PackName, Vec<TreeEdge>> = lockfile.releases.keys().map(|name| (name, Vec::new())).collect();
        for (name, release) in &lockfile.releases {
            for edge in &release.requires {
                // A lockfile that was edited by hand may require what is not there.
                let Some((needed, _)) = lockfile.releases.get_key_value(&edge.name) else { continue };
                let (from, to) = if direction == TreeDirection::Down { (name, needed) } else { (needed, name) };
                edges.entry(from).or_default().push(TreeEdge { name: to.clone(), range: edge.range.clone() });
            }
        }
        edges.values_mut().for_each(|edges| edges.sort());
        Graph { lockfile, direction, edges }
    }

    /// Where the whole begins: the direct requirements; upwards, the packs that require nothing, and one of each circle that nothing else leads to.
    fn beginnings(&self) -> Vec<PackName> {
        if self.direction == TreeDirection::Down {
            return self.lockfile.requirements.keys().filter(|name| self.lockfile.releases.contains_key(*name)).cloned().collect();
        }
        let mut seen = BTreeSet::new();
        let left: Vec<&PackName> = self.lockfile.releases.keys().flat_map(|name| self.walk(name, &mut seen)).collect();
        // Whoever leads to a pack and is not led to by it is left after it. So from the last one on, what is not reached yet begins something of its own: it
        // is the first by name of its circle, since it was the first of it that was walked to.
        let mut reached = BTreeSet::new();
        let mut beginnings: Vec<PackName> = left.into_iter().rev().filter(|name| !self.walk(name, &mut reached).is_empty()).cloned().collect();
        beginnings.sort();
        beginnings
    }

    /// Walks from a pack to all that were not seen yet, depth first; gives them in the order in which they are left, so the pack itself last.
    fn walk<'g>(&'g self, from: &'g PackName, seen: &mut BTreeSet<&'g PackName>) -> Vec<&'g PackName> {
        let edges_of = |name: &PackName| self.edges.get(name).into_iter().flatten();
        let mut left = Vec::new();
        // A list of its own and no recursion: chains are as long as people make them.
        let mut open = if seen.insert(from) { vec![(from, edges_of(from))] } else { Vec::new() };
        while let Some((name, edges)) = open.last_mut() {
            if let Some(edge) = edges.find(|edge| seen.insert(&edge.name)) {
                open.push((&edge.name, edges_of(&edge.name)));
            } else {
                left.push(*name);
                open.pop();
            }
        }
        left
    }

    /// Gives how many steps each pack is away.
    fn depths(&self, begins_at: &[PackName]) -> BTreeMap<PackName, usize> {
        let mut depths: BTreeMap<PackName, usize> = begins_at.iter().map(|name| (name.clone(), 1)).collect();
        let mut open: VecDeque<PackName> = begins_at.iter().cloned().collect();
        while let Some(name) = open.pop_front() {
            let depth = depths[&name] + 1;
            for edge in self.edges.get(&name).into_iter().flatten() {
                if !depths.contains_key(&edge.name) {
                    depths.insert(edge.name.clone(), depth);
                    open.push_back(edge.name.clone());
                }
            }
        }
        depths
    }

    /// Gives a pack, with its requirements on those that are shown.
    fn pack(&self, name: &PackName, is_shown: &impl Fn(&PackName) -> bool) -> TreePack {
        let release = &self.lockfile.releases[name];
        let asked = self.lockfile.requirements.get(name);
        let (edges, beyond): (Vec<_>, Vec<_>) = self.edges.get(name).into_iter().flatten().cloned().partition(|edge| is_shown(&edge.name));
        TreePack {
            name: name.clone(),
            version: release.id.version.clone(),
            extras: release.extras.clone(),
            asked: asked.map(|requirement| requirement.range.clone()),
            tier: asked.map(|requirement| requirement.tier),
            overridden: self.lockfile.options.overrides.get(name).cloned(),
            overridden_at: None,
            goes_on: !beyond.is_empty(),
            edges,
        }
    }
}

/// The shortest ways from each direct requirement to one pack.
struct Ways<'l> {
    lockfile: &'l Lockfile,
    /// How many steps each pack is away from the goal.
    distances: BTreeMap<PackName, usize>,
    /// How many shortest ways lead from each pack to the goal, at most `u64::MAX`.
    counts: BTreeMap<PackName, u64>,
}

impl<'l> Ways<'l> {
    fn new(lockfile: &'l Lockfile, goal: &PackName) -> Self {
        let graph = Graph::new(lockfile, TreeDirection::Up);
        let distances = graph.depths(std::slice::from_ref(goal));
        let mut nearest_first: Vec<&PackName> = distances.keys().collect();
        nearest_first.sort_by_key(|name| distances[*name]);
        let mut counts: BTreeMap<PackName, u64> = [(goal.clone(), 1)].into();
        for name in nearest_first.into_iter().skip(1) {
            let nearer = edges_nearer(lockfile, &distances, name);
            let count = nearer.iter().fold(0, |sum: u64, edge| sum.saturating_add(counts[&edge.name]));
            counts.insert(name.clone(), count);
        }
        Ways { lockfile, distances, counts }
    }

    /// Lists the ways, shorter ones first, and counts those that are too many.
    fn list(&self) -> (Vec<Vec<WayStep>>, u64) {
        let mut direct: Vec<(&PackName, &Range)> =
            self.lockfile.requirements.iter().filter(|(name, _)| self.distances.contains_key(*name)).map(|(name, asked)| (name, &asked.range)).collect();
        direct.sort_by_key(|(name, _)| (self.distances[*name], *name));
        let count = direct.iter().fold(0, |sum: u64, (name, _)| sum.saturating_add(self.counts[*name]));
        let mut ways = Vec::new();
        for (name, range) in direct {
            self.extend((name, range), &mut ways);
        }
        let left_out = count - ways.len() as u64;
        (ways, left_out)
    }

    /// Adds the ways that go on from a beginning, in the order of names, until there are enough.
    fn extend(&self, beginning: (&'l PackName, &'l Range), ways: &mut Vec<Vec<WayStep>>) {
        // Each with the number of steps before it: the way so far is kept once, however long it is.
        let mut open = vec![(0, beginning)];
        let mut way: Vec<(&PackName, &Range)> = Vec::new();
        while let Some((before, (name, range))) = open.pop() {
            if ways.len() == WAYS_MAX {
                return;
            }
            way.truncate(before);
            way.push((name, range));
            if self.distances[name] == 1 {
                ways.push(way.iter().map(|(name, range)| self.step(name, range)).collect());
                continue;
            }
            let nearer = edges_nearer(self.lockfile, &self.distances, name).into_iter().rev();
            open.extend(nearer.map(|edge| (way.len(), (&edge.name, &edge.range))));
        }
    }

    fn step(&self, name: &PackName, range: &Range) -> WayStep {
        let overridden = self.lockfile.options.overrides.get(name).cloned();
        let release = &self.lockfile.releases[name];
        let (version, extras) = (release.id.version.clone(), release.extras.clone());
        WayStep { name: name.clone(), version, extras, range: range.clone(), overridden, overridden_at: None }
    }
}

/// Gives the requirements of a pack that lead nearer to the goal.
fn edges_nearer<'l>(lockfile: &'l Lockfile, distances: &BTreeMap<PackName, usize>, name: &PackName) -> Vec<&'l crate::lock::Edge> {
    let nearer = distances[name] - 1;
    lockfile.releases[name].requires.iter().filter(|edge| distances.get(&edge.name) == Some(&nearer)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a lockfile of `a ^1` (direct) and `a: b ^1, c ^2` (edges); every version is 1.0.0.
    fn lockfile(direct: &[&str], packs: &[(&str, &[&str])]) -> Lockfile {
        let mut text = "version = 1\nenvironment = \"default\"\n[requirements]\n".to_owned();
        text.extend(direct.iter().map(|name| format!("{name} = \"^1\"\n")));
        for (name, needs) in packs {
            let needs: Vec<String> = needs.iter().map(|needed| format!("\"{needed} ^1\"")).collect();
            text += &format!("[[release]]\nname = \"{name}\"\nversion = \"1.0.0\"\nsource = \"registry+default\"\nrequires = [{}]\n", needs.join(", "));
        }
        Lockfile::parse(&text, "packs.lock").expect("valid")
    }

    fn name(text: &str) -> PackName {
        PackName::parse(text).expect("valid")
    }

    #[track_caller]
    fn check(lockfile: &Lockfile, goal: &str, expected: &[&str]) {
        let (ways, left_out) = Ways::new(lockfile, &name(goal)).list();
        let shown: Vec<String> = ways.iter().map(|way| way.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(" ")).collect();
        assert_eq!((shown.iter().map(String::as_str).collect::<Vec<_>>(), left_out), (expected.to_vec(), 0));
    }

    #[test]
    fn all_shortest_ways_and_no_longer_ones() {
        let diamond = lockfile(&["a", "d"], &[("a", &["b", "c"]), ("b", &["d"]), ("c", &["d", "e"]), ("d", &["e"]), ("e", &[])]);
        check(&diamond, "a", &["a"]);
        check(&diamond, "d", &["d", "a b d", "a c d"]);
        check(&diamond, "e", &["d e", "a c e"]);
    }

    #[test]
    fn circles_end() {
        let circle = lockfile(&["a"], &[("a", &["b"]), ("b", &["a", "c"]), ("c", &["b"])]);
        check(&circle, "c", &["a b c"]);
        check(&circle, "a", &["a"]);
        let graph = Graph::new(&circle, TreeDirection::Down);
        assert_eq!(graph.beginnings(), [name("a")]);
    }

    #[track_caller]
    fn check_beginnings(packs: &[(&str, &[&str])], expected: &[&str]) {
        let lockfile = lockfile(&[], packs);
        let found = Graph::new(&lockfile, TreeDirection::Up).beginnings();
        assert_eq!(found.iter().map(PackName::as_str).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn upwards_it_begins_where_nothing_else_leads_to() {
        check_beginnings(&[("a", &["x"]), ("x", &["y"]), ("y", &["x"])], &["x"]);
        check_beginnings(&[("a", &["b"]), ("b", &["a", "x"]), ("x", &["y"]), ("y", &["x"])], &["x"]);
        check_beginnings(&[("a", &["b"]), ("b", &["a"]), ("c", &["a"]), ("d", &["e", "c"]), ("e", &["d"])], &["a"]);
        check_beginnings(&[("a", &["a"]), ("b", &[]), ("c", &["d"]), ("d", &["c"]), ("e", &["b"])], &["a", "b", "c"]);
    }

    #[test]
    fn too_many_ways_are_counted() {
        let names: Vec<[String; 2]> = (0..40).map(|level| [format!("l{level}"), format!("r{level}")]).collect();
        let mut packs: Vec<(&str, Vec<&str>)> = vec![("top", vec!["l0", "r0"])];
        for (level, pair) in names.iter().enumerate() {
            let below: Vec<&str> = names.get(level + 1).map_or(vec!["end"], |pair| vec![&pair[0], &pair[1]]);
            packs.extend(pair.iter().map(|name| (name.as_str(), below.clone())));
        }
        packs.push(("end", vec![]));
        let borrowed: Vec<(&str, &[&str])> = packs.iter().map(|(name, needs)| (*name, needs.as_slice())).collect();
        let (ways, left_out) = Ways::new(&lockfile(&["top"], &borrowed), &name("end")).list();
        assert_eq!((ways.len(), left_out), (WAYS_MAX, (1 << 40) - WAYS_MAX as u64));
    }
}
