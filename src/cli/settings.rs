//! From what was typed and what the process environment says to what it means; nobody below reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::ColorChoice;
use clap::ValueEnum;
use clap::builder::FalseyValueParser;
use etcetera::BaseStrategy as _;
use jiff::Timestamp;

use crate::cli::config::CONFIG_BYTES_MAX;
use crate::cli::config::ConfigFile;
use crate::cli::config::Said;
use crate::cli::keys::KEYS;
use crate::cli::values::Layers;
use crate::cli::values::Values;
use crate::fsys;
use crate::model::EnvironmentName;
use crate::model::Platform;
use crate::net::NetSettings;
use crate::net::Network;
use crate::ops::Age;
use crate::ops::Context;
use crate::ops::Interrupt;
use crate::ops::Locking;
use crate::ops::OpsError;
use crate::ops::Report;
use crate::ops::Who;
use crate::registry::Passphrase;
use crate::store::layout::Layout;

/// Seconds to wait for another packs unless told otherwise: longer than any ordinary switch.
const WAIT_SECONDS_DEFAULT: u64 = 300;

/// The settings file of everybody on a machine, unless `PACKS_SYSTEM_CONFIG` names another.
const SYSTEM_CONFIG: &str = "/etc/packs/config.toml";

/// Variables that GitHub's releases want, besides those that the network itself wants.
const GITHUB_VARIABLES: [&str; 3] = ["GITHUB_TOKEN", "GH_TOKEN", "GITHUB_API_URL"];

/// Seconds to look for a resolution unless told otherwise: far more than any real project took, and short enough for a person who waits.
const SOLVE_SECONDS_DEFAULT: u64 = 60;

/// What may be written before or after any command's name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag that may be written")]
pub struct GlobalArgs {
    /// The project's directory (default: the nearest one upwards with a packs.toml)
    #[arg(short = 'C', long = "project", value_name = "DIR", env = "PACKS_PROJECT", global = true)]
    pub project: Option<PathBuf>,

    /// The environment meant: dev, staging, prod, …
    #[arg(short = 'E', long = "env", value_name = "NAME", env = "PACKS_ENV", global = true)]
    pub env: Option<EnvironmentName>,

    /// Where the store, the generations and the log live; by default `packs` in the user's data directory.
    #[arg(
        long,
        value_name = "DIR",
        env = "PACKS_HOME",
        global = true,
        help = "Where the store, the generations and the log live (default: $XDG_DATA_HOME/packs, else ~/.local/share/packs)"
    )]
    pub home: Option<PathBuf>,

    /// How to print the answer
    #[arg(long, value_enum, value_name = "FORMAT", env = "PACKS_FORMAT", default_value = "text", global = true)]
    pub format: Format,

    /// Same as --format json
    #[arg(long, env = "PACKS_JSON", value_parser = FalseyValueParser::new(), global = true)]
    pub json: bool,

    /// Ask no network; what is stored or lies in a local registry is enough or is named
    #[arg(long, env = "PACKS_OFFLINE", value_parser = FalseyValueParser::new(), global = true)]
    pub offline: bool,

    /// Refuse to change a lockfile
    #[arg(long, env = "PACKS_LOCKED", value_parser = FalseyValueParser::new(), global = true)]
    pub locked: bool,

    /// Same as --locked --offline
    #[arg(long, env = "PACKS_FROZEN", value_parser = FalseyValueParser::new(), global = true)]
    pub frozen: bool,

    /// Say nothing but errors
    #[arg(short, long, env = "PACKS_QUIET", value_parser = FalseyValueParser::new(), global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,

    /// When to use colour
    #[arg(long, value_name = "WHEN", env = "PACKS_COLOR", default_value = "auto", global = true)]
    pub color: ColorChoice,

    /// Show no progress bars
    #[arg(long, env = "PACKS_NO_PROGRESS", value_parser = FalseyValueParser::new(), global = true)]
    pub no_progress: bool,

    /// How long to wait for another packs that holds a lock
    #[arg(long, value_name = "SECONDS", env = "PACKS_WAIT", default_value_t = WAIT_SECONDS_DEFAULT, global = true)]
    pub wait: u64,

    /// How long to look for a resolution before giving up
    #[arg(long, value_name = "SECONDS", env = "PACKS_SOLVE_TIMEOUT", default_value_t = SOLVE_SECONDS_DEFAULT, global = true)]
    pub solve_timeout: u64,

    /// How many threads to use (1: one, with disk calls in an exact order and one download after the other; default: one per core)
    #[arg(short, long, value_name = "N", env = "PACKS_JOBS", value_parser = clap::value_parser!(u16).range(1..=256), global = true)]
    pub jobs: Option<u16>,

    /// Sync nothing: quicker for a throw-away home, but a power cut may lose what was done
    #[arg(long, env = "PACKS_NO_SYNC", value_parser = FalseyValueParser::new(), global = true)]
    pub no_sync: bool,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document with a versioned schema.
    Json,
    /// A graph for graphviz; of commands that answer with one.
    Dot,
    /// A graph as a picture; of commands that answer with one.
    Svg,
}

