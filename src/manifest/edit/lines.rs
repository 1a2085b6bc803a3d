//! The lines that an entry takes up, however it is written.

use std::ops::Range;

use toml::de::DeTable;
use toml::de::DeValue;

/// The lines that an entry takes up.
pub(super) struct LinesOf<'t> {
    text: &'t str,
    ranges: Vec<Range<usize>>,
}

/// How an entry stands in the text.
pub(super) enum Found {
    Nowhere,
    /// In lines of its own.
    Lines,
    /// Among others in an inline table.
    Inline,
}

impl<'t> LinesOf<'t> {
    /// Starts with no lines.
    pub(super) fn new(text: &'t str) -> Self {
        LinesOf { text, ranges: Vec::new() }
    }

    /// Finds the lines of what stands at a path.
    pub(super) fn find(&mut self, table: &DeTable<'_>, path: &[String]) -> Found {
        let (key, rest) = path.split_first().expect("a path to an entry has a key");
        let Some((key, value)) = table.get_key_value(key.as_str()) else { return Found::Nowhere };
        match (rest, value.get_ref()) {
            ([], _) => {
                self.add(&key.span(), &value.span(), value.get_ref());
                Found::Lines
            }
            (rest, DeValue::Table(table)) => match self.find(table, rest) {
                Found::Lines if self.starts_with(&value.span(), '{') => Found::Inline,
                found => found,
            },
            _ => Found::Nowhere,
        }
    }

    /// Adds the lines of a key with its value, or of a table's header and all its entries.
    fn add(&mut self, key: &Range<usize>, span: &Range<usize>, value: &DeValue<'_>) {
        match value {
            DeValue::Table(table) if !self.starts_with(span, '{') => {
                if self.starts_with(span, '[') {
                    let header = self.whole_lines(span);
                    self.ranges.push(self.with_blank_line_before(header));
                }
                for (key, value) in table {
                    self.add(&key.span(), &value.span(), value.get_ref());
                }
            }
            _ => self.ranges.push(self.whole_lines(&(key.start..span.end))),
        }
    }

    fn starts_with(&self, span: &Range<usize>, character: char) -> bool {
        self.text[span.start..].starts_with(character)
    }

    fn whole_lines(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.text[..span.start].rfind('\n').map_or(0, |at| at + 1);
        let end = self.text[span.end..].find('\n').map_or(self.text.len(), |at| span.end + at + 1);
        start..end
    }

    fn with_blank_line_before(&self, lines: Range<usize>) -> Range<usize> {
        let before = &self.text[..lines.start];
        let blank = usize::from(before.ends_with("\n\n"));
        lines.start - blank..lines.end
    }

    /// Gives the text with a line in the place of the lines; `None` where they have no header.
    pub(super) fn replaced_by_header(self, header: &str) -> Option<String> {
        let lines = self.ranges.iter().min_by_key(|range| range.start)?;
        let blank = usize::from(self.text[lines.start..].starts_with('\n'));
        let at = lines.start + blank;
        let has_header = self.text[at..].trim_start_matches([' ', '\t']).starts_with('[');
        let (start, blank) = (lines.start, &self.text[lines.start..at]);
        let header = format!("{blank}{header}\n");
        has_header.then(|| {
            let mut text = self.without();
            text.insert_str(start, &header);
            text
        })
    }

    /// Gives the text without the lines.
    pub(super) fn without(mut self) -> String {
        self.ranges.sort_by_key(|range| std::cmp::Reverse(range.start));
        let mut text = self.text.to_owned();
        for range in self.ranges {
            text.replace_range(range, "");
        }
        text
    }
}
