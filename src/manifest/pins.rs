//! `[overrides]` and `[constraints]`: ranges that the project sets for packs, whoever requires them.

use std::collections::BTreeMap;

use crate::manifest::RangeEntry;
use crate::manifest::fault::Faults;
use crate::manifest::section::Section;
use crate::model::PackName;

/// Reads one of the two tables: a range by the name of its pack.
pub(super) fn read_ranges(root: &Section<'_>, key: &str, faults: &mut Faults<'_>) -> BTreeMap<PackName, RangeEntry> {
    let Some(section) = root.find(key).and_then(|field| field.section(faults)) else { return BTreeMap::new() };
    section.read_map(faults, |_, field, faults| {
        if field.peek_string().is_none() {
            field.refuse_type("a range such as \"^1.2\"", faults);
            return None;
        }
        Some(RangeEntry { range: field.noun(faults)?, at: faults.place(&field.key_span) })
    })
}

#[cfg(test)]
mod tests {
    use crate::manifest::Manifest;

    const HEAD: &str = "[project]\nname = \"shop\"\n";

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told = match Manifest::parse(&format!("{HEAD}{text}"), "packs.toml") {
            Ok(manifest) => {
                let all = manifest.overrides.iter().chain(&manifest.constraints);
                all.map(|(name, entry)| format!("{name} {} {}", entry.range, entry.at)).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.faults.iter().map(|fault| fault.message.clone()).collect::<Vec<_>>().join("; "),
        };
        assert_eq!(told, expected, "{text}");
    }

    #[test]
    fn ranges_by_name() {
        check("[overrides]\ncharting = \"^2\"\n[constraints]\n\"@acme/axes\" = \"<1\"\n", "charting ^2 packs.toml:4; @acme/axes <1 packs.toml:6");
        check("[overrides]\ncharting = { version = \"^2\" }\n", "`overrides.charting` must be a range such as \"^1.2\", found a table");
    }
}
