//! The address of an archive that lies in no registry, as a lockfile names it.

use url::Url;

use crate::model::InvalidNoun;
use crate::model::has_user;
use crate::model::is_loopback;
use crate::model::spelled::kept_as_text;
use crate::model::without_secrets;

/// Longest address, in bytes: what servers and proxies commonly take.
const BYTES_MAX: usize = 8 * 1024;

/// How much of a refused address is repeated, in characters.
const SHOWN_CHARS_MAX: usize = 200;

/// The https address of a file, without name and password: `https://github.com/acme/kanban/releases/download/v2/kanban-2.0.3.tar.zst`.
///
/// To this machine itself http will do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArchiveAddress(String);

impl ArchiveAddress {
    /// Parses an address; what is refused is repeated without what may be secret in it.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        match fault(text) {
            None => Ok(ArchiveAddress(text.to_owned())),
            Some(reason) => {
                let shown: String = without_secrets(text).chars().take(SHOWN_CHARS_MAX).collect();
                Err(InvalidNoun::new("address of an archive", &shown, reason))
            }
        }
    }
}

fn fault(text: &str) -> Option<&'static str> {
    if text.len() > BYTES_MAX {
        return Some("it is longer than 8192 bytes");
    }
    // A parser of addresses drops some of these silently.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte)) {
        return Some("it has a character that no address has");
    }
    let Ok(url) = Url::parse(text) else { return Some("it is no address") };
    if has_user(text) {
        return Some("it has a name or a password in it; credentials come from elsewhere");
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => return Some("it must begin with https://"),
    }
    let file = url.path_segments().and_then(|mut segments| segments.next_back().map(str::to_owned)).unwrap_or_default();
    file.is_empty().then_some("it names no file")
}

kept_as_text!(ArchiveAddress, "ArchiveAddress");

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(), &str>) {
        let found = ArchiveAddress::parse(text).map(drop).map_err(|invalid| invalid.to_string());
        assert_eq!(found, expected.map_err(str::to_owned), "{text:?}");
    }

    #[test]
    fn only_files_over_https_without_credentials() {
        check("https://github.com/acme/kanban/releases/download/v2%2B1/kanban-2.0.3.tar.zst", Ok(()));
        check("https://h/a.tar.zst?sig=x#f", Ok(()));
        check("https://h/@acme/a.tar.zst", Ok(()));
        check("http://127.0.0.1:81/a.tar.zst", Ok(()));
        check("http://[::1]/a.tar.zst", Ok(()));
        check("http://h/a.tar.zst", Err("\"http://h/a.tar.zst\" is not a valid address of an archive: it must begin with https://"));
        check("file:///etc/passwd", Err("\"file:///etc/passwd\" is not a valid address of an archive: it must begin with https://"));
        check("https://h/", Err("\"https://h/\" is not a valid address of an archive: it names no file"));
        check("a.tar.zst", Err("\"a.tar.zst\" is not a valid address of an archive: it is no address"));
        check("https://h/a\u{7}.tar.zst", Err("\"https://h/a\\u{7}.tar.zst\" is not a valid address of an archive: it has a character that no address has"));
        check("https://h/a b", Err("\"https://h/a b\" is not a valid address of an archive: it has a character that no address has"));
        check(
            &format!("https://h/{}", "a".repeat(9000)),
            Err(&format!("\"https://h/{}\" is not a valid address of an archive: it is longer than 8192 bytes", "a".repeat(190))),
        );
    }

    #[test]
    fn no_refusal_repeats_a_secret() {
        let refused = "is not a valid address of an archive: it has a name or a password in it; credentials come from elsewhere";
        for text in ["https://ana:secret@h/a.tar.zst?token=secret", "https://secret@h/a.tar.zst", "https://@h/a.tar.zst#secret"] {
            check(text, Err(&format!("\"https://h/a.tar.zst\" {refused}")));
        }
        check("ftp://ana:sec@ret@h/a?secret", Err(&format!("\"ftp://h/a\" {refused}")));
        check("ana:sec ret@h/a?secret", Err("\"ana:…\" is not a valid address of an archive: it has a character that no address has"));
    }
}
