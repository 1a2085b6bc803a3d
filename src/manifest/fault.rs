//! Faults of packs.toml: what is wrong, and exactly where.

use std::fmt;
use std::ops::Range;

use toml::de::DeTable;

use crate::model::Place;
use crate::model::nearest;

/// Most faults that are collected: more help nobody, and a hostile file must not fill the memory.
const FAULTS_MAX: usize = 100;

/// How the lines begin that git leaves around a conflict.
const CONFLICT_MARKERS: [&str; 3] = ["<<<<<<<", "=======", ">>>>>>>"];

/// One thing that is wrong in packs.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The bytes of the text that are at fault; empty where something is missing.
    pub span: Range<usize>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, as a sentence without a full stop; foreign text in it is escaped.
    pub message: String,
    /// A few words to stand below the underlined text.
    pub label: String,
    /// The nearest name that would have been right, if one is near.
    pub nearest: Option<String>,
}

/// Tells every fault of packs.toml at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ManifestError {
    /// The file as the person would name it.
    pub file: String,
    /// Its text, for showing the lines.
    pub text: String,
    /// The faults in the order of the text; never empty.
    pub faults: Vec<Fault>,
}

impl ManifestError {
    /// Gives the place of the first fault.
    pub fn place(&self) -> Place {
        Place { file: self.file.clone(), line: self.faults.first().map_or(1, |fault| fault.line) }
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, more)) = self.faults.split_first() else { return write!(f, "{}: not valid", escaped(&self.file)) };
        write!(f, "{}:{}: {}", escaped(&self.file), first.line, first.message)?;
        match more.len() {
            0 => Ok(()),
            1 => f.write_str(" (and 1 more fault)"),
            more => write!(f, " (and {more} more faults)"),
        }
    }
}

/// Collects faults while a text is read.
pub(crate) struct Faults<'t> {
    file: &'t str,
    text: &'t str,
    line_starts: Vec<usize>,
    syntax_lines: Vec<usize>,
    secrets: Vec<Range<usize>>,
    found: Vec<Fault>,
}

impl<'t> Faults<'t> {
    /// Starts with none.
    pub(crate) fn new(text: &'t str, file: &'t str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Faults { file, text, line_starts: std::iter::once(0).chain(after_breaks).collect(), syntax_lines: Vec::new(), secrets: Vec::new(), found: Vec::new() }
    }

    /// Parses a text as TOML and notes what is wrong with it; gives what can be read all the same.
    pub(crate) fn parse(text: &'t str, file: &'t str) -> (Self, toml::Spanned<DeTable<'t>>) {
        let mut faults = Faults::new(text, file);
        let (document, errors) = DeTable::parse_recoverable(text);
        errors.iter().for_each(|error| faults.add_syntax(error));
        (faults, document)
    }

    /// Adds a fault at a span.
    pub(crate) fn add(&mut self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        self.push(span, message.into(), label.into(), None);
    }

