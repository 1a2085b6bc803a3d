//! From an error to what people read: kind, exit code, causes, hints. No other folder knows them.

#![allow(clippy::match_same_arms, reason = "tables of failures, kept in the order of their rooms")]

pub(super) mod hint;
pub(super) mod kind;

use std::error::Error;
use std::process::ExitCode;

use serde::Serialize;

use crate::build::BuildError;
use crate::cli::error::hint::hints;
use crate::cli::error::kind::BUG;
use crate::cli::error::kind::USAGE;
use crate::cli::error::kind::classify;
use crate::cli::output::BAD;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::settings::Format;
use crate::lock::LockError;
use crate::manifest::render_faults;
use crate::model::Place;
use crate::ops::MissingArchive;
use crate::ops::OpsError;
use crate::source::SourceError;

/// A failure as programs read it; schema `packs.error/1`.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Failure {
    schema: &'static str,
    /// What kind of failure it is, in kebab-case; never reused for another.
    code: &'static str,
    /// The exit code.
    exit: u8,
    /// What went wrong.
    message: String,
    /// Why, from the nearest to the deepest cause.
    causes: Vec<String>,
    /// What would help.
    hints: Vec<String>,
    /// The line of a file that a person wrote.
    at: Option<Place>,
    /// Archives that are missing because the network may not be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missing: Vec<MissingArchive>,
}

/// Tells a failure: words to stderr, and with `--json` a document to stdout.
pub(super) fn report(failure: &OpsError, output: Output) -> ExitCode {
    if output.format == Format::Json {
        output.data(&serde_json::to_string(&document(failure)).expect("a failure has string keys only"));
    }
    ExitCode::from(tell(failure))
}

/// Makes the document of a failure.
pub(super) fn document(failure: &OpsError) -> Failure {
    let found = classify(failure);
    Failure {
        schema: "packs.error/1",
        code: found.code,
        exit: found.exit,
        message: failure.to_string(),
        causes: causes(failure),
        hints: hints(failure),
        at: place(failure),
        missing: missing(failure).to_vec(),
    }
}

/// Tells a failure in words to stderr, and gives its exit code.
pub(super) fn tell(failure: &OpsError) -> u8 {
    let mut text = message(failure);
    for cause in causes(failure) {
        // The sentences of a proof follow each other; a chain of causes goes down.
        let is_proof = matches!(failure, OpsError::Conflict { .. });
        text += &if is_proof { format!("\n{}", plain_lines(&cause)) } else { format!("\n  {} {}", paint(BAD, "cause:"), plain_lines(&cause)) };
    }
    for one in missing(failure) {
        text += &format!("\n  {} {}: {} ({}) from {}", one.name, one.version, plain(&one.archive), human_bytes(one.size), plain(&one.registry));
    }
    for hint in hints(failure) {
        text += &format!("\n{} {}", paint(GOOD, "hint:"), plain_lines(&hint));
    }
    anstream::eprintln!("{text}");
    classify(failure).exit
}

/// Tells that packs itself is wrong; what it was doing is taken back or finished by the next command.
pub(super) fn report_bug(output: Output) -> ExitCode {
    let message = "this is a bug in packs: please report it with the lines above, the command line and `packs --version`".to_owned();
    anstream::eprintln!("{} {message}", paint(BAD, "error:"));
    if output.format == Format::Json {
        let document = Failure { schema: "packs.error/1", code: "bug", exit: BUG, message, causes: vec![], hints: vec![], at: None, missing: vec![] };
        output.data(&serde_json::to_string(&document).expect("a failure has string keys only"));
    }
    ExitCode::from(BUG)
}

/// Tells wrong arguments as a document.
pub(super) fn report_usage(answer: &clap::Error) -> ExitCode {
    let message = answer.to_string();
    let document = Failure {
        schema: "packs.error/1",
        code: "usage",
        exit: USAGE,
        message: message.trim().to_owned(),
        causes: vec![],
        hints: vec![],
        at: None,
        missing: vec![],
    };
    anstream::println!("{}", serde_json::to_string(&document).expect("a failure has string keys only"));
    anstream::eprint!("{message}");
    ExitCode::from(USAGE)
}

/// Writes the head of a failure; faults of files that people write are shown with the line and an underline.
fn message(failure: &OpsError) -> String {
    let color = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    match failure {
        OpsError::Manifest(error) => render_faults(error, color).trim_end().to_owned(),
        OpsError::Settings(error) => render_faults(error, color).trim_end().to_owned(),
        OpsError::Build(BuildError::PackToml { source }) => render_faults(source, color).trim_end().to_owned(),
        _ => format!("{} {}", paint(BAD, "error:"), plain_lines(&failure.to_string())),
    }
}

/// Makes foreign text harmless and keeps line breaks, which only our own messages have.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Gives the causes, without those that only repeat the message before.
fn causes(failure: &OpsError) -> Vec<String> {
    // The proof of a conflict is no chain of errors: each of its sentences is a cause.
    if let OpsError::Conflict { conflict, .. } = failure {
        return conflict.explain().lines().map(str::to_owned).collect();
    }
    let mut told = failure.to_string();
    let mut causes = vec![];
    let mut next = failure.source();
    while let Some(cause) = next {
        next = cause.source();
        let text = cause.to_string();
        if !told.contains(&text) {
            causes.push(text.clone());
        }
        told = text;
    }
    causes
}

fn missing(failure: &OpsError) -> &[MissingArchive] {
    match failure {
        OpsError::ArchivesOffline { missing } => missing,
        _ => &[],
    }
}

fn place(failure: &OpsError) -> Option<Place> {
    match failure {
        OpsError::Manifest(error) => Some(error.place()),
        OpsError::Settings(error) => Some(error.place()),
        OpsError::Build(BuildError::PackToml { source }) => Some(source.place()),
        OpsError::Build(BuildError::BadVersionFile { at, .. }) => Some(at.clone()),
        OpsError::Refused { refusal, .. } => refusal.at.clone(),
        OpsError::Source(SourceError::Untrusted { trust, .. }) => Some(trust.at.clone()),
        OpsError::Source(SourceError::OlderIndex { registry, .. } | SourceError::OtherIndex { registry, .. } | SourceError::GoneIndex { registry, .. }) => {
            registry.at.clone()
        }
        OpsError::LastKey { at, .. } => Some(at.clone()),
        OpsError::UnopenedRegistry { at, .. } | OpsError::PathPack { at, .. } => Some(at.clone()),
        OpsError::NotText { path, line } => Some(Place { file: path.display().to_string(), line: *line }),
        OpsError::Lockfile(LockError::Invalid { file, line, .. } | LockError::Conflicted { file, line } | LockError::Markers { file, line, .. }) => {
            Some(Place { file: file.clone(), line: *line })
        }
        _ => None,
    }
}
