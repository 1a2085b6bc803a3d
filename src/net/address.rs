//! Addresses: what a root is, which file of it is meant, and how both are shown without their secrets.

use std::net::IpAddr;

use url::Host;
use url::Url;

use crate::model::TreePath;
use crate::net::NetError;

/// Shows an address without name, password, query and fragment: each may hold a secret.
pub(super) fn redact(address: &str) -> String {
    match Url::parse(address) {
        Ok(url) if url.cannot_be_a_base() => format!("{}:…", url.scheme()),
        Ok(url) => redact_url(&url),
        // Nobody can say where the secrets of what is no address are: only its scheme is shown.
        Err(_) => address.split_once("://").map_or_else(|| "an address".to_owned(), |(scheme, _)| format!("{}://…", scheme.escape_default())),
    }
}

/// Shows a parsed address without its secrets.
pub(super) fn redact_url(url: &Url) -> String {
    let mut shown = url.clone();
    // Addresses that cannot have these have no secret there either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.to_string()
}

/// Reads an http or https address.
pub(super) fn parse(address: &str) -> Result<Url, NetError> {
    let url = Url::parse(address).map_err(|source| NetError::InvalidAddress { address: redact(address), source })?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(NetError::Unsupported { address: redact(address) }),
    }
}

/// Gives the address of a file below a root; the root's query goes along.
pub(super) fn below(root: &Url, path: &str) -> Result<Url, NetError> {
    require_path(&redact_url(root), path)?;
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

/// Tells whether an address is this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let check = |address: &str, expected: &str| assert_eq!(redact(address), expected, "{address}");
        check("https://a.example/b", "https://a.example/b");
        check("https://kim:secret@a.example:8/b?sig=secret#secret", "https://a.example:8/b");
        check("s3://key:secret@bucket/prefix", "s3://bucket/prefix");
        check("https://kim:secret@a b/", "https://…");
        check("kim:secret", "kim:…");
        check("nothing", "an address");
    }

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

    #[test]
    fn loopback_is_this_machine() {
        let check = |address: &str, expected| assert_eq!(is_loopback(&Url::parse(address).expect("an address")), expected, "{address}");
        check("http://localhost:1/", true);
        check("http://127.0.0.9/", true);
        check("http://[::1]/", true);
        check("http://localhost.example/", false);
        check("http://10.0.0.1/", false);
    }
}