    /// Adds a fault about a name that is none of the known ones, and finds the nearest of them.
    pub(crate) fn add_unknown<'n>(&mut self, span: Range<usize>, message: String, found: &str, known: impl IntoIterator<Item = &'n str>) {
        if self.is_full() {
            return;
        }
        let nearest = nearest(found, known).map(str::to_owned);
        let label = nearest.as_ref().map_or_else(|| "not known here".to_owned(), |nearest| format!("did you mean `{nearest}`?"));
        self.push(span, message, label, nearest);
    }

    /// Adds a fault of something that is missing; not where TOML errors may have swallowed it.
    pub(crate) fn add_missing(&mut self, span: Range<usize>, message: impl Into<String>, label: impl Into<String>) {
        if self.syntax_lines.is_empty() {
            self.add(span, message, label);
        }
    }

    /// Adds an error of the TOML parser; what is read from the same line afterwards is guesswork and not reported.
    fn add_syntax(&mut self, error: &toml::de::Error) {
        if self.is_full() {
            return;
        }
        let span = self.whole_characters(error.span().unwrap_or(0..0));
        let line = self.line(span.start);
        if CONFLICT_MARKERS.iter().any(|marker| self.text[self.line_starts[line - 1]..].starts_with(marker)) {
            self.add(span, "a git conflict is not resolved here", "git's marker");
        } else {
            self.add(span, format!("invalid TOML: {}", escaped(error.message())), "here");
        }
        self.syntax_lines.push(line);
    }

    /// Tells whether the TOML parser found errors, so that names may be missing from what it gave.
    pub(crate) fn is_recovering(&self) -> bool {
        !self.syntax_lines.is_empty()
    }

    /// Keeps a part of the text out of what the error shows.
    pub(crate) fn hide(&mut self, secret: Range<usize>) {
        let secret = self.whole_characters(secret);
        self.secrets.push(secret);
    }

    /// Gives the place of a span.
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        Place { file: self.file.to_owned(), line: self.line(span.start) }
    }

    /// Gives the value if there is no fault.
    pub(crate) fn finish<T>(mut self, value: Option<T>) -> Result<T, ManifestError> {
        if let (true, Some(value)) = (self.found.is_empty(), value) {
            return Ok(value);
        }
        self.found.sort_by_key(|fault| (fault.span.start, fault.span.end));
        let mut text = self.text.to_owned();
        for secret in &self.secrets {
            text.replace_range(secret.clone(), &"*".repeat(secret.len()));
        }
        Err(ManifestError { file: self.file.to_owned(), text, faults: self.found })
    }

    fn is_full(&self) -> bool {
        self.found.len() >= FAULTS_MAX
    }

    fn push(&mut self, span: Range<usize>, message: String, label: String, nearest: Option<String>) {
        let span = self.whole_characters(span);
        let line = self.line(span.start);
        if self.is_full() || self.syntax_lines.contains(&line) {
            return;
        }
        let column = self.text[self.line_starts[line - 1]..span.start].chars().count() + 1;
        self.found.push(Fault { span, line, column, message, label, nearest });
    }

    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Widens a span to whole characters within the text, so that slicing at it never fails.
    fn whole_characters(&self, span: Range<usize>) -> Range<usize> {
        let start = (0..=span.start.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at)).unwrap_or(0);
        let end = (span.end.clamp(start, self.text.len())..=self.text.len()).find(|at| self.text.is_char_boundary(*at)).unwrap_or(start);
        start..end
    }
}

/// Quotes foreign text for a message, with control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    format!("`{}`", escaped(text))
}

/// Escapes what could speak to a terminal, and nothing else.
pub(crate) fn escaped(text: &str) -> String {
    let escape = |character: char| if is_unsafe_to_print(character) { character.escape_debug().to_string() } else { character.to_string() };
    text.chars().map(escape).collect()
}

/// Tells whether a character is no text: control characters, and those that turn or hide what stands beside them.
pub(crate) fn is_unsafe_to_print(character: char) -> bool {
    character.is_control() || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters() {
        let mut faults = Faults::new("ä = 1\nöö = 2\n", "packs.toml");
        faults.add(12..13, "m", "l");
        let error = faults.finish::<()>(None).expect_err("one fault");
        assert_eq!((error.faults[0].line, error.faults[0].column), (2, 4));
        assert_eq!(error.to_string(), "packs.toml:2: m");
    }

    #[test]
    fn spans_outside_the_text_are_pulled_in() {
        for span in [1..1, 1..2, 90..100, 0..90] {
            let mut faults = Faults::new("ä", "packs.toml");
            faults.add(span.clone(), "m", "l");
            let error = faults.finish::<()>(None).expect_err("one fault");
            assert!(error.text.get(error.faults[0].span.clone()).is_some(), "{span:?}");
        }
    }

    #[test]
    fn faults_are_capped() {
        let mut faults = Faults::new("x", "packs.toml");
        (0..1000).for_each(|_| faults.add(0..1, "m", "l"));
        assert_eq!(faults.finish::<()>(None).expect_err("faults").faults.len(), FAULTS_MAX);
    }
}
