//! Several registries, mirrors, and the index cache
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::support::Fault;
use crate::support::FaultServer;
use crate::support::Pack;
use crate::support::Rule;
use crate::support::TestEnv;

/// Publishes a pack into another registry of the world.
fn publish_to(world: &TestEnv, registry: &str, pack: &Pack) {
    let directory = world.root().join(registry);
    fs::create_dir_all(&directory).expect("made");
    let archive = world.build(pack);
    world.packs([PathBuf::from("publish"), archive, "--registry".into(), directory]).succeeds();
}

fn manifest(world: &TestEnv, registries: &str, packages: &str) {
    world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\n{registries}\n[packages]\n{packages}"));
}

/// Gives where each locked pack comes from.
fn sources(world: &TestEnv) -> Vec<String> {
    let listed = world.packs(["list", "--json"]).succeeds().json();
    let line = |pack: &serde_json::Value| format!("{} {}", pack["name"].as_str().expect("a name"), pack["source"].as_str().expect("a source"));
    listed["packs"].as_array().expect("packs").iter().map(line).collect()
}

/// Writes the user's settings file.
fn settings(world: &TestEnv, text: &str) {
    let directory = world.root().join("user/.config/packs");
    fs::create_dir_all(&directory).expect("made");
    fs::write(directory.join("config.toml"), text).expect("written");
}

const TWO: &str = "internal = \"file:../internal\"\ndefault = \"file:../registry\"\n";

#[test]
fn the_first_registry_that_has_a_pack_is_believed_whole() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("kanban", "9.0.0"));
    publish_to(&world, "internal", &Pack::new("secrets", "1.0.0").requires("vault", "1"));
    publish_to(&world, "internal", &Pack::new("vault", "1.0.0"));
    manifest(&world, TWO, "kanban = \"*\"\nsecrets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    assert_eq!(sources(&world), ["kanban registry+default", "secrets registry+internal", "vault registry+internal", "workflow registry+default"]);
    assert!(world.read("packs.lock").contains("version = \"2.1.0\""), "the newer one of a later registry does not count");
    manifest(&world, TWO, "kanban = { version = \"*\", registry = \"internal\" }\n");
    world.packs(["lock"]).succeeds();
    assert_eq!(sources(&world), ["kanban registry+internal"]);
}

/// Dependency confusion: somebody publishes the name of an internal pack where everybody may publish.
#[test]
fn a_locked_pack_never_moves_to_another_registry_unsaid() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("secrets", "1.0.0").requires("vault", "*"));
    publish_to(&world, "internal", &Pack::new("vault", "1.0.0"));
    manifest(&world, TWO, "secrets = \"*\"\n");
    world.packs(["lock"]).succeeds();
    world.publish_all(&[Pack::new("secrets", "99.0.0"), Pack::new("vault", "99.0.0")]);
    world.packs(["update"]).succeeds();
    assert_eq!(sources(&world), ["secrets registry+internal", "vault registry+internal"]);
    for shard in ["se/secrets", "va/vault"] {
        fs::remove_file(world.root().join("internal/index").join(format!("{shard}.json"))).expect("removed");
    }
    insta::assert_snapshot!(world.packs(["update"]).fails(5).stderr, @"
    error: internal has no index of secrets now, and has shown revision 1 of it before
    hint: somebody may be hiding it from you, or want another registry to have its name: ask whoever keeps the registry; no other was asked
    hint: if it was really removed: `packs registry forget internal` takes the registry as it is
    ");
    // Who has never seen it there has the lockfile's word.
    fs::remove_dir_all(world.home().join("registries")).expect("removed");
    insta::assert_snapshot!(world.packs(["update"]).fails(5).stderr, @r#"
    error: packs.lock takes secrets from the registry internal, which has no such pack now
    hint: somebody may want another registry to have its name: ask whoever keeps internal; no other registry was asked
    hint: if it really moved, say where to: secrets = { version = "…", registry = "…" } in packs.toml
    "#);
    assert_eq!(sources(&world), ["secrets registry+internal", "vault registry+internal"]);
    // It moves where somebody says so.
    manifest(&world, TWO, "secrets = { version = \"*\", registry = \"default\" }\n");
    world.packs(["update"]).succeeds();
    assert_eq!(sources(&world), ["secrets registry+default"]);
}

/// A requirement that names no registry is met from whichever had the pack first.
#[test]
fn a_pack_of_any_registry_is_locked_whole() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("secrets", "1.0.0"));
    manifest(&world, TWO, "secrets = \"1\"\n");
    world.packs(["lock"]).succeeds();
    world.packs(["lock", "--check"]).succeeds();
    let again = world.packs(["lock"]).succeeds();
    assert!(!again.stderr.contains("solving again"), "{}", again.stderr);
    world.packs(["switch", "--locked"]).succeeds();
    world.packs(["verify"]).succeeds();
}

