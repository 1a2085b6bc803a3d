//! A bucket as registry: S3, Google Cloud Storage, Azure Blob Storage.
//!
//! Protocol of writing. What fits into one piece is one conditional request. What is larger goes up in pieces: for a file that must not exist yet under the
//! name `.packs-tmp-<random>` below the root, copied to its own name inside the service if that is still free, then removed. A name becomes visible by one
//! request, complete. What a crash leaves is a temporary object, or pieces that the bucket's lifecycle rule for incomplete uploads removes.
//!
//! A conditional request whose answer got lost may have been carried out. It is made again, and if the condition no longer holds because the file is
//! what was to be written, it is done.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::io;
use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use bytes::Bytes;
use futures_util::StreamExt as _;
use object_store::CopyMode;
use object_store::CopyOptions;
use object_store::GetOptions;
use object_store::GetRange;
use object_store::GetResult;
use object_store::MultipartId;
use object_store::ObjectMeta;
use object_store::ObjectStoreExt as _;
use object_store::PutMode;
use object_store::PutOptions;
use object_store::UpdateVersion;
use object_store::multipart::PartId;
use object_store::path::Path as Key;
use url::Url;

use crate::net::Answer;
use crate::net::Body;
use crate::net::Changed;
use crate::net::Fetched;
use crate::net::NetError;
use crate::net::Network;
use crate::net::Precondition;
use crate::net::Revision;
use crate::net::Transport;
use crate::net::Written;
use crate::net::account;
use crate::net::account::Opened;
use crate::net::account::Service;
use crate::net::address;
use crate::net::body::BodyReader;
use crate::net::client::Client;
use crate::net::connector::Connector;
use crate::net::error::Fault;

/// Bytes of one piece of an upload, and what is sent in one request at most: services take 10,000 pieces, so 160 GB in all.
const PIECE_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of a file that replaces another: only documents do, and those are small.
const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Objects below a prefix of a bucket.
pub(super) struct Bucket {
    network: Network,
    service: Service,
    name: String,
    prefix: String,
    opened: Mutex<Option<Arc<Ready>>>,
}

/// A bucket and the client that reaches it.
struct Ready {
    client: Arc<Client>,
    store: Opened,
}

/// What a service answers to one request.
enum Outcome<T> {
    Done(T),
    Absent,
    Same,
    ConditionFailed,
}

impl Bucket {
    /// Names the root; `None` where the address is none of a bucket.
    pub(super) fn new(network: Network, address: &Url) -> Option<Bucket> {
        let service = match address.scheme() {
            "s3" => Service::S3,
            "gs" => Service::Gs,
            "az" => Service::Az,
            _ => return None,
        };
        let name = address.host_str().filter(|name| !name.is_empty())?.to_owned();
        let plain = address.username().is_empty() && address.password().is_none() && address.port().is_none() && address.query().is_none();
        let prefix = address.path().trim_matches('/').to_owned();
        plain.then(|| Bucket { network, service, name, prefix, opened: Mutex::new(None) })
    }

    fn ready(&self) -> Result<Arc<Ready>, NetError> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ready) = &*opened {
            return Ok(Arc::clone(ready));
        }
        let client = self.network.client()?;
        let store = account::open(self.service, &self.name, self.network.variables(), Connector::new(&client, &self.describe()))?;
        let ready = Arc::new(Ready { client, store });
        *opened = Some(Arc::clone(&ready));
        Ok(ready)
    }

    fn place<'a>(&self, path: &'a str) -> Result<Place<'a>, NetError> {
        let root = self.describe();
        address::require_path(&root, path)?;
        let key = Key::from(format!("{}/{path}", self.prefix));
        let temporary = Key::from(format!("{}/.packs-tmp-{:016x}", self.prefix, RandomState::new().hash_one(path)));
        Ok(Place { ready: self.ready()?, service: self.service, root, path, key, temporary })
    }
}

impl Transport for Bucket {
    fn read(&self, path: &str, bytes_max: u64) -> Result<Answer<Fetched>, NetError> {
        self.place(path)?.fetch(bytes_max, None)?.try_map(|changed| match changed {
            Changed::Other(fetched) => Ok(fetched),
            // Nobody asked whether it changed.
            Changed::Same => Err(NetError::Status { address: format!("{}/{path}", self.describe()), status: 304 }),
        })
    }

    fn read_changed(&self, path: &str, bytes_max: u64, known: &Revision) -> Result<Answer<Changed>, NetError> {
        self.place(path)?.fetch(bytes_max, Some(known))
    }

