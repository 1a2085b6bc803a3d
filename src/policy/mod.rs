//! The rules of an environment: a release to a verdict that names its rule, file and line.
//!
//! Knows the rules that packs.toml writes and the facts that an index or a lockfile states; knows no clock, registry or store. A fact that
//! is missing fails the rule that needs it, and the verdict says that it is missing: a check that could not run never looks like one that passed.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::manifest::CoolDown;
use crate::manifest::LicensePolicy;
use crate::manifest::LicenseTerm;
use crate::manifest::Policy;
use crate::manifest::RangeEntry;
use crate::manifest::Rules;
use crate::manifest::parse_license_expression;
use crate::model::Place;
use crate::model::Refusal;
use crate::model::Version;

/// What is stated about a release, by its index entry or by the lockfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReleaseFacts<'a> {
    /// Its quality, 0 to 100.
    pub quality: Option<u8>,
    /// Whether it is said to be production-ready.
    pub production_ready: bool,
    /// Its licence, an SPDX expression.
    pub license: Option<&'a str>,
    /// When it was published.
    pub published_at: Option<Timestamp>,
}

/// Judges a release; gives the first rule that refuses it, or `None` if it is allowed.
///
/// The order is production-ready, min-quality, cool-down, licenses: what no time or setting of the person heals comes before what does.
pub fn judge(facts: &ReleaseFacts<'_>, rules: &Rules, policy: Option<&Policy>, now: Timestamp) -> Option<Refusal> {
    let production_ready = rules.production_ready.as_ref().and_then(|(required, at)| judge_production_ready(facts, *required, at));
    let quality = || rules.min_quality.as_ref().and_then(|(lowest, at)| judge_quality(facts, *lowest, at));
    let cool_down = || rules.cool_down.as_ref().and_then(|(cool_down, at)| judge_age(facts, cool_down, at, now));
    let licenses = || policy.and_then(|policy| policy.licenses.as_ref()).and_then(|licenses| judge_license(facts, licenses));
    production_ready.or_else(quality).or_else(cool_down).or_else(licenses)
}

/// Judges a version against the range that the project allows of its pack.
pub fn judge_constraint(version: &Version, constraint: &RangeEntry) -> Option<Refusal> {
    (!constraint.range.matches(version)).then(|| refusal(Refusal::CONSTRAINTS, format!("outside {}", constraint.range), &constraint.at))
}

/// The moment whose releases count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The moment; what was published later does not count.
    pub as_of: Timestamp,
    /// The line of the lockfile that says so; `None` if it was just asked for.
    pub at: Option<Place>,
}

/// Judges whether a release was there at a moment; one of which nobody says when it was published was not.
pub fn judge_moment(published_at: Option<Timestamp>, moment: &Moment) -> Option<Refusal> {
    let as_of = moment.as_of;
    let reason = match published_at {
        Some(published_at) if published_at <= as_of => return None,
        Some(published_at) => format!("published at {published_at}, after {as_of}"),
        None => format!("no time of publishing is recorded, and only what was there at {as_of} is asked for"),
    };
    Some(Refusal { rule: Refusal::AS_OF.to_owned(), reason, at: moment.at.clone() })
}

fn judge_production_ready(facts: &ReleaseFacts<'_>, required: bool, at: &Place) -> Option<Refusal> {
    (required && !facts.production_ready).then(|| refusal("production-ready", "not marked production-ready", at))
}

fn judge_quality(facts: &ReleaseFacts<'_>, lowest: u8, at: &Place) -> Option<Refusal> {
    match facts.quality {
        Some(quality) if quality >= lowest => None,
        Some(quality) => Some(refusal("min-quality", format!("quality {quality} is below {lowest}"), at)),
        None => Some(refusal("min-quality", format!("no quality is recorded, and at least {lowest} is required"), at)),
    }
}

/// A release of the future is younger than any cool-down.
fn judge_age(facts: &ReleaseFacts<'_>, cool_down: &CoolDown, at: &Place, now: Timestamp) -> Option<Refusal> {
    let Some(published_at) = facts.published_at else {
        return Some(refusal("cool-down", format!("no time of publishing is recorded, and a cool-down of {cool_down} is required"), at));
    };
    let age = now.duration_since(published_at);
    (age < SignedDuration::from_secs(cool_down.seconds())).then(|| refusal("cool-down", format!("published at {published_at}, less than {cool_down} ago"), at))
}

