//! Chains of thousands of packs, and thousands side by side, through the program on a small stack: nothing recurses, and nothing grows with the square.
#![allow(clippy::disallowed_methods, reason = "tests write the index of their world")]

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use crate::support::Checked;
use crate::support::TestEnv;

/// The stack, in KiB: a tenth of what programs usually have.
const STACK_KIB: usize = 800;

/// Packs in a lockfile: a call per pack would take less than 40 bytes to fit into the stack.
const LOCKED: usize = if cfg!(debug_assertions) { 20_000 } else { 50_000 };

/// Packs in a registry.
const OFFERED: usize = if cfg!(debug_assertions) { 4_000 } else { 50_000 };

/// Runs the program with the small stack, also in its threads.
#[track_caller]
fn packs(world: &TestEnv, arguments: &[&str], code: i32) -> Checked {
    let sealed = world.command(arguments);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -s {STACK_KIB} && exec \"$0\" \"$@\"")]).arg(sealed.get_program()).args(sealed.get_args());
    command.current_dir(world.project()).env_clear().envs(sealed.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command.env("RUST_MIN_STACK", (STACK_KIB * 1024).to_string());
    world.run(&mut command).fails(code)
}

/// Writes a lockfile in which each pack needs what is said of its number.
fn write_lock(world: &TestEnv, needs: impl Fn(usize) -> Vec<usize>) {
    let mut text = "version = 1\nenvironment = \"default\"\n[requirements]\np00000 = \"^1\"\n".to_owned();
    for number in 0..LOCKED {
        let needs: Vec<String> = needs(number).iter().map(|needed| format!("\"p{needed:05} ^1\"")).collect();
        let needs = needs.join(", ");
        let _ = write!(text, "[[release]]\nname = \"p{number:05}\"\nversion = \"1.0.0\"\nsource = \"registry+default\"\nrequires = [{needs}]\n");
    }
    world.write("packs.lock", &text);
    world.manifest("[packages]\np00000 = \"^1\"\n");
}

fn last() -> String {
    format!("p{:05}", LOCKED - 1)
}

#[test]
fn a_locked_chain_is_shown() {
    let world = TestEnv::new();
    write_lock(&world, |number| if number + 1 < LOCKED { vec![number + 1] } else { vec![] });
    let tree = packs(&world, &["tree"], 0);
    tree.prints("p00099 1.0.0  ^1 …").prints("`packs tree p00099` begins there");
    assert_eq!(tree.stdout.lines().count(), 102, "the environment, the levels, and that there are more");
    packs(&world, &["tree", "p00099", "--depth", "2"], 0).prints("p00100 1.0.0");
    packs(&world, &["tree", &last(), "--invert"], 0).prints("begins there");
    packs(&world, &["tree", "--invert"], 0).prints("begins there");
    packs(&world, &["tree", "--duplicates"], 0);
    let why = packs(&world, &["why", &last()], 0);
    why.prints(&format!("… {} more packs on the way", LOCKED - 40)).prints(&format!("which requires {} ^1", last()));
    assert_eq!(why.stdout.lines().count(), 42);
    assert_eq!(packs(&world, &["why", &last(), "--json"], 0).json()["ways"][0].as_array().map(Vec::len), Some(LOCKED));
    for arguments in
        [&["tree", "--format", "dot"][..], &["why", &last(), "--format", "dot"], &["tree", "--format", "svg"], &["why", &last(), "--format", "svg"]]
    {
        packs(&world, arguments, 0).prints(&last());
    }
}

#[test]
fn a_locked_fan_is_shown() {
    let world = TestEnv::new();
    write_lock(&world, |number| if number == 0 { (1..LOCKED).collect() } else { vec![] });
    assert_eq!(packs(&world, &["tree"], 0).stdout.lines().count(), LOCKED + 1);
    packs(&world, &["tree", "--invert"], 0).prints(&last());
    packs(&world, &["why", &last()], 0).prints(&last());
    for format in ["dot", "svg", "json"] {
        packs(&world, &["tree", "--format", format], 0).prints(&last());
    }
}

/// Writes index documents that no archive stands behind, of a chain that ends, or whose last pack needs one that is not there.
fn write_registry(world: &TestEnv, revision: u64, end: &str) {
    let directory = world.registry().join("index/p0");
    fs::create_dir_all(&directory).expect("made");
    let artifact = serde_json::json!({ "platform": "any", "archive": "p.tar.zst", "size": 1, "sha256": "0".repeat(64), "tree": "a".repeat(52) });
    for number in 0..OFFERED {
        let (name, next) = (format!("p{number:05}"), format!("p{:05}", number + 1));
        let requires = if number + 1 < OFFERED { serde_json::json!({ next: "^1" }) } else { serde_json::from_str(end).expect("JSON") };
        let artifact = artifact.as_object().map(|artifact| {
            let mut artifact = artifact.clone();
            artifact.insert("archive".to_owned(), format!("{name}-1.0.0.tar.zst").into());
            artifact
        });
        let release = serde_json::json!({ "version": "1.0.0", "requires": requires, "artifacts": [artifact] });
        let document = serde_json::json!({ "schema": "packs.index/1", "name": name, "revision": revision, "releases": [release] });
        fs::write(directory.join(format!("{name}.json")), document.to_string()).expect("written");
    }
    world.manifest("[packages]\np00000 = \"^1\"\n");
}

#[test]
fn a_chain_is_locked_and_one_that_breaks_is_explained() {
    let world = TestEnv::new();
    write_registry(&world, 1, "{}");
    packs(&world, &["lock"], 0);
    packs(&world, &["lock", "--check"], 0);
    packs(&world, &["update", "--dry-run"], 0);
    write_registry(&world, 2, "{ \"nothing\": \"^1\" }");
    fs::remove_file(world.project().join("packs.lock")).expect("it is there");
    packs(&world, &["lock"], 3).says("nothing ^1 (there is no such pack)");
    packs(&world, &["resolve", "--fixes", "1"], 3).prints("- p00000 = \"^1\"");
    assert!(packs(&world, &["resolve", "--explain=full"], 3).stdout.lines().count() > OFFERED);
    for format in ["dot", "svg", "json"] {
        packs(&world, &["resolve", "--format", format], 3).prints("nothing");
    }
}
