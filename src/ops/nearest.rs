//! The nearest name to one that is not there.

use crate::model::PackName;
use crate::registry::Names;

/// Finds the known pack that a mistyped name most likely means: at most a third of its letters differ.
pub fn nearest(name: &PackName, known: &[PackName]) -> Option<PackName> {
    let distance_max = (name.as_str().chars().count() / 3).max(1);
    let ranked = known.iter().map(|other| (strsim::osa_distance(name.as_str(), other.as_str()), other));
    ranked.filter(|(distance, _)| *distance <= distance_max).min().map(|(_, other)| other.clone())
}

/// Finds the pack in registries' lists that a mistyped name most likely means; a list that cannot be had is passed over.
pub(super) fn nearest_listed(name: &PackName, lists: impl IntoIterator<Item = Option<Names>>) -> Option<PackName> {
    let known: Vec<PackName> = lists.into_iter().flatten().flat_map(|names| names.packs).map(|pack| pack.name).collect();
    // A list may still have the name itself, whose document is gone.
    nearest(name, &known.into_iter().filter(|other| other != name).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_a_third_of_the_letters() {
        let known = ["kanban", "workflow"].map(|name| PackName::parse(name).expect("valid"));
        let find = |text: &str| nearest(&PackName::parse(text).expect("valid"), &known).map(|name| name.to_string());
        assert_eq!(find("kanbna").as_deref(), Some("kanban"));
        assert_eq!(find("reports"), None);
    }
}
