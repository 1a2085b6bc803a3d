//! Making a store fit a limit. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::gc::mark::Keep;
use crate::gc::mark::Plan;
use crate::gc::measure::Sizes;
use crate::gc::roots::GenerationRoot;
use crate::gc::roots::Roots;
use crate::model::StorePath;

/// Drops kept generations until what is live fits: the oldest first, those that `rollback` would go to last.
///
/// Current and empty generations, those a running command uses, and those of projects that cannot be seen stay, so the store may stay larger than asked.
/// Gives what is live then, in bytes.
pub(super) fn shrink(plan: &mut Plan, roots: &Roots, sizes: &Sizes, bytes_max: u64) -> u64 {
    let mut live = LiveBytes::new(sizes);
    roots.running.iter().for_each(|running| live.add(&running.store_paths));
    roots.generations().filter(|generation| plan.kept.contains_key(&generation.id)).for_each(|generation| live.add(&generation.store_paths));
    for generation in candidates(plan, roots) {
        if live.disk_bytes <= bytes_max {
            break;
        }
        live.remove(&generation.store_paths);
        plan.kept.remove(&generation.id);
        plan.generations.insert(generation.id.clone());
    }
    live.disk_bytes
}

/// Gives the generations that may go, in the order in which they go.
fn candidates<'a>(plan: &Plan, roots: &'a Roots) -> Vec<&'a Arc<GenerationRoot>> {
    let keep = |generation: &GenerationRoot| plan.kept.get(&generation.id).copied();
    let mut found: Vec<_> = roots.generations().filter(|generation| matches!(keep(generation), Some(Keep::Parent | Keep::Newest | Keep::Young))).collect();
    found.sort_by_key(|generation| (keep(generation) == Some(Keep::Parent), generation.created_at, generation.id.clone()));
    found
}

/// What the live paths take together, each inode counted once.
struct LiveBytes<'a> {
    sizes: &'a Sizes,
    /// How often each path is held by a generation or a running command.
    holds: HashMap<Arc<StorePath>, u64>,
    /// How many held paths have a name for each inode.
    names: HashMap<u64, u64>,
    disk_bytes: u64,
}

impl<'a> LiveBytes<'a> {
    fn new(sizes: &'a Sizes) -> Self {
        LiveBytes { sizes, holds: HashMap::new(), names: HashMap::new(), disk_bytes: 0 }
    }

    fn add(&mut self, paths: &[Arc<StorePath>]) {
        for path in paths {
            let holds = self.holds.entry(path.clone()).or_default();
            *holds += 1;
            if *holds > 1 {
                continue;
            }
            for inode in self.sizes.get(path).into_iter().flatten() {
                let names = self.names.entry(inode.number).or_default();
                *names += 1;
                if *names == 1 {
                    self.disk_bytes += inode.disk_bytes;
                }
            }
        }
    }

    fn remove(&mut self, paths: &[Arc<StorePath>]) {
        for path in paths {
            let holds = self.holds.get_mut(path).expect("what is removed was added");
            *holds -= 1;
            if *holds > 0 {
                continue;
            }
            for inode in self.sizes.get(path).into_iter().flatten() {
                let names = self.names.get_mut(&inode.number).expect("what is removed was added");
                *names -= 1;
                if *names == 0 {
                    self.disk_bytes -= inode.disk_bytes;
                }
            }
        }
    }
}
