//! Extended headers: PAX records and GNU long names, which speak of the entry after them.
//!
//! Each piece of information may come from one header only: a name both in a PAX record and in a GNU long name, two of either, or a
//! record given twice in one header is refused, because programs differ in which one they believe.

use crate::archive::ArchiveError;
use crate::archive::error::shown;
use crate::archive::header::Kind;

/// Largest size an octal field holds; a larger one needs a PAX record or GNU's binary form.
const OCTAL_SIZE_MAX: u64 = 0o77_777_777_777;

/// PAX records that change nothing about a tree.
const IGNORED: [&[u8]; 9] = [b"mtime", b"atime", b"ctime", b"uid", b"gid", b"uname", b"gname", b"comment", b"charset"];

/// What extended headers say about the next entry.
#[derive(Default)]
pub(super) struct Extended {
    /// Its path.
    pub(super) path: Option<Vec<u8>>,
    /// Its link target.
    pub(super) link: Option<Vec<u8>>,
    size: Option<u64>,
    has_local: bool,
    has_global: bool,
}

impl Extended {
    /// Takes in one extended header.
    pub(super) fn add(&mut self, kind: Kind, content: &[u8], entry: &str) -> Result<(), ArchiveError> {
        let doubled = |name: &str| bad(entry, format!("a second {name} for one entry"));
        match kind {
            Kind::LongName => set(&mut self.path, long_name(content, entry)?).map_err(|()| doubled("name")),
            Kind::LongLink => set(&mut self.link, long_name(content, entry)?).map_err(|()| doubled("link target")),
            Kind::PaxGlobal if std::mem::replace(&mut self.has_global, true) => Err(bad(entry, "a second global PAX header".to_owned())),
            Kind::PaxLocal if std::mem::replace(&mut self.has_local, true) => Err(doubled("PAX header")),
            _ => self.add_records(kind, content, entry),
        }
    }

    /// Tells whether something was said that still waits for its entry.
    pub(super) fn is_waiting(&self) -> bool {
        self.has_local || self.path.is_some() || self.link.is_some()
    }

    /// Gives what was said about this entry, and forgets all but that there was a global header.
    pub(super) fn take(&mut self) -> Extended {
        let rest = Extended { has_global: self.has_global, ..Extended::default() };
        std::mem::replace(self, rest)
    }

    /// Gives the size of the content, if header and PAX record agree on it.
    pub(super) fn agreed_size(&self, in_header: u64, entry: &str) -> Result<u64, ArchiveError> {
        match self.size {
            None => Ok(in_header),
            Some(size) if size == in_header => Ok(size),
            // The octal field cannot say it: writers leave it empty or at its largest.
            Some(size) if size > OCTAL_SIZE_MAX && (in_header == 0 || in_header == OCTAL_SIZE_MAX) => Ok(size),
            Some(size) => Err(bad(entry, format!("the PAX record says {size} bytes, the header {in_header}"))),
        }
    }

    fn add_records(&mut self, kind: Kind, content: &[u8], entry: &str) -> Result<(), ArchiveError> {
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut rest = content;
        while !rest.is_empty() {
            let (key, value, after) = next_record(rest).ok_or_else(|| bad(entry, format!("a malformed PAX record: `{}`", shown(rest))))?;
            rest = after;
            if seen.contains(&key) {
                return Err(bad(entry, format!("the PAX record `{}` is there twice", shown(key))));
            }
            seen.push(key);
            self.add_record(kind, key, value, entry)?;
        }
        Ok(())
    }

    fn add_record(&mut self, kind: Kind, key: &[u8], value: &[u8], entry: &str) -> Result<(), ArchiveError> {
        let doubled = |()| bad(entry, format!("a second {} for one entry", shown(key)));
        if IGNORED.contains(&key) {
            return Ok(());
        }
        if kind == Kind::PaxGlobal {
            return Err(bad(entry, format!("the PAX record `{}` may not be global", shown(key))));
        }
        match key {
            b"path" => set(&mut self.path, value.to_vec()).map_err(doubled),
            b"linkpath" => set(&mut self.link, value.to_vec()).map_err(doubled),
            b"size" => {
                let size = decimal(value).ok_or_else(|| bad(entry, format!("the PAX record `size` must be a decimal number, not `{}`", shown(value))))?;
                set(&mut self.size, size).map_err(doubled)
            }
            _ => Err(bad(entry, format!("the PAX record `{}` is refused: it could change what the entry is", shown(key)))),
        }
    }
}

fn set<T>(place: &mut Option<T>, value: T) -> Result<(), ()> {
    if place.replace(value).is_some() { Err(()) } else { Ok(()) }
}

