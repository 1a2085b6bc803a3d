//! One entry of `[packages]`: `kanban = "^2.0"` or `reports = { version = ">=1.2, <3", registry = "internal" }`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::manifest::PackageEntry;
use crate::manifest::fault::Faults;
use crate::manifest::fault::quoted;
use crate::manifest::parse::Declared;
use crate::manifest::section::Field;
use crate::manifest::section::Section;
use crate::manifest::section::parse_noun;
use crate::model::CommandName;
use crate::model::ExtraName;
use crate::model::PackName;
use crate::model::Range;
use crate::model::RegistryName;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::model::Tier;

/// The keys of an entry that is a table.
const KEYS: [&str; 8] = ["version", "registry", "with", "tier", "path", "github", "priority", "rename"];

/// The keys that say where a pack comes from, of which an entry has at most one; the first one found counts.
const SOURCES: [&str; 3] = ["path", "github", "registry"];

/// Reads the entry of a pack.
pub(super) fn read_package(name: &PackName, field: &Field<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<PackageEntry> {
    let at = faults.place(&field.key_span);
    if field.peek_string().is_some() {
        let range = field.noun(faults)?;
        let source = RequirementSource::Registry(None);
        let requirement = Requirement { name: name.clone(), range, source, extras: BTreeSet::new(), tier: Tier::default() };
        return Some(PackageEntry { requirement, priority: 0, rename: BTreeMap::new(), at });
    }
    let Some(section) = field.peek_section() else {
        field.refuse_type("a range such as \"^1.2\", or a table", faults);
        return None;
    };
    section.refuse_unknown(&KEYS, faults);
    let source = read_source(&section, declared, faults);
    let range = read_range(&section, faults);
    let extras = section.find("with").map_or_else(BTreeSet::new, |field| read_extras(&field, faults));
    let tier = section.find("tier").map_or(Some(Tier::default()), |field| read_tier(&field, faults));
    let priority = section.find("priority").map_or(Some(0), |field| field.integer(&(i64::MIN..=i64::MAX), faults));
    let rename = section.find("rename").map_or_else(BTreeMap::new, |field| read_rename(&field, faults));
    let requirement = Requirement { name: name.clone(), range: range?, source: source?, extras, tier: tier? };
    Some(PackageEntry { requirement, priority: priority?, rename, at })
}

fn read_range(section: &Section<'_>, faults: &mut Faults<'_>) -> Option<Range> {
    match section.find("version") {
        Some(field) => field.noun(faults),
        None if section.find("path").is_some() => Some(Range::any()),
        None => {
            faults.add_missing(section.span.clone(), format!("{} has neither `version` nor `path`", section.name()), "no `version`");
            None
        }
    }
}

fn read_source(section: &Section<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<RequirementSource> {
    let mut found = SOURCES.iter().filter_map(|key| section.find(key));
    let Some(source) = found.next() else { return Some(RequirementSource::Registry(None)) };
    for other in found {
        let message = format!("{} has both `{}` and `{}`; a pack comes from one place", section.name(), source.key, other.key);
        faults.add(other.key_span.start..other.span.end.max(other.key_span.end), message, format!("contradicts `{}`", source.key));
    }
    match source.key {
        "path" => read_path(&source, faults),
        "github" => source.noun(faults).map(RequirementSource::GitHub),
        _ => read_registry_name(&source, declared, faults),
    }
}

fn read_path(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<RequirementSource> {
    let path = field.string(faults)?;
    if path.is_empty() || path.chars().any(char::is_control) {
        faults.add(field.span.clone(), format!("{} is no directory", quoted(path)), "expected a directory, relative to packs.toml");
        return None;
    }
    Some(RequirementSource::Path(path.to_owned()))
}

fn read_registry_name(field: &Field<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<RequirementSource> {
    let name: RegistryName = field.noun(faults)?;
    if !declared.registries.contains(name.as_str()) && !faults.is_recovering() {
        let message = format!("the registry `{name}` is not in [registries]");
        faults.add_unknown(field.span.clone(), message, name.as_str(), declared.registries.iter().copied());
        return None;
    }
    Some(RequirementSource::Registry(Some(name)))
}

fn read_extras(field: &Field<'_>, faults: &mut Faults<'_>) -> BTreeSet<ExtraName> {
    let texts = field.strings(faults).unwrap_or_default();
    texts.into_iter().filter_map(|text| parse_noun(text, faults)).collect()
}

fn read_tier(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<Tier> {
    let text = field.string(faults)?;
    find_tier(text, field.span.clone(), faults)
}

/// Finds a tier by its name; an unknown one is a fault.
pub(super) fn find_tier(text: &str, span: std::ops::Range<usize>, faults: &mut Faults<'_>) -> Option<Tier> {
    let tier = Tier::find(text);
    if tier.is_none() {
        let names = Tier::ALL.map(Tier::as_str);
        faults.add_unknown(span, format!("unknown tier {}, expected one of {}", quoted(text), names.join(", ")), text, names);
    }
    tier
}

/// Reads `rename = { kanban = "kb" }`; no two commands may get the same name.
fn read_rename(field: &Field<'_>, faults: &mut Faults<'_>) -> BTreeMap<CommandName, CommandName> {
    let Some(section) = field.section(faults) else { return BTreeMap::new() };
    let mut taken = BTreeSet::new();
    section.read_map(faults, |_: &CommandName, field, faults| {
        let name: CommandName = field.noun(faults)?;
        if !taken.insert(name.clone()) {
            faults.add(field.span.clone(), format!("two commands of the pack are renamed to `{name}`"), "a second time");
            return None;
        }
        Some(name)
    })
}
