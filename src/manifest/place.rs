//! `[place]`: where a pack's files go in the project, and which targets contradict each other.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::manifest::PlaceEntry;
use crate::manifest::PlaceMode;
use crate::manifest::fault::Faults;
use crate::manifest::fault::quoted;
use crate::manifest::parse::Declared;
use crate::manifest::section::Field;
use crate::manifest::section::Section;
use crate::model::PackName;
use crate::model::TreePath;
use crate::model::fold_name;

/// Reads all entries, sorted by target.
pub(super) fn read_places(root: &Section<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Vec<PlaceEntry> {
    let Some(section) = root.find("place").and_then(|field| field.section(faults)) else { return Vec::new() };
    let mut spans = BTreeMap::new();
    let places = section.read_map(faults, |target: &TreePath, field, faults| {
        refuse_reserved(target, field, faults);
        spans.insert(target.clone(), field.key_span.clone());
        read_place(target, field, declared, faults)
    });
    refuse_nesting(&spans, faults);
    places.into_values().collect()
}

fn read_place(target: &TreePath, field: &Field<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<PlaceEntry> {
    let section = field.section(faults)?;
    section.refuse_unknown(&["pack", "mode"], faults);
    let mode = section.find("mode").map_or(Some(PlaceMode::Link), |field| read_mode(&field, faults));
    let Some(pack) = section.find("pack") else {
        faults.add_missing(section.span.clone(), format!("`pack` is missing in {}", section.name()), "no `pack`");
        return None;
    };
    let pack = read_pack(&pack, declared, faults)?;
    Some(PlaceEntry { target: target.clone(), pack, mode: mode?, at: faults.place(&field.key_span) })
}

fn read_mode(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<PlaceMode> {
    match field.string(faults)? {
        "link" => Some(PlaceMode::Link),
        "copy" => Some(PlaceMode::Copy),
        other => {
            faults.add_unknown(field.span.clone(), format!("unknown mode {}, expected link or copy", quoted(other)), other, ["link", "copy"]);
            None
        }
    }
}

fn read_pack(field: &Field<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<PackName> {
    let pack: PackName = field.noun(faults)?;
    if !declared.packs.contains(pack.as_str()) && !faults.is_recovering() {
        let message = format!("no environment requires the pack `{pack}` that [place] names");
        faults.add_unknown(field.span.clone(), message, pack.as_str(), declared.packs.iter().copied());
        return None;
    }
    Some(pack)
}

/// Refuses targets in the directories and files that belong to packs and git themselves.
fn refuse_reserved(target: &TreePath, field: &Field<'_>, faults: &mut Faults<'_>) {
    let folded = fold_name(target.as_str());
    let first = folded.split('/').next().unwrap_or_default();
    let parts: Vec<&str> = first.split('.').collect();
    if matches!(parts.as_slice(), ["", "packs" | "git"] | ["packs", "toml"] | ["packs", .., "lock"]) {
        faults.add(field.key_span.clone(), format!("nothing can be placed at {}, which is not for packs' files", quoted(target.as_str())), "reserved");
    }
}

/// Refuses a target within another, or equal to it on a file system that ignores case.
fn refuse_nesting(spans: &BTreeMap<TreePath, Range<usize>>, faults: &mut Faults<'_>) {
    let mut targets: Vec<(Vec<String>, &TreePath, &Range<usize>)> =
        spans.iter().map(|(target, span)| (fold_name(target.as_str()).split('/').map(str::to_owned).collect(), target, span)).collect();
    targets.sort_by(|a, b| a.0.cmp(&b.0));
    // Sorted by components, everything within a directory follows it directly.
    let mut outer: Option<&(Vec<String>, &TreePath, &Range<usize>)> = None;
    for inner in &targets {
        match outer.filter(|outer| inner.0.starts_with(&outer.0)) {
            Some(outer) => {
                let relation = if inner.0 == outer.0 { "is the same as" } else { "lies within" };
                let (inner_path, outer_path) = (quoted(inner.1.as_str()), quoted(outer.1.as_str()));
                let line = faults.place(outer.2).line;
                faults.add(
                    inner.2.clone(),
                    format!("the target {inner_path} {relation} the target {outer_path} of line {line}"),
                    format!("{relation} {outer_path}"),
                );
            }
            None => outer = Some(inner),
        }
    }
}
