//! `packs env [ENV]`

use std::process::ExitCode;

use clap::Args;
use clap::ValueEnum;

use crate::cli::command::with_environment;
use crate::cli::output::Output;
use crate::cli::settings::Format;
use crate::cli::settings::Settings;
use crate::model::EnvironmentName;
use crate::ops;
use crate::ops::EnvOutcome;
use crate::ops::OpsError;

/// What may follow `packs env`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eval \"$(packs env)\"\n  packs env --shell fish | source\n  packs env prod --json")]
pub struct Arguments {
    /// The environment (default: the active one, or default-environment)
    environment: Option<EnvironmentName>,

    /// The shell to write for
    #[arg(long, value_enum, default_value = "posix")]
    shell: Shell,
}

/// A family of shells with one syntax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    /// sh, bash, zsh, ksh
    Posix,
    /// fish
    Fish,
}

pub(super) fn run(arguments: Arguments, settings: Settings, output: Output) -> Result<ExitCode, OpsError> {
    let settings = with_environment(settings, arguments.environment);
    let outcome = ops::env(&settings.context)?;
    if output.format == Format::Json {
        output.answer("packs.env/1", &outcome, String::new);
    } else {
        output.data(&render(&outcome, arguments.shell));
    }
    Ok(ExitCode::SUCCESS)
}

/// Gives what a variable means while it is not set, so that a directory in front hides nothing; an empty entry of MANPATH is the system's own search path.
fn usual(name: &str) -> Option<&'static str> {
    match name {
        "MANPATH" => Some(""),
        "XDG_DATA_DIRS" => Some("/usr/local/share:/usr/share"),
        _ => None,
    }
}

fn render(outcome: &EnvOutcome, shell: Shell) -> String {
    let lines = outcome.prepend.iter().map(|(name, directory)| match (shell, usual(name)) {
        (Shell::Posix, None) => format!("export {name}={}${{{name}:+\":${name}\"}}\n", quoted(directory)),
        (Shell::Posix, Some(usual)) => format!("export {name}={}\":${{{name}:-{usual}}}\"\n", quoted(directory)),
        (Shell::Fish, None) => format!("set -gx --path {name} {} ${name}\n", quoted(directory)),
        (Shell::Fish, Some(usual)) => {
            format!("set -q {name}; or set -gx --path {name} {}\nset -gx --path {name} {} ${name}\n", quoted(usual), quoted(directory))
        }
    });
    let set = outcome.set.iter().map(|(name, value)| match shell {
        Shell::Posix => format!("export {name}={}\n", quoted(value)),
        Shell::Fish => format!("set -gx {name} {}\n", quoted(value)),
    });
    lines.chain(set).collect()
}

/// Quotes a text so that a shell takes it as it is.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_shell_reads_more_than_a_text() {
        assert_eq!(quoted("/a b/$(x)'y"), r"'/a b/$(x)'\''y'");
    }
}
