//! The index document of a pack: all its releases, in `index/ka/kanban.json`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::model::ExtraName;
use crate::model::KeyId;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::Platform;
use crate::model::PublicKey;
use crate::model::Range;
use crate::model::ReleaseId;
use crate::model::Sha256Digest;
use crate::model::TreeDigest;
use crate::model::Version;
use crate::registry::INDEX_BYTES_MAX;
use crate::registry::RegistryError;
use crate::registry::SecretKey;
use crate::registry::canonical::Canonical;
use crate::registry::claimed_signers;
use crate::registry::json;
use crate::registry::verify_signature;

/// The schema this program reads and writes.
const SCHEMA: &str = "packs.index/1";

/// The largest count of changes or bytes: beyond 2^53 a JSON number is no longer exact, and one more always fits.
const NUMBER_MAX: u64 = 1 << 53;

/// The best judgement of a release.
const QUALITY_MAX: u8 = 100;

/// Everything a registry says of one pack; a solve needs nothing else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "schema", rename = "packs.index/1")]
pub struct IndexDocument {
    /// The pack.
    pub name: PackName,
    /// Counts the changes of this document; a smaller one than was seen before is a registry gone back.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub revision: u64,
    /// The releases in the order they were published, newest last.
    #[serde(default, deserialize_with = "json::objects_or_null")]
    pub releases: Vec<IndexRelease>,
    /// The signature over the document without this field.
    #[serde(default)]
    pub signature: Option<String>,
}

/// One release, as the index describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IndexRelease {
    /// The version.
    pub version: Version,
    /// The packs it needs, with ranges.
    #[serde(default, deserialize_with = "json::unique_keys")]
    pub requires: BTreeMap<PackName, Range>,
    /// What each extra needs besides.
    #[serde(default, deserialize_with = "json::unique_keys_twice")]
    pub extras: BTreeMap<ExtraName, BTreeMap<PackName, Range>>,
    /// Its archives, at least one and at most one per platform.
    #[serde(deserialize_with = "json::objects")]
    pub artifacts: Vec<IndexArtifact>,
    /// Its licence, as an SPDX expression.
    #[serde(default)]
    pub license: Option<String>,
    /// One sentence on what it is.
    #[serde(default)]
    pub description: Option<String>,
    /// Who made it.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub authors: Vec<String>,
    /// What people search it by.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub keywords: Vec<String>,
    /// The registry's judgement of its quality, 0 to 100.
    #[serde(default)]
    #[schemars(range(max = 100))]
    pub quality: Option<u8>,
    /// Whether its maker calls it fit for production.
    #[serde(default, deserialize_with = "json::null_as_default")]
    pub production_ready: bool,
    /// When it was published.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub published_at: Option<Timestamp>,
    /// Why it was taken back; a yanked release stays for those who locked it.
    #[serde(default)]
    pub yanked: Option<String>,
    /// What to use instead, if it is no longer cared for.
    #[serde(default, deserialize_with = "json::object_or_null")]
    pub deprecated: Option<Deprecation>,
}

/// One archive of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IndexArtifact {
    /// What it runs on.
    pub platform: Platform,
    /// Its file name, in the release's directory.
    pub archive: PathComponent,
    /// Its size, in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub sha256: Sha256Digest,
    /// The digest of what it unpacks to.
    pub tree: TreeDigest,
    /// The size of what it unpacks to, in bytes.
    #[serde(default)]
    pub unpacked_size: Option<u64>,
    /// Where it lies, if that is not its place in a registry; never in a document, where it could lead anywhere: the source says it.
    #[serde(skip)]
    pub url: Option<String>,
}

/// A maker's word that a release is no longer cared for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Deprecation {
    /// The maker's words.
    pub message: String,
    /// The pack to use instead.
    #[serde(default)]
    pub replacement: Option<PackName>,
    /// When it was said.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub at: Option<Timestamp>,
}

/// What publishing a release did to the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The release, or its archive for one more platform, is new.
    Added,
    /// It was published before, with the same content; nothing changed.
    AlreadyThere,
    /// Its archives were published before; what is said of its quality and of its fitness for production is new.
    Judged,
    /// It was published before; files of it that were lost are there again. A document alone never knows.
    Restored,
}

impl IndexDocument {
    /// Makes the document of a pack nobody has published yet, at revision 0.
    pub fn new(name: PackName) -> Self {
        IndexDocument { name, revision: 0, releases: Vec::new(), signature: None }
    }