impl Format {
    /// Gives its name, as `--format` takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Dot => "dot",
            Format::Svg => "svg",
        }
    }
}

/// What was typed, as far as its values do not tell it.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    /// The command line, as it is recorded.
    pub command: String,
    /// Whether an environment was named by `-E`, not only by a variable that `packs env` may have set.
    pub names_environment: bool,
    /// Whether somebody said if the lockfile may change: `--locked`, `PACKS_LOCKED=1`, `PACKS_LOCKED=0`.
    pub decides_locked: bool,
    /// The settings that global flags or their variables name, by the setting's name.
    pub(super) said: BTreeMap<&'static str, Said>,
}

/// What the process environment and the machine say, read once.
#[derive(Clone)]
pub(super) struct Surroundings {
    /// Whether `CI` is set.
    pub ci: bool,
    /// The directory this runs in.
    pub directory: PathBuf,
    /// `SOURCE_DATE_EPOCH`, if it is a number.
    pub source_date_epoch: Option<i64>,
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// The shell's name, for completions and `env`.
    pub path: Option<OsString>,
    /// The variables that belong to the network, by name; they hold secrets.
    network: BTreeMap<String, String>,
    /// The variables that set what no global flag sets, by name.
    settings: BTreeMap<&'static str, String>,
    /// The machine's settings file, then the user's.
    config_files: [Option<PathBuf>; 2],
    /// The user's directory.
    user_directory: Option<PathBuf>,
    /// `NETRC`, else `.netrc` in the user's directory.
    netrc: Option<PathBuf>,
    key_passphrase: Option<Passphrase>,
    fault: Option<String>,
}

impl Surroundings {
    /// Reads the process environment; the only place that does.
    ///
    /// # Errors
    /// When the directory this runs in is gone.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
    pub(super) fn read() -> Result<Surroundings, OpsError> {
        let text = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        let directory = std::env::current_dir().map_err(|source| OpsError::NoDirectory { source })?;
        let user = text("USER").or_else(|| text("LOGNAME")).unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()));
        Ok(Surroundings {
            ci: text("CI").is_some_and(|value| value != "false" && value != "0"),
            directory,
            source_date_epoch: text("SOURCE_DATE_EPOCH").and_then(|value| value.parse().ok()),
            user,
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            path: std::env::var_os("PATH"),
            network: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .filter(is_of_network)
                .collect(),
            settings: KEYS.iter().filter(|key| key.flag.is_empty()).filter_map(|key| Some((key.variable, text(key.variable)?))).collect(),
            config_files: [
                Some(text("PACKS_SYSTEM_CONFIG").map_or_else(|| PathBuf::from(SYSTEM_CONFIG), PathBuf::from)),
                etcetera::base_strategy::Xdg::new().ok().map(|places| places.config_dir().join("packs").join("config.toml")),
            ],
            user_directory: text("HOME").map(PathBuf::from),
            netrc: text("NETRC").map(PathBuf::from).or_else(|| text("HOME").map(|home| Path::new(&home).join(".netrc"))),
            key_passphrase: text("PACKS_KEY_PASSPHRASE").map(Passphrase::new),
            fault: text("PACKS_TEST_FAULT"),
        })
    }
}

