//! What a generation is to hold: releases and wishes to links and placed files. Pure.

use std::collections::BTreeMap;

use crate::archive::FileEntry;
use crate::archive::PackManifest;
use crate::generation::About;
use crate::generation::Clash;
use crate::generation::Clashes;
use crate::generation::GenerationRecord;
use crate::generation::GenerationRelease;
use crate::generation::Owner;
use crate::generation::PlacedContent;
use crate::generation::PlacedEntry;
use crate::generation::PlacedFile;
use crate::generation::offers::Offer;
use crate::generation::offers::offers_of;
use crate::generation::offers::unknown_renames;
use crate::manifest::PlaceMode;
use crate::model::CommandName;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::ReleaseId;
use crate::model::StorePath;
use crate::model::TreePath;
use crate::model::fold_name;

/// The way from `projects/<id>/<env>/generations/<n>/packs/` to the home.
const HOME_FROM_PACKS: &str = "../../../../../..";

/// Everything an environment is to link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The environment.
    pub environment: EnvironmentName,
    /// The releases; no pack twice.
    pub releases: Vec<WantedRelease>,
    /// `[place]` of packs.toml.
    pub place: Vec<PlaceWish>,
}

/// One release that is to be linked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedRelease {
    /// The release.
    pub id: ReleaseId,
    /// Its tree in the store.
    pub store_path: StorePath,
    /// What its files take when unpacked, in bytes.
    pub unpacked_bytes: u64,
    /// Its MANIFEST.json.
    pub manifest: PackManifest,
    /// Who wins where two offer the same name: the higher one; 0 unless packs.toml says otherwise.
    pub priority: i64,
    /// Commands that get another name in `bin/`.
    pub rename: BTreeMap<CommandName, CommandName>,
}

/// One line of `[place]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceWish {
    /// Where in the project.
    pub target: TreePath,
    /// Whose files.
    pub pack: PackName,
    /// As a link or as copies.
    pub mode: PlaceMode,
}

/// What a generation is to hold; with [`About`] it becomes a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkPlan {
    /// The environment.
    pub environment: EnvironmentName,
    /// The releases, by name.
    pub releases: Vec<GenerationRelease>,
    /// Path within the generation to the text of the link.
    pub links: BTreeMap<TreePath, String>,
    /// What is placed in the project while this generation is active, by target.
    pub place: Vec<PlacedEntry>,
    /// Wishes for packs that this environment does not link.
    pub not_placed: Vec<PlaceWish>,
}

/// Plans what a generation holds, or tells every clash at once.
///
/// A command is renamed first; of several who offer the same name (as a file system without case sees it) the one with the highest priority wins.
pub fn plan(wanted: &Wanted) -> Result<LinkPlan, Clashes> {
    let mut releases: Vec<&WantedRelease> = wanted.releases.iter().collect();
    releases.sort_by(|a, b| a.id.name.cmp(&b.id.name));
    let (winners, all) = choose_owners(&releases);
    let unknown_renames: Vec<_> = releases.iter().flat_map(|release| unknown_renames(release)).collect();
    if !all.is_empty() || !unknown_renames.is_empty() {
        return Err(Clashes { all, unknown_renames });
    }
    let mut links: BTreeMap<TreePath, String> = releases.iter().map(|release| pack_link(release)).collect();
    links.extend(winners.into_iter().map(|(release, offer)| shared_link(release, offer)));
    let (place, not_placed) = place_all(&wanted.place, &releases);
    let releases = releases.iter().map(|release| recorded(release)).collect();
    Ok(LinkPlan { environment: wanted.environment.clone(), releases, links, place, not_placed })
}

impl LinkPlan {
    /// Makes the record of the generation that holds this.
    pub fn into_record(self, about: About) -> GenerationRecord {
        let empty = GenerationRecord::empty(self.environment, about);
        GenerationRecord { releases: self.releases, links: self.links, place: self.place, ..empty }
    }
}

