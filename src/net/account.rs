//! Which account opens a bucket: the variables of the cloud's own tools, and for AWS the files of its profiles.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use object_store::BackoffConfig;
use object_store::ObjectStore;
use object_store::RetryConfig;
use object_store::aws::AmazonS3Builder;
use object_store::aws::AmazonS3ConfigKey;
use object_store::aws::S3CopyIfNotExists;
use object_store::azure::AzureConfigKey;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::gcp::GoogleConfigKey;
use object_store::multipart::MultipartStore;
use url::Url;

use crate::model::is_loopback;
use crate::net::NetError;
use crate::net::aws_profile;
use crate::net::aws_profile::Profile;
use crate::net::connector::Connector;

/// Whose bucket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Amazon S3, and all that speak like it.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
}

/// A bucket that is ready for requests; both are the same, seen from two sides.
pub(super) struct Opened {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) uploads: Arc<dyn MultipartStore>,
}

/// Opens a bucket with the account that the variables tell; nothing is sent yet.
pub(super) fn open(service: Service, bucket: &str, variables: &BTreeMap<String, String>, connector: Connector) -> Result<Opened, NetError> {
    match service {
        Service::S3 => open_s3(bucket, variables, connector),
        Service::Gs => open_gs(bucket, variables, connector),
        Service::Az => open_az(bucket, variables, connector),
    }
}

fn open_s3(bucket: &str, variables: &BTreeMap<String, String>, connector: Connector) -> Result<Opened, NetError> {
    let mut settings: BTreeMap<String, String> = variables.clone();
    if !settings.contains_key("AWS_ACCESS_KEY_ID") && !settings.contains_key("AWS_WEB_IDENTITY_TOKEN_FILE") {
        add_profile(&mut settings)?;
    }
    let mut builder = AmazonS3Builder::new();
    for (key, value) in configured::<AmazonS3ConfigKey>(&settings, "AWS_") {
        builder = builder.with_config(key, value);
    }
    let endpoint = settings.get("AWS_ENDPOINT_URL_S3").or_else(|| settings.get("AWS_ENDPOINT_URL"));
    if endpoint.is_some_and(|endpoint| is_here(endpoint)) {
        builder = builder.with_allow_http(true);
    }
    let builder = builder.with_bucket_name(bucket).with_copy_if_not_exists(S3CopyIfNotExists::Multipart);
    opened(builder.with_retry(no_retries()).with_http_connector(connector).build(), "s3", bucket)
}

fn open_gs(bucket: &str, variables: &BTreeMap<String, String>, connector: Connector) -> Result<Opened, NetError> {
    let mut builder = GoogleCloudStorageBuilder::new();
    for (key, value) in configured::<GoogleConfigKey>(variables, "GOOGLE_") {
        builder = builder.with_config(key, value);
    }
    opened(builder.with_bucket_name(bucket).with_retry(no_retries()).with_http_connector(connector).build(), "gs", bucket)
}

fn open_az(container: &str, variables: &BTreeMap<String, String>, connector: Connector) -> Result<Opened, NetError> {
    let mut builder = MicrosoftAzureBuilder::new();
    for (key, value) in configured::<AzureConfigKey>(variables, "AZURE_") {
        builder = builder.with_config(key, value);
    }
    if builder.get_config_value(&AzureConfigKey::AccountName).is_none() {
        // Its name is part of every address there.
        return Err(NetError::NoAccount { root: format!("az://{container}") });
    }
    let endpoint = variables.get("AZURE_STORAGE_ENDPOINT").or_else(|| variables.get("AZURE_ENDPOINT"));
    if endpoint.is_some_and(|endpoint| is_here(endpoint)) {
        builder = builder.with_allow_http(true);
    }
    opened(builder.with_container_name(container).with_retry(no_retries()).with_http_connector(connector).build(), "az", container)
}

fn opened<T: ObjectStore + MultipartStore>(built: object_store::Result<T>, scheme: &str, bucket: &str) -> Result<Opened, NetError> {
    let unusable = |error: object_store::Error| NetError::Setting { name: format!("the account for {scheme}://{bucket}"), reason: error.to_string() };
    let store = Arc::new(built.map_err(unusable)?);
    Ok(Opened { objects: Arc::clone(&store) as Arc<dyn ObjectStore>, uploads: store })
}

/// Our client retries, so the library does not.
fn no_retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 0, retry_timeout: Duration::ZERO }
}

/// Gives the variables of one cloud that its library knows.
fn configured<'a, K: FromStr + 'a>(variables: &'a BTreeMap<String, String>, prefix: &'a str) -> impl Iterator<Item = (K, &'a str)> {
    let known = move |(name, value): (&'a String, &'a String)| {
        let key = name.starts_with(prefix).then(|| name.to_ascii_lowercase().parse().ok())??;
        Some((key, value.as_str()))
    };
    variables.iter().filter(|(_, value)| !value.is_empty()).filter_map(known)
}

fn is_here(endpoint: &str) -> bool {
    Url::parse(endpoint).is_ok_and(|url| is_loopback(&url))
}

/// Adds what the profile says and no variable does.
fn add_profile(settings: &mut BTreeMap<String, String>) -> Result<(), NetError> {
    let named = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"].iter().find_map(|name| settings.get(*name).filter(|value| !value.is_empty()).cloned());
    let name = named.clone().unwrap_or_else(|| "default".to_owned());
    let credentials = read_file(settings, "AWS_SHARED_CREDENTIALS_FILE", "credentials")?;
    let config = read_file(settings, "AWS_CONFIG_FILE", "config")?;
    let Some(Profile { values, foreign }) = aws_profile::find_profile(&credentials, &config, &name) else {
        return match named {
            Some(_) => Err(NetError::Setting { name: "AWS_PROFILE".into(), reason: format!("there is no profile {name:?}") }),
            None => Ok(()),
        };
    };
    if let Some(way) = foreign {
        let reason = format!("its keys come by {way}, which packs does not do: eval \"$(aws configure export-credentials --profile {name} --format env)\"");
        return Err(NetError::Setting { name: format!("the AWS profile {name:?}"), reason });
    }
    for (key, value) in values {
        let upper = key.to_ascii_uppercase();
        let variable = if upper.starts_with("AWS_") { upper } else { format!("AWS_{upper}") };
        settings.entry(variable).or_insert(value);
    }
    Ok(())
}

/// Reads one of the AWS tools' files; one that is not there says nothing, unless a variable names it.
fn read_file(settings: &BTreeMap<String, String>, variable: &str, name: &str) -> Result<String, NetError> {
    let named = settings.get(variable).map(PathBuf::from);
    let Some(path) = named.clone().or_else(|| Some(PathBuf::from(settings.get("HOME")?).join(".aws").join(name))) else { return Ok(String::new()) };
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(NetError::SettingFile { name: variable.to_owned(), path, source }),
    }
}
