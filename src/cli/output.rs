//! Data to stdout, words to stderr; foreign text never reaches the terminal raw.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use anstyle::AnsiColor;
use anstyle::Style;
use serde::Serialize;

use crate::cli::settings::Format;

/// Headings and names that matter.
pub(super) const STRONG: Style = Style::new().bold();
/// What was added, and success.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// What was removed, and errors.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// What was changed, and warnings.
pub(super) const CHANGED: Style = AnsiColor::Yellow.on_default();
/// What may be read past.
pub(super) const DIM: Style = Style::new().dimmed();

/// Whether stdout took less than the whole answer.
static LOST: AtomicBool = AtomicBool::new(false);

/// Tells whether a part of an answer could not be written.
pub(super) fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Where the answer of a command goes.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The form of the answer.
    pub format: Format,
    /// Say nothing but errors.
    pub quiet: bool,
    /// How much more to say.
    pub verbose: u8,
}

/// A JSON document of an answer: its schema's name, then its fields.
#[derive(Serialize)]
struct Document<'a, T> {
    schema: &'static str,
    #[serde(flatten)]
    body: &'a T,
}

impl Output {
    /// Prints an answer: as JSON under its schema's name, or by `render`, which looks at the format where the command has more than text.
    pub fn answer<T: Serialize>(self, schema: &'static str, body: &T, render: impl FnOnce() -> String) {
        match self.format {
            Format::Json => {
                let text = serde_json::to_string(&Document { schema, body }).expect("outcomes have string keys only");
                self.data(&text);
            }
            Format::Text if self.quiet => {}
            Format::Text | Format::Dot | Format::Svg => self.data(&render()),
        }
    }

    /// Prints data even when quiet: what a command is run for, such as a path or a script.
    #[allow(clippy::unused_self, reason = "who prints needs the output in hand, as with the others")]
    pub fn data(self, text: &str) {
        let mut stdout = anstream::stdout().lock();
        // A reader that went away (`| head`) wants no more: that is no error of ours.
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let written = write!(stdout, "{text}{end}").and_then(|()| stdout.flush());
        if let Err(error) = written
            && error.kind() != std::io::ErrorKind::BrokenPipe
        {
            // Nobody got the answer: what was done stays done, but that must not look like success to whoever reads the code.
            let _ = writeln!(anstream::stderr(), "error: cannot write to stdout: {error}");
            LOST.store(true, Ordering::Relaxed);
        }
    }

    /// Prints a line of words to stderr unless quiet.
    pub fn say(self, line: &str) {
        if !self.quiet {
            let _ = writeln!(anstream::stderr(), "{line}");
        }
    }
}

/// Puts a style around a text; anstream removes it where colour is not wanted.
pub(super) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Makes foreign text harmless for a terminal: control characters are shown escaped.
pub(super) fn plain(text: &str) -> String {
    let is_harmful = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    if !text.contains(is_harmful) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if is_harmful(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

/// Writes bytes for people: `48.2 KiB`.
pub(super) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = bytes;
    let mut remainder = 0;
    while scaled >= 1024 && unit + 1 < UNITS.len() {
        remainder = scaled % 1024;
        scaled /= 1024;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{scaled}.{} {}", remainder * 10 / 1024, UNITS[unit]) }
}

/// Writes a count with its noun: `1 pack`, `2 packs`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        for (bytes, expected) in [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536, "1.5 KiB"), (5 << 30, "5.0 GiB")] {
            assert_eq!(human_bytes(bytes), expected);
        }
    }

    #[test]
    fn terminal_control_is_escaped() {
        assert_eq!(plain("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(plain("ü kanban"), "ü kanban");
        assert_eq!(plain("\u{202e}x"), "\\u{202e}x");
    }
}
