//! `packs lock`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk")]

use std::ffi::OsStr;
use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn is_byte_identical_for_the_same_input() {
    let (one, two) = (TestEnv::with_kanban(), TestEnv::with_kanban());
    one.packs(["lock"]).succeeds();
    two.packs(["lock", "-j1"]).succeeds();
    assert_eq!(one.read("packs.lock"), two.read("packs.lock"));
    assert!(!one.has(".packs/active"), "lock switches nothing");
}

#[test]
fn check_tells_and_writes_nothing() {
    let world = TestEnv::with_kanban();
    world.packs(["lock", "--check"]).fails(4);
    assert!(!world.has("packs.lock"));
    world.packs(["lock"]).succeeds();
    world.packs(["lock", "--check"]).succeeds();
    world.manifest("[packages]\nkanban = \"2\"\n");
    world.packs(["lock", "--check"]).fails(4).says("kanban was");
}

#[test]
fn keeps_what_is_locked() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    world.publish(&Pack::new("workflow", "1.3.0"));
    world.manifest("[packages]\nkanban = \"~2.0\"\nsnippets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("version = \"1.2.0\""), "an unrelated edit moves nothing");
}

#[test]
fn a_yanked_release_stays_locked_and_is_not_chosen_anew() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    world.edit_index("kanban", |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        releases.iter_mut().filter(|release| release["version"] == "2.0.3").for_each(|release| release["yanked"] = "loses cards".into());
    });
    world.manifest("[packages]\nkanban = \"~2.0\"\nsnippets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("version = \"2.0.3\""));
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    world.packs(["lock"]).succeeds();
    assert!(world.read("packs.lock").contains("name = \"kanban\"\nversion = \"2.0.0\""), "{}", world.read("packs.lock"));
}

#[test]
fn environments_stay_together() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nworkflow = \"1\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "dev"]).succeeds();
    world.publish(&Pack::new("workflow", "1.9.0"));
    world.packs(["lock", "prod"]).succeeds();
    assert!(world.read("packs.prod.lock").contains("version = \"1.2.0\""), "prod follows what dev has");
}

/// What the hints say is done here, and helps.
#[test]
fn a_lockfile_that_cannot_be_read_is_told_how_to_mend() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let good = world.read("packs.lock");
    let (head, releases) = good.split_at(good.find("[[release]]").expect("a release"));
    let last = &releases[releases.rfind("[[release]]").expect("a release")..];
    world.write("packs.lock", &format!("{good}\n{last}"));
    let ran = world.packs(["lock"]).fails(2);
    ran.says("workflow is locked twice: one of the two must go").says("hint: mend that line").says("`git checkout HEAD -- packs.lock`");
    world.write("packs.lock", &format!("{head}{releases}"));
    world.packs(["lock", "--check"]).succeeds();
    for broken in ["", &good[..good.len() / 2]] {
        world.write("packs.lock", broken);
        world.packs(["lock"]).fails(2).says("hint: remove packs.lock, and `packs lock` makes it anew");
        world.packs(["switch"]).fails(2).says("hint: remove packs.lock");
        fs::remove_file(world.project().join("packs.lock")).expect("removed");
        world.packs(["lock"]).succeeds();
        assert_eq!(world.read("packs.lock"), good);
    }
}

/// A copy of another environment's lockfile that happens to ask for the same was solved under other rules all the same.
#[test]
fn a_lockfile_that_says_another_environment_is_stale() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"2\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "--all"]).succeeds();
    let good = world.read("packs.dev.lock");
    world.write("packs.dev.lock", &world.read("packs.prod.lock"));
    let reason = "packs.dev.lock is stale and must not be written (--locked): it says environment prod and is the lockfile of dev";
    world.packs(["lock", "dev", "--check"]).fails(4).says(reason);
    world.packs(["switch", "dev", "--locked"]).fails(4).says(reason);
    world.packs(["lock", "dev"]).succeeds().prints("packs.dev.lock is updated");
    assert_eq!(world.read("packs.dev.lock"), good);
}

