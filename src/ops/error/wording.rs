//! The parts of messages that depend on how much there is to say.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::lock::Staleness;
use crate::model::PackName;
use crate::ops::Planned;

/// Words which indexes are needed, registry by registry.
pub(super) fn indexes_offline(missing: &BTreeMap<String, BTreeSet<PackName>>) -> String {
    let of_one = |(registry, names): (&String, &BTreeSet<PackName>)| {
        let names: Vec<&PackName> = names.iter().collect();
        let (noun, verb) = if names.len() == 1 { ("index", "is") } else { ("indexes", "are") };
        format!("the registry {registry} is offline, and the {noun} of {} {verb} needed", listed(&names))
    };
    missing.iter().map(of_one).collect::<Vec<_>>().join("; ")
}

/// Counts archives.
pub(super) fn archives(count: usize) -> String {
    if count == 1 { "1 archive".to_owned() } else { format!("{count} archives") }
}

/// Words how many fixes there are in the place of the one asked for.
pub(super) fn fixes(found: usize) -> String {
    match found {
        0 => "no edit of up to three changes was found that helps".to_owned(),
        1 => "only 1 was found".to_owned(),
        found => format!("only {found} were found"),
    }
}

/// Words why a lockfile must not be written; without reasons it is fresh, and something newer was asked for.
pub(super) fn stale(file: &str, reasons: &[Staleness]) -> String {
    if reasons.is_empty() {
        return format!("{file} is fresh and must not be written (--locked): nothing can be updated");
    }
    format!("{file} is stale and must not be written (--locked): {}", reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Joins names for a sentence: `dev, staging and prod`.
pub(super) fn listed<T: ToString>(names: &[T]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Says what packs.toml was to have beside what it has.
pub(super) fn with_planned(planned: Option<&Planned>) -> String {
    match planned {
        None => String::new(),
        Some(Planned::Asked) => " with what is asked for, which is not written".to_owned(),
        Some(Planned::Fix { environment, number }) => format!(" with fix {number} of environment {environment}, which was not made"),
    }
}
