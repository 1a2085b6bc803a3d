//! One entry of the log, and its one line.
//!
//! ```json
//! {"seq":7,"at":"2026-11-20T12:00:00.000000Z","phase":"begin","action":"switch","user":"ana","team":"payments","host":"build-3","os":"linux",
//!  "project":"checkout-service","environment":"prod","packs":[{"name":"kanban","from":"2.0.2","to":"2.0.3"}],"command":"packs switch prod",
//!  "reason":null,"result":null,"error":null,"prev":"<64 hex>","id":"k3v9q2m7aaaabbbb"}
//! ```
//!
//! The format may grow: unknown fields are ignored when read, and the chain is over the bytes of a line, not over its meaning.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::model::Blake3Digest;
use crate::model::EnvironmentName;
use crate::model::PackChange;

/// Longest line, without its LF, in bytes: an append is one write, and whoever looks for the last line knows how far to look.
pub const LINE_BYTES_MAX: usize = 1024 * 1024;

/// Most packs of one entry: at 232 bytes each (a name, two versions of 64 bytes, the keys) they leave room for the texts below 1 MiB.
const PACKS_MAX: usize = 4_000;

/// Longest command, reason or error that is kept, in bytes: with every byte escaped into six, three of them stay far below the rest of the line.
const TEXT_BYTES_MAX: usize = 4096;

/// Longest name of a user, host, team or project that is kept, in bytes.
const NAME_BYTES_MAX: usize = 256;

/// Says that a text was cut.
const CUT_MARK: &str = "…";

/// Whether a line was written before the first change of a command or after its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before the first change.
    Begin,
    /// After the last change.
    End,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CommandResult {
    /// It did what it was asked to do.
    Success,
    /// It did not; the state is the old one.
    Failure,
}

/// Who does what, where and why: what is known before a command's first change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Begin {
    /// The command's name: `switch`, `rollback`, `gc`.
    pub action: String,
    /// Who runs it.
    pub user: String,
    /// The project's team.
    pub team: Option<String>,
    /// The machine it runs on.
    pub host: String,
    /// The operating system: `linux`, `macos`.
    pub os: String,
    /// The project's name; `None` for commands on the whole home.
    pub project: Option<String>,
    /// The environment it changes.
    pub environment: Option<EnvironmentName>,
    /// What it is about to change, or has changed.
    pub packs: Vec<PackChange>,
    /// The command as typed.
    pub command: String,
    /// Why, in the user's words.
    pub reason: Option<String>,
}

/// What is known after a command's last change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// How it ended.
    pub result: CommandResult,
    /// What went wrong.
    pub error: Option<String>,
    /// What it has changed.
    pub packs: Vec<PackChange>,
}

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
pub struct Entry {
    /// Counts all entries of the home from 1.
    pub seq: u64,
    /// When it was written, to the microsecond.
    #[serde(serialize_with = "serialize_microseconds")]
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// Before or after the changes.
    pub phase: Phase,
    /// Who, what, where, why.
    #[serde(flatten)]
    pub begin: Begin,
    /// How the command ended; `None` at its begin.
    pub result: Option<CommandResult>,
    /// What went wrong.
    pub error: Option<String>,
    /// The digest of the line before, without its LF; zeros in the very first.
    pub prev: Blake3Digest,
    /// Ties a command's begin and end.
    pub id: String,
    /// How many packs the list leaves out because the line would be too long.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub packs_left_out: u64,
}

impl Entry {
    /// Shortens what would make the line longer than [`LINE_BYTES_MAX`].
    pub(super) fn clip(&mut self) {
        for name in [&mut self.begin.action, &mut self.begin.user, &mut self.begin.host, &mut self.begin.os] {
            clip_text(name, NAME_BYTES_MAX);
        }
        for name in [&mut self.begin.team, &mut self.begin.project].into_iter().flatten() {
            clip_text(name, NAME_BYTES_MAX);
        }
        clip_text(&mut self.begin.command, TEXT_BYTES_MAX);
        for text in [&mut self.begin.reason, &mut self.error].into_iter().flatten() {
            clip_text(text, TEXT_BYTES_MAX);
        }
        self.packs_left_out = self.begin.packs.len().saturating_sub(PACKS_MAX) as u64;
        self.begin.packs.truncate(PACKS_MAX);
    }

    /// Formats the entry as its line, without the LF.
    pub(super) fn format(&self) -> String {
        let json = serde_json::to_string(self).expect("an entry has only text keys");
        escape_controls(&json)
    }

    /// Parses a line without its LF.
    pub(super) fn parse(line: &[u8]) -> Result<Entry, serde_json::Error> {
        serde_json::from_slice(line)
    }