/// What was known before the settings: every value, and who is told what happens.
pub(super) struct Watched {
    /// Every setting.
    pub(super) values: Values,
    /// Who is told.
    pub(super) report: Arc<dyn Report>,
    /// Whether stderr may show progress bars.
    pub(super) progress: bool,
}

/// What the request means, made once from [`GlobalArgs`] and [`Surroundings`].
pub struct Settings {
    /// What ops works with.
    pub context: Context,
    /// The form of the answer.
    pub format: Format,
    /// Say nothing but errors.
    pub quiet: bool,
    /// How much more to say.
    pub verbose: u8,
    /// Whether stderr may show progress bars.
    pub progress: bool,
    /// Whether `CI` is set and nobody said whether the lockfile may change.
    pub ci: bool,
    /// `SOURCE_DATE_EPOCH`.
    pub source_date_epoch: Option<i64>,
    /// PATH as found.
    pub path: Option<OsString>,
    /// `PACKS_KEY_PASSPHRASE`.
    pub key_passphrase: Option<Passphrase>,
    /// How many generations of an environment `gc` keeps at least.
    pub keep: usize,
    /// How old a generation must be for `gc` to drop it.
    pub older_than: Age,
    /// Every setting, with who said it.
    pub(super) values: Values,
    /// The variables found that belong to the network, by name only.
    pub(super) network_variables: Vec<String>,
    /// The settings files looked for, weakest first.
    pub(super) config_files: Vec<String>,
}

impl Values {
    /// Reads the settings files and puts them together with what was typed and what variables say.
    ///
    /// # Errors
    /// [`OpsError::Settings`], [`OpsError::Variable`], [`OpsError::Fs`].
    pub(super) fn gather(around: &Surroundings, typed: &Typed) -> Result<Values, OpsError> {
        let [system, user] = &around.config_files;
        let (system, user) = (read_config(system.as_deref())?, read_config(user.as_deref())?);
        let layers = Layers { system, user, variables: around.settings.clone(), typed: typed.said.clone() };
        Values::new(layers, around.user_directory.clone())
    }
}

fn read_config(path: Option<&Path>) -> Result<ConfigFile, OpsError> {
    let Some(path) = path else { return Ok(ConfigFile::default()) };
    let Some(bytes) = fsys::read_optional(path, CONFIG_BYTES_MAX)? else { return Ok(ConfigFile::default()) };
    let text = String::from_utf8(bytes).map_err(|_| OpsError::NotText { path: path.to_owned(), line: 1 })?;
    ConfigFile::parse(&text, &path.display().to_string()).map_err(|error| OpsError::Settings(Box::new(error)))
}

