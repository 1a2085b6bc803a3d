//! An archive at the address that a lockfile names.

use url::Url;

use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::ReleaseId;
use crate::net::Answer;
use crate::net::Body;
use crate::net::Network;
use crate::net::Transport;
use crate::registry::IndexDocument;
use crate::source::ArchivePosition;
use crate::source::Source;
use crate::source::SourceError;

/// One archive, wherever it lies; nothing is known there of other releases.
pub struct LocatedSource {
    directory: Box<dyn Transport>,
    file: String,
}

impl LocatedSource {
    /// Takes the address of an archive; nothing is asked yet.
    ///
    /// # Errors
    /// [`SourceError::BadAddress`] where it is not the https (or http) address of a file.
    pub fn new(network: &Network, address: &str) -> Result<LocatedSource, SourceError> {
        let (directory, file) = split(address).ok_or(SourceError::BadAddress)?;
        let directory = network.open(&directory).map_err(|source| SourceError::Transport { registry: file.clone(), source: Box::new(source) })?;
        Ok(LocatedSource { directory, file })
    }
}

impl Source for LocatedSource {
    fn index(&self, _: &PackName) -> Result<Answer<IndexDocument>, SourceError> {
        Ok(Answer::Absent)
    }

    fn archive_at(&self, _: &ReleaseId, _: &str, position: ArchivePosition<'_>) -> Result<Answer<Body>, SourceError> {
        let body = self.directory.open_at(&self.file, position.offset, position.known);
        body.map_err(|source| SourceError::Transport { registry: self.describe(), source: Box::new(source) })
    }

    fn describe(&self) -> String {
        self.directory.describe()
    }
}

/// Parts an address into that of its directory and the name of the file in it.
fn split(address: &str) -> Option<(String, String)> {
    let mut url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none())?;
    url.set_fragment(None);
    let file = unescaped(url.path_segments()?.next_back()?)?;
    let file = PathComponent::parse(&file).ok()?.as_str().to_owned();
    url.path_segments_mut().ok()?.pop();
    Some((url.into(), file))
}

/// Replaces `%2B` and the like by what they stand for.
fn unescaped(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let (byte, next) = match (first, others) {
            (b'%', [high, low, others @ ..]) => (u8::from_str_radix(std::str::from_utf8(&[*high, *low]).ok()?, 16).ok()?, others),
            _ => (*first, others),
        };
        bytes.push(byte);
        rest = next;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Option<(&str, &str)>) {
        assert_eq!(split(address), expected.map(|(directory, file)| (directory.to_owned(), file.to_owned())), "{address}");
    }

    #[test]
    fn addresses_are_parted() {
        check(
            "https://github.com/acme/kanban/releases/download/v2%2B1/kanban-2.0.3.tar.zst",
            Some(("https://github.com/acme/kanban/releases/download/v2%2B1", "kanban-2.0.3.tar.zst")),
        );
        check("http://127.0.0.1:81/a%2Bb.tar.gz?x=1#f", Some(("http://127.0.0.1:81/?x=1", "a+b.tar.gz")));
        check("https://h/a/%2e%2e%2fx", None);
        check("https://h/a/%zz", None);
        check("https://h/", None);
        check("https://u:p@h/a.tar.zst", None);
        check("file:///a.tar.zst", None);
        check("ftp://h/a.tar.zst", None);
        check("nothing", None);
    }
}