/// Takes a GNU long name; GNU tar counts one NUL at its end as content.
fn long_name(content: &[u8], entry: &str) -> Result<Vec<u8>, ArchiveError> {
    let name = content.strip_suffix(b"\0").unwrap_or(content);
    if name.is_empty() || name.contains(&0) {
        return Err(bad(entry, format!("a malformed GNU long name: `{}`", shown(content))));
    }
    Ok(name.to_vec())
}

/// Splits off one record, `<length of all of it in decimal> <key>=<value>\n`.
fn next_record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(&bytes[..blank])?).ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let body = record.get(blank + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then_some((&body[..equals], &body[equals + 1..], rest))
}

/// Parses a decimal number of digits only, without zeros in front.
fn decimal(digits: &[u8]) -> Option<u64> {
    let plain = digits.iter().all(u8::is_ascii_digit) && (digits == b"0" || !digits.starts_with(b"0"));
    plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
}

fn bad(entry: &str, fault: String) -> ArchiveError {
    ArchiveError::BadExtension { entry: entry.to_owned(), fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path and link target.
    type Paths = (Option<&'static [u8]>, Option<&'static [u8]>);

    #[track_caller]
    fn check(headers: &[(Kind, &[u8])], expected: Result<Paths, &str>) {
        let mut extended = Extended::default();
        let added = headers.iter().try_for_each(|(kind, content)| extended.add(*kind, content, "x"));
        match (added, expected) {
            (Ok(()), Ok(paths)) => assert_eq!((extended.path.as_deref(), extended.link.as_deref()), paths),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn records_are_read() {
        check(&[(Kind::PaxLocal, b"11 path=ab\n")], Ok((Some(b"ab"), None)));
        check(&[(Kind::PaxLocal, b"11 path=ab\n14 linkpath=c\n")], Ok((Some(b"ab"), Some(b"c"))));
        check(&[(Kind::LongName, b"ab\0"), (Kind::LongLink, b"c")], Ok((Some(b"ab"), Some(b"c"))));
        check(&[(Kind::PaxGlobal, b"13 comment=x\n"), (Kind::PaxLocal, b"11 mtime=1\n")], Ok((None, None)));
    }

    #[test]
    fn what_is_refused() {
        check(&[(Kind::PaxLocal, b"11 path=ab\n11 path=cd\n")], Err("is there twice"));
        check(&[(Kind::PaxLocal, b"11 path=ab\n"), (Kind::PaxLocal, b"11 mtime=1\n")], Err("a second PAX header"));
        check(&[(Kind::PaxLocal, b"11 path=ab\n"), (Kind::LongName, b"ab")], Err("a second name"));
        check(&[(Kind::LongName, b"ab"), (Kind::PaxLocal, b"11 path=ab\n")], Err("a second path"));
        check(&[(Kind::LongName, b"a\0b")], Err("malformed GNU long name"));
        check(&[(Kind::LongName, b"")], Err("malformed GNU long name"));
        check(&[(Kind::PaxGlobal, b"11 path=ab\n")], Err("may not be global"));
        check(&[(Kind::PaxGlobal, b""), (Kind::PaxGlobal, b"")], Err("a second global"));
        check(&[(Kind::PaxLocal, b"22 GNU.sparse.major=1\n")], Err("`GNU.sparse.major` is refused"));
        check(&[(Kind::PaxLocal, b"22 SCHILY.xattr.a.b=1\n")], Err("`SCHILY.xattr.a.b` is refused"));
        check(&[(Kind::PaxLocal, b"20 hdrcharset=BINARY\n")], Err("malformed"));
        check(&[(Kind::PaxLocal, b"21 hdrcharset=BINARY\n")], Err("`hdrcharset` is refused"));
        for malformed in [
            &b"x"[..],
            b"011 path=ab\n",
            b"+11 path=ab\n",
            b"11 path=ab ",
            b"10 path=ab\n",
            b"12 path=ab\n",
            b"11 mtime=1\n\0",
            b"5 =b\n",
            b"7 path\n",
            b"99999999999 a=b\n",
            b"3 \n",
        ] {
            check(&[(Kind::PaxLocal, malformed)], Err("malformed PAX record"));
        }
        for size in [&b"8 size=\n"[..], b"10 size=-\n", b"11 size=01\n", b"29 size=18446744073709551616\n"] {
            check(&[(Kind::PaxLocal, size)], Err("must be a decimal number"));
        }
    }

    #[test]
    fn sizes_must_agree() {
        let agreed = |size, in_header| Extended { size, ..Extended::default() }.agreed_size(in_header, "x").ok();
        assert_eq!(agreed(None, 5), Some(5));
        assert_eq!(agreed(Some(5), 5), Some(5));
        assert_eq!(agreed(Some(5), 0), None);
        assert_eq!(agreed(Some(1 << 33), 0), Some(1 << 33));
        assert_eq!(agreed(Some(1 << 33), 7), None);
    }
}
