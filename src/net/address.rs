//! Addresses: what a root is, and which file of it is meant.

use url::Url;

use crate::model::TreePath;
use crate::model::without_secrets;
use crate::net::NetError;

/// Reads an http or https address.
pub(super) fn parse(address: &str) -> Result<Url, NetError> {
    let url = Url::parse(address).map_err(|source| NetError::InvalidAddress { address: without_secrets(address), source })?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(NetError::Unsupported { address: without_secrets(address) }),
    }
}

/// Gives the address of a file below a root; the root's query goes along.
pub(super) fn below(root: &Url, path: &str) -> Result<Url, NetError> {
    require_path(&without_secrets(root.as_str()), path)?;
    let mut url = root.clone();
    url.path_segments_mut().expect("http addresses have segments").pop_if_empty().extend(path.split('/'));
    Ok(url)
}

/// Refuses a path that no file of a registry can have.
pub(super) fn require_path(root: &str, path: &str) -> Result<(), NetError> {
    TreePath::parse(path).map(|_| ()).map_err(|source| NetError::InvalidPath { root: root.to_owned(), path: path.to_owned(), source })
}

/// Names the other side: `packs.example.org`, `localhost:8080`.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_lie_below_their_root() {
        let check = |root: &str, path: &str, expected: &str| {
            assert_eq!(below(&Url::parse(root).expect("an address"), path).expect("a path").as_str(), expected, "{root} {path}");
        };
        check("https://a.example", "index/a.json", "https://a.example/index/a.json");
        check("https://a.example/", "a", "https://a.example/a");
        check("https://a.example/main", "a", "https://a.example/main/a");
        check("https://a.example/main/", "a", "https://a.example/main/a");
        check("https://a.example/main?sv=1", "a b+c%?#", "https://a.example/main/a%20b+c%25%3F%23?sv=1");
        assert!(matches!(below(&Url::parse("https://a.example/main").expect("an address"), "../a"), Err(NetError::InvalidPath { .. })));
    }
}