fn judge_license(facts: &ReleaseFacts<'_>, policy: &LicensePolicy) -> Option<Refusal> {
    let refuse = |reason: String| Some(refusal("licenses", reason, &policy.at));
    let Some(written) = facts.license else { return refuse("no licence is recorded".to_owned()) };
    let expression = match parse_license_expression(written) {
        Ok(expression) => expression,
        Err(reason) => return refuse(format!("its licence {written:?} is no SPDX expression ({reason})")),
    };
    if expression.evaluate(|required| is_license_allowed(required, policy)) {
        return None;
    }
    // An expression has no characters but those of identifiers, and blanks, which may be of any kind.
    let written = written.split_whitespace().collect::<Vec<_>>().join(" ");
    // A denied licence is the stronger reason, where one decides.
    if expression.evaluate(|required| !is_license_denied(required, &policy.deny)) {
        refuse(format!("its licence {written} is not among those allowed"))
    } else {
        refuse(format!("its licence {written} is denied"))
    }
}

fn is_license_allowed(required: &spdx::LicenseReq, policy: &LicensePolicy) -> bool {
    let is_listed = policy.allow.as_ref().is_none_or(|allow| allow.iter().any(|term| term.satisfies(required)));
    is_listed && !is_license_denied(required, &policy.deny)
}

fn is_license_denied(required: &spdx::LicenseReq, deny: &[LicenseTerm]) -> bool {
    deny.iter().any(|term| term.denies(required))
}

