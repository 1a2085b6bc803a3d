//! A sealed world for one test: own home, own project, own registry; the real program; output that must be checked.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk and start the program under test")]
#![allow(dead_code, reason = "each test uses a part")]

mod cloud;
mod faults;
mod github;
mod peers;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

pub(crate) use cloud::BUCKET;
pub(crate) use cloud::Cloud;
pub(crate) use faults::Fault;
pub(crate) use faults::FaultServer;
pub(crate) use faults::Reply;
pub(crate) use faults::Request;
pub(crate) use faults::Rule;
pub(crate) use github::FaultKind;
pub(crate) use github::GitHubServer;
pub(crate) use github::TOKEN;
pub(crate) use github::by_hand;
pub(crate) use peers::moto;
pub(crate) use peers::nginx;

/// A date all archives of the tests carry, so that they are the same on every machine.
pub(crate) const SOURCE_DATE_EPOCH: &str = "1767225600";

/// One test's world. Everything in it is removed at the end.
pub(crate) struct TestEnv {
    root: tempfile::TempDir,
}

impl TestEnv {
    /// Makes a world with an empty project and an empty registry.
    pub(crate) fn new() -> TestEnv {
        let world = TestEnv { root: directory() };
        fs::create_dir_all(world.project()).expect("made");
        fs::create_dir_all(world.registry()).expect("made");
        world
    }

    /// Makes a world with a registry of a few packs and a project that wants `kanban`.
    ///
    /// `kanban` 2.0.0, 2.0.3, 2.1.0 needs `workflow` ^1; `workflow` 1.0.0, 1.2.0; `snippets` 1.0.0 stands alone.
    pub(crate) fn with_kanban() -> TestEnv {
        let world = TestEnv::new();
        world.publish_all(&[
            Pack::new("workflow", "1.0.0").file("docs/flow.md", "flow one\n"),
            Pack::new("workflow", "1.2.0").file("docs/flow.md", "flow two\n"),
            Pack::new("kanban", "2.0.0")
                .requires("workflow", "^1")
                .command("kanban", "#!/bin/sh\necho kanban 2.0.0 \"$@\"\n")
                .file("docs/README.md", "board\n"),
            Pack::new("kanban", "2.0.3")
                .requires("workflow", "^1")
                .command("kanban", "#!/bin/sh\necho kanban 2.0.3 \"$@\"\n")
                .file("docs/README.md", "board\n"),
            Pack::new("kanban", "2.1.0")
                .requires("workflow", "^1.2")
                .command("kanban", "#!/bin/sh\necho kanban 2.1.0 \"$@\"\n")
                .file("docs/README.md", "board\n"),
            Pack::new("snippets", "1.0.0").file("snippets.md", "- one\n"),
        ]);
        world.manifest("[packages]\nkanban = \"~2.0\"\n");
        world
    }

    /// The world's directory.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// The home of the store.
    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// The project's directory.
    pub(crate) fn project(&self) -> PathBuf {
        self.root().join("project")
    }

    /// The registry's directory.
    pub(crate) fn registry(&self) -> PathBuf {
        self.root().join("registry")
    }

