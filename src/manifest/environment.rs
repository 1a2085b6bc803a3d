//! One `[environments.ENV]`: its tiers, its rules, and the form of a cool-down.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use crate::manifest::Environment;
use crate::manifest::PackageEntry;
use crate::manifest::Rules;
use crate::manifest::fault::Faults;
use crate::manifest::fault::quoted;
use crate::manifest::package::find_tier;
use crate::manifest::parse::Declared;
use crate::manifest::section::Field;
use crate::manifest::section::Section;
use crate::manifest::section::parse_noun;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Tier;

/// The tiers that an environment links unless it says otherwise.
const TIERS_USUAL: [Tier; 2] = [Tier::Required, Tier::Recommended];

/// The units of a cool-down, in seconds.
const COOL_DOWN_UNITS: [(char, i64); 3] = [('h', 3_600), ('d', 86_400), ('w', 604_800)];

/// Longest cool-down, in seconds: ten years. A longer one is a mistake, and sums of times stay far from overflow.
const COOL_DOWN_SECONDS_MAX: i64 = 10 * 366 * 86_400;

/// How old a release must be: `3d`, `12h`, `2w`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoolDown {
    written: String,
    seconds: i64,
}

impl CoolDown {
    /// Parses a whole number and a unit, `h`, `d` or `w`; gives `None` for anything else and beyond ten years.
    pub fn find(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let (_, unit_seconds) = COOL_DOWN_UNITS.iter().find(|(name, _)| *name == unit)?;
        let digits = text.strip_suffix(unit).filter(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
        let seconds = digits.parse::<i64>().ok()?.checked_mul(*unit_seconds)?;
        (seconds <= COOL_DOWN_SECONDS_MAX).then(|| CoolDown { written: text.to_owned(), seconds })
    }

    /// Gives it as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Gives its length in seconds; never negative.
    pub fn seconds(&self) -> i64 {
        self.seconds
    }
}
impl fmt::Display for CoolDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Gives the one environment of a project that declares none.
pub(super) fn undeclared(at: Place) -> Environment {
    Environment { tiers: TIERS_USUAL.to_vec(), packages: BTreeMap::new(), rules: Rules::default(), conflicts: BTreeSet::new(), at }
}

/// Adds a fault for every key that no environment has.
pub(super) fn refuse_unknown(section: &Section<'_>, faults: &mut Faults<'_>) {
    section.refuse_unknown(&["tiers", "packages", "production-ready", "min-quality", "cool-down", "conflicts"], faults);
}

/// Reads everything of an environment but its packages.
pub(super) fn read_environment(
    section: &Section<'_>,
    own: &Field<'_>,
    (packages, declared): (BTreeMap<PackName, PackageEntry>, &Declared<'_>),
    faults: &mut Faults<'_>,
) -> Environment {
    let tiers = section.find("tiers").map_or_else(|| TIERS_USUAL.to_vec(), |field| read_tiers(&field, faults));
    let rules = Rules {
        production_ready: read_rule(section, "production-ready", faults, Field::boolean),
        min_quality: read_rule(section, "min-quality", faults, read_quality),
        cool_down: read_rule(section, "cool-down", faults, read_cool_down),
    };
    let conflicts = section.find("conflicts").map_or_else(BTreeSet::new, |field| read_conflicts(&field, own.key, declared, faults));
    Environment { tiers, packages, rules, conflicts, at: faults.place(&own.key_span) }
}

/// Reads the names of other environments that the project declares.
fn read_conflicts(field: &Field<'_>, own: &str, declared: &Declared<'_>, faults: &mut Faults<'_>) -> BTreeSet<EnvironmentName> {
    let mut conflicts = BTreeSet::new();
    for (text, span) in field.strings(faults).unwrap_or_default() {
        if text == own {
            faults.add(span, format!("the environment {} cannot conflict with itself", quoted(text)), "this very environment");
        } else if !declared.environments.contains(text) && !faults.is_recovering() {
            let known = declared.environments.iter().copied().filter(|name| *name != own);
            faults.add_unknown(span, format!("no environment {} in [environments]", quoted(text)), text, known);
        } else {
            conflicts.extend(parse_noun::<EnvironmentName>((text, span), faults));
        }
    }
    conflicts
}

fn read_rule<'d, T>(
    section: &Section<'d>,
    key: &str,
    faults: &mut Faults<'_>,
    read: impl FnOnce(&Field<'d>, &mut Faults<'_>) -> Option<T>,
) -> Option<(T, Place)> {
    let field = section.find(key)?;
    let value = read(&field, faults)?;
    Some((value, faults.place(&field.key_span)))
}

fn read_tiers(field: &Field<'_>, faults: &mut Faults<'_>) -> Vec<Tier> {
    let Some(texts) = field.strings(faults) else { return Vec::new() };
    if texts.is_empty() {
        faults.add(field.span.clone(), "`tiers` is empty, so the environment would link nothing; leave it out for required and recommended", "expected a tier");
    }
    let tiers: BTreeSet<Tier> = texts.into_iter().filter_map(|(text, span)| find_tier(text, span, faults)).collect();
    tiers.into_iter().collect()
}

fn read_quality(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<u8> {
    field.integer(&(0..=100), faults).and_then(|quality| u8::try_from(quality).ok())
}

fn read_cool_down(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<CoolDown> {
    let cool_down = CoolDown::find(field.string(faults)?);
    if cool_down.is_none() {
        field.refuse_value("a whole number and h, d or w, such as \"3d\", up to ten years", faults);
    }
    cool_down
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<i64>) {
        assert_eq!(CoolDown::find(text).map(|cool_down| cool_down.seconds()), seconds, "{text:?}");
    }

    #[test]
    fn cool_downs() {
        check("3d", Some(259_200));
        check("12h", Some(43_200));
        check("2w", Some(1_209_600));
        check("0d", Some(0));
        for bad in ["", "d", "3", "3 d", "-3d", "+3d", "3m", "3D", "1.5d", "3days", "4000d", "99999999999999999999d", "9223372036854775807w", "³d"] {
            check(bad, None);
        }
    }
}
