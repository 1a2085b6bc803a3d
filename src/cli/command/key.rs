//! `packs key generate|list|export`

use std::process::ExitCode;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;
use comfy_table::Table;
use comfy_table::TableStyle;

use crate::cli::output::Output;
use crate::cli::output::STRONG;
use crate::cli::output::paint;
use crate::cli::output::plain;
use crate::cli::passphrase::PassphraseArgs;
use crate::cli::settings::Settings;
use crate::model::KeyName;
use crate::ops;
use crate::ops::GenerateKeyOutcome;
use crate::ops::GenerateKeyRequest;
use crate::ops::KeyExportOutcome;
use crate::ops::KeyListOutcome;
use crate::ops::OpsError;
use crate::ops::Protection;

/// What may follow `packs key`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a signing key: NAME.key, which only you may read, and NAME.pub
    Generate(GenerateArguments),
    /// Show your keys
    List(ListArguments),
    /// Print a public key
    Export(ExportArguments),
}

/// What may follow `packs key generate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  packs key generate acme\n  packs key generate ci --no-passphrase\n  packs key generate acme --passphrase-file secrets/passphrase"
)]
pub struct GenerateArguments {
    /// How the key is to be called
    name: KeyName,

    /// Keep it without a passphrase: whoever reads the file can sign
    #[arg(long, conflicts_with = "passphrase_file")]
    no_passphrase: bool,

    #[command(flatten)]
    passphrase: PassphraseArgs,

    /// Show what would be written, and make no key
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// What may follow `packs key list`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs key list\n  packs key list --json\n  packs key list --json | jq -r '.keys[].public_key'")]
pub struct ListArguments {}

/// What may follow `packs key export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  packs key export acme\n  packs key export acme --form minisign > acme.pub\n  packs key export acme --form packs-toml")]
pub struct ExportArguments {
    /// The key
    name: KeyName,

    /// In which form
    #[arg(long, value_enum, value_name = "FORM", default_value = "line")]
    form: Form,
}

/// The forms of a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// The key alone, as `packs registry add-key` takes it
    Line,
    /// A file as minisign takes it
    Minisign,
    /// What stands in packs.toml
    PacksToml,
}

pub(super) fn run(command: Command, settings: &Settings, output: Output) -> Result<ExitCode, OpsError> {
    match command {
        Command::Generate(arguments) => {
            let protection = if arguments.no_passphrase { Protection::None } else { Protection::Passphrase };
            let request = GenerateKeyRequest { name: arguments.name, protection, dry_run: arguments.dry_run };
            let outcome = ops::generate_key(&settings.context, &request, &arguments.passphrase.passphrases(settings))?;
            output.answer("packs.key-generate/1", &outcome, || render_generated(&outcome));
        }
        Command::List(ListArguments {}) => {
            let outcome = ops::list_keys(&settings.context)?;
            output.answer("packs.key-list/1", &outcome, || render_list(&outcome));
        }
        Command::Export(arguments) => {
            let outcome = ops::export_key(&settings.context, &arguments.name)?;
            output.answer("packs.key-export/1", &outcome, || render_exported(&outcome, arguments.form));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn render_generated(outcome: &GenerateKeyOutcome) -> String {
    let (Some(id), Some(key)) = (&outcome.id, &outcome.public_key) else {
        return format!("would make the key {}: {} and {}\n", outcome.name, plain(&outcome.secret_key_file), plain(&outcome.public_key_file));
    };
    format!(
        "made the key {} ({id})\n  secret: {}; keep a copy where nobody else reads it\n  public: {}\n  {key}\n",
        paint(STRONG, &outcome.name),
        plain(&outcome.secret_key_file),
        plain(&outcome.public_key_file)
    )
}

fn render_list(outcome: &KeyListOutcome) -> String {
    if outcome.keys.is_empty() {
        return format!("no keys in {}\n", plain(&outcome.directory));
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    for key in &outcome.keys {
        let missing = if key.has_secret { "" } else { "(public key only)" };
        table.add_row([key.name.to_string(), key.id.to_string(), key.public_key.to_string(), plain(&key.comment), missing.to_owned()]);
    }
    table.lines().map(|line| format!("{}\n", line.trim())).collect()
}

fn render_exported(outcome: &KeyExportOutcome, form: Form) -> String {
    match form {
        Form::Line => format!("{}\n", outcome.public_key),
        Form::Minisign => outcome.minisign.clone(),
        Form::PacksToml => format!("keys = [\"{}\"]\n", outcome.public_key),
    }
}