    fn open_at(&self, path: &str, offset: u64, known: Option<&Revision>) -> Result<Answer<Body>, NetError> {
        let place = self.place(path)?;
        if offset > 0
            && let Some(answer) = place.open_rest(offset, known)?
        {
            return Ok(answer);
        }
        Ok(place.open_rest(0, None)?.unwrap_or(Answer::Absent))
    }

    fn write_from(&self, path: &str, content: &mut dyn Read, when: &Precondition) -> Result<Written, NetError> {
        let place = self.place(path)?;
        let first = place.take_piece(content, PIECE_BYTES)?;
        if first.len() < PIECE_BYTES {
            return place.put(&first.into(), when);
        }
        match when {
            Precondition::Unchanged(_) => {
                let rest = place.take_piece(content, DOCUMENT_BYTES_MAX - PIECE_BYTES + 1)?;
                let whole = [first, rest].concat();
                if whole.len() > DOCUMENT_BYTES_MAX { Err(place.too_large(DOCUMENT_BYTES_MAX as u64)) } else { place.put(&whole.into(), when) }
            }
            Precondition::None => place.upload(&place.key, first, content).map(|()| Written::Done),
            Precondition::Absent => place.upload_new(first, content),
        }
    }

    fn list(&self, directory: &str) -> Result<Option<Vec<String>>, NetError> {
        self.place(directory)?.list(&Key::from(self.prefix.as_str())).map(Some)
    }

    fn describe(&self) -> String {
        let scheme = match self.service {
            Service::S3 => "s3",
            Service::Gs => "gs",
            Service::Az => "az",
        };
        let slash = if self.prefix.is_empty() { "" } else { "/" };
        format!("{scheme}://{}{slash}{}", self.name, self.prefix)
    }
}

/// One file of a bucket, which may not exist yet.
struct Place<'a> {
    ready: Arc<Ready>,
    service: Service,
    root: String,
    path: &'a str,
    key: Key,
    temporary: Key,
}

