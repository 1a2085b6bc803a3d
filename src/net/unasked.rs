//! A registry that may not be asked.

use std::io::Read;

use crate::net::Answer;
use crate::net::Body;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Precondition;
use crate::net::Revision;
use crate::net::Transport;
use crate::net::Written;

/// Stands for a registry while the network is not to be used: every reading is [`Answer::Offline`].
#[derive(Debug, Clone)]
pub struct Unasked {
    name: String,
}

impl Unasked {
    /// Takes how people name the registry.
    pub fn new(name: impl Into<String>) -> Self {
        Unasked { name: name.into() }
    }
}

impl Transport for Unasked {
    fn read(&self, _path: &str, _bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        Ok(Answer::Offline)
    }

    fn open_at(&self, _path: &str, _offset: u64, _known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        Ok(Answer::Offline)
    }

    fn write_from(&self, _path: &str, _content: &mut dyn Read, _when: &Precondition) -> Result<Written, NetError> {
        Err(NetError::NotAsked { root: self.name.clone() })
    }

    fn describe(&self) -> String {
        self.name.clone()
    }
}
