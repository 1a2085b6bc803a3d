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

fn render(outcome: &EnvOutcome, shell: Shell) -> String {
    let lines = outcome.prepend.iter().map(|(name, directory)| match shell {
        Shell::Posix => format!("export {name}={}${{{name}:+\":${name}\"}}\n", quoted(directory)),
        Shell::Fish => format!("set -gx --path {name} {} ${name}\n", quoted(directory)),
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