/// Finds for each offered name the one who gets it; names that several claim with the same priority are clashes.
fn choose_owners<'w>(releases: &[&'w WantedRelease]) -> (Vec<(&'w WantedRelease, Offer)>, Vec<Clash>) {
    let mut claims: BTreeMap<String, Vec<(&WantedRelease, Offer)>> = BTreeMap::new();
    for release in releases {
        for offer in offers_of(release) {
            claims.entry(fold_name(offer.name.as_str())).or_default().push((release, offer));
        }
    }
    let (mut winners, mut clashes) = (Vec::new(), Vec::new());
    for mut claimed in claims.into_values() {
        let highest = claimed.iter().map(|(release, _)| release.priority).max();
        claimed.retain(|(release, _)| Some(release.priority) == highest);
        match claimed.len() {
            1 => winners.append(&mut claimed),
            _ => clashes.push(clash_of(&claimed)),
        }
    }
    clashes.sort();
    (winners, clashes)
}

fn clash_of(claimed: &[(&WantedRelease, Offer)]) -> Clash {
    let owner = |(release, offer): &(&WantedRelease, Offer)| Owner {
        pack: release.id.name.clone(),
        path: offer.path.clone(),
        command: offer.command.clone(),
        offered_as: offer.name.clone(),
        priority: release.priority,
    };
    Clash { path: claimed[0].1.name.clone(), owners: claimed.iter().map(owner).collect() }
}

fn pack_link(release: &WantedRelease) -> (TreePath, String) {
    let component = release.id.name.component();
    let path = TreePath::parse(&format!("packs/{component}")).expect("a pack's component is one valid component");
    (path, format!("{HOME_FROM_PACKS}/store/{}/{component}", release.store_path))
}

/// Links through the generation's own `packs/`, so that only the links there name the store.
fn shared_link(release: &WantedRelease, offer: Offer) -> (TreePath, String) {
    let up = "../".repeat(offer.name.components().count() - 1);
    let text = format!("{up}packs/{}/{}", release.id.name.component(), offer.path);
    (offer.name, text)
}

fn place_all(wishes: &[PlaceWish], releases: &[&WantedRelease]) -> (Vec<PlacedEntry>, Vec<PlaceWish>) {
    let (mut placed, mut not_placed) = (Vec::new(), Vec::new());
    for wish in wishes {
        match releases.iter().find(|release| release.id.name == wish.pack) {
            Some(release) => placed.push(place_one(wish, release)),
            None => not_placed.push(wish.clone()),
        }
    }
    placed.sort_by(|a: &PlacedEntry, b| a.target.cmp(&b.target));
    (placed, not_placed)
}

fn place_one(wish: &PlaceWish, release: &WantedRelease) -> PlacedEntry {
    let files = match wish.mode {
        PlaceMode::Link => Vec::new(),
        PlaceMode::Copy => release.manifest.files.iter().filter_map(placed_file).collect(),
    };
    PlacedEntry { target: wish.target.clone(), pack: wish.pack.clone(), mode: wish.mode, files }
}

/// Gives what is copied of an entry: files and links; a directory comes with its files, an empty one is left out as git would.
fn placed_file(entry: &FileEntry) -> Option<PlacedFile> {
    let content = match entry {
        FileEntry::File { blake3, .. } => PlacedContent::File { blake3: *blake3 },
        FileEntry::Executable { blake3, .. } => PlacedContent::Executable { blake3: *blake3 },
        FileEntry::Symlink { target, .. } => PlacedContent::Symlink { target: target.clone() },
        FileEntry::Directory { .. } => return None,
    };
    Some(PlacedFile { path: entry.path().clone(), content })
}

fn recorded(release: &WantedRelease) -> GenerationRelease {
    GenerationRelease {
        name: release.id.name.clone(),
        version: release.id.version.clone(),
        store_path: release.store_path.clone(),
        unpacked_bytes: release.unpacked_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Blake3Digest;
    use crate::model::TreeDigest;
    use crate::model::Version;

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).expect("a valid path")
    }

    fn command(text: &str) -> CommandName {
        CommandName::parse(text).expect("a valid command")
    }

    fn release(name: &str, commands: &[&str], shared: &[&str]) -> WantedRelease {
        let id = ReleaseId { name: PackName::parse(name).expect("valid"), version: Version::parse("1.0.0").expect("valid") };
        let executable = |name: &&str| FileEntry::Executable { path: path(&format!("bin/{name}")), size: 1, blake3: Blake3Digest::from_bytes([1; 32]) };
        let file = |name: &&str| FileEntry::File { path: path(name), size: 1, blake3: Blake3Digest::from_bytes([2; 32]) };
        let files = commands.iter().map(executable).chain(shared.iter().map(file)).collect();
        let mut manifest = PackManifest::new(id.name.clone(), id.version.clone(), name.to_owned(), jiff::Timestamp::UNIX_EPOCH, files);
        manifest.bin = commands.iter().map(|name| (command(name), path(&format!("bin/{name}")))).collect();
        let store_path = StorePath::new(TreeDigest::from_bytes([0; 32]), &id);
        WantedRelease { id, store_path, unpacked_bytes: 1, manifest, priority: 0, rename: BTreeMap::new() }
    }

    fn plan_of(releases: Vec<WantedRelease>) -> Result<LinkPlan, Clashes> {
        plan(&Wanted { environment: EnvironmentName::default_environment(), releases, place: Vec::new() })
    }

    fn link(plan: &LinkPlan, at: &str) -> Option<String> {
        plan.links.get(&path(at)).cloned()
    }

    #[track_caller]
    fn check_clashes(releases: Vec<WantedRelease>, expected: &[&str]) {
        let clashes = plan_of(releases).expect_err("clashes");
        assert_eq!(clashes.all.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn links_lead_through_packs_into_the_store() {
        let plan = plan_of(vec![release("@acme/kanban", &["kanban"], &["share/man/man1/kanban.1.gz", "docs/x"])]).expect("no clash");
        let store = format!("../../../../../../store/{}-@acme+kanban-1.0.0/@acme+kanban", "a".repeat(52));
        assert_eq!(link(&plan, "packs/@acme+kanban"), Some(store));
        assert_eq!(link(&plan, "bin/kanban"), Some("../packs/@acme+kanban/bin/kanban".into()));
        assert_eq!(link(&plan, "share/man/man1/kanban.1.gz"), Some("../../../packs/@acme+kanban/share/man/man1/kanban.1.gz".into()));
        assert_eq!(plan.links.len(), 3);
    }

    #[test]
    fn all_clashes_are_told_at_once() {
        let page = "share/man/man1/x.1";
        let releases = vec![release("b", &["x", "y"], &[page]), release("a", &["x"], &[page]), release("c", &["Y"], &[])];
        check_clashes(
            releases,
            &[
                "bin/x is offered by a (bin/x) and b (bin/x)",
                "bin/y is offered by b (bin/y) and c (bin/Y)",
                "share/man/man1/x.1 is offered by a (share/man/man1/x.1) and b (share/man/man1/x.1)",
            ],
        );
    }

    #[test]
    fn the_higher_priority_wins() {
        let preferred = WantedRelease { priority: 5, ..release("b", &["x"], &[]) };
        let plan = plan_of(vec![release("a", &["x"], &[]), preferred.clone(), release("c", &["X"], &[])]).expect("b wins");
        assert_eq!((link(&plan, "bin/x"), link(&plan, "bin/X")), (Some("../packs/b/bin/x".into()), None));
        check_clashes(
            vec![preferred, WantedRelease { priority: 5, ..release("a", &["x"], &[]) }, release("c", &["x"], &[])],
            &["bin/x is offered by a (bin/x) and b (bin/x)"],
        );
    }

    #[test]
    fn renames_come_first() {
        let renamed = |from, to| WantedRelease { rename: BTreeMap::from([(command(from), command(to))]), ..release("b", &["x", "y"], &[]) };
        let plan = plan_of(vec![release("a", &["x"], &[]), renamed("x", "bx")]).expect("no clash");
        assert_eq!(link(&plan, "bin/bx"), Some("../packs/b/bin/x".into()));
        assert_eq!(link(&plan, "bin/x"), Some("../packs/a/bin/x".into()));
        check_clashes(vec![renamed("x", "y")], &["bin/y is offered by b (bin/x) and b (bin/y)"]);
        let unknown = plan_of(vec![renamed("z", "zz")]).expect_err("unknown").unknown_renames;
        assert_eq!(unknown.iter().map(ToString::to_string).collect::<Vec<_>>(), ["b has no command `z` that could be renamed; it has x, y"]);
    }

    #[test]
    fn wishes_for_packs_that_are_not_linked_are_told() {
        let wish = |target: &str, pack: &str, mode| PlaceWish { target: path(target), pack: PackName::parse(pack).expect("valid"), mode };
        let place = vec![wish("z", "a", PlaceMode::Link), wish("b", "other", PlaceMode::Link), wish("c", "a", PlaceMode::Copy)];
        let wanted = Wanted { environment: EnvironmentName::default_environment(), releases: vec![release("a", &["x"], &["d"])], place: place.clone() };
        let plan = plan(&wanted).expect("no clash");
        assert_eq!(plan.not_placed, vec![place[1].clone()]);
        let placed: Vec<_> = plan.place.iter().map(|entry| (entry.target.as_str(), entry.files.len())).collect();
        assert_eq!(placed, [("c", 2), ("z", 0)]);
    }
}
