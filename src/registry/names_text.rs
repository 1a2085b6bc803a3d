//! The list of a registry's packs as lines of text, so that a search need not read JSON.
//!
//! Derived from `names.json.zst`, kept in a cache, and of use to the program that made it alone: a line that says of which list it was made and what follows,
//! then one line per pack, in the order of the list:
//!
//! ```text
//! packs.names-text/1 <blake3 of names.json.zst> <blake3 of the lines>
//! kanban ⇥ 2.0.3 ⇥ - ⇥ boards ␟ tasks ⇥ A board in the terminal
//! ```
//!
//! The third field is `d` for what is no longer cared for. A pack without a description has four fields. Control characters become blanks: nothing that is
//! shown to people has any.

use crate::model::Blake3Digest;
use crate::registry::NamedPack;
use crate::registry::Names;

/// What such a text begins with; another number wherever a line would say something else.
const SCHEMA: &str = "packs.names-text/1";

/// What stands between two keywords.
const BETWEEN_KEYWORDS: char = '\u{1f}';

/// A list of packs as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesText {
    text: String,
    lines_at: usize,
}

/// What a line says of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedLine<'t> {
    /// Its name.
    pub name: &'t str,
    /// Its newest release that was not taken back.
    pub version: &'t str,
    /// Whether that release is no longer cared for.
    pub deprecated: bool,
    /// What people search it by, as it stands in the line.
    keywords: &'t str,
    /// One sentence on what that release is.
    pub description: Option<&'t str>,
}

impl NamesText {
    /// Writes the text of a list whose packed bytes are these.
    pub fn of(names: &Names, packed: &[u8]) -> Self {
        let mut lines = String::with_capacity(names.packs.len() * 128);
        names.packs.iter().for_each(|pack| write_line(&mut lines, pack));
        let head = head(packed, lines.as_bytes());
        NamesText { lines_at: head.len(), text: head + &lines }
    }

    /// Takes a text that was made of these packed bytes; `None` where it is another one's, or damaged.
    pub fn parse(bytes: Vec<u8>, packed: &[u8]) -> Option<Self> {
        let text = String::from_utf8(bytes).ok()?;
        let lines_at = text.find('\n')? + 1;
        let (said, lines) = text.split_at(lines_at);
        (said == head(packed, lines.as_bytes())).then_some(NamesText { text, lines_at })
    }

    /// Gives the whole text.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// Gives the lines of the packs.
    pub fn lines(&self) -> &str {
        &self.text[self.lines_at..]
    }
}

impl<'t> NamedLine<'t> {
    /// Reads a line; `None` for what is none.
    pub fn parse(line: &'t str) -> Option<Self> {
        let mut fields = line.splitn(5, '\t');
        let (name, version, deprecated, keywords) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(NamedLine { name, version, deprecated: deprecated == "d", keywords, description: fields.next() })
    }

    /// Gives what people search it by.
    pub fn keywords(&self) -> impl Iterator<Item = &'t str> {
        self.keywords.split(BETWEEN_KEYWORDS).filter(|keyword| !keyword.is_empty())
    }
}

fn head(packed: &[u8], lines: &[u8]) -> String {
    format!("{SCHEMA} {} {}\n", Blake3Digest::of(packed), Blake3Digest::of(lines))
}

fn write_line(text: &mut String, pack: &NamedPack) {
    text.push_str(pack.name.as_str());
    text.push('\t');
    text.push_str(&pack.version.to_string());
    text.push_str(if pack.deprecated { "\td\t" } else { "\t-\t" });
    for (number, keyword) in pack.keywords.iter().enumerate() {
        if number > 0 {
            text.push(BETWEEN_KEYWORDS);
        }
        push_plain(text, keyword);
    }
    if let Some(description) = &pack.description {
        text.push('\t');
        push_plain(text, description);
    }
    text.push('\n');
}

fn push_plain(text: &mut String, said: &str) {
    text.extend(said.chars().map(|character| if character.is_control() { ' ' } else { character }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PackName;
    use crate::model::Version;

    fn pack(name: &str, description: Option<&str>, keywords: &[&str]) -> NamedPack {
        NamedPack {
            name: PackName::parse(name).expect("a name"),
            version: Version::parse("1.0.0-rc.1").expect("a version"),
            description: description.map(str::to_owned),
            keywords: keywords.iter().map(|&keyword| keyword.to_owned()).collect(),
            deprecated: name == "old",
        }
    }

    #[test]
    fn a_line_says_what_the_list_says() {
        let packs = vec![pack("@acme/kanban", Some("Boards\tand\nlanes"), &["a b", "c"]), pack("bare", None, &[]), pack("old", Some(""), &["x"])];
        let text = NamesText::of(&Names { packs }, b"packed");
        let lines: Vec<NamedLine<'_>> = text.lines().lines().map(|line| NamedLine::parse(line).expect("a line")).collect();
        let said: Vec<_> = lines.iter().map(|line| (line.name, line.deprecated, line.keywords().collect::<Vec<_>>(), line.description)).collect();
        assert_eq!(
            said,
            [("@acme/kanban", false, vec!["a b", "c"], Some("Boards and lanes")), ("bare", false, vec![], None), ("old", true, vec!["x"], Some("")),]
        );
        assert!(lines.iter().all(|line| line.version == "1.0.0-rc.1"));
    }

    #[test]
    fn a_text_counts_for_its_own_list_only_and_whole() {
        let text = NamesText::of(&Names { packs: vec![pack("kanban", Some("Boards"), &[])] }, b"packed");
        let bytes = text.as_bytes().to_vec();
        assert_eq!(NamesText::parse(bytes.clone(), b"packed"), Some(text));
        assert_eq!(NamesText::parse(bytes.clone(), b"other"), None);
        for at in 0..bytes.len() {
            assert_eq!(NamesText::parse(bytes[..at].to_vec(), b"packed"), None, "cut at {at}");
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(NamesText::parse(damaged, b"packed"), None, "byte {at}");
        }
    }
}