    /// Writes packs.toml: a head with name and registry, then `rest`.
    pub(crate) fn manifest(&self, rest: &str) {
        self.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\ndefault = \"file:../registry\"\n\n{rest}"));
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.project().join(path);
        fs::create_dir_all(path.parent().expect("below the project")).expect("made");
        fs::write(path, text).expect("written");
    }

    /// Reads a file of the project.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Tells whether something is at a path of the project, following links.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.project().join(path).exists()
    }

    /// Gives the number of the generation that an environment points at.
    pub(crate) fn current(&self, environment: &str) -> u64 {
        let link = fs::read_link(self.project().join(".packs").join(environment)).expect("an environment's link");
        let current = fs::read_link(link).expect("the current link");
        current.file_name().and_then(OsStr::to_str).and_then(|name| name.parse().ok()).expect("a number")
    }

    /// Prepares a run of the program in the project, sealed from everything outside this world.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_packs"));
        command
            .args(arguments)
            .current_dir(self.project())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.root().join("user"))
            .env("USER", "tester")
            .env("PACKS_HOME", self.home())
            .env("PACKS_SYSTEM_CONFIG", self.root().join("system/config.toml"))
            .env("PACKS_NO_SYNC", "1")
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program in the project.
    pub(crate) fn packs<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ran {
        self.run(&mut self.command(arguments))
    }

    /// Runs a prepared command.
    pub(crate) fn run(&self, command: &mut Command) -> Ran {
        let output = command.output().expect("the program starts");
        let text = |bytes: &[u8]| self.normalise(&String::from_utf8_lossy(bytes));
        Ran(Checked {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            raw_stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        })
    }

    /// Builds an archive in the world's `archives` directory.
    pub(crate) fn build(&self, pack: &Pack) -> PathBuf {
        let source = self.root().join("sources").join(format!("{}-{}", pack.name.replace('/', "+"), pack.version));
        pack.write(&source);
        let archives = self.root().join("archives");
        self.packs([OsStr::new("build"), source.as_os_str(), OsStr::new("--out"), archives.as_os_str()]).succeeds();
        archives.join(format!("{}-{}.tar.zst", pack.name.replace('/', "+"), pack.version))
    }

    /// Builds and publishes one pack.
    pub(crate) fn publish(&self, pack: &Pack) -> PathBuf {
        self.publish_all(std::slice::from_ref(pack));
        self.root().join("archives").join(format!("{}-{}.tar.zst", pack.name.replace('/', "+"), pack.version))
    }

    /// Builds and publishes packs, with two runs of the program in all.
    pub(crate) fn publish_all(&self, packs: &[Pack]) {
        let archives = self.root().join("archives");
        let mut build = vec!["build".into(), "--out".into(), archives.clone().into_os_string()];
        let mut publish = vec!["publish".into(), "--registry".into(), self.registry().into_os_string()];
        for pack in packs {
            let directory = format!("{}-{}", pack.name.replace('/', "+"), pack.version);
            let source = self.root().join("sources").join(&directory);
            pack.write(&source);
            build.push(source.into_os_string());
            publish.push(archives.join(format!("{directory}.tar.zst")).into_os_string());
        }
        self.packs(build).succeeds();
        self.packs(publish).succeeds();
    }

    /// Changes a pack's index document in the registry, as the next revision.
    pub(crate) fn edit_index(&self, pack: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let path = self.registry().join(format!("index/{}/{pack}.json", &pack[..2]));
        let mut document: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).expect("there")).expect("JSON");
        change(&mut document);
        document["revision"] = (document["revision"].as_u64().expect("a number") + 1).into();
        fs::write(&path, document.to_string()).expect("written");
    }

    /// Replaces what differs from run to run: paths, times, digests.
    fn normalise(&self, text: &str) -> String {
        let real = self.root().canonicalize().expect("there");
        let mut text = text.to_owned();
        for (path, name) in
            [(self.home(), "[HOME]"), (self.project(), "[PROJECT]"), (self.registry(), "[REGISTRY]"), (self.root().to_owned(), "[ROOT]"), (real, "[ROOT]")]
        {
            text = text.replace(&path.display().to_string(), name);
        }
        for (pattern, name) in [
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?", "[TIME]"),
            (r"\b[a-z2-7]{52}\b", "[TREE]"),
            (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
            (r"\bpid \d+ on [^ :]+", "pid [PID] on [HOST]"),
            (r"(\.[^/ ]+)?\.[a-z2-7]{16}\.tmp", ".[RANDOM].tmp"),
        ] {
            text = regex::Regex::new(pattern).expect("a valid pattern").replace_all(&text, name).into_owned();
        }
        text
    }
}

/// What a run of the program gave; it must be looked at.
#[must_use = "say whether it should have succeeded"]
#[derive(Debug)]
pub(crate) struct Ran(Checked);

