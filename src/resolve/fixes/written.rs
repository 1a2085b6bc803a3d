//! Ranges to write: as near to the one that is there as still takes in what was chosen.

use crate::model::Range;
use crate::model::Version;

/// Writes a range around a version in the way of another one: `^1` around 2.3.4 is `^2`, `~1.0` is `~2.3`, `=1.0.0` is `=2.3.4`, `<2` is `<3`.
pub(super) fn alike(range: &Range, version: &Version) -> Range {
    let text = range.as_str();
    let digits = text.trim_start_matches(['^', '~', '<', '>', '=', ' ']);
    let operator = &text[..text.len() - digits.len()];
    let count = digits.split('.').count();
    let is_plain = count <= 3 && digits.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let semver = version.as_semver();
    let mut parts = [semver.major, semver.minor, semver.patch];
    if operator.trim() == "<" {
        // The first that is not meant any more.
        parts[count.min(3) - 1] = parts[count.min(3) - 1].saturating_add(1);
    }
    let written = Range::parse(&format!("{operator}{}", parts.map(|part| part.to_string())[..count.min(3)].join(".")));
    written.ok().filter(|written| is_plain && written.matches(version)).unwrap_or_else(|| caret(version))
}

/// Writes the range of all releases that are compatible with a version.
pub(super) fn caret(version: &Version) -> Range {
    Range::parse(&format!("^{version}")).expect("a caret and a version are a range")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_alike() {
        for (range, version, expected) in [
            ("^1", "2.3.4", "^2"),
            ("1", "2.3.4", "2"),
            ("^1.2", "2.3.4", "^2.3"),
            ("~1.0", "2.3.4", "~2.3"),
            ("=1.0.0", "2.3.4", "=2.3.4"),
            ("= 1.0.0", "2.3.4", "= 2.3.4"),
            ("^0.2", "0.3.1", "^0.3"),
            ("<2", "2.3.4", "<3"),
            ("< 2.0", "2.3.4", "< 2.4"),
            ("<=1.4.0", "2.3.4", "<=2.3.4"),
            (">=3", "2.3.4", ">=2"),
            (">3", "2.3.4", "^2.3.4"),
            (">=1, <2", "2.3.4", "^2.3.4"),
            ("1.*", "2.3.4", "^2.3.4"),
            ("*", "2.3.4", "^2.3.4"),
            ("^1.0.0-rc.1", "2.3.4", "^2.3.4"),
            ("^1", "2.0.0-rc.1", "^2.0.0-rc.1"),
        ] {
            let (range, version) = (Range::parse(range).expect("valid"), Version::parse(version).expect("valid"));
            let written = alike(&range, &version);
            assert!(written.matches(&version));
            assert_eq!(written.as_str(), expected, "{range} around {version}");
        }
    }
}