/// Whoever renames a registry in packs.toml, or takes it out, hears of it from the lockfile, and not from a registry that is not there.
#[test]
fn what_is_locked_from_an_undeclared_registry_is_locked_anew() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("beta", "1.0.0").requires("deep", "1"));
    publish_to(&world, "internal", &Pack::new("deep", "1.0.0"));
    manifest(&world, TWO, "beta = \"1\"\nkanban = \"*\"\n");
    world.packs(["lock"]).succeeds();
    manifest(&world, &TWO.replace("internal =", "renamed ="), "beta = \"1\"\nkanban = \"*\"\n");
    let reason = "beta and 1 more are locked from the registry internal, which packs.toml does not declare";
    world.packs(["lock", "--check"]).fails(4).says(reason);
    world.packs(["switch", "--locked"]).fails(4).says(reason);
    world.packs(["status"]).succeeds().prints("stale");
    world.packs(["switch"]).succeeds().says("deep moves from the registry internal, which packs.toml no longer names, to renamed");
    assert_eq!(sources(&world), ["beta registry+renamed", "deep registry+renamed", "kanban registry+default", "workflow registry+default"]);
    world.packs(["lock", "--check"]).succeeds();
    // A registry that nobody ever declared, written by hand.
    world.write("packs.lock", &world.read("packs.lock").replacen("registry+renamed", "registry+nosuch", 1));
    world.packs(["lock", "--check"]).fails(4).says("beta is locked from the registry nosuch, which packs.toml does not declare");
    world.packs(["lock"]).succeeds();
    assert_eq!(sources(&world)[0], "beta registry+renamed");
}

/// Dependency confusion on the way of a merge: the sides of the conflict know where the pack comes from.
#[test]
fn a_merge_conflict_moves_no_pack_to_another_registry() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("vault", "1.0.0"));
    manifest(&world, TWO, "vault = \"*\"\nkanban = \"*\"\n");
    world.packs(["lock"]).succeeds();
    let theirs = world.read("packs.lock");
    manifest(&world, TWO, "vault = \"*\"\nkanban = \"~2.0\"\n");
    world.packs(["lock"]).succeeds();
    let ours = world.read("packs.lock");
    world.publish_all(&[Pack::new("vault", "99.0.0")]);
    world.write("packs.lock", &format!("<<<<<<< ours\n{ours}=======\n{theirs}>>>>>>> theirs\n"));
    // Who has never seen it in the registry has the lockfile's word only.
    fs::remove_dir_all(world.home().join("registries")).expect("removed");
    world.packs(["lock"]).succeeds();
    assert_eq!(sources(&world), ["kanban registry+default", "vault registry+internal", "workflow registry+default"]);
}

#[test]
fn a_name_that_was_seen_in_a_registry_is_not_taken_by_the_next() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("snippets", "99.0.0"));
    manifest(&world, TWO, "snippets = \"*\"\n");
    world.packs(["lock"]).succeeds();
    assert_eq!(sources(&world), ["snippets registry+default"]);
    fs::remove_file(world.registry().join("index/sn/snippets.json")).expect("removed");
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    world.packs(["lock"]).fails(5).says("default has no index of snippets now, and has shown revision 1 of it before");
    manifest(&world, TWO, "");
    world.packs(["install", "snippets"]).fails(5).says("has no index of snippets now");
    assert!(!world.has("packs.lock"));
    world.packs(["registry", "forget", "default"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    assert_eq!(sources(&world), ["snippets registry+internal"]);
}

#[test]
fn the_name_of_a_private_pack_reaches_no_other_registry_for_a_hint() {
    let (world, server) = served();
    publish_to(&world, "internal", &Pack::new("vault", "1.0.0"));
    publish_to(&world, "third", &Pack::new("kanban", "1.0.0"));
    let registries = format!("default = \"{}\"\ninternal = \"file:../internal\"\nthird = \"file:../third\"\n", server.address());
    manifest(&world, &registries, "kanban = { version = \"*\", registry = \"internal\" }\n");
    world.packs(["lock"]).fails(3).says("third");
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

#[test]
fn a_registry_that_fails_never_leads_on_to_the_next() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("kanban", "9.0.0"));
    manifest(&world, TWO, "kanban = \"*\"\n");
    fs::remove_dir_all(world.registry()).expect("removed");
    world.packs(["lock"]).fails(6).says("there is no registry at");
    manifest(&world, "default = \"https://packs.example.org\"\ninternal = \"file:../internal\"\n", "kanban = \"*\"\n");
    world.packs(["lock", "--offline"]).fails(6).says("the registry https://packs.example.org is offline");
}

