//! Whom the client trusts and through whom it goes: certificates and proxies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use reqwest::Certificate;
use reqwest::ClientBuilder;
use reqwest::NoProxy;
use reqwest::Proxy;
use reqwest::redirect;

use crate::net::NetError;
use crate::net::NetSettings;
use crate::net::error::Fault;

/// Makes the client: connections are kept and shared by all threads of the process.
pub(super) fn build_client(settings: &NetSettings) -> Result<reqwest::Client, NetError> {
    // Somebody who embeds packs may have chosen before us.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder()
        .user_agent(concat!("packs/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_max)
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .tls_certs_merge(certificates(settings)?);
    let built = proxied(builder, &settings.variables)?.build();
    built.map_err(|source| NetError::Setting { name: "the certificates of this machine".into(), reason: Fault::new(source).to_string() })
}

/// Reads the certificates that are trusted besides the system's.
fn certificates(settings: &NetSettings) -> Result<Vec<Certificate>, NetError> {
    let read = settings.certificates.iter().map(|path| certificates_in(path)).collect::<Result<Vec<_>, _>>()?;
    Ok(read.into_iter().flatten().collect())
}

fn certificates_in(path: &Path) -> Result<Vec<Certificate>, NetError> {
    let name = "the file of certificates";
    let pem = fs::read(path).map_err(|source| NetError::SettingFile { name: name.into(), path: path.to_owned(), source })?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(NetError::Setting { name: format!("{name} {}", path.display()), reason: "it holds no PEM certificate".into() }),
    }
}

/// Takes the proxies out of the variables, as curl does: the lower-case spelling counts before the upper-case one.
///
/// `HTTP_PROXY` in capitals is not read where `REQUEST_METHOD` is set: there a web server set it from a header field of its visitor.
fn proxied(builder: ClientBuilder, variables: &BTreeMap<String, String>) -> Result<ClientBuilder, NetError> {
    let find = |name: &str| {
        let spellings = [name.to_lowercase(), name.to_owned()];
        let found = spellings.iter().find_map(|name| variables.get_key_value(name).filter(|(_, value)| !value.is_empty()));
        found.map(|(name, value)| (name.clone(), value.clone()))
    };
    let exceptions = find("NO_PROXY").and_then(|(_, list)| NoProxy::from_string(&list));
    let in_cgi = variables.contains_key("REQUEST_METHOD");
    let mut builder = builder.no_proxy();
    let http = find("HTTP_PROXY").filter(|(name, _)| !in_cgi || name == "http_proxy");
    for (found, way) in [(http, Way::Http), (find("HTTPS_PROXY"), Way::Https), (find("ALL_PROXY"), Way::All)] {
        let Some((name, value)) = found else { continue };
        let with_scheme = if value.contains("://") { value } else { format!("http://{value}") };
        let usable = with_scheme.starts_with("http://") || with_scheme.starts_with("https://");
        let reason = "it must be http://HOST:PORT or https://HOST:PORT".to_owned();
        let proxy = way.proxy(&with_scheme).ok().filter(|_| usable).ok_or(NetError::Setting { name, reason })?;
        builder = builder.proxy(proxy.no_proxy(exceptions.clone()));
    }
    Ok(builder)
}

/// Which addresses a proxy is for.
enum Way {
    Http,
    Https,
    All,
}

impl Way {
    fn proxy(&self, address: &str) -> reqwest::Result<Proxy> {
        match self {
            Way::Http => Proxy::http(address),
            Way::Https => Proxy::https(address),
            Way::All => Proxy::all(address),
        }
    }
}
