//! Overrides and constraints that count for nothing: nothing that can be chosen requires their pack.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::manifest::RangeEntry;
use crate::manifest::Wants;
use crate::model::PackName;
use crate::model::nearest;
use crate::ops::universe::Universe;

/// Says of each such line that nothing comes of it, and which pack may have been meant.
pub(super) fn warnings(wants: &Wants, universe: &Universe) -> Vec<String> {
    let all = [("overrides", &wants.overrides), ("constraints", &wants.constraints)];
    let unmet = |table: &'static str, (name, entry)| (!universe.has(name)).then_some((table, name, entry));
    let mut idle: Vec<(&str, &PackName, &RangeEntry)> =
        all.into_iter().flat_map(|(table, pins)| pins.iter().filter_map(move |pin| unmet(table, pin))).collect();
    if idle.is_empty() {
        return Vec::new();
    }
    // What is required and does not exist is an error of its own.
    let required: BTreeSet<&PackName> = universe.required().chain(wants.packages.keys()).collect();
    idle.retain(|(_, name, _)| !required.contains(name));
    idle.sort_by_key(|(_, _, entry)| &entry.at);
    let others: BTreeMap<&str, Vec<PackName>> =
        all.into_iter().map(|(table, pins)| (table, universe.names().filter(|name| !pins.contains_key(*name)).cloned().collect())).collect();
    idle.into_iter().map(|(table, name, entry)| warning((table, name, entry), &others[table])).collect()
}

fn warning((table, name, entry): (&str, &PackName, &RangeEntry), known: &[PackName]) -> String {
    let meant = nearest(name.as_str(), known).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
    format!("{}: {name} = \"{}\" under [{table}] counts for nothing: nothing requires {name}{meant}", entry.at, entry.range)
}
