//! `packs run` and `packs env`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::fs;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Child;
use std::process::ChildStdout;
use std::process::Command;
use std::process::Stdio;

use crate::support::TestEnv;

#[test]
fn runs_with_the_packs_in_path_and_gives_the_childs_code() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    assert_eq!(world.packs(["run", "--", "kanban", "list"]).succeeds().stdout, "kanban 2.0.3 list\n");
    world.packs(["run", "--", "sh", "-c", "exit 7"]).fails(7);
    world.packs(["run", "--", "no-such-command"]).fails(127).says("no-such-command");
}

#[test]
fn runs_what_the_environment_has_not_what_is_active() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod.packages]\nkanban = \"=2.0.0\"\n");
    world.packs(["switch", "prod"]).succeeds();
    world.packs(["switch", "dev"]).succeeds();
    assert_eq!(world.packs(["run", "-E", "prod", "--", "kanban"]).succeeds().stdout, "kanban 2.0.0\n");
}

#[test]
fn before_the_first_switch_there_is_nothing_to_run_in() {
    let world = TestEnv::with_kanban();
    world.packs(["run", "--", "true"]).fails(9).says("no generation yet");
}

#[test]
fn env_is_evaluated_by_a_shell() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let script = world.packs(["env"]).succeeds();
    insta::assert_snapshot!(script.stdout, @r#"
    export MANPATH='[PROJECT]/.packs/default/share/man'":${MANPATH:-}"
    export PATH='[PROJECT]/.packs/default/bin'${PATH:+":$PATH"}
    export XDG_DATA_DIRS='[PROJECT]/.packs/default/share'":${XDG_DATA_DIRS:-/usr/local/share:/usr/share}"
    export PACKS_ENV='default'
    "#);
    let shell = |then: &str| {
        let script = format!("unset MANPATH XDG_DATA_DIRS\n{}\n{then}", script.raw_stdout);
        let ran = std::process::Command::new("sh").arg("-c").arg(script).output().expect("sh runs");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    };
    assert_eq!(shell("kanban"), "kanban 2.0.3\n");
    assert!(shell("echo $MANPATH").ends_with("/share/man:\n"), "the system's own pages are still found");
    assert!(shell("echo $XDG_DATA_DIRS").ends_with("/share:/usr/local/share:/usr/share\n"));
}

/// Starts a command in the environment that says when it runs, and then does as its stdin says.
fn start(world: &TestEnv, script: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = world.command(["run", "--", "sh", "-c", script]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("it says so");
    assert_eq!(line, "ready\n");
    (child, stdout)
}

fn signal(child: &Child, name: &str) {
    let killed = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status().expect("kill runs");
    assert!(killed.success());
}

#[test]
fn signals_are_the_commands_own() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    for (name, code) in [("INT", 7), ("TERM", 8)] {
        let (mut child, _stdout) = start(&world, "trap 'exit 7' INT; trap 'exit 8' TERM; echo ready; read line");
        signal(&child, name);
        assert_eq!(child.wait().expect("it ends").code(), Some(code), "{name}");
    }
    let (mut child, _stdout) = start(&world, "echo ready; read line");
    signal(&child, "KILL");
    assert_eq!(child.wait().expect("it ends").signal(), Some(9));
}

#[test]
fn what_a_command_and_its_children_use_is_kept_until_the_last_of_them_has_ended() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    let used = world.packs(["store", "path", "kanban"]).succeeds().raw_stdout.trim().to_owned();
    // A shell gives its background jobs no stdin unless it is another number. The child stays when the command itself is killed: it has packs' place, and its own child holds what it inherited.
    let (mut command, stdout) = start(&world, "exec 3<&0; (read line <&3) & echo ready; wait");
    let stdin = command.stdin.take().expect("piped");
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["switch"]).succeeds();
    let collect = ["gc", "--keep", "0", "--older-than", "0s"];
    world.packs(["rollback", "--to", "0"]).succeeds();
    world.packs(collect).succeeds();
    assert!(Path::new(&used).exists(), "it runs");
    signal(&command, "KILL");
    command.wait().expect("it ends");
    world.packs(collect).succeeds();
    assert!(Path::new(&used).exists(), "its child runs");
    drop(stdin);
    let mut rest = String::new();
    { stdout }.read_to_string(&mut rest).expect("its end means that the child has ended");
    world.packs(collect).succeeds();
    assert!(!Path::new(&used).exists(), "nobody runs");
}

#[test]
fn many_runs_leave_no_more_than_the_last_ones_root() {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    for _ in 0..3 {
        world.packs(["run", "--", "true"]).succeeds();
    }
    assert!(fs::read_dir(world.home().join("roots")).expect("there").count() <= 1);
}