#[test]
fn a_mirror_stands_in_for_a_registry_and_is_passed_over_where_it_lacks_a_file() {
    let world = TestEnv::with_kanban();
    let mirror = format!("file:{}", world.registry().display());
    manifest(&world, "default = \"https://packs.example.org/main\"\n", "kanban = \"~2.0\"\n");
    settings(&world, &format!("[[mirrors]]\nfrom = \"https://packs.example.org/main\"\nto = [\"file:/nowhere/packs\", \"{mirror}\"]\nonly = true\n"));
    let locked = world.packs(["switch", "-v"]).succeeds();
    locked.says("note: the mirror file:/nowhere/packs does not answer, and is passed over from now on: there is no registry at file:/nowhere/packs");
    assert_eq!(sources(&world), ["kanban registry+default", "workflow registry+default"], "the lockfile names the registry, not the mirror");
    assert!(!world.read("packs.lock").contains("example.org"));
}

#[test]
fn a_check_looks_at_the_registry_itself_and_at_no_mirror() {
    let (world, server) = served();
    let mirror = world.root().join("mirror");
    world.packs(["registry", "check", &server.address()]).succeeds();
    fs::rename(world.registry(), &mirror).expect("moved");
    assert!(std::process::Command::new("cp").arg("-r").arg(&mirror).arg(world.registry()).status().expect("it runs").success());
    settings(&world, &format!("[[mirrors]]\nfrom = \"{}\"\nto = [\"file:{}\"]\nonly = true\n", server.address(), mirror.display()));
    fs::remove_file(world.registry().join("packs/kanban/2.0.3/kanban-2.0.3.tar.zst")).expect("removed");
    for registry in [server.address().as_str(), "default"] {
        world.packs(["registry", "check", registry]).fails(5).prints("bad packs/kanban/2.0.3/kanban-2.0.3.tar.zst: it is missing");
    }
}

/// A world whose registry is served over http.
fn served() -> (TestEnv, FaultServer) {
    let world = TestEnv::with_kanban();
    let server = FaultServer::start(&world.registry(), vec![]);
    manifest(&world, &format!("default = \"{}\"\n", server.address()), "kanban = \"~2.0\"\n");
    (world, server)
}