impl Place<'_> {
    fn too_large(&self, bytes_max: u64) -> NetError {
        NetError::TooLarge { root: self.root.clone(), path: self.path.to_owned(), bytes_max }
    }

    fn outcome<T>(&self, operation: &'static str, answer: object_store::Result<T>) -> Result<Outcome<T>, NetError> {
        match answer {
            Ok(done) => Ok(Outcome::Done(done)),
            Err(object_store::Error::NotFound { .. }) => Ok(Outcome::Absent),
            Err(object_store::Error::NotModified { .. }) => Ok(Outcome::Same),
            Err(object_store::Error::Precondition { .. } | object_store::Error::AlreadyExists { .. }) => Ok(Outcome::ConditionFailed),
            Err(error) => Err(failure(&self.root, self.path, operation, error)),
        }
    }

    /// Lists the objects below this place by their paths from the root; temporary ones, which no registry has, are passed over.
    fn list(&self, root: &Key) -> Result<Vec<String>, NetError> {
        self.ready.client.wait_for(async {
            let mut listed = self.ready.store.objects.list(Some(&self.key));
            let mut files = Vec::new();
            while let Some(found) = listed.next().await {
                let found = found.map_err(|error| failure(&self.root, self.path, "list", error))?;
                let parts: Vec<String> = found.location.prefix_match(root).into_iter().flatten().map(|part| part.as_ref().to_owned()).collect();
                if !parts.iter().any(|part| part.starts_with('.')) {
                    files.push(parts.join("/"));
                }
            }
            files.sort();
            Ok(files)
        })
    }

    /// Reads a document, again if the connection breaks meanwhile.
    fn fetch(&self, bytes_max: u64, known: Option<&Revision>) -> Result<Answer<Changed>, NetError> {
        let client = &self.ready.client;
        client.wait_for(async {
            let mut tries = client.tries();
            loop {
                let options = GetOptions { if_none_match: known.and_then(|known| self.state(known).e_tag), ..GetOptions::default() };
                let found = match self.outcome("read", self.ready.store.objects.get_opts(&self.key, options).await)? {
                    Outcome::Done(found) => found,
                    Outcome::Same => return Ok(Answer::Found(Changed::Same)),
                    Outcome::Absent | Outcome::ConditionFailed => return Ok(Answer::Absent),
                };
                match self.take(found, bytes_max).await {
                    Err(error) if error.may_pass() && tries.wait(None).await => {}
                    Ok(fetched) if known == Some(&fetched.revision) => return Ok(Answer::Found(Changed::Same)),
                    taken => return taken.map(|fetched| Answer::Found(Changed::Other(fetched))),
                }
            }
        })
    }

    async fn take(&self, found: GetResult, bytes_max: u64) -> Result<Fetched, NetError> {
        if found.meta.size > bytes_max {
            return Err(self.too_large(bytes_max));
        }
        let revision = self.revision(&found.meta);
        let mut reader = self.reader(found);
        let mut bytes = Vec::new();
        while let Some(piece) = reader.next_piece().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > bytes_max {
                return Err(self.too_large(bytes_max));
            }
        }
        let revision = revision.unwrap_or_else(|| Revision::new(format!("blake3:{}", blake3::hash(&bytes).to_hex())));
        Ok(Fetched { bytes, revision })
    }

    fn reader(&self, found: GetResult) -> BodyReader {
        let (root, path) = (self.root.clone(), self.path.to_owned());
        let pieces = found.into_stream().map(move |piece| piece.map_err(|error| failure(&root, &path, "read", error)));
        BodyReader::new(&self.ready.client, &format!("{}/{}", self.root, self.path), pieces.boxed())
    }

    /// Asks for the file from `offset` on; `None` if there is no such rest of this very file.
    fn open_rest(&self, offset: u64, known: Option<&Revision>) -> Result<Option<Answer<Body>>, NetError> {
        let if_match = known.and_then(|known| self.state(known).e_tag);
        let range = (offset > 0).then_some(GetRange::Offset(offset));
        let options = GetOptions { range, if_match, ..GetOptions::default() };
        let answer = self.ready.client.wait_for(self.ready.store.objects.get_opts(&self.key, options));
        Ok(match self.outcome("read", answer) {
            Ok(Outcome::Done(found)) => {
                let (size, revision) = (found.meta.size, self.revision(&found.meta));
                Some(Answer::Found(Body { offset, size: Some(size), revision, reader: Box::new(self.reader(found)) }))
            }
            Ok(Outcome::Absent) => Some(Answer::Absent),
            Ok(Outcome::Same | Outcome::ConditionFailed) => None,
            Err(NetError::Status { status: 416, .. } | NetError::Refused { status: 416, .. }) if offset > 0 => None,
            Err(error) => return Err(error),
        })
    }

    /// Writes what fits into one request.
    fn put(&self, bytes: &Bytes, when: &Precondition) -> Result<Written, NetError> {
        if matches!(when, Precondition::Unchanged(known) if !self.may_name(known)) {
            return Ok(Written::PreconditionFailed);
        }
        let client = &self.ready.client;
        client.wait_for(async {
            let mut tries = client.tries();
            let mut answer_was_lost = false;
            loop {
                let options = PutOptions { mode: self.mode(when), ..PutOptions::default() };
                let answer = self.ready.store.objects.put_opts(&self.key, bytes.clone().into(), options).await;
                match self.outcome("write", answer) {
                    Ok(Outcome::Done(_)) => return Ok(Written::Done),
                    Ok(_) if answer_was_lost && self.holds(bytes).await? => return Ok(Written::Done),
                    Ok(_) => return Ok(Written::PreconditionFailed),
                    Err(error) if error.may_pass() && *when != Precondition::None && tries.wait(None).await => answer_was_lost = true,
                    Err(error) => return Err(error),
                }
            }
        })
    }

    /// Tells whether the file is this already.
    async fn holds(&self, bytes: &Bytes) -> Result<bool, NetError> {
        match self.outcome("read", self.ready.store.objects.get_opts(&self.key, GetOptions::default()).await)? {
            Outcome::Done(found) if found.meta.size == bytes.len() as u64 => Ok(self.take(found, bytes.len() as u64).await?.bytes == *bytes),
            _ => Ok(false),
        }
    }

    /// Writes what is large and must be new: under another name first, since pieces know no conditions.
    fn upload_new(&self, first: Vec<u8>, content: &mut dyn Read) -> Result<Written, NetError> {
        let client = &self.ready.client;
        let objects = &self.ready.store.objects;
        let head = GetOptions { head: true, ..GetOptions::default() };
        if let Outcome::Done(_) = self.outcome("look for", client.wait_for(objects.get_opts(&self.key, head)))? {
            return Ok(Written::PreconditionFailed);
        }
        self.upload(&self.temporary, first, content)?;
        let if_absent = CopyOptions::new().with_mode(CopyMode::Create);
        let copied = self.outcome("write", client.wait_for(objects.copy_opts(&self.temporary, &self.key, if_absent)));
        // What cannot be removed is in nobody's way.
        let _ = client.wait_for(objects.delete(&self.temporary));
        Ok(match copied? {
            Outcome::Done(()) => Written::Done,
            _ => Written::PreconditionFailed,
        })
    }

    /// Sends a file in pieces; it appears when the last one is there.
    fn upload(&self, key: &Key, first: Vec<u8>, content: &mut dyn Read) -> Result<(), NetError> {
        let client = &self.ready.client;
        let uploads = &self.ready.store.uploads;
        let failed = |error| failure(&self.root, self.path, "write", error);
        let id = client.wait_for(uploads.create_multipart(key)).map_err(failed)?;
        let sent = self.send_pieces(key, &id, first, content);
        let done = sent.and_then(|parts| client.wait_for(uploads.complete_multipart(key, &id, parts)).map_err(failed));
        if done.is_err() {
            // The bucket's lifecycle rule removes what this cannot.
            let _ = client.wait_for(uploads.abort_multipart(key, &id));
        }
        done.map(|_| ())
    }

    fn send_pieces(&self, key: &Key, id: &MultipartId, first: Vec<u8>, content: &mut dyn Read) -> Result<Vec<PartId>, NetError> {
        let mut parts = Vec::new();
        let mut piece = first;
        loop {
            let is_last = piece.len() < PIECE_BYTES;
            let sent = self.ready.client.wait_for(self.ready.store.uploads.put_part(key, id, parts.len(), piece.into()));
            parts.push(sent.map_err(|error| failure(&self.root, self.path, "write", error))?);
            if is_last {
                return Ok(parts);
            }
            piece = self.take_piece(content, PIECE_BYTES)?;
            if piece.is_empty() {
                return Ok(parts);
            }
        }
    }

    /// Reads up to so many bytes of what is to be written; fewer are its end.
    fn take_piece(&self, content: &mut dyn Read, bytes_max: usize) -> Result<Vec<u8>, NetError> {
        let mut piece = Vec::new();
        let read = content.take(bytes_max as u64).read_to_end(&mut piece);
        let failed = |source: io::Error| NetError::Content { root: self.root.clone(), path: self.path.to_owned(), source };
        read.map(|_| piece).map_err(failed)
    }

    fn mode(&self, when: &Precondition) -> PutMode {
        match when {
            Precondition::None => PutMode::Overwrite,
            Precondition::Absent => PutMode::Create,
            Precondition::Unchanged(known) => PutMode::Update(self.state(known)),
        }
    }

    /// Gives the state as the service compares it.
    fn state(&self, known: &Revision) -> UpdateVersion {
        if self.service != Service::Gs {
            return UpdateVersion { e_tag: Some(known.as_str().to_owned()), version: None };
        }
        let (version, e_tag) = known.as_str().split_once(' ').unwrap_or((known.as_str(), ""));
        UpdateVersion { e_tag: Some(e_tag.to_owned()).filter(|tag| !tag.is_empty()), version: Some(version.to_owned()) }
    }

    /// Tells whether the service can have named a state so: generations are numbers, and Google refuses to compare with anything else.
    fn may_name(&self, known: &Revision) -> bool {
        self.service != Service::Gs || self.state(known).version.is_some_and(|version| version.parse::<u64>().is_ok())
    }

    /// Names the state: by the tag, and where the service compares generations, by those before it.
    fn revision(&self, meta: &ObjectMeta) -> Option<Revision> {
        let tag = meta.e_tag.clone()?;
        if self.service != Service::Gs {
            return Some(Revision::new(tag));
        }
        Some(Revision::new(format!("{} {tag}", meta.version.as_ref()?)))
    }
}

/// Says what a service did, in our words where our client knows them.
fn failure(root: &str, path: &str, operation: &'static str, error: object_store::Error) -> NetError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(deeper) = cause {
        if let Some(told) = deeper.downcast_ref::<NetError>().and_then(NetError::told_again) {
            return told;
        }
        cause = deeper.source();
    }
    NetError::Bucket { operation, root: root.to_owned(), path: path.to_owned(), source: Fault::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::NetSettings;

    #[test]
    fn addresses_of_buckets() {
        let check = |address: &str, expected: Option<&str>| {
            let bucket = Bucket::new(Network::new(NetSettings::default()), &Url::parse(address).expect("an address"));
            assert_eq!(bucket.map(|bucket| bucket.describe()).as_deref(), expected, "{address}");
        };
        check("s3://bucket", Some("s3://bucket"));
        check("s3://bucket/", Some("s3://bucket"));
        check("gs://bucket/a/b/", Some("gs://bucket/a/b"));
        check("az://container/a", Some("az://container/a"));
        check("s3://key:secret@bucket", None);
        check("s3://bucket?sig=secret", None);
        check("https://bucket", None);
    }
}