fn refusal(rule: &str, reason: impl Into<String>, at: &Place) -> Refusal {
    Refusal { rule: rule.to_owned(), reason: reason.into(), at: Some(at.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;
    use crate::model::EnvironmentName;
    use crate::model::Range;

    const GOOD: ReleaseFacts<'static> = ReleaseFacts { quality: Some(87), production_ready: true, license: Some("MIT"), published_at: None };

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn verdict(rules: &str, facts: &ReleaseFacts<'_>) -> Option<Refusal> {
        let text = format!("[project]\nname = \"shop\"\n[environments.prod]\n{rules}\n");
        let manifest = Manifest::parse(&text, "packs.toml").expect("a valid manifest");
        let wants = manifest.wants(&EnvironmentName::parse("prod").expect("valid")).expect("declared");
        judge(facts, &wants.rules, manifest.policy.as_ref(), time("2026-11-20T00:00:00Z"))
    }

    #[track_caller]
    fn check(rules: &str, facts: &ReleaseFacts<'_>, expected: Option<&str>) {
        assert_eq!(verdict(rules, facts).map(|refusal| refusal.to_string()).as_deref(), expected, "{rules} {facts:?}");
    }

    #[test]
    fn production_ready() {
        let unmarked = ReleaseFacts { production_ready: false, ..GOOD };
        check("production-ready = true", &GOOD, None);
        check("production-ready = true", &unmarked, Some("not marked production-ready, packs.toml:4"));
        check("production-ready = false", &unmarked, None);
        check("", &unmarked, None);
    }

    #[test]
    fn quality() {
        check("min-quality = 87", &GOOD, None);
        check("min-quality = 88", &GOOD, Some("quality 87 is below 88, packs.toml:4"));
        let unrated = ReleaseFacts { quality: None, ..GOOD };
        check("min-quality = 80", &unrated, Some("no quality is recorded, and at least 80 is required, packs.toml:4"));
        check("min-quality = 0", &unrated, Some("no quality is recorded, and at least 0 is required, packs.toml:4"));
    }

    #[test]
    fn cool_down() {
        let published = |text| ReleaseFacts { published_at: Some(time(text)), ..GOOD };
        check("cool-down = \"3d\"", &published("2026-11-17T00:00:00Z"), None);
        let young = "published at 2026-11-17T00:00:01Z, less than 3d ago, packs.toml:4";
        check("cool-down = \"3d\"", &published("2026-11-17T00:00:01Z"), Some(young));
        let future = "published at 2027-01-01T00:00:00Z, less than 0d ago, packs.toml:4";
        check("cool-down = \"0d\"", &published("2027-01-01T00:00:00Z"), Some(future));
        check("cool-down = \"3d\"", &published("-009999-01-02T01:59:59Z"), None);
        check("cool-down = \"3d\"", &GOOD, Some("no time of publishing is recorded, and a cool-down of 3d is required, packs.toml:4"));
    }

    #[track_caller]
    fn check_license(lists: &str, license: &str, expected: Option<&str>) {
        let reason = verdict(&format!("[policy]\nlicenses = {{ {lists} }}"), &ReleaseFacts { license: Some(license), ..GOOD }).map(|refusal| refusal.reason);
        assert_eq!(reason.as_deref(), expected, "{lists} {license}");
    }

    #[test]
    fn licences_are_expressions() {
        let allow = "allow = [\"MIT\", \"Apache-2.0\", \"Apache-2.0 WITH LLVM-exception\"]";
        check_license(allow, "MIT", None);
        check_license(allow, "GPL-3.0-only OR MIT", None);
        check_license(allow, "MIT/Apache-2.0", None);
        check_license(allow, "(MIT OR GPL-3.0-only) AND Apache-2.0 WITH LLVM-exception", None);
        check_license(allow, "GPL-3.0-only AND MIT", Some("its licence GPL-3.0-only AND MIT is not among those allowed"));
        check_license(allow, "Zlib", Some("its licence Zlib is not among those allowed"));
        check_license(allow, "MIT WITH LLVM-exception", Some("its licence MIT WITH LLVM-exception is not among those allowed"));
        check_license(allow, "Proprietary!", Some("its licence \"Proprietary!\" is no SPDX expression (unknown term)"));
        check_license(allow, "", Some("its licence \"\" is no SPDX expression (empty expression)"));
    }

    #[test]
    fn denied_licences_win() {
        let deny = "deny = [\"GPL-3.0-only\", \"LicenseRef-Acme-Trial\"]";
        check_license(deny, "MIT", None);
        check_license(deny, "GPL-3.0-only OR MIT", None);
        check_license(deny, " GPL-3.0-only\t", Some("its licence GPL-3.0-only is denied"));
        check_license(deny, "GPL-3.0-only WITH GCC-exception-3.1", Some("its licence GPL-3.0-only WITH GCC-exception-3.1 is denied"));
        check_license(deny, "MIT AND LicenseRef-Acme-Trial", Some("its licence MIT AND LicenseRef-Acme-Trial is denied"));
        check_license("allow = [\"MIT\"], deny = [\"MIT\"]", "MIT", Some("its licence MIT is denied"));
    }

    #[test]
    fn a_missing_licence_fails_closed() {
        let unlicensed = ReleaseFacts { license: None, ..GOOD };
        check("[policy.licenses]\ndeny = [\"GPL-3.0-only\"]", &unlicensed, Some("no licence is recorded, packs.toml:4"));
        check("[policy]", &unlicensed, None);
    }

    #[test]
    fn constraints_narrow() {
        let entry = RangeEntry { range: Range::parse("<2").expect("valid"), at: Place { file: "packs.toml".into(), line: 9 } };
        let judge = |version: &str| judge_constraint(&Version::parse(version).expect("valid"), &entry).map(|refusal| refusal.to_string());
        assert_eq!((judge("1.9.0"), judge("2.0.0")), (None, Some("outside <2, packs.toml:9".to_owned())));
    }

    #[test]
    fn a_moment_knows_no_later_release() {
        let moment = Moment { as_of: time("2026-11-20T00:00:00Z"), at: None };
        let judge = |published_at: Option<&str>| judge_moment(published_at.map(time), &moment).map(|refusal| refusal.to_string());
        assert_eq!(judge(Some("2026-11-20T00:00:00Z")), None);
        assert_eq!(judge(Some("2026-11-20T00:00:01Z")).as_deref(), Some("published at 2026-11-20T00:00:01Z, after 2026-11-20T00:00:00Z"));
        assert_eq!(judge(None).as_deref(), Some("no time of publishing is recorded, and only what was there at 2026-11-20T00:00:00Z is asked for"));
    }

    #[test]
    fn the_first_rule_speaks() {
        let bad = ReleaseFacts::default();
        let all = "production-ready = true\nmin-quality = 1\ncool-down = \"1d\"\n[policy.licenses]\nallow = [\"MIT\"]";
        let rule = |rules: &str| verdict(rules, &bad).map(|refusal| refusal.rule);
        assert_eq!(rule(all).as_deref(), Some("production-ready"));
        assert_eq!(rule(&all.replace("production-ready = true", "")).as_deref(), Some("min-quality"));
    }
}
