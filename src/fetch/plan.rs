//! Which of the wanted archives are needed at all, and where they are to come from.

use std::collections::BTreeSet;

use crate::model::Platform;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::StorePath;
use crate::model::TreeDigest;

/// One archive that is wanted in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The release in it.
    pub release: ReleaseId,
    /// The platform it is for.
    pub platform: Platform,
    /// Its file name.
    pub archive: String,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// The tree it unpacks to.
    pub tree: TreeDigest,
}

impl Need {
    /// Gives the store path it unpacks to.
    pub fn store_path(&self) -> StorePath {
        StorePath::new(self.tree, &self.release)
    }
}

/// What was found on this machine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Store paths that are there.
    pub stored: BTreeSet<StorePath>,
    /// Archives that are in the cache.
    pub cached: BTreeSet<Sha256Digest>,
}

/// Where an archive comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From `cache/archives/`; should it turn out to be damaged, from its source.
    Cache,
    /// From its source.
    Source,
}

/// What is to be done for a set of wanted archives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Archives to unpack, the largest first, so that no thread begins it when the others are done; each once.
    pub unpack: Vec<(Need, Origin)>,
    /// Store paths that are there already.
    pub stored: Vec<StorePath>,
}

impl Plan {
    /// Gives the bytes of all archives to unpack.
    pub fn unpack_bytes(&self) -> u64 {
        self.unpack.iter().fold(0, |sum, (need, _)| need.size.saturating_add(sum))
    }

    /// Gives the bytes that must come from sources.
    pub fn fetch_bytes(&self) -> u64 {
        self.unpack.iter().filter(|(_, origin)| *origin == Origin::Source).fold(0, |sum, (need, _)| need.size.saturating_add(sum))
    }
}

/// Plans how the wanted archives get into the store. What is stored needs neither its archive nor its source.
pub fn plan(needs: &[Need], facts: &Facts) -> Plan {
    let mut plan = Plan::default();
    let mut seen = BTreeSet::new();
    for need in needs.iter().filter(|need| seen.insert(need.store_path())) {
        let path = need.store_path();
        if facts.stored.contains(&path) {
            plan.stored.push(path);
        } else {
            let origin = if facts.cached.contains(&need.sha256) { Origin::Cache } else { Origin::Source };
            plan.unpack.push((need.clone(), origin));
        }
    }
    // By name where sizes are equal, so that the plan does not depend on the order of the wants.
    plan.unpack.sort_by(|(one, _), (two, _)| two.size.cmp(&one.size).then_with(|| one.release.cmp(&two.release)));
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PackName;
    use crate::model::Version;

    fn need(number: u8, size: u64) -> Need {
        let release = ReleaseId { name: PackName::parse(&format!("pack-{number}")).expect("valid"), version: Version::parse("1.0.0").expect("valid") };
        let archive = format!("pack-{number}-1.0.0.tar.zst");
        let (sha256, tree) = (Sha256Digest::from_bytes([number; 32]), TreeDigest::from_bytes([number; 32]));
        Need { release, platform: Platform::ANY, archive, size, sha256, tree }
    }

    #[test]
    fn only_what_is_missing_is_unpacked_largest_first() {
        let needs = [need(1, 10), need(2, 30), need(3, 20), need(4, 99), need(2, 30)];
        let facts = Facts { stored: [needs[3].store_path()].into(), cached: [needs[2].sha256].into() };
        let plan = plan(&needs, &facts);
        let unpacked: Vec<_> = plan.unpack.iter().map(|(need, origin)| (need.size, *origin)).collect();
        assert_eq!(unpacked, [(30, Origin::Source), (20, Origin::Cache), (10, Origin::Source)]);
        assert_eq!(plan.stored, [needs[3].store_path()]);
        assert_eq!((plan.unpack_bytes(), plan.fetch_bytes()), (60, 40));
    }

    #[test]
    fn nothing_wanted_is_nothing_to_do() {
        assert_eq!(plan(&[], &Facts::default()), Plan::default());
    }
}
