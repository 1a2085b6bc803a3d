//! Addresses of registries and archives: whether one holds a user, whether it is this machine, and how it is shown without its secrets.

use std::net::IpAddr;

use url::Host;
use url::Url;

use crate::model::Repository;

/// Tells whether what stands before the path of an address has an `@`, also one with nothing before it.
///
/// A `?` or `#` does not end what is looked at: somebody's password may have one.
pub fn has_user(address: &str) -> bool {
    let after_scheme = address.split_once(':').map_or(address, |(_, rest)| rest).trim_start_matches('/');
    after_scheme.split('/').next().is_some_and(|authority| authority.contains('@'))
}

/// Tells whether an address is this machine itself.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // RFC 6761, 6.3: names below `localhost` are this machine, too.
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Shows an address without user, password, query and fragment: each may hold a secret. The rest stands as it was written.
///
/// Of what was meant as an address and is none nobody can say where its secrets are: only its scheme is shown, as `https://…`. What has nothing of
/// an address stands as it is.
pub fn without_secrets(address: &str) -> String {
    match Url::parse(address) {
        _ if Repository::of_address(address).is_some_and(|repository| repository.is_ok()) => address.to_owned(),
        Ok(url) if !url.cannot_be_a_base() => {
            let bare = without_secret_parts(url);
            // A parser reads also what is written otherwise than it is spelled here; then its own spelling is shown.
            cut(address).filter(|cut| Url::parse(cut).is_ok_and(|parsed| parsed == bare)).unwrap_or_else(|| bare.into())
        }
        _ if !address.contains([':', '@', '?', '#']) => address.to_owned(),
        _ => only_scheme(address),
    }
}

fn without_secret_parts(mut url: Url) -> Url {
    // Addresses that cannot have these have no secret there either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Cuts the secrets out of the text of an address that is spelled plainly.
fn cut(address: &str) -> Option<String> {
    let head = address.split(['?', '#']).next()?;
    let Some((scheme, rest)) = head.split_once("://") else { return Some(head.to_owned()) };
    let authority = rest.split('/').next()?;
    let host = authority.rfind('@').map_or(0, |at| at + 1);
    Some(format!("{scheme}://{}", &rest[host..]))
}

fn only_scheme(address: &str) -> String {
    let is_scheme = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    match address.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => format!("{scheme}:{}…", if rest.starts_with("//") { "//" } else { "" }),
        _ => "…".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: &str) {
        assert_eq!(without_secrets(address), expected, "{address}");
    }

    #[test]
    fn addresses_are_shown_as_they_were_written() {
        for address in [
            "https://packs.example.org",
            "https://Packs.example.org/a b/@acme/x",
            "http://127.0.0.1:8080/main/",
            "s3://bucket/prefix",
            "s3://Bucket_1/a@b",
            "file:registry",
            "file:///srv/a",
            "github:acme/kanban",
            "registry",
            "../a b",
        ] {
            check(address, address);
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        check("https://ana:secret@packs.example.org/main?token=secret#secret", "https://packs.example.org/main");
        check("https://ana:a@b@packs.example.org", "https://packs.example.org");
        check("https://Packs.example.org?sig=secret", "https://Packs.example.org");
        check("https://kim:secret@a.example:8/b?sig=secret#secret", "https://a.example:8/b");
        check("s3://key:secret@bucket/prefix", "s3://bucket/prefix");
        check("ftp://ana:sec@ret@h/a?secret", "ftp://h/a");
    }

    #[test]
    fn no_way_of_writing_an_address_brings_a_secret_out() {
        check("https:ana:secret@h/x", "https://h/x");
        check("https:/ana:secret@h/x", "https://h/x");
        check("https:\\\\ana:secret@h/x", "https://h/x");
        check("ht\ntps://ana:secret@h/x", "ht\ntps://h/x");
        check("https://\tana:secret@h/x", "https://h/x");
    }

    #[test]
    fn of_what_is_no_address_only_the_scheme_is_shown() {
        check("https://ana:sec/ret@h/x", "https://…");
        check("https://ana:sec?ret@h/x", "https://…");
        check("https://kim:secret@a b/", "https://…");
        check("kim:secret", "kim:…");
        check("github:kim:secret@acme/kanban", "github:…");
        check("ana secret:x@h", "…");
        check("secret@h", "…");
        check("registry?secret", "…");
    }

    #[test]
    fn a_user_is_seen_wherever_it_stands() {
        for with in ["https://ana@h/x", "https://@h", "https:ana:secret@h", "https://ana:se?cret@h/x", "https://ana:se#cret@h/x"] {
            assert!(has_user(with), "{with}");
        }
        for without in ["https://h/@acme/x", "https://h/x?a@b", "s3://bucket/a@b", "https://h"] {
            assert!(!has_user(without), "{without}");
        }
    }

    #[test]
    fn loopback_is_this_machine() {
        let check = |address: &str, expected| assert_eq!(is_loopback(&Url::parse(address).expect("an address")), expected, "{address}");
        check("http://localhost:1/", true);
        check("http://a.localhost:1/", true);
        check("http://127.0.0.9/", true);
        check("http://[::1]/", true);
        check("http://localhost.example/", false);
        check("http://10.0.0.1/", false);
    }
}
