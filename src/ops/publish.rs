//! Archives into a registry.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use crate::archive;
use crate::archive::Limits;
use crate::archive::PackManifest;
use crate::archive::Verified;
use crate::fetch;
use crate::fsys;
use crate::model::KeyId;
use crate::model::PackName;
use crate::model::PathComponent;
use crate::model::PublicKey;
use crate::model::ReleaseId;
use crate::model::SIDE_FILE_BYTES_MAX;
use crate::model::TreeDigest;
use crate::model::Version;
use crate::model::in_one_line;
use crate::model::side_file_of;
use crate::net::Answer;
use crate::net::Written;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::key::Signing;
use crate::ops::key::open_keys;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::ops::registry_admin;
use crate::ops::typed;
use crate::registry::IndexArtifact;
use crate::registry::IndexRelease;
use crate::registry::Published;
use crate::registry::RegistryDocument;
use crate::registry::SecretKey;
use crate::source::RegistrySource;
use crate::source::Source as _;
use crate::source::Upload;
use crate::store::Store;

/// What is to be published, and where.
#[derive(Debug, Clone)]
pub struct PublishRequest {
    /// The archives, each with its side file beside it.
    pub archives: Vec<PathBuf>,
    /// A directory, an address, or the name of a registry in packs.toml.
    pub registry: String,
    /// The registry's judgement of quality, 0 to 100.
    pub quality: Option<u8>,
    /// Whether the releases are fit for production.
    pub production_ready: bool,
    /// When they are published, in seconds since 1970; now where there is none.
    pub published_at: Option<i64>,
    /// Whether to check only.
    pub dry_run: bool,
}

/// What was published.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct PublishOutcome {
    /// Whether it was only checked.
    pub dry_run: bool,
    /// The registry.
    pub registry: String,
    /// The keys that sign its index; none where it is not signed.
    pub signed_by: Vec<KeyId>,
    /// The releases, by name and version.
    pub releases: Vec<PublishedRelease>,
}

/// One release.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct PublishedRelease {
    /// The pack.
    pub name: PackName,
    /// The version.
    pub version: Version,
    /// Whether the same bytes were published already.
    pub already_there: bool,
    /// Whether only the judgement of its quality, or of its fitness for production, is new.
    pub judged: bool,
    /// Whether files of it that the registry had lost are put back.
    pub restored: bool,
}

/// An archive that was read through and found good.
pub(super) struct CheckedArchive {
    pub(super) path: PathBuf,
    pub(super) file_name: String,
    pub(super) verified: Verified,
    pub(super) manifest: PackManifest,
    tree: TreeDigest,
    unpacked_bytes: u64,
    side_file: String,
}

/// Checks archives whole, then puts them into a registry, one release after the other; an interrupted publish is finished by doing it again.
///
/// Every release is planned before the first is written, so that one that is refused stops all. A place that does not say of itself that it is a registry
/// does afterwards, and its list of packs is up to date.
///
/// # Errors
/// [`OpsError::Archive`], [`OpsError::NoSideFile`] and those of [`Signing`]'s keys; [`OpsError::Source`] where other bytes are published under that version
/// already, or a signature is needed. Nothing is written then.
pub fn publish(context: &Context, request: &PublishRequest, signing: &Signing<'_>) -> Result<PublishOutcome, OpsError> {
    let keys = open_keys(context, signing)?;
    let public: Vec<PublicKey> = keys.iter().map(SecretKey::public).collect();
    let registry = typed::open_to_write(context, &request.registry)?.signing(keys);
    let source = &registry.source;
    let mut checked = BTreeMap::<ReleaseId, Vec<CheckedArchive>>::new();
    for path in &request.archives {
        let archive = check_archive(&context.directory.join(path), &context.limits)?;
        let release = ReleaseId { name: archive.manifest.name.clone(), version: archive.manifest.version.clone() };
        checked.entry(release).or_default().push(archive);
    }
    let published_at = request.published_at.and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_else(|| context.now());
    let plan = |(release, archives)| would_publish(source, &entry(request, published_at, release, archives)?, release.clone());
    let signed_by: Vec<KeyId> = public.iter().map(PublicKey::id).collect();
    let releases = checked.iter().map(|(release, archives)| plan((release, archives.as_slice()))).collect::<Result<Vec<_>, OpsError>>()?;
    if request.dry_run {
        return Ok(PublishOutcome { dry_run: true, registry: source.describe(), signed_by, releases });
    }
    Store::create(context.layout.clone())?;
    let packs = checked.keys().map(|release| crate::model::PackChange { name: release.name.clone(), from: None, to: Some(release.version.clone()) }).collect();
    let record = Recorded { action: "publish", project: None, environment: None, reason: None, packs };
    let publish_next =
        |(release, archives): (ReleaseId, Vec<CheckedArchive>)| publish_one(source, &entry(request, published_at, &release, &archives)?, release, &archives);
    let names: Vec<PackName> = checked.keys().map(|release| release.name.clone()).collect();
    let releases = recorded(context, record, || {
        let published = registry.change(context, || {
            checked.into_iter().map(|one| context.interrupt.check_between().and_then(|()| publish_next(one))).collect::<Result<Vec<_>, OpsError>>()
        });
        // What was published before a failure is found by search too.
        let described = describe_registry(source, &request.registry, &public);
        keep_listed(context, source, &names);
        let published = published?;
        described?;
        Ok(published)
    })?;
    Ok(PublishOutcome { dry_run: false, registry: source.describe(), signed_by, releases })
}

