//! The netrc file: names and passwords for hosts, as curl and ftp read it; pure.
//!
//! ```text
//! machine packs.example.org login kim password secret
//! default login anonymous password guest
//! ```
//!
//! Words are separated by white space; a word in double quotes may hold spaces, `\"` and `\\`. `macdef` and its lines up to an empty one are
//! skipped, and so is the rest of a line after a `#` where a keyword would stand: a password may begin with one. The first entry that fits counts.

use crate::net::secret::Secret;

/// A name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: Secret,
}

/// Finds the name and password for a host: its own entry, else the `default`.
pub(super) fn find_login(text: &str, host: &str) -> Option<Login> {
    let entries = parse(text);
    let own = entries.iter().find(|entry| entry.machine.as_deref().is_some_and(|machine| machine.eq_ignore_ascii_case(host)));
    let entry = own.or_else(|| entries.iter().find(|entry| entry.machine.is_none()))?;
    Some(Login { name: entry.login.clone()?, password: Secret::new(entry.password.clone().unwrap_or_default()) })
}

/// What one `machine` or `default` says.
#[derive(Default)]
struct Entry {
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

fn parse(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut words = Words { rest: text };
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" => entries.push(Entry { machine: words.next(), ..Entry::default() }),
            "default" => entries.push(Entry::default()),
            "login" => set(&mut entries, words.next(), |entry| &mut entry.login),
            "password" => set(&mut entries, words.next(), |entry| &mut entry.password),
            "account" => drop(words.next()),
            "macdef" => words.skip_past("\n\n"),
            comment if comment.starts_with('#') => words.skip_past("\n"),
            _ => {}
        }
    }
    entries
}

fn set(entries: &mut [Entry], value: Option<String>, field: impl Fn(&mut Entry) -> &mut Option<String>) {
    if let Some(entry) = entries.last_mut() {
        *field(entry) = value;
    }
}

/// The words of the text that were not read yet.
struct Words<'a> {
    rest: &'a str,
}

impl Words<'_> {
    fn skip_past(&mut self, end: &str) {
        self.rest = self.rest.split_once(end).map_or("", |(_, after)| after);
    }

    /// Reads on to the closing quote.
    fn quoted(&mut self) -> String {
        let mut word = String::new();
        let mut characters = self.rest.chars();
        while let Some(character) = characters.next() {
            match character {
                '"' => break,
                '\\' => word.extend(characters.next()),
                plain => word.push(plain),
            }
        }
        self.rest = characters.as_str();
        word
    }
}

impl Iterator for Words<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        self.rest = self.rest.trim_start();
        if let Some(quoted) = self.rest.strip_prefix('"') {
            self.rest = quoted;
            return Some(self.quoted());
        }
        // The end of the line stays: a comment goes up to there, and a macro up to an empty line.
        let (word, rest) = self.rest.split_at(self.rest.find(char::is_whitespace).unwrap_or(self.rest.len()));
        self.rest = rest;
        (!word.is_empty()).then(|| word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_found() {
        let check = |text: &str, host: &str, expected: Option<(&str, &str)>| {
            let found = find_login(text, host);
            let found = found.as_ref().map(|login| (login.name.as_str(), login.password.reveal()));
            assert_eq!(found, expected, "{host} in {text:?}");
        };
        let usual = "machine a.example login kim password one\nmachine b.example\n  login lee\n  password two # not three\ndefault login anonymous password x";
        check(usual, "a.example", Some(("kim", "one")));
        check(usual, "A.Example", Some(("kim", "one")));
        check(usual, "b.example", Some(("lee", "two")));
        check(usual, "c.example", Some(("anonymous", "x")));
        check("machine a.example login kim password one", "c.example", None);
        check("machine a.example password one", "a.example", None);
        check("machine a.example login kim", "a.example", Some(("kim", "")));
        check("machine a.example login \"k i\\\"m\" password \"a\\\\b # c\"", "a.example", Some(("k i\"m", "a\\b # c")));
        check("macdef init\nmachine a.example login evil password evil\n\nmachine a.example login kim password #one", "a.example", Some(("kim", "#one")));
        check("machine a.example account x login kim password p machine a.example login other password q", "a.example", Some(("kim", "p")));
        check("login nobody password x machine", "a.example", None);
        check("password \"unclosed", "a.example", None);
        check("", "a.example", None);
    }
}