    /// Parses the bytes of a document that must be `expected`'s.
    ///
    /// # Errors
    /// As [`RegistryError`] says; a document is refused as a whole, since a doubt about one release is a doubt about its publisher.
    pub fn parse(bytes: &[u8], expected: &PackName) -> Result<Self, RegistryError> {
        let document: Self = json::parse(bytes, INDEX_BYTES_MAX, SCHEMA, &describe(expected))?;
        if document.name != *expected {
            return Err(RegistryError::OtherPack { expected: Box::new(expected.clone()), found: Box::new(document.name) });
        }
        if document.revision > NUMBER_MAX {
            let (name, revision) = (Box::new(expected.clone()), document.revision);
            return Err(RegistryError::RevisionOutOfRange { name, revision, revision_max: NUMBER_MAX });
        }
        document.releases.iter().try_for_each(|release| release.verify(expected))?;
        document.verify_versions()?;
        Ok(document)
    }

    /// Names a field of the bytes it was parsed from that it does not know, and that writing it would lose.
    pub fn unknown_field(&self, bytes: &[u8]) -> Option<String> {
        json::unknown_field(bytes, self)
    }

    /// Formats the document's bytes: one form for one value.
    pub fn format(&self) -> Vec<u8> {
        json::format(self)
    }

    /// Parses the bytes of a document that must be `expected`'s and signed by one of these keys; without keys, anybody's will do.
    ///
    /// # Errors
    /// Those of [`verify_signature`], before anything else in the document is believed; those of [`IndexDocument::parse`].
    pub fn parse_signed(bytes: &[u8], expected: &PackName, trusted: &[PublicKey]) -> Result<Self, RegistryError> {
        if !trusted.is_empty() {
            verify_signature(bytes, &describe(expected), trusted)?;
        }
        IndexDocument::parse(bytes, expected)
    }

    /// Signs the document as it stands, in place of the signatures it has; without keys it is left unsigned.
    ///
    /// # Errors
    /// [`RegistryError::Json`] where it has no canonical form: a size beyond 2^53.
    pub fn sign(&mut self, keys: &[SecretKey]) -> Result<(), RegistryError> {
        self.signature = None;
        if keys.is_empty() {
            return Ok(());
        }
        let canonical = Canonical::of(&self.format(), &describe(&self.name))?;
        let comment = format!("packs index of {}, revision {}", self.name, self.revision);
        self.signature = Some(keys.iter().map(|key| key.sign(&canonical.bytes, &comment)).collect());
        Ok(())
    }

    /// Tells which keys the document says it is signed by, without any proof; none where it is unsigned.
    ///
    /// # Errors
    /// [`RegistryError::SignatureSyntax`].
    pub fn signers(&self) -> Result<Vec<KeyId>, RegistryError> {
        claimed_signers(self.signature.as_deref(), &describe(&self.name))
    }

    /// Takes releases back for a reason, or lets them count again for none; gives those that changed, in order of their versions.
    ///
    /// The revision is raised and the signature dropped if anything changed.
    pub fn yank(&mut self, which: &dyn Fn(&Version) -> bool, reason: Option<&str>) -> Vec<Version> {
        let mut changed = Vec::new();
        for release in self.releases.iter_mut().filter(|release| which(&release.version) && release.yanked.as_deref() != reason) {
            release.yanked = reason.map(str::to_owned);
            changed.push(release.version.clone());
        }
        if !changed.is_empty() {
            self.revision += 1;
            self.signature = None;
        }
        changed.sort();
        changed
    }

    /// Finds a release by its exact version.
    pub fn find(&self, version: &Version) -> Option<&IndexRelease> {
        self.releases.iter().find(|release| release.version == *version)
    }

    /// Adds a release, or an archive for one more platform of a release, and raises the revision; a signature no longer holds and is dropped.
    ///
    /// What is said of a published release's quality and fitness for production, replaces what was said before; what is not said leaves it.
    ///
    /// # Errors
    /// [`RegistryError::OtherBytes`], [`RegistryError::OtherRequirements`] and [`RegistryError::BuildMetadataClash`] if it would change or shadow what is
    /// published; [`RegistryError::NoArtifact`] and the like if the release itself is not well formed. The document is then as it was.
    pub fn publish(&mut self, release: IndexRelease) -> Result<Published, RegistryError> {
        release.verify(&self.name)?;
        let name = self.name.clone();
        let published = match self.releases.iter_mut().find(|known| known.version.same_but_for_build(&release.version)) {
            Some(known) => known.absorb(&name, release)?,
            None => self.append(release),
        };
        if published != Published::AlreadyThere {
            self.revision += 1;
            self.signature = None;
        }
        Ok(published)
    }