    /// Reads the number of a line's entry alone: whoever appends asks for no more, and some lines name thousands of packs.
    pub(super) fn parse_seq(line: &[u8]) -> Option<u64> {
        #[derive(serde::Deserialize)]
        struct Numbered {
            seq: u64,
        }
        serde_json::from_slice(line).ok().map(|Numbered { seq }| seq)
    }
}

/// Cuts a text at a character's end.
fn clip_text(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let end = (0..=bytes_max - CUT_MARK.len()).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str(CUT_MARK);
    }
}

/// Escapes what some readers take for the end of a line: JSON itself only escapes what is below a blank.
///
/// Such characters occur in JSON within texts only, and all have four hex digits.
fn escape_controls(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
            write!(line, "\\u{:04x}", u32::from(character)).expect("a String takes all");
        } else {
            line.push(character);
        }
    }
    line
}

fn serialize_microseconds<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.6}"))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::PackName;
    use crate::model::Version;

    /// An entry of user ana's `packs switch`.
    pub(in crate::audit) fn sample_begin() -> Begin {
        Begin {
            action: "switch".into(),
            user: "ana".into(),
            team: Some("payments".into()),
            host: "build-3".into(),
            os: "linux".into(),
            project: Some("checkout-service".into()),
            environment: Some(EnvironmentName::parse("prod").expect("valid")),
            packs: vec![change("kanban", Some("2.0.2"), Some("2.0.3"))],
            command: "packs switch prod".into(),
            reason: None,
        }
    }

    pub(in crate::audit) fn change(name: &str, from: Option<&str>, to: Option<&str>) -> PackChange {
        let version = |text: Option<&str>| text.map(|text| Version::parse(text).expect("valid"));
        PackChange { name: PackName::parse(name).expect("valid"), from: version(from), to: version(to) }
    }

    fn sample() -> Entry {
        Entry {
            seq: 7,
            at: "2026-11-20T12:00:00.123456789Z".parse().expect("a time"),
            phase: Phase::Begin,
            begin: sample_begin(),
            result: None,
            error: None,
            prev: Blake3Digest::from_bytes([0; 32]),
            id: "k3v9".into(),
            packs_left_out: 0,
        }
    }

    #[test]
    fn the_line_is_as_documented() {
        let expected = concat!(
            r#"{"seq":7,"at":"2026-11-20T12:00:00.123456Z","phase":"begin","action":"switch","user":"ana","team":"payments","host":"build-3","os":"linux","#,
            r#""project":"checkout-service","environment":"prod","packs":[{"name":"kanban","from":"2.0.2","to":"2.0.3"}],"command":"packs switch prod","#,
            r#""reason":null,"result":null,"error":null,"prev":"0000000000000000000000000000000000000000000000000000000000000000","id":"k3v9"}"#
        );
        assert_eq!(sample().format(), expected);
        assert_eq!(Entry::parse(expected.as_bytes()).expect("an entry").begin, sample().begin);
    }

    #[test]
    fn no_text_forges_a_line() {
        let forged = "x\"}\n{\"seq\":8,\"at\":\"\r\u{85}\u{2028}\u{2029}\u{7f}\u{1b}[2K";
        let mut entry = sample();
        entry.begin.reason = Some(forged.into());
        let line = entry.format();
        assert!(!line.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}'), "{line}");
        assert_eq!(Entry::parse(line.as_bytes()).expect("an entry").begin.reason.as_deref(), Some(forged));
    }

    #[test]
    fn the_longest_entry_fits() {
        let mut entry = sample();
        let long = "\u{1}".repeat(100_000);
        let version = format!("1.0.0-{}", "a".repeat(58));
        entry.begin = Begin {
            action: long.clone(),
            user: long.clone(),
            team: Some(long.clone()),
            host: long.clone(),
            os: long.clone(),
            project: Some(long.clone()),
            environment: None,
            packs: vec![change(&"a".repeat(64), Some(&version), Some(&version)); 10_000],
            command: long.clone(),
            reason: Some(long.clone()),
        };
        entry.error = Some(long);
        entry.clip();
        let length = entry.format().len();
        assert!(length <= LINE_BYTES_MAX, "{length}");
        assert_eq!(entry.packs_left_out, 6_000);
    }

    #[test]
    fn texts_are_cut_at_characters() {
        let mut text = "ää".to_owned();
        clip_text(&mut text, 4);
        assert_eq!(text, "ää");
        text.push('ä');
        clip_text(&mut text, 5);
        assert_eq!(text, "ä…");
    }

    #[test]
    fn unknown_fields_are_ignored() {
        let line = sample().format().replacen('{', r#"{"new":[1],"#, 1);
        assert_eq!(Entry::parse(line.as_bytes()).expect("an entry").seq, 7);
    }
}
