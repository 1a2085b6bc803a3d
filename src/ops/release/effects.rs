//! A planned release, made: a draft, its assets, the proof that they arrived, and only then publication.
//!
//! Whatever fails before publication removes the draft again, so that nobody ever sees half a release. What a killed run leaves is a draft with our mark in
//! its notes, which the next run for the same tag removes; drafts without it are somebody's work and stay.

use std::io::Read as _;

use sha2::Digest as _;
use sha2::Sha256;

use crate::model::Repository;
use crate::model::Sha256Digest;
use crate::ops::Context;
use crate::ops::LastAct;
use crate::ops::OpsError;
use crate::ops::release::PlannedAsset;
use crate::ops::release::ReleasePlan;
use crate::source::GitHub;
use crate::source::GitHubAsset;
use crate::source::GitHubError;
use crate::source::GitHubRelease;
use crate::source::NewRelease;
use crate::source::SourceError;

/// Stands at the end of the notes of our drafts, where people do not see it.
const MARK: &str = "\n<!-- packs release: in the making -->\n";

/// How often one file is sent before it is given up.
const UPLOADS_MAX: u32 = 5;

/// How often publication is asked for.
const EDITS_MAX: u32 = 3;

/// How much is hashed at a time, in bytes.
const PIECE_BYTES: usize = 128 << 10;

/// What is there already for a tag.
pub(super) struct Found {
    /// Our drafts of runs that did not end.
    pub(super) leftovers: Vec<GitHubRelease>,
}

/// Looks what is there for a tag.
///
/// # Errors
/// [`OpsError::ReleaseExists`], [`OpsError::ForeignDraft`] where something is in the way.
pub(super) fn look(github: &GitHub, plan: &ReleasePlan) -> Result<Found, OpsError> {
    let (repository, tag) = (&plan.repository, &plan.tag);
    let of_tag: Vec<GitHubRelease> = list(github, repository)?.into_iter().filter(|release| release.tag_name == tag.as_str()).collect();
    for release in &of_tag {
        let (repository, tag, url) = (repository.clone(), tag.to_string(), release.html_url.clone());
        match (release.draft, is_ours(release)) {
            (false, _) => return Err(OpsError::ReleaseExists { repository, tag, url }),
            (true, false) => return Err(OpsError::ForeignDraft { repository, tag, url }),
            (true, true) => {}
        }
    }
    Ok(Found { leftovers: of_tag })
}

fn list(github: &GitHub, repository: &Repository) -> Result<Vec<GitHubRelease>, SourceError> {
    let mut releases = Vec::new();
    for number in 1.. {
        let Some(page) = github.page(repository, number, None)? else { break };
        releases.extend(crate::source::parse_page(repository, &page.body)?);
        if !page.has_next {
            break;
        }
    }
    Ok(releases)
}

fn is_ours(release: &GitHubRelease) -> bool {
    release.body.as_deref().is_some_and(|body| body.replace("\r\n", "\n").contains(MARK.trim()))
}

/// Makes the release.
///
/// # Errors
/// Whatever GitHub refuses; the draft is removed then, or [`OpsError::DraftLeft`] says where it is.
pub(super) fn make(context: &Context, github: &GitHub, plan: &ReleasePlan, found: &Found) -> Result<GitHubRelease, OpsError> {
    for leftover in &found.leftovers {
        context.note(format!("the draft {} of a run that did not end is removed", leftover.html_url));
        github.remove(&plan.repository, leftover.id).map_err(SourceError::GitHub)?;
    }
    let made = make_whole(context, github, plan);
    context.interrupt.leave_behind(None);
    made
}

fn make_whole(context: &Context, github: &GitHub, plan: &ReleasePlan) -> Result<GitHubRelease, OpsError> {
    // Before the draft is asked for: it may be there before its number is known here.
    let (repository, tag) = (plan.repository.clone(), plan.tag.to_string());
    let sweep = move |github: &GitHub| remove_ours(github, &repository, &tag);
    context.interrupt.leave_behind(Some(last_act(github, plan, format!("https://github.com/{}/releases", plan.repository), sweep)));
    let draft = create(github, plan)?;
    let (repository, id) = (plan.repository.clone(), draft.id);
    let remove_it = move |github: &GitHub| github.remove(&repository, id).map_err(SourceError::GitHub);
    context.interrupt.leave_behind(Some(last_act(github, plan, draft.html_url.clone(), remove_it)));
    let filled = fill(context, github, plan, &draft).and_then(|()| publish(context, github, plan, &draft));
    match filled {
        Err(error @ OpsError::ReleaseUncertain { .. }) => Err(error),
        Err(error) => Err(remove(context, github, plan, &draft, error)),
        Ok(release) => Ok(release),
    }
}

/// Gives what is to be done where the run is ended while a draft is there: `remove` it, and if that fails say at which page it is.
fn last_act(github: &GitHub, plan: &ReleasePlan, url: String, remove: impl FnOnce(&GitHub) -> Result<(), SourceError> + Send + 'static) -> LastAct {
    let github = github.clone();
    let left = |url: String, removal: String| OpsError::DraftLeft { url, removal, source: Box::new(OpsError::Interrupted) };
    let late = left(url.clone(), "GitHub did not answer in time".to_owned());
    let act = move || remove(&github).map_err(|error| left(url, error.to_string()));
    LastAct { doing: format!("the draft of {} in {} is being removed", plan.tag, plan.repository), act: Box::new(act), late }
}

/// Removes our drafts of a tag.
fn remove_ours(github: &GitHub, repository: &Repository, tag: &str) -> Result<(), SourceError> {
    let made = list(github, repository)?;
    let mut ours = made.iter().filter(|release| release.draft && release.tag_name == tag && is_ours(release));
    ours.try_for_each(|release| github.remove(repository, release.id).map_err(SourceError::GitHub))
}

