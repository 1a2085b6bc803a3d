//! `packs run` and `packs env`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

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
