//! One file per command: its arguments, one call, the rendering of what came out.

mod audit;
pub(super) mod build;
mod completions;
pub(super) mod config;
mod download;
mod env;
mod gc;
mod history;
mod info;
mod init;
mod install;
mod key;
mod list;
mod lock;
mod man;
mod publish;
mod registry;
mod release;
mod resolve;
mod rollback;
mod run;
mod search;
mod status;
mod store;
mod switch;
mod tree;
mod undo;
mod uninstall;
mod update;
mod verify;
mod why;
mod yank;

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;

use crate::cli::output::BAD;
use crate::cli::output::CHANGED;
use crate::cli::output::GOOD;
use crate::cli::output::Output;
use crate::cli::output::paint;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::model::PackChange;
use crate::ops::ChangeRequest;
use crate::ops::Changes;
use crate::ops::OpsError;

/// Everything that packs can be asked.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new project: a commented packs.toml
    Init(init::Arguments),
    /// Add packs to packs.toml, lock and switch
    #[command(visible_aliases = ["add", "i"])]
    Install(install::Arguments),
    /// Take packs out of packs.toml, lock and switch
    #[command(visible_aliases = ["remove", "rm"])]
    Uninstall(uninstall::Arguments),
    /// Lock the newest releases allowed, and switch
    #[command(visible_aliases = ["upgrade", "up"])]
    Update(update::Arguments),
    /// Write the lockfile only
    Lock(lock::Arguments),
    /// Ask whether there is a resolution, why not, and what would help; writes nothing unless told to
    Resolve(resolve::Arguments),
    /// Make an environment's lockfile its current generation
    Switch(switch::Arguments),
    /// Go back to the generation this one came from
    Rollback(rollback::Arguments),
    /// Take back the last change: manifest, lockfiles, copies and generation together
    Undo(undo::Arguments),
    /// Show the tree of generations
    #[command(visible_alias = "generations")]
    History(history::Arguments),
    /// Remove what no kept generation reaches
    Gc(gc::Arguments),
    /// Compare manifest, lockfile, generation and bytes; or check archives, or the whole store
    Verify(verify::Arguments),
    /// Look at the store
    #[command(subcommand)]
    Store(store::Command),
    /// List the packs of the project
    #[command(visible_alias = "ls")]
    List(list::Arguments),
    /// Show what the locked packs require of each other
    Tree(tree::Arguments),
    /// Show why a pack is locked: the shortest ways to it from packs.toml
    Why(why::Arguments),
    /// Look for packs by name, keyword or description
    Search(search::Arguments),
    /// Tell what a registry says of a pack
    #[command(visible_alias = "show")]
    Info(info::Arguments),
    /// Say where the project stands
    Status(status::Arguments),
    /// Run a command with the environment's packs in PATH
    Run(run::Arguments),
    /// Print what to set so that a shell finds the environment's packs
    Env(env::Arguments),
    /// Make archives from source directories
    Build(build::Arguments),
    /// Put archives into a registry
    Publish(publish::Arguments),
    /// Make a release of archives in a repository on GitHub
    Release(release::Arguments),
    /// Take releases back, so that nobody new chooses them
    Yank(yank::Arguments),
    /// Make, check and sign registries, and say whose signatures count
    #[command(
        subcommand,
        after_help = "Examples:\n  packs registry init ../registry\n  packs registry add-key default RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n  packs registry check"
    )]
    Registry(registry::Command),
    /// Make and show signing keys
    #[command(subcommand, after_help = "Examples:\n  packs key generate acme\n  packs key list\n  packs key export acme")]
    Key(key::Command),
    /// Fetch archives without installing them, verified
    Download(download::Arguments),
    /// Show who did what, when and why
    Audit(audit::Arguments),
    /// Show every setting of the settings files, its value, and who said so
    Config(config::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Print or write the man pages
    Man(man::Arguments),
}

/// What every changing command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct ChangeArgs {
    /// Show what would be done, and do nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Why; kept in the generation and in the audit log
    #[arg(short = 'm', long = "message", value_name = "REASON")]
    pub reason: Option<String>,
}

impl From<ChangeArgs> for ChangeRequest {
    fn from(arguments: ChangeArgs) -> Self {
        ChangeRequest { dry_run: arguments.dry_run, reason: arguments.reason }
    }
}