/// Gives the files of the index cache.
fn entries(world: &TestEnv) -> Vec<PathBuf> {
    let (mut found, mut directories) = (vec![], vec![world.home().join("cache/index")]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { directories.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn offline_the_index_cache_answers_and_its_age_is_said() {
    let (world, server) = served();
    world.packs(["lock"]).succeeds();
    server.forget();
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    let offline = world.packs(["lock", "--offline"]).succeeds();
    offline.says("is taken from the index cache, ");
    assert!(server.requests().is_empty(), "offline nothing is asked");
    fs::remove_dir_all(world.home().join("cache/index")).expect("removed");
    world.packs(["update", "--offline"]).fails(6).says("is offline, and the index of kanban is needed");
    let more = world.read("packs.toml") + "snippets = \"1\"\n";
    world.write("packs.toml", &more);
    let ran = world.packs(["lock", "--offline"]).fails(6);
    ran.says("is offline, and the indexes of kanban and snippets are needed").says("hint: the same command, once without --offline, keeps");
    let ran = world.packs(["download", "workflow", "kanban", "--offline"]).fails(6);
    ran.says("the indexes of kanban and workflow are needed");
    assert!(server.requests().is_empty(), "offline nothing is asked");
}

#[test]
fn a_damaged_cache_entry_counts_as_not_there() {
    let (world, _server) = served();
    world.packs(["lock"]).succeeds();
    let locked = world.read("packs.lock");
    let all = entries(&world);
    assert_eq!(all.len(), 2, "{all:?}");
    for entry in all {
        let mut bytes = fs::read(&entry).expect("there");
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(&entry, bytes).expect("written");
    }
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    world.packs(["lock"]).succeeds();
    assert_eq!(world.read("packs.lock"), locked);
}

#[test]
fn what_was_refused_is_not_kept() {
    let (world, server) = served();
    server.set_rules(vec![Rule::first(1, "index/ka/kanban.json", Fault::Truncated(40))]);
    assert_ne!(world.packs(["lock"]).code, Some(0));
    world.packs(["lock"]).succeeds();
}

#[test]
fn what_is_refused_or_missing_for_once_leaves_the_good_entry() {
    let (world, server) = served();
    world.packs(["switch"]).succeeds();
    let kept = || {
        let entry = entries(&world).into_iter().find(|entry| entry.ends_with("index/ka/kanban.json")).expect("kept");
        fs::read_to_string(entry).expect("text")
    };
    let good = kept();
    // Another version of the document than the one that is kept, so that the registry does not say it is the same.
    world.publish(&Pack::new("kanban", "2.9.0"));
    for (fault, code) in [(Fault::Truncated(40), 5), (Fault::Status(404, vec![]), 5)] {
        server.set_rules(vec![Rule::always("index/ka/kanban.json", fault)]);
        world.packs(["update"]).fails(code);
        assert_eq!(kept(), good, "exit code {code}");
        world.packs(["update", "--offline"]).succeeds().says("is taken from the index cache, ");
    }
    server.set_rules(vec![]);
    world.packs(["update"]).succeeds();
    assert_ne!(kept(), good);
}

#[test]
fn each_document_is_asked_for_once_in_a_command() {
    let (world, server) = served();
    world.publish_all(&[
        Pack::new("app", "1.0.0").requires("one", "^1").requires("two", "^1").requires("snippets", "^1"),
        Pack::new("one", "1.0.0").requires("two", "*"),
        Pack::new("two", "1.0.0"),
    ]);
    manifest(&world, &format!("default = \"{}\"\n", server.address()), "");
    let asked = |arguments: &[&str]| {
        server.forget();
        world.packs(arguments).succeeds();
        let mut asked: Vec<String> = server.requests().iter().map(|request| request.path().trim_start_matches('/').to_owned()).collect();
        asked.sort();
        asked
    };
    let documents = ["index/ap/app.json", "index/on/one.json", "index/sn/snippets.json", "index/tw/two.json"];
    let archive = |name: &str| format!("packs/{name}/1.0.0/{name}-1.0.0.tar.zst");
    let all: Vec<String> = documents.into_iter().map(str::to_owned).chain(["app", "one", "snippets", "two"].map(archive)).collect();
    assert_eq!(asked(&["install", "app"]), all);
    assert_eq!(asked(&["update"]), documents);
    assert!(asked(&["switch"]).is_empty());
}

/// Writes a settings file with mirrors of a registry.
fn mirror(world: &TestEnv, registry: &str, to: &[&str], only: &str) {
    settings(world, &format!("[http]\nretries = 0\n[[mirrors]]\nfrom = \"{registry}\"\nto = {to:?}\nonly = {only}\n"));
}

/// Copies the registry as it is now to a directory, and gives that one's address.
fn copy_of_registry(world: &TestEnv, name: &str) -> String {
    let copy = world.root().join(name);
    assert!(std::process::Command::new("cp").arg("-r").arg(world.registry()).arg(&copy).status().expect("it runs").success());
    format!("file:{}", copy.display())
}

#[test]
fn a_mirror_that_is_down_is_passed_over_with_one_note() {
    let (world, server) = served();
    mirror(&world, &server.address(), &["http://127.0.0.1:1/packs"], "false");
    let ran = world.packs(["switch"]).succeeds();
    let notes: Vec<&str> = ran.stderr.lines().filter(|line| line.contains("mirror")).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    ran.says("note: the mirror http://127.0.0.1:1/packs does not answer, and is passed over from now on: cannot reach 127.0.0.1");
}

#[test]
fn a_mirror_that_lags_behind_is_passed_over() {
    let (world, server) = served();
    let (stale, only) = (copy_of_registry(&world, "stale"), copy_of_registry(&world, "only"));
    world.publish_all(&[Pack::new("kanban", "2.0.9").requires("workflow", "^1"), Pack::new("workflow", "1.9.0")]);
    world.packs(["switch"]).succeeds();
    mirror(&world, &server.address(), &[&stale], "false");
    let updated = world.packs(["update"]).succeeds();
    updated.says("note: the mirror file:[ROOT]/stale is passed over: default shows revision 3 of the index of kanban, and has shown revision 4 before");
    assert_eq!(updated.stderr.matches("is passed over").count(), 1, "{}", updated.stderr);
    assert!(world.read("packs.lock").contains("version = \"2.0.9\""));
    mirror(&world, &server.address(), &[&stale, &only], "true");
    world.packs(["update"]).fails(5).says("default shows revision 3 of the index of kanban");
    assert!(world.read("packs.lock").contains("version = \"2.0.9\""));
}

/// Changes every file below a directory whose name ends so.
fn damage(directory: &Path, ending: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            damage(&path, ending, change);
        } else if path.to_string_lossy().ends_with(ending) {
            let bytes = fs::read(&path).expect("read");
            fs::write(&path, change(bytes)).expect("written");
        }
    }
}

fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(100);
    bytes
}