/// Makes the draft; where no answer came, it may be there all the same, and is removed.
fn create(github: &GitHub, plan: &ReleasePlan) -> Result<GitHubRelease, OpsError> {
    let new = NewRelease { body: format!("{}{MARK}", plan.notes), draft: true, ..published(plan) };
    github.create(&plan.repository, &new).map_err(|error| {
        if error.may_pass() {
            // The first error counts; what stays is removed by the next run.
            let _ = remove_ours(github, &plan.repository, plan.tag.as_str());
        }
        SourceError::GitHub(error).into()
    })
}

/// Gives the release as everybody is to see it.
fn published(plan: &ReleasePlan) -> NewRelease {
    NewRelease {
        tag_name: plan.tag.to_string(),
        target_commitish: plan.target.clone(),
        name: plan.title.clone(),
        body: plan.notes.clone(),
        draft: plan.draft,
        prerelease: plan.prerelease,
    }
}

/// Sends all files, then has each back and compares.
fn fill(context: &Context, github: &GitHub, plan: &ReleasePlan, draft: &GitHubRelease) -> Result<(), OpsError> {
    let mut sent = Vec::new();
    for asset in &plan.assets {
        context.interrupt.check()?;
        sent.push(upload(context, github, &plan.repository, draft, asset)?);
        context.note(format!("uploaded {} ({} bytes)", asset.name, asset.size));
    }
    for (asset, sent) in plan.assets.iter().zip(&sent) {
        context.interrupt.check()?;
        verify(github, &plan.repository, asset, sent)?;
    }
    context.note(format!("downloaded {} files again: all are as they were sent", sent.len()));
    Ok(())
}

/// Sends one file, again where it did not arrive whole; what is there of it is removed before.
fn upload(context: &Context, github: &GitHub, repository: &Repository, draft: &GitHubRelease, asset: &PlannedAsset) -> Result<GitHubAsset, OpsError> {
    let mut tries = 0;
    loop {
        let error = match github.upload(repository, draft, &asset.new) {
            Ok(sent) if sent.name != asset.name => return Err(OpsError::AssetRenamed { asset: asset.name.clone(), found: sent.name }),
            Ok(sent) if sent.is_whole() && sent.size == asset.size => return Ok(sent),
            Ok(_) => GitHubError::Status { doing: format!("upload {} to {repository}", asset.name), status: 201, message: "it did not arrive whole".into() },
            Err(error) if error.may_pass() || is_taken(&error) => error,
            Err(error) => return Err(SourceError::GitHub(error).into()),
        };
        tries += 1;
        context.interrupt.check()?;
        if tries == UPLOADS_MAX {
            return Err(SourceError::GitHub(error).into());
        }
        github.pause(tries - 1);
        let there = github.release(repository, draft.id).map_err(SourceError::GitHub)?;
        for part in there.assets.iter().filter(|part| part.name == asset.name) {
            github.remove_asset(repository, part).map_err(SourceError::GitHub)?;
        }
    }
}

/// Tells whether a file of this name is there: a part of an upload that broke off.
fn is_taken(error: &GitHubError) -> bool {
    matches!(error, GitHubError::Status { status: 422, message, .. } if message.contains("already_exists"))
}

/// Has a file back and compares it with what was sent.
fn verify(github: &GitHub, repository: &Repository, asset: &PlannedAsset, sent: &GitHubAsset) -> Result<(), OpsError> {
    let answer = github.open_through_api(repository, sent).map_err(SourceError::GitHub)?;
    let cut = |source| SourceError::GitHub(GitHubError::Cut { doing: format!("download {} of {repository}", asset.name), source });
    let (mut reader, mut hash, mut piece) = (answer.reader.take(asset.size + 1), Sha256::new(), vec![0; PIECE_BYTES]);
    loop {
        match reader.read(&mut piece).map_err(cut)? {
            0 => break,
            read => hash.update(&piece[..read]),
        }
    }
    let found = Sha256Digest::from_bytes(hash.finalize().into());
    if found == asset.sha256 {
        return Ok(());
    }
    Err(OpsError::AssetAltered { asset: asset.name.clone(), expected: asset.sha256, found })
}

/// Shows the release to everybody, or takes our mark off a draft that is to stay one.
fn publish(context: &Context, github: &GitHub, plan: &ReleasePlan, draft: &GitHubRelease) -> Result<GitHubRelease, OpsError> {
    context.interrupt.begin_change()?;
    let mut tries = 0;
    loop {
        let error = match github.edit(&plan.repository, draft.id, &published(plan)) {
            Ok(release) => return Ok(release),
            Err(error) if error.may_pass() => error,
            Err(error) => return Err(SourceError::GitHub(error).into()),
        };
        let uncertain = |error| OpsError::ReleaseUncertain { url: draft.html_url.clone(), source: Box::new(SourceError::GitHub(error)) };
        let now = github.release(&plan.repository, draft.id).map_err(uncertain)?;
        if now.draft == plan.draft && !is_ours(&now) {
            return Ok(now);
        }
        tries += 1;
        if tries == EDITS_MAX {
            return Err(SourceError::GitHub(error).into());
        }
        github.pause(tries - 1);
    }
}

/// Removes the draft of a release that failed; gives the error to end with.
fn remove(context: &Context, github: &GitHub, plan: &ReleasePlan, draft: &GitHubRelease, error: OpsError) -> OpsError {
    match github.remove(&plan.repository, draft.id) {
        Ok(()) => {
            context.warn("nothing was published; the draft was removed");
            error
        }
        Err(removal) => OpsError::DraftLeft { url: draft.html_url.clone(), removal: removal.to_string(), source: Box::new(error) },
    }
}
