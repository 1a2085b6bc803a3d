//! Who we are to a host: the address itself, a token out of a variable, or the netrc file, in this order; pure.
//!
//! Nothing is sent where anybody on the way can read it: only over https, and to this machine itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::model::is_loopback;
use crate::model::without_secrets;
use crate::net::NetError;
use crate::net::address;
use crate::net::error::Credential;
use crate::net::netrc;
use crate::net::secret::Secret;

/// How the variables that hold a token for a host begin: `PACKS_TOKEN_PACKS_EXAMPLE_ORG`.
pub(super) const TOKEN_PREFIX: &str = "PACKS_TOKEN_";

/// What can be told to hosts.
pub(super) struct Credentials {
    tokens: BTreeMap<String, Secret>,
    netrc: Secret,
}

impl Credentials {
    /// Takes the tokens out of the variables, and the text of the netrc file.
    pub(super) fn new(variables: &BTreeMap<String, String>, netrc: String) -> Self {
        let is_token = |(name, value): &(&String, &String)| name.starts_with(TOKEN_PREFIX) && !value.is_empty();
        let tokens = variables.iter().filter(is_token).map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect();
        Credentials { tokens, netrc: Secret::new(netrc) }
    }

    /// Gives the value of `Authorization` for an address, and where it is from; removes name and password from the address.
    pub(super) fn take(&self, url: &mut Url) -> Result<(Credential, Option<Secret>), NetError> {
        let safe = url.scheme() == "https" || is_loopback(url);
        if !url.username().is_empty() || url.password().is_some() {
            let basic = basic(&decoded(url.username()), &decoded(url.password().unwrap_or_default()));
            let _ = url.set_username("");
            let _ = url.set_password(None);
            return if safe { Ok((Credential::Address, Some(basic))) } else { Err(NetError::Cleartext { address: without_secrets(url.as_str()) }) };
        }
        if !safe {
            return Ok((Credential::None, None));
        }
        if let Some(token) = variables_for(&address::host_of(url)).iter().find_map(|name| self.tokens.get(name)) {
            return Ok((Credential::Token, Some(Secret::new(format!("Bearer {}", token.reveal())))));
        }
        let login = netrc::find_login(self.netrc.reveal(), url.host_str().unwrap_or_default());
        Ok(match login {
            Some(login) => (Credential::Netrc, Some(basic(&login.name, login.password.reveal()))),
            None => (Credential::None, None),
        })
    }
}

/// Names the variables that may hold a token for a host, the nearer first: with its port, and without.
///
/// No two hosts share one, or whoever has `packs-example.org` would be sent the token of `packs.example.org`: a hyphen is two underscores, all else that is
/// no letter and no digit is one.
pub fn variables_for(host: &str) -> Vec<String> {
    let spelled = |text: &str| {
        let letters = text.chars().map(|letter| match letter {
            '-' => "__".to_owned(),
            letter if letter.is_ascii_alphanumeric() => letter.to_ascii_uppercase().to_string(),
            _ => "_".to_owned(),
        });
        format!("{TOKEN_PREFIX}{}", letters.collect::<String>())
    };
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => vec![spelled(host), spelled(name)],
        _ => vec![spelled(host)],
    }
}

fn basic(name: &str, password: &str) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))))
}

/// Undoes the percent signs of a name or password in an address.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).filter(|_| *first == b'%').and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_hosts_share_a_variable() {
        for (host, expected) in [
            ("packs.example.org", vec!["PACKS_TOKEN_PACKS_EXAMPLE_ORG"]),
            ("packs-example.org", vec!["PACKS_TOKEN_PACKS__EXAMPLE_ORG"]),
            ("packs--example.org", vec!["PACKS_TOKEN_PACKS____EXAMPLE_ORG"]),
            ("packs.example.org:8443", vec!["PACKS_TOKEN_PACKS_EXAMPLE_ORG_8443", "PACKS_TOKEN_PACKS_EXAMPLE_ORG"]),
        ] {
            assert_eq!(variables_for(host), expected, "{host}");
        }
    }

    #[test]
    fn the_nearest_credentials_are_taken() {
        let variables = [("PACKS_TOKEN_TOKEN_EXAMPLE", "t1"), ("PACKS_TOKEN_PORT_EXAMPLE_8443", "t2"), ("PACKS_TOKEN_EMPTY_EXAMPLE", "")];
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let netrc = "machine netrc.example login kim password n\nmachine token.example login kim password n\nmachine localhost login me password n".to_owned();
        let credentials = Credentials::new(&variables, netrc);
        let check = |address: &str, source: Credential, header: Option<&str>| {
            let mut url = Url::parse(address).expect("an address");
            let (found, sent) = credentials.take(&mut url).expect("it may be sent");
            assert_eq!((found, sent.as_ref().map(Secret::reveal)), (source, header), "{address}");
            assert!(url.username().is_empty() && url.password().is_none(), "{address}");
        };
        check("https://other.example/", Credential::None, None);
        check("https://token.example/", Credential::Token, Some("Bearer t1"));
        check("https://token.example:99/", Credential::Token, Some("Bearer t1"));
        check("https://port.example:8443/", Credential::Token, Some("Bearer t2"));
        check("https://port.example/", Credential::None, None);
        check("https://empty.example/", Credential::None, None);
        check("https://netrc.example/", Credential::Netrc, Some("Basic a2ltOm4="));
        check("https://a:b%40%zz@token.example/", Credential::Address, Some("Basic YTpiQCV6eg=="));
        check("http://token.example/", Credential::None, None);
        check("http://localhost:80/", Credential::Netrc, Some("Basic bWU6bg=="));
        let mut clear = Url::parse("http://kim:secret@other.example/a?b").expect("an address");
        let refused = credentials.take(&mut clear).expect_err("anybody could read it");
        assert!(matches!(&refused, NetError::Cleartext { address } if address == "http://other.example/a"), "{refused:?}");
    }
}