/// Runs a command and gives the exit code.
///
/// # Errors
/// Whatever the use case refuses; `cli/error` words it.
pub fn run(command: Option<Command>, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let known = formats(command.as_ref());
    if !known.contains(&output.format) {
        let known = known.iter().map(|format| format.as_str()).collect();
        return Err(OpsError::NoSuchFormat { format: output.format.as_str(), known });
    }
    match command {
        None => status::run_bare(&settings, output),
        Some(Command::Init(arguments)) => init::run(arguments, &settings, output),
        Some(Command::Install(arguments)) => install::run(arguments, settings, output),
        Some(Command::Uninstall(arguments)) => uninstall::run(arguments, &settings, output),
        Some(Command::Update(arguments)) => update::run(arguments, &settings, output),
        Some(Command::Lock(arguments)) => lock::run(&arguments, settings, output),
        Some(Command::Resolve(arguments)) => resolve::run(arguments, settings, output),
        Some(Command::Switch(arguments)) => switch::run(arguments, settings, output),
        Some(Command::Rollback(arguments)) => rollback::run(arguments, settings, output),
        Some(Command::Undo(arguments)) => undo::run(arguments, &settings, output),
        Some(Command::History(arguments)) => history::run(arguments, settings, output),
        Some(Command::Gc(arguments)) => gc::run(&arguments, &settings, output),
        Some(Command::Verify(arguments)) => verify::run(arguments, &settings, output),
        Some(Command::Store(command)) => store::run(command, &settings, output),
        Some(Command::List(arguments)) => list::run(arguments, settings, output),
        Some(Command::Tree(arguments)) => tree::run(arguments, &settings, output),
        Some(Command::Why(arguments)) => why::run(&arguments, &settings, output),
        Some(Command::Search(arguments)) => search::run(arguments, &settings, output),
        Some(Command::Info(arguments)) => info::run(arguments, &settings, output),
        Some(Command::Status(arguments)) => status::run(&arguments, &settings, output),
        Some(Command::Run(arguments)) => run::run(arguments, &settings),
        Some(Command::Env(arguments)) => env::run(arguments, settings, output),
        Some(Command::Build(arguments)) => build::run(arguments, &settings, output),
        Some(Command::Publish(arguments)) => publish::run(arguments, &settings, output),
        Some(Command::Release(arguments)) => release::run(arguments, &settings, output),
        Some(Command::Yank(arguments)) => yank::run(arguments, &settings, output),
        Some(Command::Registry(command)) => registry::run(command, &settings, output),
        Some(Command::Key(command)) => key::run(command, &settings, output),
        Some(Command::Download(arguments)) => download::run(arguments, &settings, output),
        Some(Command::Audit(arguments)) => audit::run(arguments, &settings, output),
        Some(Command::Config(arguments)) => config::run(&arguments, &settings, output),
        Some(Command::Completions(arguments)) => completions::run(&arguments, output),
        Some(Command::Man(arguments)) => man::run(arguments, output),
    }
}

/// Gives what to say when a command is interrupted; `None` where a signal is for its child, not for us.
pub(super) fn interrupted(command: Option<&Command>) -> Option<OpsError> {
    match command {
        Some(Command::Run(_)) => None,
        Some(
            Command::Gc(_) | Command::Build(_) | Command::Publish(_) | Command::Registry(_) | Command::Download(_) | Command::Yank(_) | Command::Release(_),
        ) => Some(OpsError::InterruptedBetween),
        _ => Some(OpsError::Interrupted),
    }
}

/// Gives the forms in which a command answers; pictures only where the answer is a graph.
fn formats(command: Option<&Command>) -> &'static [Format] {
    match command {
        Some(Command::Tree(arguments)) if arguments.is_table() => &[Format::Text, Format::Json],
        Some(Command::Resolve(_) | Command::Tree(_) | Command::Why(_)) => &[Format::Text, Format::Json, Format::Dot, Format::Svg],
        _ => &[Format::Text, Format::Json],
    }
}

/// Lets an environment given as an argument count before `-E` and `PACKS_ENV`.
fn with_environment(mut settings: Settings, environment: Option<EnvironmentName>) -> Settings {
    if environment.is_some() {
        settings.context.environment = environment;
    }
    settings
}

/// Writes changes for people, one a line: `+` added, `~` changed, `-` removed.
fn change_lines(changes: &Changes) -> String {
    changes.all().map(|change| format!("  {}\n", change_line(change))).collect()
}

fn change_line(change: &PackChange) -> String {
    match (&change.from, &change.to) {
        (None, Some(to)) => format!("{} {} {to}", paint(GOOD, "+"), change.name),
        (Some(from), None) => format!("{} {} {from}", paint(BAD, "-"), change.name),
        (Some(from), Some(to)) if from == to => format!("{} {} {to} (other content)", paint(CHANGED, "~"), change.name),
        (Some(from), Some(to)) => format!("{} {} {from} → {to}", paint(CHANGED, "~"), change.name),
        (None, None) => String::new(),
    }
}
