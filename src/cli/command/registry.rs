//! `packs registry init|add-key|sign|check|forget`

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;

use crate::cli::command::ChangeArgs;
use crate::cli::error::kind::INTEGRITY;
use crate::cli::error::kind::UNKNOWN;
use crate::cli::output::BAD;
use crate::cli::output::CHANGED;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::counted;
use crate::cli::output::human_bytes;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::passphrase::SigningArgs;
use crate::cli::settings::Settings;
use crate::model::KeyId;
use crate::model::RegistryName;
use crate::ops;
use crate::ops::AddKeyOutcome;
use crate::ops::AddKeyRequest;
use crate::ops::ForgetOutcome;
use crate::ops::InitRegistryOutcome;
use crate::ops::InitRegistryRequest;
use crate::ops::KeyWish;
use crate::ops::OpsError;
use crate::ops::RegistryCheckOutcome;
use crate::ops::SignRegistryOutcome;
use crate::ops::SignRegistryRequest;
use crate::source::Adopt;

/// What may follow `packs registry`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a directory or a bucket a registry, or complete one
    Init(InitArguments),
    /// Trust a key for a registry of packs.toml: its index must be signed by one of those trusted
    AddKey(AddKeyArguments),
    /// Sign every index document of a registry anew
    Sign(SignArguments),
    /// Look through a whole registry: documents, signatures, archives, side files, the list of packs
    Check(CheckArguments),
    /// Forget what a registry's index was, after it was really set back or made anew
    Forget(ForgetArguments),
}

/// What may follow `packs registry init`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs registry init ../registry\n  packs registry init /srv/packs --name team --key acme\n  packs registry init s3://acme-packs/main"
)]
pub struct InitArguments {
    /// A directory, which is made if missing; an address; or a name of packs.toml
    #[arg(value_name = "REGISTRY")]
    registry: String,

    /// How it calls itself (default: by its place)
    #[arg(long)]
    name: Option<RegistryName>,

    #[command(flatten)]
    signing: SigningArgs,

    /// Show what would be made, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// What may follow `packs registry add-key`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs registry add-key default RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n  packs registry add-key team keys/acme.pub\n  packs registry add-key team keys/old.pub --remove"
)]
pub struct AddKeyArguments {
    /// The registry, by its name in packs.toml
    #[arg(value_name = "NAME")]
    registry: RegistryName,

    /// The public key: RWQ…, or a .pub file of packs or minisign
    #[arg(value_name = "KEY")]
    key: String,

    /// Trust it no more
    #[arg(long)]
    remove: bool,

    #[command(flatten)]
    change: ChangeArgs,
}

/// What may follow `packs registry sign`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs registry sign ../registry --key acme\n  packs registry sign team --key old,new             while keys change\n  packs registry sign team --key acme --adopt        the first time"
)]
pub struct SignArguments {
    /// The registry: a directory, an address, or its name in packs.toml
    #[arg(value_name = "REGISTRY", default_value = "default")]
    registry: String,

    /// Sign unsigned documents too, and those that unknown keys signed, as they stand
    #[arg(long)]
    adopt: bool,

    #[command(flatten)]
    signing: SigningArgs,

    /// Show what would be signed, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// What may follow `packs registry check`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs registry check\n  packs registry check /srv/packs --json\n  packs registry check s3://acme-packs/main || echo look at it"
)]
pub struct CheckArguments {
    /// The registry: a directory, an address, or its name in packs.toml
    #[arg(value_name = "REGISTRY", default_value = "default")]
    registry: String,
}

/// What may follow `packs registry forget`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs registry forget default --dry-run\n  packs registry forget ../registry\n  packs registry forget team -m 'restored from the backup'"
)]
pub struct ForgetArguments {
    /// The registry: a directory, an address, or its name in packs.toml
    #[arg(value_name = "REGISTRY")]
    registry: String,

    #[command(flatten)]
    change: ChangeArgs,
}

pub(super) fn run(command: Command, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    match command {
        Command::Init(arguments) => init(arguments, settings, output),
        Command::AddKey(arguments) => add_key(arguments, settings, output),
        Command::Sign(arguments) => sign(arguments, settings, output),
        Command::Check(arguments) => check(&arguments, settings, output),
        Command::Forget(arguments) => forget(arguments, settings, output),
    }
}