/// Brings the list of names up to date with what was written; it serves search alone, so that what cannot be done about it takes nothing back.
pub(super) fn keep_listed(context: &Context, source: &RegistrySource, names: &[PackName]) {
    if let Err(error) = source.refresh_names(names) {
        let done = "what was written counts, but the list of names, which search reads, is not up to date";
        context.warn(format!("{done}: {}; `packs registry check` looks at it", in_one_line(&error)));
    }
}

/// Says that the place is a registry, unless it says so itself.
fn describe_registry(source: &RegistrySource, place: &str, keys: &[PublicKey]) -> Result<(), OpsError> {
    if matches!(source.document(), Ok(Answer::Found(_))) {
        return Ok(());
    }
    let document = RegistryDocument { name: registry_admin::name_of(place), keys: keys.iter().map(ToString::to_string).collect() };
    match source.initialize(&document)? {
        Written::Done | Written::PreconditionFailed => Ok(()),
    }
}

/// Verifies one archive against the side file beside it, then reads it through.
///
/// # Errors
/// [`OpsError::NoSuchFile`], [`OpsError::NoSideFile`], [`OpsError::Fetch`] where the digest differs, [`OpsError::Archive`] where the content is refused.
pub(super) fn check_archive(path: &Path, limits: &Limits) -> Result<CheckedArchive, OpsError> {
    let file_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let refused = |source| OpsError::Archive { archive: path.display().to_string(), source: Box::new(source) };
    // Of an archive that is not there nobody wants to hear that it has no side file.
    let size = fsys::status(path)?.ok_or_else(|| OpsError::NoSuchFile { path: path.to_owned() })?.size;
    let side_path = path.with_file_name(side_file_of(&file_name));
    let side_bytes = fsys::read_optional(&side_path, SIDE_FILE_BYTES_MAX)?.ok_or_else(|| OpsError::NoSideFile { archive: path.to_owned() })?;
    let sha256 = archive::parse_side_file(&side_bytes, &file_name).map_err(refused)?;
    let verified = fetch::open_file(path, size, sha256).map_err(|source| OpsError::Fetch {
        release: file_name.clone(),
        from: path.display().to_string(),
        source: Box::new(source),
    })?;
    let contents = verified.look_through(limits).map_err(refused)?;
    Ok(CheckedArchive {
        path: path.to_owned(),
        side_file: archive::format_side_file(&sha256, &file_name),
        file_name,
        verified,
        tree: contents.digest,
        unpacked_bytes: contents.unpacked_bytes,
        manifest: contents.manifest,
    })
}

impl CheckedArchive {
    pub(super) fn artifact(&self) -> Result<IndexArtifact, OpsError> {
        Ok(IndexArtifact {
            platform: self.manifest.platform,
            archive: PathComponent::parse(&self.file_name)?,
            size: self.verified.size(),
            sha256: self.verified.sha256(),
            tree: self.tree,
            unpacked_size: Some(self.unpacked_bytes),
            url: None,
        })
    }
}

fn publish_one(source: &RegistrySource, entry: &IndexRelease, release: ReleaseId, archives: &[CheckedArchive]) -> Result<PublishedRelease, OpsError> {
    let uploads = archives.iter().map(upload).collect::<Result<Vec<_>, OpsError>>()?;
    let published = source.publish(&release.name, entry, uploads, &first(archives).format())?;
    Ok(release_outcome(release, published))
}

fn would_publish(source: &RegistrySource, entry: &IndexRelease, release: ReleaseId) -> Result<PublishedRelease, OpsError> {
    let published = source.plan_publish(&release.name, entry)?;
    Ok(release_outcome(release, published))
}

fn release_outcome(release: ReleaseId, published: Published) -> PublishedRelease {
    PublishedRelease {
        name: release.name,
        version: release.version,
        already_there: published != Published::Added,
        judged: published == Published::Judged,
        restored: published == Published::Restored,
    }
}

fn entry(request: &PublishRequest, published_at: Timestamp, release: &ReleaseId, archives: &[CheckedArchive]) -> Result<IndexRelease, OpsError> {
    let manifest = first(archives);
    Ok(IndexRelease {
        version: release.version.clone(),
        requires: manifest.requires.clone(),
        extras: manifest.extras.clone(),
        artifacts: archives.iter().map(CheckedArchive::artifact).collect::<Result<Vec<_>, _>>()?,
        license: manifest.license.clone(),
        description: manifest.description.clone(),
        authors: manifest.authors.clone(),
        keywords: manifest.keywords.clone(),
        quality: request.quality,
        production_ready: request.production_ready,
        published_at: Some(published_at),
        yanked: None,
        deprecated: None,
    })
}

/// Gives the MANIFEST.json that stands for the release.
fn first(archives: &[CheckedArchive]) -> &PackManifest {
    &archives.first().expect("a release is here because of an archive").manifest
}

fn upload(archive: &CheckedArchive) -> Result<Upload<'static>, OpsError> {
    Ok(Upload { archive: PathComponent::parse(&archive.file_name)?, content: Box::new(fsys::open(&archive.path)?), side_file: archive.side_file.clone() })
}