#[test]
fn a_newer_lockfile_is_refused_and_kept() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let newer = world.read("packs.lock").replace("version = 1\n", "version = 2\n");
    world.write("packs.lock", &newer);
    let ran = world.packs(["lock"]).fails(2);
    assert!(ran.stderr.contains("version 2"), "{}", ran.stderr);
    assert_eq!(world.read("packs.lock"), newer);
}

#[test]
fn what_the_rules_refuse_is_not_taken_from_a_lockfile_either() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("docs/README.md", "board\n"));
    let registry = world.registry();
    world.packs([OsStr::new("publish"), archive.as_os_str(), OsStr::new("--registry"), registry.as_os_str(), OsStr::new("--quality=87")]).succeeds();
    world.manifest("[packages]\nkanban = \"1\"\n\n[environments.prod]\nmin-quality = 80\n");
    world.packs(["lock"]).succeeds();
    let good = world.read("packs.prod.lock");
    world.write("packs.prod.lock", &good.replace("quality = 87", "quality = 10"));
    assert_ne!(world.read("packs.prod.lock"), good);
    world.packs(["switch", "--locked"]).fails(7).says("kanban 1.0.0").says("below 80").says("packs.toml:11");
    world.packs(["lock", "--check"]).fails(7).says("below 80");
    world.packs(["switch"]).succeeds();
    assert_eq!(world.read("packs.prod.lock"), good, "without --locked it is solved again");
}

/// Says when releases of a pack were published, in the order of its index.
fn publish_times(world: &TestEnv, pack: &str, times: &[&str]) {
    world.edit_index(pack, |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        releases.iter_mut().zip(times).for_each(|(release, time)| release["published_at"] = (*time).into());
    });
}