fn altered(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// Requires that a mirror with damaged archives is refused where nobody stands in for it, and passed over where somebody does.
#[track_caller]
fn check_damaged(change: &dyn Fn(Vec<u8>) -> Vec<u8>, is_served: Option<()>, reason: &str) {
    let (world, server) = served();
    world.packs(["lock"]).succeeds();
    let near = copy_of_registry(&world, "near");
    damage(&world.root().join("near"), ".tar.zst", change);
    let far = is_served.map(|()| FaultServer::start(&world.root().join("near"), vec![]));
    let (place, shown) = far.as_ref().map_or((near, "file:[ROOT]/near".to_owned()), |far| (far.address(), format!("{}/", far.address())));
    let download = ["download", "kanban", "--to", "got"];
    mirror(&world, &server.address(), &[&place], "true");
    world.packs(["switch"]).fails(5).says(&shown).says(reason);
    world.packs(download).fails(5).says(&shown).says(reason);
    mirror(&world, &server.address(), &[&place], "false");
    world.packs(download).succeeds().says(&format!("note: the mirror {shown} is passed over: kanban")).says(reason);
    let switched = world.packs(["switch"]).succeeds();
    switched.says(&format!("note: the mirror {shown} is passed over: "));
    assert_eq!(switched.stderr.matches("is passed over").count(), 1, "{}", switched.stderr);
}

#[test]
fn a_mirror_with_damaged_archives_is_passed_over() {
    for is_served in [None, Some(())] {
        check_damaged(&cut, is_served, "100");
        check_damaged(&altered, is_served, "sha256");
    }
}

#[test]
fn a_mirror_with_damaged_documents_is_passed_over() {
    let (world, server) = served();
    let near = copy_of_registry(&world, "near");
    damage(&world.root().join("near"), ".json", &cut);
    damage(&world.root().join("near"), "names.json.zst", &cut);
    mirror(&world, &server.address(), &[&near], "true");
    world.packs(["lock"]).fails(5).says("file:[ROOT]/near");
    world.packs(["search", "kanban"]).fails(5).says("file:[ROOT]/near");
    mirror(&world, &server.address(), &[&near], "false");
    world.packs(["search", "kanban"]).succeeds().prints("kanban").says("note: the mirror file:[ROOT]/near is passed over: ");
    let locked = world.packs(["lock"]).succeeds();
    locked.says("note: the mirror file:[ROOT]/near is passed over: ");
    assert_eq!(locked.stderr.matches("is passed over").count(), 1, "{}", locked.stderr);
}

#[test]
fn offline_a_mirror_on_this_machine_answers_for_the_registry() {
    let (world, server) = served();
    let near = copy_of_registry(&world, "near");
    mirror(&world, &server.address(), &["https://packs.example.org/main", &near], "false");
    world.packs(["switch", "--offline"]).succeeds();
    assert!(world.has(".packs/active/bin/kanban") && server.requests().is_empty());
    fs::remove_dir_all(world.root().join("near")).expect("removed");
    world.packs(["install", "snippets", "--offline"]).fails(6);
}

/// Whoever asks again for what packs.toml names has asked for no other place; and its name reaches no registry but its own.
#[test]
fn install_keeps_where_a_pack_comes_from() {
    let world = TestEnv::with_kanban();
    publish_to(&world, "internal", &Pack::new("secrets", "1.0.0"));
    let nowhere = "internal = \"file:../internal\"\ndefault = \"file:../nowhere\"\n";
    manifest(&world, nowhere, "secrets = { version = \"1\", registry = \"internal\" }\n");
    world.packs(["install", "secrets", "--tier", "optional"]).succeeds();
    let own = "secrets = { version = \"1\", registry = \"internal\", tier = \"optional\" }\n";
    assert!(world.read("packs.toml").contains(own), "{}", world.read("packs.toml"));
    // What is typed takes the place of what is written.
    manifest(&world, TWO, "kanban = { version = \"2\", registry = \"internal\" }\n");
    world.packs(["install", "kanban"]).fails(9).says("no pack kanban in file:[ROOT]/internal\n");
    world.packs(["install", "kanban", "--registry", "default"]).succeeds();
    assert!(world.read("packs.toml").contains("kanban = { version = \"2\", registry = \"default\" }\n"), "{}", world.read("packs.toml"));
}

#[test]
fn an_environment_takes_over_where_and_how_the_project_wants_a_pack() {
    let world = TestEnv::with_kanban();
    let secrets = Pack::new("secrets", "1.0.0").command("secrets", "#!/bin/sh\n");
    publish_to(&world, "internal", &secrets.more("\n[extras]\nvaults = { vault = \"^1\" }\n"));
    publish_to(&world, "internal", &Pack::new("vault", "1.0.0"));
    world.publish(&Pack::new("secrets", "1.9.0"));
    let wanted = "secrets = { version = \"^1\", registry = \"internal\", with = [\"vaults\"], priority = 2, rename = { secrets = \"s\" } }\n";
    let vault = "vault = { version = \"1\", registry = \"internal\" }\n";
    manifest(&world, TWO, &format!("{wanted}{vault}\n[environments.dev]\n\n[environments.prod]\n"));
    world.packs(["install", "secrets", "-E", "dev"]).succeeds();
    assert!(world.read("packs.toml").contains(&format!("[environments.dev.packages]\n{wanted}")), "{}", world.read("packs.toml"));
    assert!(world.read("packs.dev.lock").contains("registry+internal") && !world.read("packs.dev.lock").contains("registry+default"));
    world.packs(["install", "secrets@=1.0.0", "-E", "prod", "--tier", "recommended"]).succeeds();
    let own = wanted.replace("^1", "=1.0.0").replace(" } }\n", " }, tier = \"recommended\" }\n");
    assert!(world.read("packs.toml").contains(&format!("[environments.prod.packages]\n{own}")), "{}", world.read("packs.toml"));
}

#[test]
fn install_keeps_the_directory_a_pack_comes_from() {
    let world = TestEnv::with_kanban();
    let directory = world.root().join("notes");
    fs::create_dir_all(&directory).expect("made");
    fs::write(directory.join("pack.toml"), "[pack]\nname = \"notes\"\nversion = \"0.1.0\"\n").expect("written");
    manifest(&world, TWO, "notes = { path = \"../notes\" }\n\n[environments.dev]\n");
    fs::create_dir_all(world.root().join("internal")).expect("made");
    world.packs(["install", "notes", "--tier", "optional"]).succeeds();
    assert!(world.read("packs.toml").contains("notes = { path = \"../notes\", tier = \"optional\" }\n"), "{}", world.read("packs.toml"));
    world.packs(["install", "notes", "-E", "dev", "--tier", "recommended"]).succeeds();
    let own = "[environments.dev.packages]\nnotes = { path = \"../notes\", tier = \"recommended\" }\n";
    assert!(world.read("packs.toml").contains(own), "{}", world.read("packs.toml"));
}