fn init(arguments: InitArguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let request = InitRegistryRequest { registry: arguments.registry, name: arguments.name, dry_run: arguments.dry_run };
    let passphrases = arguments.signing.passphrases(settings);
    let outcome = ops::init_registry(&settings.context, &request, &arguments.signing.signing(&passphrases))?;
    output.answer("packs.registry-init/1", &outcome, || render_init(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render_init(outcome: &InitRegistryOutcome) -> String {
    let registry = plain(&outcome.registry);
    let mut text = match (outcome.was_there, outcome.dry_run) {
        (true, _) => format!("{registry} is a registry already, named {}\n", outcome.name),
        (false, true) => format!("{registry} would become a registry named {}\n", outcome.name),
        (false, false) => format!("{registry} is a registry now, named {}\n", outcome.name),
    };
    if outcome.was_there && outcome.names_written {
        text += if outcome.dry_run { "its list of packs may be made anew\n" } else { "its list of packs is made anew\n" };
    }
    text
}

fn add_key(arguments: AddKeyArguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let wish = if arguments.remove { KeyWish::Remove } else { KeyWish::Add };
    let request = AddKeyRequest { registry: arguments.registry, key: arguments.key, wish, change: arguments.change.into() };
    let outcome = ops::add_key(&settings.context, &request)?;
    output.answer("packs.registry-add-key/1", &outcome, || render_keys(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render_keys(outcome: &AddKeyOutcome) -> String {
    let then = match (outcome.changed, outcome.dry_run) {
        (false, _) => "packs.toml says so already: ",
        (true, true) => "packs.toml would say: ",
        (true, false) => "",
    };
    let ids: Vec<KeyId> = outcome.keys.iter().map(crate::model::PublicKey::id).collect();
    match ids.as_slice() {
        [] => format!("{then}no signatures are asked for of {}\n", outcome.registry),
        ids => format!("{then}{} must be signed by {}\n", outcome.registry, listed(ids)),
    }
}

fn sign(arguments: SignArguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let adopt = if arguments.adopt { Adopt::All } else { Adopt::SignedOnly };
    let request = SignRegistryRequest { registry: arguments.registry, adopt, dry_run: arguments.dry_run };
    let passphrases = arguments.signing.passphrases(settings);
    let outcome = ops::sign_registry(&settings.context, &request, &arguments.signing.signing(&passphrases))?;
    output.answer("packs.registry-sign/1", &outcome, || render_sign(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render_sign(outcome: &SignRegistryOutcome) -> String {
    let verb = if outcome.dry_run { "would sign" } else { "signed" };
    let unchanged = if outcome.unchanged == 0 { String::new() } else { format!("; {} were signed so already", outcome.unchanged) };
    format!("{verb} {} of {} with {}{unchanged}\n", counted(outcome.signed.len(), "document"), plain(&outcome.registry), listed(&outcome.keys))
}

fn check(arguments: &CheckArguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::check_registry(&settings.context, &arguments.registry)?;
    output.answer("packs.registry-check/1", &outcome, || render_check(&outcome));
    Ok(match (outcome.problems.is_empty(), outcome.unknown.is_empty()) {
        (false, _) => ExitCode::from(INTEGRITY),
        (true, false) => ExitCode::from(UNKNOWN),
        (true, true) => ExitCode::SUCCESS,
    })
}

fn render_check(outcome: &RegistryCheckOutcome) -> String {
    let mut text = String::new();
    for problem in &outcome.problems {
        text += &format!("{} {}: {}\n", paint(BAD, "bad"), plain(&problem.path), plain(&problem.message));
    }
    for unknown in &outcome.unknown {
        text += &format!("{} {}: {}\n", paint(CHANGED, "not looked at"), plain(&unknown.path), plain(&unknown.message));
    }
    for path in &outcome.unlisted {
        text += &format!("note: no document lists {}\n", plain(path));
    }
    let looked = format!(
        "checked {}, {}, {}, {}",
        counted(outcome.packs, "pack"),
        counted(outcome.releases, "release"),
        counted(outcome.archives, "archive"),
        human_bytes(outcome.bytes)
    );
    let signed = if outcome.keys.is_empty() { "not signed".to_owned() } else { format!("signatures by {}", listed(&outcome.keys)) };
    let verdict = match (outcome.problems.len(), outcome.unknown.len()) {
        (0, 0) => paint(GOOD, "good"),
        (0, unknown) => format!("{unknown} not looked at"),
        (problems, _) => counted(problems, "problem"),
    };
    text + &format!("{verdict}: {looked}; {signed}\n")
}

fn forget(arguments: ForgetArguments, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    let outcome = ops::forget_registry(&settings.context, &arguments.registry, &arguments.change.into())?;
    output.answer("packs.registry-forget/1", &outcome, || render_forgotten(&outcome));
    Ok(ExitCode::SUCCESS)
}

fn render_forgotten(outcome: &ForgetOutcome) -> String {
    let verb = if outcome.dry_run { "would forget" } else { "forgot" };
    format!("{verb} how new the index of {} in {} was\n", counted(outcome.packs, "pack"), plain(&outcome.registry))
}

fn listed(ids: &[KeyId]) -> String {
    let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
    format!("{} {}", if ids.len() == 1 { "key" } else { "keys" }, ids.join(" and "))
}