impl Settings {
    /// Makes the settings of one run.
    ///
    /// # Errors
    /// When no home can be told.
    pub(super) fn new(global: &GlobalArgs, around: &Surroundings, typed: &Typed, watched: Watched) -> Result<Settings, OpsError> {
        let Watched { values, report, progress } = watched;
        if let Some(fault) = &around.fault {
            fsys::fault::arm(fault);
        }
        if global.no_sync {
            fsys::skip_syncs();
        }
        let context = Context {
            layout: Layout::new(home(&values, around)?),
            directory: global.project.as_ref().map_or_else(|| around.directory.clone(), |directory| around.directory.join(directory)),
            directory_is_project: global.project.is_some(),
            environment: global.env.clone(),
            environment_typed: typed.names_environment,
            locking: if global.locked || global.frozen { Locking::Locked } else { Locking::Allowed },
            offline: values.switch("offline") || global.frozen,
            network: Network::new(network(&values, around)),
            mirrors: values.mirrors.iter().map(|(mirror, _)| mirror.clone()).collect(),
            sync: !global.no_sync,
            connections: if global.jobs == Some(1) { 1 } else { number(&values, "http.connections").unwrap_or(1) },
            limits: values.limits(),
            keys: etcetera::base_strategy::Xdg::new().ok().map(|places| places.config_dir().join("packs").join("keys")),
            jobs: number(&values, "jobs").unwrap_or_else(cores),
            interrupt: Interrupt::default(),
            wait_max: Duration::from_secs(values.count("wait").unwrap_or(WAIT_SECONDS_DEFAULT)),
            solve_max: Duration::from_secs(global.solve_timeout),
            who: Who { user: around.user.clone(), host: around.host.clone(), pid: std::process::id(), command: typed.command.clone() },
            platform: Platform::host(),
            memo: Arc::default(),
            clock: Box::new(now),
            report,
        };
        Ok(Settings {
            context,
            format: if global.json { Format::Json } else { global.format },
            quiet: global.quiet,
            verbose: global.verbose,
            progress,
            ci: around.ci && !typed.decides_locked,
            source_date_epoch: around.source_date_epoch,
            path: around.path.clone(),
            key_passphrase: around.key_passphrase.clone(),
            keep: number(&values, "gc.keep").unwrap_or(usize::MAX),
            older_than: values.age("gc.older-than"),
            values,
            network_variables: around.network.keys().filter(|name| *name != "HOME").cloned().collect(),
            config_files: around.config_files.iter().flatten().map(|path| path.display().to_string()).collect(),
        })
    }
}

/// The variable that names the certificates of this machine, for every program that speaks TLS.
const SYSTEM_CERTIFICATES: &str = "SSL_CERT_FILE";

fn is_of_network((name, value): &(String, String)) -> bool {
    !value.is_empty() && (NetSettings::wants_variable(name) || name == SYSTEM_CERTIFICATES || GITHUB_VARIABLES.contains(&name.as_str()))
}

fn network(values: &Values, around: &Surroundings) -> NetSettings {
    let of_the_system = around.network.get(SYSTEM_CERTIFICATES).map(PathBuf::from);
    NetSettings {
        connect_max: values.duration("http.connect-timeout"),
        silence_max: values.duration("http.timeout"),
        retries_max: values.count("http.retries").and_then(|count| u32::try_from(count).ok()).unwrap_or(0),
        backoff: Duration::from_millis(values.count("http.backoff-ms").unwrap_or(0)),
        certificates: values.path("http.ca-certificates").into_iter().chain(of_the_system).collect(),
        netrc: around.netrc.clone(),
        variables: around.network.clone(),
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}

/// Gives a count as the machine counts; the table's limits leave none out.
fn number(values: &Values, name: &str) -> Option<usize> {
    values.count(name).map(|count| usize::try_from(count).unwrap_or(usize::MAX))
}

fn home(values: &Values, around: &Surroundings) -> Result<PathBuf, OpsError> {
    let home = match values.path("home") {
        Some(home) => home,
        None => etcetera::base_strategy::Xdg::new().map_err(|_| OpsError::NoHome)?.data_dir().join("packs"),
    };
    Ok(normalised(&around.directory.join(home)))
}

/// Removes `.` and `..` from an absolute path by spelling alone, so that a home is spelled one way.
fn normalised(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_spelled_one_way() {
        assert_eq!(normalised(Path::new("/a/./b/../c")), Path::new("/a/c"));
        assert_eq!(normalised(Path::new("/../a")), Path::new("/a"));
    }
}