    fn append(&mut self, release: IndexRelease) -> Published {
        self.releases.push(release);
        Published::Added
    }

    /// Refuses versions that no range could tell apart.
    fn verify_versions(&self) -> Result<(), RegistryError> {
        let mut versions: Vec<&Version> = self.releases.iter().map(|release| &release.version).collect();
        versions.sort();
        match versions.windows(2).find(|pair| pair[0].same_but_for_build(pair[1])) {
            Some(pair) => Err(RegistryError::SameVersionTwice { name: self.name.clone(), first: pair[0].clone(), second: pair[1].clone() }),
            None => Ok(()),
        }
    }
}

/// Gives the words for a pack's document in errors.
pub(super) fn describe(name: &PackName) -> String {
    format!("the index of {name}")
}

impl IndexRelease {
    pub(super) fn verify(&self, name: &PackName) -> Result<(), RegistryError> {
        let release = || Box::new(ReleaseId { name: name.clone(), version: self.version.clone() });
        if self.artifacts.is_empty() {
            return Err(RegistryError::NoArtifact { release: release() });
        }
        if let Some(artifact) = self.artifacts.iter().find(|artifact| artifact.size > NUMBER_MAX) {
            let (archive, size) = (artifact.archive.to_string(), artifact.size);
            return Err(RegistryError::SizeOutOfRange { release: release(), archive, size, size_max: NUMBER_MAX });
        }
        if let Some(quality) = self.quality.filter(|quality| *quality > QUALITY_MAX) {
            return Err(RegistryError::QualityOutOfRange { release: release(), quality });
        }
        let mut platforms = BTreeSet::new();
        for artifact in &self.artifacts {
            let archive = artifact.archive.as_str();
            if !archive.ends_with(".tar.zst") && !archive.ends_with(".tar.gz") {
                return Err(RegistryError::NotAnArchive { release: release(), archive: archive.to_owned() });
            }
            if !platforms.insert(artifact.platform) {
                return Err(RegistryError::PlatformTwice { release: release(), platform: artifact.platform });
            }
        }
        Ok(())
    }

    /// Takes in the archives of the same version that are new, once it is certain that none changes.
    fn absorb(&mut self, name: &PackName, offered: IndexRelease) -> Result<Published, RegistryError> {
        let release = Box::new(ReleaseId { name: name.clone(), version: offered.version });
        if release.version != self.version {
            return Err(RegistryError::BuildMetadataClash { release, published: self.version.clone() });
        }
        let mut added = Vec::new();
        for artifact in offered.artifacts {
            match self.artifacts.iter().find(|known| known.platform == artifact.platform) {
                None => added.push(artifact),
                Some(known) if known.sha256 == artifact.sha256 => {}
                Some(known) => {
                    return Err(RegistryError::OtherBytes { release, platform: known.platform, published: known.sha256, offered: artifact.sha256 });
                }
            }
        }
        if added.is_empty() {
            return Ok(if self.judge(offered.quality, offered.production_ready) { Published::Judged } else { Published::AlreadyThere });
        }
        if self.requires != offered.requires || self.extras != offered.extras {
            return Err(RegistryError::OtherRequirements { release });
        }
        self.artifacts.append(&mut added);
        self.judge(offered.quality, offered.production_ready);
        Ok(Published::Added)
    }

