//! The known name that a mistyped one most likely means.

/// Longest text that a near name is looked for, in bytes: no valid name is longer, and each known name costs time with its length.
const TEXT_BYTES_MAX: usize = 64;

/// Finds the known name that a mistyped one most likely means, if one is near.
///
/// Near is what takes at most one edit for every three characters of what was written, and one edit in any case: a character more, less or
/// another, or two neighbours exchanged, whatever their case. Of equally near names the first in order is meant, so the order in which they are
/// given does not count. The name itself is never meant: a list may still have one that is gone.
pub fn nearest<'n, N: AsRef<str> + ?Sized>(written: &str, known: impl IntoIterator<Item = &'n N>) -> Option<&'n N> {
    if written.len() > TEXT_BYTES_MAX {
        return None;
    }
    let folded = written.to_lowercase();
    let length = folded.chars().count();
    let edits_max = (length / 3).max(1);
    let edits = |name: &str| {
        // Names are mostly of other lengths, which is told apart at once.
        let is_alike = name.chars().count().abs_diff(length) <= edits_max;
        is_alike.then(|| strsim::osa_distance(&folded, &name.to_lowercase())).filter(|edits| *edits <= edits_max)
    };
    let others = known.into_iter().map(|name| (name.as_ref(), name)).filter(|(text, _)| *text != written);
    others.filter_map(|(text, name)| Some((edits(text)?, text, name))).min_by_key(|(edits, text, _)| (*edits, *text)).map(|(_, _, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(written: &str, known: &[&str], expected: Option<&str>) {
        assert_eq!(nearest(written, known.iter().copied()), expected, "{written:?} of {known:?}");
    }

    #[test]
    fn near_is_one_edit_in_three_letters() {
        let keys = ["required", "recommended", "optional", "tier"];
        check("requierd", &keys, Some("required"));
        check("teir", &keys, Some("tier"));
        check("teri", &keys, None);
        check("prod", &keys, None);
        check("", &keys, None);
        check("kanbna", &["kanban", "workflow"], Some("kanban"));
        check("knbn", &["kanban"], None);
        check("ab", &["abc"], Some("abc"));
        check("reports", &["kanban", "workflow"], None);
    }

    #[test]
    fn case_does_not_count() {
        check("Required", &["required"], Some("required"));
        check("mit", &["MIT", "Mut"], Some("MIT"));
        check("GRÖSSE", &["größe", "grösse"], Some("grösse"));
    }

    #[test]
    fn of_equally_near_names_the_first_in_order_is_meant() {
        check("cat", &["hat", "bat"], Some("bat"));
        check("cat", &["bat", "hat"], Some("bat"));
        check("cat", &["bat", "cats", "ca"], Some("bat"));
    }

    #[test]
    fn no_name_means_itself() {
        check("kanban", &["kanban"], None);
        check("kanban", &["kanban", "kanbans"], Some("kanbans"));
    }

    #[test]
    fn a_text_longer_than_any_name_is_near_to_none() {
        let long = "a".repeat(TEXT_BYTES_MAX);
        check(&long, &[&format!("{long}a")], Some(&format!("{long}a")));
        check(&format!("{long}a"), &[&long], None);
    }
}