/// Gives the versions in a lockfile: `kanban 2.0.3, workflow 1.2.0`.
pub(crate) fn locked(world: &TestEnv, file: &str) -> String {
    let text = world.read(file);
    let value = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
    let names = text.lines().filter(|line| line.starts_with("name = ")).map(value);
    let versions = text.lines().filter(|line| line.starts_with("version = \"")).map(value);
    names.zip(versions).map(|(name, version)| format!("{name} {version}")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_resolution_mode_is_kept_until_another_is_asked_for() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"2\"\n");
    world.packs(["lock"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.1.0, workflow 1.2.0");
    world.packs(["lock", "--resolution", "lowest-direct"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.0, workflow 1.2.0");
    world.packs(["lock", "--resolution", "lowest"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.0, workflow 1.0.0");
    assert!(world.read("packs.lock").contains("[options]\nresolution = \"lowest\"\n"));
    world.packs(["lock", "--check"]).succeeds();
    world.packs(["switch", "--locked"]).succeeds();
    world.packs(["verify"]).succeeds();
    world.packs(["status"]).succeeds().prints("up to date");
    world.packs(["install", "snippets"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.0, snippets 1.0.0, workflow 1.0.0");
    world.packs(["lock", "--resolution", "highest"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.1.0, snippets 1.0.0, workflow 1.2.0");
    assert!(!world.read("packs.lock").contains("[options]"));
}

#[test]
fn environments_in_other_modes_do_not_pull_each_other() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nworkflow = \"1\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "dev"]).succeeds();
    world.packs(["lock", "prod", "--resolution", "lowest"]).succeeds();
    assert_eq!((locked(&world, "packs.dev.lock"), locked(&world, "packs.prod.lock")), ("workflow 1.2.0".into(), "workflow 1.0.0".into()));
}

#[test]
fn environments_in_conflict_need_not_agree() {
    let world = TestEnv::with_kanban();
    let manifest = "[packages]\nworkflow = \"1\"\n\n[environments.dev]\n\n[environments.prod]\n";
    world.manifest(&manifest.replace("[environments.dev]\n", "[environments.dev]\nconflicts = [\"prod\"]\n"));
    world.packs(["lock", "dev"]).succeeds();
    world.publish(&Pack::new("workflow", "1.9.0"));
    world.packs(["lock", "prod"]).succeeds();
    assert_eq!(locked(&world, "packs.prod.lock"), "workflow 1.9.0", "a conflict holds both ways");
    world.manifest(manifest);
    world.packs(["lock", "--check", "--all"]).succeeds();
    world.manifest(&manifest.replace("[environments.dev]\n", "[environments.dev]\nconflicts = [\"prd\", \"dev\"]\n"));
    world.packs(["lock"]).fails(2).says("no environment `prd`").says("did you mean `prod`?").says("cannot conflict with itself");
}

/// Whichever of the others an environment is in conflict with, and whoever says so: it takes the highest that the rest have locked, and the newest if there is no rest.
#[test]
fn only_environments_that_agree_are_preferred() {
    let world = TestEnv::new();
    world.publish_all(&[Pack::new("core", "1.0.0"), Pack::new("core", "1.1.0"), Pack::new("core", "1.2.0")]);
    let manifest = |conflicts: [&str; 3]| {
        let [prod, dev, next] = conflicts.map(|conflicts| if conflicts.is_empty() { String::new() } else { format!("conflicts = [{conflicts}]\n") });
        world.manifest(&format!(
            "[packages]\ncore = \"1\"\n\n[environments.prod]\n{prod}\n[environments.dev]\n{dev}[environments.dev.packages]\ncore = \"=1.0.0\"\n\n\
             [environments.next]\n{next}[environments.next.packages]\ncore = \"=1.1.0\"\n"
        ));
    };
    manifest(["", "", ""]);
    world.packs(["lock", "dev"]).succeeds();
    world.packs(["lock", "next"]).succeeds();
    for (conflicts, expected) in [
        (["", "", ""], "1.1.0"),
        (["\"next\"", "", ""], "1.0.0"),
        (["", "", "\"prod\""], "1.0.0"),
        (["\"dev\"", "", ""], "1.1.0"),
        (["\"dev\"", "", "\"prod\""], "1.2.0"),
        (["\"dev\", \"next\"", "\"prod\"", ""], "1.2.0"),
        (["", "\"next\"", "\"dev\""], "1.1.0"),
    ] {
        manifest(conflicts);
        world.packs(["lock", "prod"]).succeeds();
        assert_eq!(locked(&world, "packs.prod.lock"), format!("core {expected}"), "{conflicts:?}");
        fs::remove_file(world.project().join("packs.prod.lock")).expect("removed");
    }
}

#[test]
fn as_of_a_day_only_what_was_published_by_then() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"2\"\n");
    publish_times(&world, "kanban", &["2026-01-01T00:00:00Z", "2026-02-01T12:00:00Z", "2026-02-02T00:00:00Z"]);
    publish_times(&world, "workflow", &["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
    world.packs(["lock"]).succeeds();
    world.packs(["lock", "--as-of", "2026-02-01"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.3, workflow 1.0.0");
    assert!(world.read("packs.lock").contains("[options]\nas-of = \"2026-02-01T23:59:59.999999999Z\"\n"));
    world.packs(["switch"]).succeeds();
    world.packs(["update"]).succeeds().says("--as-of none");
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.3, workflow 1.0.0", "an update stays within the moment");
    world.packs(["lock", "--as-of", "2025-12-31"]).fails(3).says("published at").says("by as-of");
    world.packs(["lock", "--as-of", "none"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.1.0, workflow 1.2.0");
    world.packs(["lock", "--as-of", "2026-02-01"]).succeeds();
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    let place = world.read("packs.lock").lines().position(|line| line.starts_with("as-of")).map(|above| format!("packs.lock:{}", above + 1));
    let ran = world.packs(["lock"]).fails(3);
    ran.says(&place.expect("as-of is written"))
        .says("`packs lock default --as-of none` lifts that")
        .says("kanban 2.1.0 is not allowed (published at [TIME], after [TIME], packs.lock:");
    world.packs(["lock", "--as-of", "none"]).succeeds();
    world.packs(["lock", "--as-of", "soon"]).fails(2).says("write a date");
}

#[test]
fn the_last_second_of_a_day_belongs_to_it_whole() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"2\"\n");
    publish_times(&world, "kanban", &["2026-01-01T00:00:00Z", "2026-02-01T23:59:59.5Z", "2026-02-02T00:00:00Z"]);
    publish_times(&world, "workflow", &["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
    world.packs(["lock", "--as-of", "2026-02-01"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.3, workflow 1.0.0");
    let text = world.read("packs.lock");
    assert!(text.contains("[options]\nas-of = \"2026-02-01T23:59:59.999999999Z\"\n"), "{text}");
    world.packs(["lock", "--check"]).succeeds();
    world.packs(["update"]).succeeds();
    assert_eq!(world.read("packs.lock"), text);
}

/// The way out of a moment names the environment whose lockfile keeps it.
/// As if each lockfile had been written before the next environment was looked at.
#[test]
fn environments_that_are_locked_at_once_agree() {
    let world = TestEnv::with_kanban();
    let manifest = |dev: &str| {
        let environments =
            format!("[environments.canary.packages]\nkanban = \"~2.0\"\n[environments.dev]\n{dev}[environments.dev.packages]\nkanban = \"^2\"\n");
        world.write("packs.toml", &format!("[project]\nname = \"shop\"\n[registries]\ndefault = \"file:../registry\"\n{environments}"));
    };
    manifest("");
    world.packs(["lock", "--all"]).succeeds();
    assert!(world.read("packs.dev.lock").contains("version = \"2.0.3\""), "{}", world.read("packs.dev.lock"));
    // Unless they need not.
    std::fs::remove_file(world.project().join("packs.dev.lock")).expect("removed");
    manifest("conflicts = [\"canary\"]\n");
    world.packs(["lock", "--all"]).succeeds();
    assert!(world.read("packs.dev.lock").contains("version = \"2.1.0\""), "{}", world.read("packs.dev.lock"));
}

#[test]
fn what_lifts_a_moment_names_its_environment() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n\n[environments.dev]\n\n[environments.prod]\n");
    publish_times(&world, "kanban", &["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
    publish_times(&world, "workflow", &["2026-01-01T00:00:00Z", "2026-03-01T00:00:00Z"]);
    world.packs(["lock", "prod", "--as-of", "2026-02-01"]).succeeds();
    world.packs(["update", "-E", "prod", "-n"]).succeeds().says("`packs lock prod --as-of none` lifts that");
    world.manifest("[packages]\nkanban = \"~2.1\"\n\n[environments.dev]\n\n[environments.prod]\n");
    world.packs(["lock", "prod"]).fails(3).says("; `packs lock prod --as-of none` lifts that");
    world.packs(["resolve", "prod"]).fails(3).prints("; `packs lock prod --as-of none` lifts that");
    world.packs(["lock", "prod", "--as-of", "none"]).succeeds();
}

/// A command may plan several times, and says what it has to say once.
#[test]
fn a_moment_is_told_of_once() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"~2.0\"\n");
    world.packs(["lock", "--as-of", "2100-01-01"]).succeeds();
    for arguments in [["install", "snippets"].as_slice(), &["update", "--latest"]] {
        let ran = world.packs(arguments).succeeds();
        assert_eq!(ran.stderr.matches("is locked as of").count(), 1, "{}", ran.stderr);
    }
}

#[test]
fn an_extra_of_other_releases_is_told_of_with_the_newest() {
    let world = TestEnv::with_kanban();
    world.edit_index("kanban", |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        let with = |release: &&mut serde_json::Value| release["version"] == "2.1.0" || release["version"] == "2.0.3";
        releases.iter_mut().filter(with).for_each(|release| release["extras"] = serde_json::json!({ "charts": {} }));
    });
    world.manifest("[packages]\nkanban = { version = \"=2.0.0\", with = [\"charts\"] }\n");
    world.packs(["lock"]).fails(3).says("hint: kanban 2.0.0 has no extra charts; 2.1.0 has it\n");
    world.manifest("[packages]\nkanban = { version = \"=2.0.0\", with = [\"charst\"] }\n");
    world.packs(["lock"]).fails(3).says("hint: kanban has no extra charst; it has charts");
    world.edit_index("kanban", |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        releases.iter_mut().filter(|release| release["version"] != "2.0.0").for_each(|release| release["yanked"] = "loses lines".into());
    });
    world.manifest("[packages]\nkanban = { version = \"=2.0.0\", with = [\"charts\"] }\n");
    world.packs(["lock"]).fails(3).says("hint: kanban 2.0.0 has no extra charts; 2.1.0 has it, but was yanked or is not allowed\n");
    world.manifest("[packages]\nkanban = { version = \"=2.0.0\", with = [\"charst\"] }\n");
    world.packs(["lock"]).fails(3).says("hint: no release of kanban that may be chosen has any extra, so not charst\n");
}

#[test]
fn constraints_narrow_and_require_nothing() {
    let world = TestEnv::with_kanban();
    world.manifest("[packages]\nkanban = \"2\"\n\n[constraints]\nworkflow = \"<1.2\"\nsnippets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.0.3, workflow 1.0.0");
    assert!(world.read("packs.lock").contains("[options]\nconstraints = { snippets = \"1\", workflow = \"<1.2\" }\n"));
    world.manifest("[packages]\nkanban = \"~2.1\"\n\n[constraints]\nworkflow = \"<1.2\"\n");
    world.packs(["lock", "--check"]).fails(4).says("constraints was { snippets");
    world.packs(["lock"]).fails(3).says("workflow 1.2.0").says("outside <1.2").says("packs.toml:11");
}

#[test]
fn overrides_take_the_place_of_what_packs_require() {
    let world = TestEnv::with_kanban();
    world.publish(&Pack::new("workflow", "2.0.0"));
    world.manifest("[packages]\nkanban = \"~2.1\"\n\n[overrides]\nworkflow = \"^2\"\n");
    world.packs(["switch"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.1.0, workflow 2.0.0");
    assert!(world.read("packs.lock").contains("\"workflow ^1.2\""), "what kanban says stays what it says");
    world.packs(["lock", "--check"]).succeeds();
    world.packs(["verify"]).succeeds();
    world.packs(["tree"]).succeeds().prints("overridden by ^2");
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["switch"]).succeeds();
    assert_eq!(locked(&world, "packs.lock"), "kanban 2.1.0, workflow 1.2.0");
}

#[test]
fn a_release_must_run_on_every_platform_of_the_project() {
    let world = TestEnv::with_kanban();
    world.edit_index("kanban", |document| {
        let releases = document["releases"].as_array_mut().expect("releases");
        releases.iter_mut().for_each(|release| release["artifacts"][0]["platform"] = "linux-x86_64".into());
    });
    world.manifest("[packages]\nkanban = \"~2.1\"\n");
    world.packs(["lock"]).fails(3).says("platforms").says("no archive for linux-aarch64, macos-aarch64");
    world.write(
        "packs.toml",
        "[project]\nname = \"demo\"\nplatforms = [\"macos-aarch64\"]\n[registries]\ndefault = \"file:../registry\"\n[packages]\nkanban = \"2\"\n",
    );
    world.packs(["lock"]).fails(3).says("no archive for macos-aarch64").says("packs.toml:3");
}

#[test]
fn a_solve_that_takes_too_long_ends_with_code_6_and_says_what_helps() {
    let world = TestEnv::with_kanban();
    let ran = world.packs(["lock", "--solve-timeout", "0", "--json"]).fails(6);
    assert_eq!(ran.json()["code"], "solve-timeout");
    ran.says("no resolution was found within 0 s").says("--solve-timeout SECONDS");
    assert!(!world.has("packs.lock"));
}
