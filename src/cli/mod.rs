//! People: arguments, settings, output, errors.
//!
//! A command file describes its arguments and makes one call into `ops`; it decides nothing. Without this folder everything still works as a library.

pub mod command;
mod config;
mod drawing;
mod error;
mod interrupt;
mod keys;
mod output;
mod passphrase;
mod progress;
mod reference;
mod schemas;
mod settings;
mod values;

pub use reference::reference;
pub use schemas::schemas;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::CommandFactory as _;
use clap::FromArgMatches as _;
use clap::Parser;
use clap::parser::ValueSource;

use crate::cli::command::Command;
use crate::cli::config::Origin;
use crate::cli::config::Said;
use crate::cli::interrupt::LastWord;
use crate::cli::keys::Key;
use crate::cli::output::Output;
use crate::cli::progress::Progress;
use crate::cli::progress::Telling;
use crate::cli::settings::Format;
use crate::cli::settings::GlobalArgs;
use crate::cli::settings::Settings;
use crate::cli::settings::Surroundings;
use crate::cli::settings::Typed;
use crate::cli::settings::Watched;
use crate::cli::values::Values;
use crate::model::without_secrets;
use crate::ops::OpsError;

/// Declare what a project needs; lock, switch, roll back, collect.
#[derive(Debug, Parser)]
#[command(name = "packs", version, max_term_width = 110, disable_help_subcommand = true)]
#[command(after_help = "Start with `packs init`, then `packs install PACK`, then `packs switch`.")]
pub struct Cli {
    /// What holds for any command.
    #[command(flatten)]
    pub global: GlobalArgs,

    /// What to do; without it: the status of the project.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Gives the whole tree of commands, for completions, man pages and the reference.
pub fn command_tree() -> clap::Command {
    Cli::command()
}

/// Runs the program on these arguments and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = with_archive_format(arguments.into_iter().collect());
    let matches = match without_empty_variables(command_tree()).try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(answer) => return usage(&answer, &arguments),
    };
    let cli = Cli::from_arg_matches(&matches).expect("the matches come from the same definition");
    let typed = Typed::new(&arguments, &matches, &cli.global);
    color(&cli.global.color.to_string()).write_global();
    let output = Output { format: if cli.global.json { Format::Json } else { cli.global.format }, quiet: cli.global.quiet, verbose: cli.global.verbose };
    let code = guarded(output, || {
        let (settings, progress) = prepare(&cli.global, &typed)?;
        if let Some(failure) = command::interrupted(cli.command.as_ref()) {
            interrupt::listen(settings.context.interrupt.clone(), LastWord { failure, progress, output });
        }
        command::run(cli.command, settings, output)
    });
    if output::is_lost() { ExitCode::from(error::kind::MACHINE) } else { code }
}

/// Runs a command to its exit code; a panic is a bug, and says so after what it printed itself.
fn guarded(output: Output, work: impl FnOnce() -> Result<ExitCode, OpsError>) -> ExitCode {
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        Ok(Ok(code)) => code,
        Ok(Err(failure)) => error::report(&failure, output),
        Err(_) => error::report_bug(output),
    }
}

#[allow(clippy::disallowed_methods, reason = "asks only whether clap is about to read an empty variable")]
/// Takes a variable of the surroundings that is set to nothing, as `PACKS_ENV=`, for one that is not set.
fn without_empty_variables(tree: clap::Command) -> clap::Command {
    tree.mut_args(|argument| {
        let is_empty = argument.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
        if is_empty { argument.env(None::<&'static str>) } else { argument }
    })
}

fn prepare(global: &GlobalArgs, typed: &Typed) -> Result<(Settings, Progress), OpsError> {
    let around = Surroundings::read()?;
    let values = Values::gather(&around, typed)?;
    if let Some(jobs) = values.count("jobs").and_then(|jobs| usize::try_from(jobs).ok()) {
        // Everything parallel runs in this pool. It can only be there already where a test calls this twice in one process.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(jobs).build_global();
    }
    color(&values.said("color").text).write_global();
    let is_json = global.json || global.format == Format::Json;
    let bars = values.switch("progress") && !global.quiet && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let progress = Progress::new(Telling { quiet: global.quiet, verbose: global.verbose, bars, downloads: !global.quiet && !is_json });
    let watched = Watched { values, report: Arc::new(progress.clone()), progress: bars };
    Ok((Settings::new(global, &around, typed, watched)?, progress))
}

impl Typed {
    fn new(arguments: &[OsString], matches: &clap::ArgMatches, global: &GlobalArgs) -> Typed {
        Typed {
            command: typed_command(arguments),
            names_environment: matches.value_source("env") == Some(ValueSource::CommandLine),
            decides_locked: matches!(matches.value_source("locked"), Some(ValueSource::CommandLine | ValueSource::EnvVariable)),
            said: said(matches, global),
        }
    }
}

/// Gives the settings that global flags or their variables name.
fn said(matches: &clap::ArgMatches, global: &GlobalArgs) -> BTreeMap<&'static str, Said> {
    let values = [
        ("home", "home", global.home.as_ref().map(|home| home.display().to_string())),
        ("jobs", "jobs", global.jobs.map(|jobs| jobs.to_string())),
        ("wait", "wait", Some(global.wait.to_string())),
        ("offline", "offline", Some(global.offline.to_string())),
        ("color", "color", Some(global.color.to_string())),
        ("progress", "no_progress", Some((!global.no_progress).to_string())),
    ];
    let said = |(name, argument, text): (&'static str, &str, Option<String>)| {
        let key = Key::find(name).expect("it is in the table");
        let origin = match matches.value_source(argument)? {
            ValueSource::CommandLine => Origin::Flag(key.flag),
            ValueSource::EnvVariable => Origin::Variable(key.variable.to_owned()),
            _ => return None,
        };
        Some((name, Said { text: text?, origin }))
    };
    values.into_iter().filter_map(said).collect()
}

fn color(choice: &str) -> anstream::ColorChoice {
    match choice {
        "always" => anstream::ColorChoice::Always,
        "never" => anstream::ColorChoice::Never,
        _ => anstream::ColorChoice::Auto,
    }
}

/// Takes what may be secret out of an address in a typed word, `--registry=https://…`: the command line is recorded where others read it.
fn recorded_word(argument: &str) -> String {
    let Some((before, _)) = argument.split_once("://") else { return without_user(argument) };
    let begin = before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || "+-.".contains(c)).len();
    format!("{}{}", &argument[..begin], without_secrets(&argument[begin..]))
}