/// A run that ended as it should have.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The exit code; `None` if it was killed.
    pub code: Option<i32>,
    /// stdout, normalised.
    pub stdout: String,
    /// stderr, normalised.
    pub stderr: String,
    /// stdout as it was.
    pub raw_stdout: String,
}

impl std::ops::Deref for Ran {
    type Target = Checked;
    fn deref(&self) -> &Checked {
        &self.0
    }
}

impl Ran {
    /// Requires exit code 0.
    #[track_caller]
    pub(crate) fn succeeds(self) -> Checked {
        self.fails(0)
    }

    /// Requires this exit code.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> Checked {
        assert_eq!(self.code, Some(code), "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self.0
    }
}

impl Checked {
    /// Reads stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.raw_stdout).unwrap_or_else(|error| panic!("{error}: {}", self.raw_stdout))
    }

    /// Requires stderr to contain a text.
    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Checked {
        assert!(self.stderr.contains(text), "stderr does not say {text:?}:\n{}", self.stderr);
        self
    }

    /// Requires stdout to contain a text.
    #[track_caller]
    pub(crate) fn prints(&self, text: &str) -> &Checked {
        assert!(self.stdout.contains(text), "stdout does not print {text:?}:\n{}", self.stdout);
        self
    }
}

/// A source directory of a pack, to be built.
#[derive(Debug, Clone)]
pub(crate) struct Pack {
    name: String,
    version: String,
    requires: Vec<(String, String)>,
    commands: Vec<String>,
    files: Vec<(String, String, bool)>,
    more: String,
}

impl Pack {
    /// Begins a pack without files.
    pub(crate) fn new(name: &str, version: &str) -> Pack {
        Pack { name: name.into(), version: version.into(), requires: vec![], commands: vec![], files: vec![], more: String::new() }
    }

    /// Adds a requirement.
    pub(crate) fn requires(mut self, name: &str, range: &str) -> Pack {
        self.requires.push((name.into(), range.into()));
        self
    }

    /// Adds a file.
    pub(crate) fn file(mut self, path: &str, text: &str) -> Pack {
        self.files.push((path.into(), text.into(), false));
        self
    }

    /// Adds an executable under `bin/` and declares it as a command.
    pub(crate) fn command(mut self, name: &str, script: &str) -> Pack {
        self.files.push((format!("bin/{name}"), script.into(), true));
        self.commands.push(name.into());
        self
    }

    /// Adds text to the end of pack.toml.
    pub(crate) fn more(mut self, text: &str) -> Pack {
        self.more.push_str(text);
        self
    }

    /// Writes the source directory.
    pub(crate) fn write(&self, directory: &Path) {
        fs::create_dir_all(directory).expect("made");
        fs::write(directory.join("pack.toml"), self.pack_toml()).expect("written");
        for (path, text, executable) in &self.files {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().expect("below the source")).expect("made");
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(if *executable { 0o755 } else { 0o644 })).expect("set");
        }
    }

    fn pack_toml(&self) -> String {
        let mut text =
            format!("[pack]\nname = \"{}\"\nversion = \"{}\"\nframework = \"{}\"\nlicense = \"MIT\"\n\n[requires]\n", self.name, self.version, self.name);
        for (name, range) in &self.requires {
            text.push_str(&format!("\"{name}\" = \"{range}\"\n"));
        }
        text.push_str("\n[bin]\n");
        for command in &self.commands {
            text.push_str(&format!("{command} = \"bin/{command}\"\n"));
        }
        text + &self.more
    }
}

/// Makes a directory for a world: in memory where there is such a file system, since the sweeps sync thousands of times.
pub(crate) fn directory() -> tempfile::TempDir {
    let in_memory = tempfile::Builder::new().prefix("packs-test-").tempdir_in("/dev/shm");
    in_memory.or_else(|_| tempfile::tempdir()).expect("a directory")
}
