//! Title and first paragraph of a README, without its markup.

/// Longest description, in characters: what a search result shows.
const DESCRIPTION_CHARS_MAX: usize = 1000;

/// What a README says first.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Readme {
    /// Its title, in one line.
    pub(super) title: Option<String>,
    /// Its first paragraph before any other heading, in one line.
    pub(super) paragraph: Option<String>,
}

impl Readme {
    /// Reads Markdown, or text whose first line is its title.
    pub(super) fn parse(text: &str) -> Self {
        let lines = content_lines(text);
        let is_rule = |line: Option<&&str>, mark: char| line.is_some_and(|line| line.len() >= 3 && line.chars().all(|c| c == mark));
        let titled = lines.iter().position(|line| line.starts_with("# ")).map(|at| (at, at + 1));
        let underlined = || (1..lines.len()).find(|at| is_rule(lines.get(*at), '=') && !lines[at - 1].is_empty()).map(|at| (at - 1, at + 1));
        let first = || lines.iter().position(|line| !clean(line).is_empty()).map(|at| (at, at + 1));
        let Some((title, after)) = titled.or_else(underlined).or_else(first) else { return Readme::default() };
        let name = clean(lines[title].trim_start_matches('#').trim_end_matches('#'));
        Readme { title: (!name.is_empty()).then_some(name), paragraph: first_paragraph(&lines[after..]) }
    }
}

/// Gives the trimmed lines, without HTML comments and blocks of code.
fn content_lines(text: &str) -> Vec<&str> {
    let (mut lines, mut in_code, mut in_comment) = (Vec::new(), false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("```") || line.starts_with("~~~") {
            in_code = !in_code;
            continue;
        }
        in_comment |= line.starts_with("<!--");
        if !in_code && !in_comment {
            lines.push(line);
        }
        in_comment &= !line.contains("-->");
    }
    lines
}

fn first_paragraph(lines: &[&str]) -> Option<String> {
    let mut words: Vec<String> = Vec::new();
    for line in lines {
        let is_heading = line.starts_with('#') || (!words.is_empty() && line.len() >= 3 && line.chars().all(|c| c == '=' || c == '-'));
        if is_heading {
            break;
        }
        let is_apart = line.is_empty() || line.starts_with('|') || (line.starts_with('<') && line.ends_with('>')) || line.chars().all(|c| "-*_= ".contains(c));
        let text = if is_apart { String::new() } else { clean(line.trim_start_matches('>').trim()) };
        match (text.is_empty(), words.is_empty()) {
            (true, true) => {}
            (true, false) => break,
            (false, _) => words.push(text),
        }
    }
    (!words.is_empty()).then(|| cut(&words.join(" ")))
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(DESCRIPTION_CHARS_MAX) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
    }
}

/// Takes markup out of a line: images vanish, links keep their text, marks of emphasis and code go.
fn clean(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some(at) = rest.find(['[', '!']) {
        let is_image = rest[at..].starts_with("![");
        if !is_image && rest[at..].starts_with('!') {
            text.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        text.push_str(&rest[..at]);
        let open = at + usize::from(is_image);
        if let Some((inner, after)) = link(&rest[open..]) {
            if !is_image {
                text.push_str(&clean(inner));
            }
            rest = after;
        } else {
            text.push_str(&rest[at..=open]);
            rest = &rest[open + 1..];
        }
    }
    text.push_str(rest);
    let text = text.replace("__", "").replace('`', "");
    // A star between blanks is a star; one that touches a word marks emphasis.
    let is_mark = |at: usize| text[at..].starts_with('*') && !(text[..at].ends_with(' ') && text[at + 1..].starts_with(' '));
    let kept = text.char_indices().filter(|(at, character)| !character.is_control() && !is_mark(*at));
    kept.map(|(_, character)| character).collect::<String>().trim().to_owned()
}

/// Takes `[text](target)` or `[text][reference]` apart: the text, and what follows.
fn link(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0usize;
    let end = text.char_indices().find_map(|(at, character)| {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })?;
    let after = &text[end + 1..];
    let close = match after.chars().next()? {
        '(' => ')',
        '[' => ']',
        _ => return None,
    };
    let target_end = after.find(close)?;
    Some((&text[1..end], &after[target_end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, title: Option<&str>, paragraph: Option<&str>) {
        let found = Readme::parse(text);
        assert_eq!((found.title.as_deref(), found.paragraph.as_deref()), (title, paragraph), "{text:?}");
    }

    #[test]
    fn titles_and_paragraphs() {
        check("# Kanban\n\nA board\nfor one project.\n\nMore.\n", Some("Kanban"), Some("A board for one project."));
        check("Kanban\n======\n\nA board.\n", Some("Kanban"), Some("A board."));
        check("Kanban\n\nA board.\n", Some("Kanban"), Some("A board."));
        check("# Kanban #\n## Install\n\nnot this\n", Some("Kanban"), None);
        check("# `kanban`: a **board** of *2* * 3\n", Some("kanban: a board of 2 * 3"), None);
        check("", None, None);
        check("\n\n", None, None);
        check("#\n", None, None);
    }

    #[test]
    fn badges_comments_and_code_are_passed_over() {
        let badge = "[![CI](https://a/b.svg)](https://a) ![x](y)";
        check(
            &format!("<!-- a\n# not this\n-->\n{badge}\n# Kanban\n\n{badge}\n\n<p align=\"center\">\n\nA [board](https://x)!\n"),
            Some("Kanban"),
            Some("A board!"),
        );
        check("# A\n```\n# code\n```\n\n> A quote\n> of two lines.\n\n---\n", Some("A"), Some("A quote of two lines."));
        check("# A\n\n---\n\n| a | b |\n|---|---|\n\ntext [1] and [x][y]\n", Some("A"), Some("text [1] and x"));
    }

    #[test]
    fn control_characters_go_and_length_is_bounded() {
        check("# A\u{1b}[31mb\n\nx\u{7}y\n", Some("A[31mb"), Some("xy"));
        let long = Readme::parse(&format!("# A\n\n{}\n", "ä".repeat(2000))).paragraph.expect("a paragraph");
        assert_eq!(long.chars().count(), DESCRIPTION_CHARS_MAX + 1);
    }

    #[test]
    fn unclosed_markup_is_text() {
        check("# a ![b\n\n[c](d\n", Some("a ![b"), Some("[c](d"));
    }
}
