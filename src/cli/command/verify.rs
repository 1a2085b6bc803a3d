//! `packs verify`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::error;
use crate::cli::output::BAD;
use crate::cli::output::CHANGED;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::counted;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Settings;
use crate::model::Sha256Digest;
use crate::ops;
use crate::ops::OpsError;
use crate::ops::ProblemKind;
use crate::ops::VerifyOutcome;
use crate::ops::VerifyRequest;
use crate::ops::VerifyWhat;

/// What may follow `packs verify`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs verify                          the project: manifest, lockfile, generation, links, bytes\n  packs verify --store --repair         everything in the store, mended where possible\n  packs verify kanban-2.0.3.tar.zst     an archive against its .sha256 and its MANIFEST.json\n  packs verify dist/checksums.txt       every archive that the list names"
)]
pub struct Arguments {
    /// Archives to check, each against the .sha256 file beside it; or the files that say their digests
    #[arg(value_name = "ARCHIVE|SIDE-FILE", conflicts_with_all = ["store", "repair"])]
    archives: Vec<PathBuf>,

    /// The digest of the one archive, instead of a side file
    #[arg(long, value_name = "HEX", requires = "archives")]
    sha256: Option<Sha256Digest>,

    /// Check every store path, not only those of the project
    #[arg(long)]
    store: bool,

    /// Replace what is bad from the archive cache, a registry or an identical blob
    #[arg(long)]
    repair: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let what = match (arguments.archives.is_empty(), arguments.store) {
        (false, _) => VerifyWhat::Archives { paths: arguments.archives, sha256: arguments.sha256 },
        (true, true) => VerifyWhat::Store,
        (true, false) => VerifyWhat::Project,
    };
    answer(&VerifyRequest { what, repair: arguments.repair }, settings, output)
}

/// Answers `packs store verify`, the same question by another name.
pub(super) fn run_store(repair: bool, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    answer(&VerifyRequest { what: VerifyWhat::Store, repair }, settings, output)
}

fn answer(request: &VerifyRequest, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::verify(&settings.context, request)?;
    output.answer("packs.verify/1", &outcome, || render(&outcome));
    Ok(match outcome.worst() {
        None => ExitCode::SUCCESS,
        Some(ProblemKind::Drift) => ExitCode::from(error::kind::ANSWER_IS_NO),
        Some(ProblemKind::Integrity) => ExitCode::from(error::kind::INTEGRITY),
    })
}

fn render(outcome: &VerifyOutcome) -> String {
    let mut text = String::new();
    for problem in &outcome.problems {
        let mended = if problem.repaired { paint(GOOD, " (repaired)") } else { String::new() };
        let kind = if problem.kind == ProblemKind::Drift { paint(CHANGED, "drift") } else { paint(BAD, "bad") };
        text += &format!("{kind} {}: {}{mended}\n", plain(&problem.place), plain(&problem.problem));
    }
    let checked = &outcome.checked;
    let mut parts = vec![];
    for (count, noun) in [
        (checked.archives, "archive"),
        (checked.lockfiles, "lockfile"),
        (checked.links, "link"),
        (checked.store_paths, "store path"),
        (checked.contents, "distinct content"),
    ] {
        if count > 0 {
            parts.push(counted(count, noun));
        }
    }
    let left = outcome.problems.len() - outcome.repaired;
    let verdict = match (left, outcome.repaired) {
        (0, 0) => paint(GOOD, "good"),
        (0, repaired) => paint(GOOD, format!("good again, {} repaired", counted(repaired, "problem"))),
        (left, 0) => paint(BAD, counted(left, "problem")),
        (left, repaired) => paint(BAD, format!("{} left, {repaired} repaired", counted(left, "problem"))),
    };
    let what = if parts.is_empty() { "nothing to check".to_owned() } else { parts.join(", ") };
    text + &format!("{verdict}: checked {what}, {}\n", human_bytes(checked.bytes))
}
