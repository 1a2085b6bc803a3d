//! Where GitHub's API is, and who asks it; pure.

use std::collections::BTreeMap;

use url::Url;

use crate::model::is_loopback;
use crate::net::Secret;
use crate::source::github::GitHubError;

/// The API of github.com.
const API_USUAL: &str = "https://api.github.com";

/// The variable that names another API: that of an enterprise's own GitHub. GitHub's own runners set it.
pub const API_VARIABLE: &str = "GITHUB_API_URL";

/// The variables that may hold a token, in the order in which they count: as GitHub's own program has it.
pub const TOKEN_VARIABLES: [&str; 2] = ["GH_TOKEN", "GITHUB_TOKEN"];

/// The API to ask, and the token to ask it with.
#[derive(Debug, Clone)]
pub struct Access {
    api: String,
    token: Option<Token>,
}

#[derive(Debug, Clone)]
struct Token {
    variable: &'static str,
    secret: Secret,
}

impl Access {
    /// Reads the variables of the process environment that are about GitHub.
    ///
    /// # Errors
    /// [`GitHubError::BadApi`] where the address is none, or a token would travel to it unencrypted.
    pub fn new(variables: &BTreeMap<String, String>) -> Result<Access, GitHubError> {
        let token = TOKEN_VARIABLES.iter().find_map(|variable| {
            let secret = variables.get(*variable).map(|text| text.trim()).filter(|text| !text.is_empty())?;
            Some(Token { variable, secret: Secret::new(secret) })
        });
        let written = variables.get(API_VARIABLE).map(String::as_str).filter(|text| !text.is_empty()).unwrap_or(API_USUAL);
        let api = Url::parse(written).map_err(|_| GitHubError::BadApi { reason: "it is no address" })?;
        if let Some(reason) = unusable(&api) {
            return Err(GitHubError::BadApi { reason });
        }
        Ok(Access { api: api.as_str().trim_end_matches('/').to_owned(), token })
    }

    /// Gives the address of something below the API: `repos/acme/kanban/releases`.
    pub fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.api)
    }

    /// Names the host of the API: two may have repositories of one name.
    pub fn host(&self) -> String {
        let api = Url::parse(&self.api).expect("parsed before");
        let host = api.host_str().unwrap_or_default().to_owned();
        api.port().map_or_else(|| host.clone(), |port| format!("{host}:{port}"))
    }

    /// Names the variable that holds the token, if there is one.
    pub fn variable(&self) -> Option<&'static str> {
        self.token.as_ref().map(|token| token.variable)
    }

    /// Gives the header that says who asks, if anybody does.
    pub(super) fn authorization(&self) -> Option<(String, String)> {
        let token = self.token.as_ref()?;
        Some(("Authorization".to_owned(), format!("Bearer {}", token.secret.reveal())))
    }
}

fn unusable(api: &Url) -> Option<&'static str> {
    match api.scheme() {
        "https" => {}
        "http" if is_loopback(api) => {}
        "http" => return Some("it begins with http://, so that anybody on the way could read the token; use https://"),
        _ => return Some("it must begin with https://"),
    }
    if !api.username().is_empty() || api.password().is_some() || api.query().is_some() || api.fragment().is_some() {
        return Some("it must be an address without user, password, ? and #; tokens go into GITHUB_TOKEN");
    }
    None
}

/// Tells whether an address may be told a token: it is encrypted, or this machine itself.
pub(super) fn is_safe(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(variables: &[(&str, &str)]) -> Result<Access, GitHubError> {
        Access::new(&variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn the_usual_api_and_nobody() {
        let access = access(&[]).expect("usable");
        assert_eq!((access.url("x"), access.host(), access.variable()), ("https://api.github.com/x".into(), "api.github.com".into(), None));
    }

    #[test]
    fn variables_count_in_their_order() {
        #[track_caller]
        fn check(variables: &[(&str, &str)], expected: Option<&str>) {
            assert_eq!(access(variables).expect("usable").variable(), expected, "{variables:?}");
        }
        check(&[("GITHUB_TOKEN", "a")], Some("GITHUB_TOKEN"));
        check(&[("GITHUB_TOKEN", "a"), ("GH_TOKEN", "b")], Some("GH_TOKEN"));
        check(&[("GITHUB_TOKEN", "a"), ("GH_TOKEN", " ")], Some("GITHUB_TOKEN"));
        check(&[("GH_TOKEN", "")], None);
    }

    #[test]
    fn another_api() {
        let address = |text: &str| access(&[("GITHUB_API_URL", text), ("GH_TOKEN", "t")]).map(|access| access.url("x"));
        assert_eq!(address("https://ghe.example.org/api/v3/").expect("usable"), "https://ghe.example.org/api/v3/x");
        assert_eq!(address("http://127.0.0.1:81").expect("usable"), "http://127.0.0.1:81/x");
        for bad in ["nothing", "ftp://a/", "http://ghe.example.org", "https://u:secret@a/", "https://a/?secret", "http://127.0.0.1.evil.example"] {
            let error = address(bad).expect_err(bad).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", access(&[("GH_TOKEN", "geheim")])).contains("geheim"));
    }
}
