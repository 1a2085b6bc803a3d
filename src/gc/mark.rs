//! Which generations are kept, which store paths they keep, and what is dead. Pure.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::gc::Retention;
use crate::gc::fit::shrink;
use crate::gc::measure::Sizes;
use crate::gc::roots::EnvironmentRoots;
use crate::gc::roots::GenerationId;
use crate::gc::roots::GenerationRoot;
use crate::gc::roots::Presence;
use crate::gc::roots::ProjectRoots;
use crate::gc::roots::Roots;
use crate::model::ProjectId;
use crate::model::StorePath;

/// Why a generation is kept; the first that holds, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// It is current.
    Current,
    /// A running command uses it.
    Running,
    /// It is the empty generation, from which the environment began.
    Empty,
    /// Its project is being changed by another command.
    Busy,
    /// Its project is on a file system that is not mounted, or that cannot be read.
    Unreachable,
    /// Its project is gone, and nobody asked to forget such projects.
    ProjectMissing,
    /// The current one came from it: `rollback` goes there.
    Parent,
    /// It is one of the newest.
    Newest,
    /// It is younger than the age from which on generations go.
    Young,
}

/// Why a store path is live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A kept generation has it.
    Generation {
        /// The generation.
        id: Arc<GenerationId>,
        /// Why it is kept.
        keep: Keep,
    },
    /// A running command uses it.
    Running {
        /// Who it is, for people.
        holder: Arc<str>,
    },
}

/// What a collection removes, and what keeps the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Projects that are forgotten with all they have.
    pub projects: BTreeSet<ProjectId>,
    /// Generations that are dropped, those of forgotten projects included.
    pub generations: BTreeSet<Arc<GenerationId>>,
    /// Generations that are kept.
    pub kept: BTreeMap<Arc<GenerationId>, Keep>,
    /// Stored paths that nothing reaches.
    pub dead: BTreeSet<StorePath>,
    /// Paths that something reaches, stored or not, and what does.
    pub live: BTreeMap<Arc<StorePath>, Vec<Why>>,
    /// What the live paths take on the disk, in bytes; known only where a limit on it was asked for.
    pub live_bytes: Option<u64>,
}

/// What a mark decides by.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The age of generations is counted to this moment.
    pub now: Timestamp,
    /// What is kept.
    pub retention: &'a Retention,
    /// What each stored path takes; only a limit on the store's size needs it.
    pub sizes: &'a Sizes,
    /// Projects that another command is changing: they keep everything.
    pub busy: &'a BTreeSet<ProjectId>,
}

/// Decides what is removed, by nothing but its arguments.
pub fn mark(roots: &Roots, stored: &BTreeSet<StorePath>, rules: &Rules<'_>) -> Plan {
    let running: HashSet<&GenerationId> = roots.running.iter().flat_map(|running| &running.generations).collect();
    let mut plan = Plan::default();
    for project in &roots.projects {
        mark_project(&mut plan, project, &running, rules);
    }
    plan.live_bytes = rules.retention.max_bytes.map(|bytes_max| shrink(&mut plan, roots, rules.sizes, bytes_max));
    plan.live = reach(&plan.kept, roots);
    plan.dead = stored.iter().filter(|path| !plan.live.contains_key(*path)).cloned().collect();
    plan
}

fn mark_project(plan: &mut Plan, project: &ProjectRoots, running: &HashSet<&GenerationId>, rules: &Rules<'_>) {
    let is_busy = rules.busy.contains(&project.id);
    let is_used = is_busy || project.generations().any(|generation| running.contains(&*generation.id));
    if project.presence == Presence::Missing && rules.retention.missing_projects && !is_used {
        plan.projects.insert(project.id.clone());
        plan.generations.extend(project.generations().map(|generation| generation.id.clone()));
        return;
    }
    for environment in &project.environments {
        let newest = newest_numbers(environment, rules.retention.keep);
        for generation in &environment.generations {
            let id = generation.id.clone();
            let is_running = || running.contains(&*id).then_some(Keep::Running);
            let keep = keep_always(environment, generation).or_else(is_running).or(is_busy.then_some(Keep::Busy)).or_else(|| keep_absent(project.presence));
            match keep.or_else(|| keep_by_retention(environment, generation, &newest, rules)) {
                Some(keep) => _ = plan.kept.insert(id, keep),
                None => _ = plan.generations.insert(id),
            }
        }
    }
}

fn keep_always(environment: &EnvironmentRoots, generation: &GenerationRoot) -> Option<Keep> {
    match generation.id.number {
        number if environment.current == Some(number) => Some(Keep::Current),
        0 => Some(Keep::Empty),
        _ => None,
    }
}

/// What is said of a project that cannot be seen is kept whole: its owner may be about to come back.
fn keep_absent(presence: Presence) -> Option<Keep> {
    match presence {
        Presence::Present => None,
        Presence::Missing => Some(Keep::ProjectMissing),
        Presence::Unreachable => Some(Keep::Unreachable),
    }
}

