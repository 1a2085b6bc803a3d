//! `packs search` and `packs info`
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::Pack;
use crate::support::TestEnv;

#[test]
fn a_pack_is_found_by_its_name_and_nearly_so() {
    let world = TestEnv::with_kanban();
    let found = |text: &str| {
        let json = world.packs(["search", text, "--json"]).succeeds().json();
        json["packs"].as_array().expect("a list").iter().map(|pack| pack["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found("kanban"), ["kanban"]);
    assert_eq!(found("kanbna"), ["kanban"]);
    assert_eq!(found("flow"), ["workflow"]);
    assert_eq!(found(""), ["kanban", "snippets", "workflow"]);
    world.packs(["search", "zebra"]).succeeds().prints("no pack fits zebra");
    world.packs(["search", "", "--limit", "1"]).succeeds().prints("and 2 more");
    world.packs(["search", "kanban", "--registry", "../registry", "-C", "../registry"]).succeeds().prints("kanban");
}

#[test]
fn info_tells_what_the_registry_says_and_who_has_it() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let info = world.packs(["info", "kanban@~2.0", "--json"]).succeeds().json();
    assert_eq!(info["version"], "2.0.3");
    assert_eq!(info["releases"].as_array().expect("a list").len(), 3);
    assert_eq!(info["locked"][0]["version"], "2.0.3");
    world.packs(["show", "kanban"]).succeeds().prints("requires: workflow ^1.2").prints("locked in environment: default (2.0.3)");
    world.packs(["info", "kanbna"]).fails(9).says("no pack kanbna in").says("hint: did you mean kanban?");
    world.packs(["info", "kanbna", "--registry", "../registry"]).fails(9).says("hint: did you mean kanban?");
    world.packs(["install", "kanbna"]).fails(9).says("hint: did you mean kanban?");
    assert!(!world.packs(["info", "zebra"]).fails(9).stderr.contains("did you mean"));
    world.publish(&Pack::new("alone", "1.0.0-rc.1"));
    world.packs(["info", "alone"]).succeeds().prints("alone 1.0.0-rc.1");
}

#[test]
fn a_registry_that_is_down_does_not_hide_what_the_others_have() {
    let world = TestEnv::with_kanban();
    let registries = "gone = \"file:../gone\"\ndefault = \"file:../registry\"\n";
    world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\n{registries}"));
    world.packs(["search", "kanban"]).succeeds().prints("kanban").says("warning: the registry gone is left out: ");
    world.write("packs.toml", "[project]\nname = \"demo\"\n\n[registries]\ngone = \"file:../gone\"\n");
    world.packs(["search", "kanban"]).fails(6).says("there is no registry at");
}

#[test]
fn a_list_of_names_at_fault_hides_nothing_of_the_others() {
    let world = TestEnv::with_kanban();
    let faulty = world.root().join("faulty");
    world.packs(["registry", "init", "../faulty"]).succeeds();
    fs::write(faulty.join("names.json.zst"), "no list").expect("written");
    world.write("packs.toml", "[project]\nname = \"demo\"\n\n[registries]\nfaulty = \"file:../faulty\"\ndefault = \"file:../registry\"\n");
    world
        .packs(["search", "kanban"])
        .succeeds()
        .prints("kanban")
        .says("warning: the registry faulty is left out: the registry file:[ROOT]/faulty is refused: names.json.zst");
    world.packs(["search", "kanban", "--registry", "faulty"]).fails(5);
    world.write("packs.toml", "[project]\nname = \"demo\"\n\n[registries]\nfaulty = \"file:../faulty\"\ngone = \"file:../gone\"\n");
    world.packs(["search", "kanban"]).fails(6).says("there is no registry at");
}

#[test]
fn info_remembers_how_new_an_index_was() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let index = world.registry().join("index/sn/snippets.json");
    let old = fs::read(&index).expect("there");
    world.publish(&Pack::new("snippets", "1.1.0"));
    world.packs(["info", "snippets"]).succeeds();
    fs::write(&index, old).expect("written");
    for arguments in [&["info", "snippets"][..], &["info", "snippets", "--registry", "default"], &["install", "snippets"]] {
        world.packs(arguments).fails(5).says("default shows revision 1 of the index of snippets, and has shown revision 2 before");
    }
}