    /// Takes over a judgement that is given, and tells whether it is another one than before.
    fn judge(&mut self, quality: Option<u8>, production_ready: bool) -> bool {
        let before = (self.quality, self.production_ready);
        self.quality = quality.or(self.quality);
        self.production_ready |= production_ready;
        before != (self.quality, self.production_ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PackName {
        PackName::parse(text).expect("a valid name")
    }

    fn release(version: &str, platform: &str, digest: u8) -> IndexRelease {
        let text = format!(
            r#"{{"version":"{version}","artifacts":[{{"platform":"{platform}","archive":"a.tar.zst","size":1,"sha256":"{}","tree":"{}"}}]}}"#,
            Sha256Digest::from_bytes([digest; 32]),
            TreeDigest::from_bytes([digest; 32])
        );
        serde_json::from_str(&text).expect("a valid release")
    }

    fn document(releases: &[IndexRelease]) -> IndexDocument {
        IndexDocument { name: name("kanban"), revision: 7, releases: releases.to_vec(), signature: Some("old".into()) }
    }

    #[test]
    fn round_trip() {
        let mut full = release("2.0.3", "any", 1);
        full.requires.insert(name("workflow"), Range::parse("^1.2").expect("valid"));
        full.extras.insert(ExtraName::parse("charts").expect("valid"), full.requires.clone());
        full.published_at = Some("2026-11-20T00:00:00Z".parse().expect("valid"));
        full.deprecated = Some(Deprecation { message: "use boards".into(), replacement: Some(name("boards")), at: None });
        let document = document(&[full, release("1.0.0", "linux-x86_64", 2)]);
        let bytes = document.format();
        assert!(bytes.starts_with(b"{\n  \"schema\": \"packs.index/1\",\n  \"name\": \"kanban\",\n  \"revision\": 7,"));
        assert_eq!(IndexDocument::parse(&bytes, &name("kanban")).expect("valid"), document);
    }

    #[test]
    fn absent_null_and_unknown_are_read() {
        let text = r#"{"schema":"packs.index/1","name":"kanban","later":[{}],"releases":null}"#;
        assert_eq!(IndexDocument::parse(text.as_bytes(), &name("kanban")).expect("valid"), IndexDocument::new(name("kanban")));
    }

    #[track_caller]
    fn check_refused(bytes: &[u8], expected: &str) {
        let error = IndexDocument::parse(bytes, &name("kanban")).expect_err("it is invalid");
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        assert!(format!("{error}{cause}").starts_with(expected), "{error}{cause}");
    }

    #[test]
    fn faults_are_named() {
        check_refused(b"", "the index of kanban cannot be read: EOF");
        check_refused(br#"{"schema":"packs.index/2","releases":7}"#, r#"the index of kanban has the schema "packs.index/2""#);
        check_refused(&IndexDocument::new(name("boards")).format(), "the index of kanban names another pack, boards");
        check_refused(
            &document(&[release("1.0.0+b", "any", 1), release("2.0.0", "any", 1), release("1.0.0", "any", 1)]).format(),
            "the index of kanban lists two releases that count as one: 1.0.0 and 1.0.0+b",
        );
        let mut empty = release("1.0.0", "any", 1);
        empty.artifacts.clear();
        check_refused(&document(&[empty]).format(), "the index of kanban lists no archive for 1.0.0");
        let mut twice = release("1.0.0", "any", 1);
        twice.artifacts.push(twice.artifacts[0].clone());
        check_refused(&document(&[twice]).format(), "the index lists two archives of kanban 1.0.0 for any");
        let perfect = IndexRelease { quality: Some(101), ..release("1.0.0", "any", 1) };
        check_refused(&document(&[perfect]).format(), "the index says the quality of kanban 1.0.0 is 101");
        let counted = IndexDocument { revision: u64::MAX, ..document(&[]) };
        check_refused(&counted.format(), "the index of kanban says revision 18446744073709551615");
        let mut endless = release("1.0.0", "any", 1);
        endless.artifacts[0].size = u64::MAX;
        check_refused(&document(&[endless]).format(), "the index says that a.tar.zst of kanban 1.0.0 has 18446744073709551615 bytes");
        let text = String::from_utf8(document(&[release("1.0.0", "any", 1)]).format()).expect("UTF-8");
        check_refused(text.replace("a.tar.zst", "../a.tar.zst").as_bytes(), "the index of kanban cannot be read: \"../a.tar.zst\" is not a valid file name");
        check_refused(text.replace("a.tar.zst", "MANIFEST.json").as_bytes(), "the index lists \"MANIFEST.json\" for kanban 1.0.0");
        check_refused(
            text.replace("\"requires\": {}", "\"requires\": {\"a\":\"1\",\"a\":\"2\"}").as_bytes(),
            "the index of kanban cannot be read: the key `a` stands twice",
        );
    }

    #[test]
    fn a_signature_covers_everything() {
        let key = SecretKey::from_seed([1; 32], KeyId::from_bytes([1; 8]));
        let mut signed = document(&[IndexRelease { license: Some("MIT".into()), quality: Some(80), ..release("1.0.0", "any", 1) }]);
        signed.sign(std::slice::from_ref(&key)).expect("signed");
        let text = String::from_utf8(signed.format()).expect("UTF-8");
        let read = |text: &str, pack: &str| IndexDocument::parse_signed(text.as_bytes(), &name(pack), &[key.public()]);
        assert_eq!(read(&text, "kanban").expect("right"), signed);
        let zeros = Sha256Digest::from_bytes([1; 32]).to_string();
        for (from, to) in [
            ("\"kanban\"", "\"boards\""),
            ("\"revision\": 7", "\"revision\": 8"),
            ("\"1.0.0\"", "\"1.0.1\""),
            ("\"MIT\"", "\"BSD\""),
            ("\"quality\": 80", "\"quality\": 90"),
            ("\"yanked\": null", "\"yanked\": \"no\""),
            ("\"deprecated\": null", "\"deprecated\": {\"message\":\"no\"}"),
            ("\"production_ready\": false", "\"production_ready\": true"),
            ("\"requires\": {}", "\"requires\": {\"evil\":\"1\"}"),
            ("a.tar.zst", "b.tar.zst"),
            (zeros.as_str(), &zeros.replacen('0', "2", 1)),
            ("{\n  \"schema\"", "{\n  \"later\": 1,\n  \"schema\""),
        ] {
            let altered = text.replacen(from, to, 1);
            assert_ne!(altered, text, "{from}");
            let pack = if to.contains("boards") { "boards" } else { "kanban" };
            assert!(matches!(read(&altered, pack), Err(RegistryError::WrongSignature { .. })), "{from} to {to}");
        }
        // Another pack's document, rightly signed, under this name.
        assert!(matches!(read(&text, "boards"), Err(RegistryError::OtherPack { .. })));
        signed.sign(&[]).expect("unsigned");
        assert!(matches!(read(&String::from_utf8(signed.format()).expect("UTF-8"), "kanban"), Err(RegistryError::Unsigned { .. })));
    }

    #[test]
    fn releases_are_taken_back_and_given_again() {
        let mut document = document(&[release("1.1.0", "any", 1), release("1.0.0", "any", 2), release("2.0.0", "any", 3)]);
        let spelled = |versions: Vec<Version>| versions.iter().map(ToString::to_string).collect::<Vec<_>>();
        let first = |version: &Version| version.to_string().starts_with('1');
        assert_eq!(spelled(document.yank(&first, Some("broken"))), ["1.0.0", "1.1.0"]);
        assert_eq!((document.revision, document.signature.clone()), (8, None));
        assert!(document.yank(&first, Some("broken")).is_empty());
        assert_eq!(document.revision, 8);
        assert_eq!(spelled(document.yank(&|_| true, None)), ["1.0.0", "1.1.0"]);
        assert!(document.releases.iter().all(|release| release.yanked.is_none()));
    }

    #[track_caller]
    fn check_publish(offered: IndexRelease, expected: &str) {
        let before = document(&[release("1.0.0", "linux-x86_64", 1)]);
        let mut after = before.clone();
        let answer = after.publish(offered).map_or_else(|error| error.to_string(), |published| format!("{published:?}"));
        assert!(answer.starts_with(expected), "{answer}");
        assert_eq!(after.revision, if expected == "Added" { 8 } else { 7 });
        assert_eq!(after == before, expected != "Added", "only an addition changes the document");
    }

    #[test]
    fn a_judgement_that_is_given_replaces_the_former_one() {
        let mut document = document(&[release("1.0.0", "any", 1)]);
        let judged = |quality, production_ready| IndexRelease { quality, production_ready, ..release("1.0.0", "any", 1) };
        for (offered, expected, revision) in [
            (judged(Some(90), false), Published::Judged, 8),
            (judged(None, true), Published::Judged, 9),
            (judged(Some(90), true), Published::AlreadyThere, 9),
            (judged(None, false), Published::AlreadyThere, 9),
        ] {
            assert_eq!(document.publish(offered).expect("taken"), expected);
            assert_eq!(document.revision, revision);
        }
        assert_eq!((document.releases[0].quality, document.releases[0].production_ready), (Some(90), true));
        assert!(document.signature.is_none());
    }

    #[test]
    fn a_published_release_never_changes() {
        check_publish(release("1.1.0", "any", 2), "Added");
        check_publish(release("1.0.0", "macos-aarch64", 2), "Added");
        check_publish(release("1.0.0", "linux-x86_64", 1), "AlreadyThere");
        check_publish(release("1.0.0", "linux-x86_64", 2), "kanban 1.0.0 is published for linux-x86_64 with other content");
        check_publish(release("1.0.0+b", "linux-x86_64", 1), "kanban 1.0.0+b differs from the published 1.0.0 in build metadata only");
        let mut other = release("1.0.0", "any", 2);
        other.requires.insert(name("workflow"), Range::any());
        check_publish(other, "kanban 1.0.0 is published for another platform with other requirements");
    }
}