/// Takes `user:password` before an `@` out of what may have been meant as an address.
fn without_user(argument: &str) -> String {
    let Some(at) = argument.rfind('@') else { return argument.to_owned() };
    let begin = argument[..at].rfind(|c: char| c == '/' || c.is_whitespace()).map_or(0, |before| before + 1);
    if argument[begin..at].contains(':') { format!("{}***{}", &argument[..begin], &argument[at..]) } else { argument.to_owned() }
}

/// Takes `--format tar.gz` of `packs build` for `--archive-format tar.gz`: the form of an answer and that of an archive are never the same word.
fn with_archive_format(mut arguments: Vec<OsString>) -> Vec<OsString> {
    // One that packs does not write is refused with the names of those it does.
    let is_form = |word: &str| word == "tar" || word.starts_with("tar.");
    if !arguments.iter().any(|argument| argument == "build") {
        return arguments;
    }
    for at in 1..arguments.len() {
        let next_is_form = arguments.get(at + 1).and_then(|next| next.to_str()).is_some_and(is_form);
        let written = arguments[at].to_str().and_then(|text| text.strip_prefix("--format")).map(str::to_owned);
        match written.as_deref() {
            Some("") if next_is_form => arguments[at] = "--archive-format".into(),
            Some(value) if value.strip_prefix('=').is_some_and(is_form) => arguments[at] = format!("--archive-format{value}").into(),
            _ => {}
        }
    }
    arguments
}

/// Gives the command line as it is recorded: with the program's bare name, quoted where needed.
fn typed_command(arguments: &[OsString]) -> String {
    let quoted = |argument: &OsString| {
        let text = recorded_word(&argument.to_string_lossy());
        let is_bare = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_=./,:@^~+%".contains(c));
        if is_bare { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
    };
    std::iter::once("packs".to_owned()).chain(arguments.iter().skip(1).map(quoted)).collect::<Vec<_>>().join(" ")
}

/// Prints help, the version or what is wrong with the arguments, as clap words it.
fn usage(answer: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let asks = |pair: &[OsString]| pair[0] == "--format" && pair[1] == "json";
    let wants_json = arguments.iter().any(|argument| argument == "--json" || argument == "--format=json") || arguments.windows(2).any(asks);
    if wants_json && answer.use_stderr() {
        return error::report_usage(answer);
    }
    let _ = answer.print();
    if answer.use_stderr() { ExitCode::from(error::kind::USAGE) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        command_tree().debug_assert();
    }

    #[test]
    fn a_panic_is_told_from_every_failure() {
        let output = Output { format: Format::Text, quiet: true, verbose: 0 };
        let code = guarded(output, || panic!("this test panics on purpose"));
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(70)));
        let code = guarded(output, || Ok(ExitCode::from(3)));
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(3)));
    }

    #[test]
    fn a_form_of_archives_is_told_from_a_form_of_answers() {
        let read = |line: &str| {
            let words = with_archive_format(line.split(' ').map(OsString::from).collect());
            words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(read("packs build --format tar.gz a"), "packs build --archive-format tar.gz a");
        assert_eq!(read("packs build --format tar.xz"), "packs build --archive-format tar.xz");
        assert_eq!(read("packs --format=tar.zst build"), "packs --archive-format=tar.zst build");
        for same in ["packs build --format json", "packs lock --format tar.gz", "packs build --format", "packs build --format=", "packs build --formatx tar.gz"]
        {
            assert_eq!(read(same), same);
        }
    }

    #[test]
    fn the_command_is_recorded_as_typed() {
        let typed = |words: &[&str]| typed_command(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(typed(&["/usr/bin/packs", "switch", "-m", "it's time"]), r"packs switch -m 'it'\''s time'");
    }

    #[test]
    fn a_recorded_command_holds_no_secret() {
        for (argument, expected) in [
            ("https://ana:geheim@packs.example.org/main", "https://packs.example.org/main"),
            ("--registry=https://ana:a@b@h?sig=geheim", "--registry=https://h"),
            ("https://ana:ge/heim@h/x", "https://…"),
            ("-rhttps://ana:geheim@h/x", "-rhttps://…"),
            ("s3://bucket/a@b", "s3://bucket/a@b"),
            ("@acme/kanban@^2", "@acme/kanban@^2"),
            ("https:/ana:secret@h/x", "https:/***@h/x"),
            ("file:ana:secret@h", "***@h"),
        ] {
            assert_eq!(recorded_word(argument), expected);
        }
    }
}