fn keep_by_retention(environment: &EnvironmentRoots, generation: &GenerationRoot, newest: &HashSet<u64>, rules: &Rules<'_>) -> Option<Keep> {
    let number = generation.id.number;
    // A clock that was ahead made generations of the future: they are young.
    let age = rules.now.duration_since(generation.created_at);
    if environment.parent_of_current() == Some(number) {
        Some(Keep::Parent)
    } else if newest.contains(&number) {
        Some(Keep::Newest)
    } else {
        (age < rules.retention.younger_than).then_some(Keep::Young)
    }
}

/// Gives the highest numbers; generation 0 is kept anyway and does not count among them.
fn newest_numbers(environment: &EnvironmentRoots, count: usize) -> HashSet<u64> {
    let mut numbers: Vec<u64> = environment.generations.iter().map(|generation| generation.id.number).filter(|number| *number > 0).collect();
    numbers.sort_unstable();
    numbers.into_iter().rev().take(count).collect()
}

fn reach(kept: &BTreeMap<Arc<GenerationId>, Keep>, roots: &Roots) -> BTreeMap<Arc<StorePath>, Vec<Why>> {
    let mut live: BTreeMap<Arc<StorePath>, Vec<Why>> = BTreeMap::new();
    for generation in roots.generations() {
        let Some(keep) = kept.get(&generation.id) else { continue };
        for path in &generation.store_paths {
            live.entry(path.clone()).or_default().push(Why::Generation { id: generation.id.clone(), keep: *keep });
        }
    }
    for running in &roots.running {
        for path in &running.store_paths {
            live.entry(path.clone()).or_default().push(Why::Running { holder: running.holder.clone() });
        }
    }
    live
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gc::measure::Inode;
    use crate::gc::roots::RunningRoots;
    use crate::model::EnvironmentName;
    use crate::model::TreeDigest;
    use jiff::SignedDuration;
    use jiff::ToSpan as _;

    const NOW: &str = "2026-11-20T12:00:00Z";

    fn project_id() -> ProjectId {
        ProjectId::parse("shop-r1").expect("valid")
    }

    fn id(number: u64) -> GenerationId {
        GenerationId { project: project_id(), environment: EnvironmentName::parse("dev").expect("valid"), number }
    }

    /// The store path of release `number`.
    fn path(number: u8) -> StorePath {
        StorePath::parse(&format!("{}-kanban-1.0.0", TreeDigest::from_bytes([number; 32]))).expect("valid")
    }

    /// A generation that has the store path of its own number, and is `days` old.
    fn generation(number: u8, days: i64) -> Arc<GenerationRoot> {
        let created_at = NOW.parse::<Timestamp>().expect("a time").checked_sub((24 * days).hours()).expect("a time");
        let parent = number.checked_sub(1).map(u64::from);
        let store_paths = if number == 0 { vec![] } else { vec![Arc::new(path(number))] };
        Arc::new(GenerationRoot { id: Arc::new(id(u64::from(number))), parent, created_at, store_paths })
    }

    /// A project with generations 0 to 5, one made every ten days; 5 is the newest.
    fn roots(current: u64) -> Roots {
        let generations = (0..=5).map(|number| generation(number, 50 - 10 * i64::from(number))).collect();
        let environment = EnvironmentRoots { name: id(0).environment, current: Some(current), generations };
        let project =
            ProjectRoots { id: project_id(), name: "Shop".into(), path: "/srv/shop".into(), presence: Presence::Present, environments: vec![environment] };
        Roots { projects: vec![project], running: vec![], stale: vec![] }
    }

    fn retention(keep: usize, days: i64) -> Retention {
        Retention { keep, younger_than: SignedDuration::from_hours(24 * days), ..Retention::default() }
    }

    fn marked(roots: &Roots, retention: &Retention, busy: &BTreeSet<ProjectId>) -> Plan {
        let stored: BTreeSet<StorePath> = (1..=6).map(path).collect();
        // Each path takes 100 bytes that it shares with none, and 1,000 that it shares with all.
        let inode = |number, disk_bytes| Inode { number, links: 1, disk_bytes };
        let sizes: Sizes = (1..=6).map(|number| (path(number), vec![inode(u64::from(number), 100), inode(99, 1000)])).collect();
        mark(roots, &stored, &Rules { now: NOW.parse().expect("a time"), retention, sizes: &sizes, busy })
    }

    #[track_caller]
    fn check_with(roots: &Roots, retention: &Retention, kept: &[(u64, Keep)]) -> Plan {
        let plan = marked(roots, retention, &BTreeSet::new());
        let found: Vec<(u64, Keep)> = plan.kept.iter().map(|(id, keep)| (id.number, *keep)).collect();
        assert_eq!(found, kept);
        let dead: Vec<StorePath> =
            (1..=6).filter(|number| kept.iter().all(|(kept, _)| kept != number)).map(|number| path(u8::try_from(number).expect("small"))).collect();
        assert_eq!(plan.dead.iter().cloned().collect::<BTreeSet<_>>(), dead.into_iter().collect());
        plan
    }

    #[test]
    fn current_parent_and_the_empty_one_stay() {
        check_with(&roots(5), &retention(0, 0), &[(0, Keep::Empty), (4, Keep::Parent), (5, Keep::Current)]);
        check_with(&roots(2), &retention(0, 0), &[(0, Keep::Empty), (1, Keep::Parent), (2, Keep::Current)]);
        check_with(&roots(0), &retention(0, 0), &[(0, Keep::Current)]);
    }

    #[test]
    fn the_newest_and_the_young_stay() {
        check_with(&roots(1), &retention(2, 0), &[(0, Keep::Empty), (1, Keep::Current), (4, Keep::Newest), (5, Keep::Newest)]);
        check_with(&roots(1), &retention(0, 11), &[(0, Keep::Empty), (1, Keep::Current), (4, Keep::Young), (5, Keep::Young)]);
        // Exactly as old as the limit is no longer younger.
        check_with(&roots(1), &retention(0, 10), &[(0, Keep::Empty), (1, Keep::Current), (5, Keep::Young)]);
    }

    #[test]
    fn an_environment_without_current_keeps_by_retention_only() {
        let mut roots = roots(0);
        roots.projects[0].environments[0].current = None;
        check_with(&roots, &retention(1, 0), &[(0, Keep::Empty), (5, Keep::Newest)]);
    }

    #[test]
    fn what_runs_stays() {
        let mut roots = roots(5);
        roots.running = vec![RunningRoots { holder: "pid 1".into(), store_paths: vec![Arc::new(path(6))], generations: vec![id(2)] }];
        let plan = marked(&roots, &retention(0, 0), &BTreeSet::new());
        assert_eq!(plan.kept.get(&id(2)), Some(&Keep::Running));
        assert_eq!(plan.dead, BTreeSet::from([path(1), path(3)]));
        assert_eq!(plan.live[&path(6)], [Why::Running { holder: "pid 1".into() }]);
    }

    #[test]
    fn projects_out_of_sight_keep_everything() {
        for (presence, keep) in [(Presence::Missing, Keep::ProjectMissing), (Presence::Unreachable, Keep::Unreachable)] {
            let mut roots = roots(5);
            roots.projects[0].presence = presence;
            let kept = [(0, Keep::Empty), (1, keep), (2, keep), (3, keep), (4, keep), (5, Keep::Current)];
            check_with(&roots, &Retention { max_bytes: Some(0), ..retention(0, 0) }, &kept);
        }
    }

    #[test]
    fn missing_projects_are_forgotten_when_asked() {
        let asked = Retention { missing_projects: true, ..retention(10, 100) };
        let mut roots = roots(5);
        assert!(marked(&roots, &asked, &BTreeSet::new()).projects.is_empty(), "it is present");
        roots.projects[0].presence = Presence::Unreachable;
        assert!(marked(&roots, &asked, &BTreeSet::new()).projects.is_empty(), "it may come back");
        roots.projects[0].presence = Presence::Missing;
        let plan = check_with(&roots, &asked, &[]);
        assert_eq!((plan.projects.len(), plan.generations.len()), (1, 6));
        roots.running = vec![RunningRoots { holder: "pid 1".into(), store_paths: vec![], generations: vec![id(2)] }];
        assert!(marked(&roots, &asked, &BTreeSet::new()).projects.is_empty(), "somebody works in it");
    }

    #[test]
    fn a_busy_project_keeps_everything() {
        let plan = marked(&roots(5), &retention(0, 0), &BTreeSet::from([project_id()]));
        assert_eq!((plan.generations.len(), plan.kept[&id(1)]), (0, Keep::Busy));
    }

    #[track_caller]
    fn check_size(bytes_max: u64, kept: &[u64], live_bytes: u64) {
        let plan = marked(&roots(3), &Retention { max_bytes: Some(bytes_max), ..retention(10, 0) }, &BTreeSet::new());
        assert_eq!(plan.kept.keys().map(|id| id.number).collect::<Vec<_>>(), kept, "at most {bytes_max}");
        assert_eq!(plan.live_bytes, Some(live_bytes));
    }

    #[test]
    fn the_oldest_yield_to_a_limit() {
        check_size(1500, &[0, 1, 2, 3, 4, 5], 1500);
        check_size(1499, &[0, 2, 3, 4, 5], 1400);
        // The parent of the current one goes last, though it is older.
        check_size(1300, &[0, 2, 3, 5], 1300);
        check_size(1200, &[0, 2, 3], 1200);
        check_size(1100, &[0, 3], 1100);
        check_size(0, &[0, 3], 1100);
    }
}
