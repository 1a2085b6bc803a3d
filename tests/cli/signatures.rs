//! Signed registries: who signs, who is believed, and that minisign agrees.
#![allow(clippy::disallowed_methods, reason = "tests change registries on the disk and start minisign")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;

use crate::support::Checked;
use crate::support::Pack;
use crate::support::TestEnv;

const INDEX: &str = "index/ka/kanban.json";

/// A world with a key `acme` and a registry that it signed; the project trusts nobody in particular yet.
fn signed_world() -> TestEnv {
    let world = TestEnv::new();
    generate(&world, "acme");
    world.manifest("[packages]\nkanban = \"^1\"\n");
    publish(&world, &Pack::new("kanban", "1.0.0").file("a", "one\n"), &["--key", "acme"]).succeeds();
    world
}

fn generate(world: &TestEnv, name: &str) {
    world.packs(["key", "generate", name, "--no-passphrase"]).succeeds();
}

fn public_key(world: &TestEnv, name: &str) -> String {
    world.packs(["key", "export", name]).succeeds().raw_stdout.trim().to_owned()
}

fn key_file(world: &TestEnv, name: &str) -> PathBuf {
    world.root().join("user/.config/packs/keys").join(name)
}

fn publish(world: &TestEnv, pack: &Pack, arguments: &[&str]) -> crate::support::Ran {
    let archive = world.build(pack);
    world.packs([&["publish", archive.to_str().expect("UTF-8"), "--registry", "../registry"], arguments].concat())
}

fn trust(world: &TestEnv, key: &str) {
    world.packs(["registry", "add-key", "default", key]).succeeds();
}

fn read_index(world: &TestEnv) -> Value {
    serde_json::from_str(&fs::read_to_string(world.registry().join(INDEX)).expect("there")).expect("JSON")
}

fn write_index(world: &TestEnv, document: &Value) {
    fs::write(world.registry().join(INDEX), document.to_string()).expect("written");
}

/// Takes a document apart into its signature and what it covers: for documents of ASCII and small numbers, the form of serde's sorted maps.
fn taken_apart(mut document: Value) -> (String, String) {
    let signature = document.as_object_mut().expect("an object").remove("signature").expect("there");
    (document.to_string(), signature.as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_signed_registry_is_believed_if_its_key_is_trusted() {
    let world = signed_world();
    world.packs(["lock"]).succeeds();
    let key = public_key(&world, "acme");
    trust(&world, &key);
    assert!(world.read("packs.toml").contains(&format!("default = {{ url = \"file:../registry\", keys = [\"{key}\"] }}")), "{}", world.read("packs.toml"));
    world.packs(["switch"]).succeeds();
    // Trusted twice is trusted; the last cannot be removed, or everything would be believed.
    world.packs(["registry", "add-key", "default", &key]).succeeds().prints("packs.toml says so already");
    let file = key_file(&world, "acme.pub");
    let refused = world.packs(["registry", "add-key", "default", file.to_str().expect("UTF-8"), "--remove"]).fails(2);
    refused.says("is the only key trusted for default; without it the registry would be believed unsigned; nothing was changed");
    assert!(world.read("packs.toml").contains(&key));
}

/// Replaces the key's id, which differs from run to run.
fn without_ids(words: &Checked) -> String {
    regex::Regex::new(r"\b[0-9A-F]{16}\b").expect("a pattern").replace_all(&words.stderr, "[KEY]").into_owned()
}

#[test]
fn what_nobody_trusted_signed_is_refused() {
    let world = signed_world();
    generate(&world, "other");
    let other = public_key(&world, "other");
    trust(&world, &other);
    let refused = world.packs(["lock"]).fails(5);
    insta::assert_snapshot!(without_ids(&refused), @"
    error: the registry file:[REGISTRY] is refused: packs.toml:5 trusts only key [KEY] for it
      cause: the index of kanban is signed by [KEY], which is not trusted
    hint: if the owner of default tells you that [KEY] is theirs: `packs registry add-key default KEY`, with the key they give you
    ");
    assert!(refused.stderr.contains(&world.packs(["key", "list", "--json"]).succeeds().json()["keys"][0]["id"].as_str().expect("an id").to_owned()));
    assert!(!world.has("packs.lock"));
    trust(&world, &public_key(&world, "acme"));
    world.packs(["registry", "add-key", "default", &other, "--remove"]).succeeds();
    let mut document = read_index(&world);
    let good = document.clone();
    document["releases"][0]["license"] = "BSD".into();
    write_index(&world, &document);
    insta::assert_snapshot!(without_ids(&world.packs(["lock"]).fails(5)), @"
    error: the registry file:[REGISTRY] is refused: packs.toml:5 trusts only key [KEY] for it
      cause: the signature of the index of kanban by key [KEY] is wrong: the document was changed, or another made it
    hint: nothing of it was used: tell whoever keeps default
    ");
    document["signature"] = Value::Null;
    write_index(&world, &document);
    insta::assert_snapshot!(without_ids(&world.packs(["lock"]).fails(5)), @"
    error: the registry file:[REGISTRY] is refused: packs.toml:5 trusts only key [KEY] for it
      cause: the index of kanban has no signature
    hint: whoever keeps default signs it with `packs registry sign`; nothing of it was used
    ");
    let failure = world.packs(["lock", "--json"]).fails(5).json();
    assert_eq!((failure["code"].as_str(), failure["at"]["line"].as_u64()), (Some("unsigned"), Some(5)));
    write_index(&world, &good);
    world.packs(["lock"]).succeeds();
}

#[test]
fn a_document_cannot_stand_under_another_name() {
    let world = signed_world();
    trust(&world, &public_key(&world, "acme"));
    world.manifest(&format!(
        "[registries.x]\nurl = \"file:../registry\"\nkeys = [\"{}\"]\n[packages]\nboards = {{ version = \"*\", registry = \"x\" }}\n",
        public_key(&world, "acme")
    ));
    fs::create_dir_all(world.registry().join("index/bo")).expect("made");
    fs::copy(world.registry().join(INDEX), world.registry().join("index/bo/boards.json")).expect("copied");
    world.packs(["lock"]).fails(5).says("the index of boards names another pack, kanban");
}

#[test]
fn a_signed_registry_takes_nothing_unsigned() {
    let world = signed_world();
    let before = fs::read(world.registry().join(INDEX)).expect("there");
    let next = Pack::new("kanban", "1.1.0").file("a", "two\n");
    let refused = publish(&world, &next, &[]).fails(2);
    insta::assert_snapshot!(without_ids(&refused), @"
    error: the index of kanban in file:[PROJECT]/../registry is signed by [KEY]: without a key nothing can be changed there
    hint: sign with --key NAME; `packs key list` shows the keys of this machine; nothing was written
    ");
    world.packs(["yank", "kanban@1.0.0", "--registry", "../registry"]).fails(2).says("without a key nothing can be changed there");
    publish(&world, &Pack::new("boards", "1.0.0").file("a", "x\n"), &[])
        .fails(2)
        .says("the registry file:")
        .says("without a key the index of boards, which is not signed now, cannot be written there");
    assert_eq!(fs::read(world.registry().join(INDEX)).expect("there"), before);
    assert!(!world.registry().join("packs/kanban/1.1.0").exists() && !world.registry().join("packs/boards").exists());
    publish(&world, &next, &["--key", "acme"]).succeeds();
}

#[test]
fn a_document_that_lost_its_signature_is_not_changed_without_a_key() {
    let world = signed_world();
    world.edit_index("kanban", |document| document["signature"] = Value::Null);
    let before = fs::read(world.registry().join(INDEX)).expect("there");
    publish(&world, &Pack::new("kanban", "1.1.0").file("a", "two\n"), &[]).fails(2).says("is signed by");
    world.packs(["yank", "kanban@1.0.0", "--registry", "../registry"]).fails(2).says("is signed by");
    assert_eq!(fs::read(world.registry().join(INDEX)).expect("there"), before);
    // Nor does it help that the registry no longer says whose keys count: its other documents do.
    publish(&world, &Pack::new("boards", "1.0.0").file("a", "x\n"), &["--key", "acme"]).succeeds();
    fs::remove_file(world.registry().join("packs-registry.json")).expect("removed");
    publish(&world, &Pack::new("cards", "1.0.0").file("a", "x\n"), &[]).fails(2).says("is signed by");
    assert!(!world.registry().join("packs-registry.json").exists() && !world.registry().join("packs/cards").exists());
}

#[test]
fn a_document_that_is_gone_is_found_by_check_and_keeps_sign_from_signing() {
    let world = signed_world();
    fs::remove_file(world.registry().join(INDEX)).expect("removed");
    world.packs(["registry", "check", "../registry"]).fails(5).prints("has no index of kanban now, and has shown revision 1 of it before");
    world.packs(["registry", "sign", "../registry", "--key", "acme"]).fails(5).says("has no index of kanban now");
    world.packs(["registry", "forget", "../registry"]).succeeds();
    world.packs(["registry", "sign", "../registry", "--key", "acme"]).succeeds();
}

#[test]
fn a_list_of_names_that_cannot_be_written_takes_nothing_back() {
    let world = signed_world();
    let list = world.registry().join("names.json.zst");
    fs::remove_file(&list).expect("removed");
    fs::create_dir(&list).expect("made");
    world.packs(["yank", "kanban@1.0.0", "--registry", "../registry", "--key", "acme"]).succeeds().says("what was written counts, but the list of names");
    publish(&world, &Pack::new("kanban", "1.1.0").file("a", "two\n"), &["--key", "acme"]).succeeds().says("what was written counts");
    assert!(read_index(&world)["releases"][0]["yanked"].is_string());
}

#[test]
fn a_mistyped_address_makes_no_directory_and_is_not_shown() {
    let world = signed_world();
    for address in ["https:/ana:secret@h/x", "https//ana:secret@h/x", "//ana:secret@h", " https://ana:secret@h/x"] {
        for arguments in [["registry", "init", address].as_slice(), &["search", "x", "--registry", address], &["yank", "kanban@*", "--registry", address]] {
            let words = world.packs(arguments).fails(2);
            words.says("begins as an address and is none");
            assert!(!words.stderr.contains("secret"), "{}", words.stderr);
        }
    }
    assert!(!world.packs(["audit", "--json"]).succeeds().stdout.contains("secret"));
}

#[test]
fn nobody_signs_what_a_stranger_wrote() {
    let world = signed_world();
    let mut document = read_index(&world);
    document["signature"] = Value::Null;
    document["releases"][0]["quality"] = 100.into();
    write_index(&world, &document);
    publish(&world, &Pack::new("kanban", "1.1.0").file("a", "two\n"), &["--key", "acme"]).fails(5).says("nobody known vouches");
    world.packs(["registry", "sign", "../registry", "--key", "acme"]).fails(5).says("nobody known vouches");
    assert_eq!(read_index(&world), document);
    world.packs(["registry", "sign", "../registry", "--key", "acme", "--adopt"]).succeeds().prints("signed 1 document");
    world.packs(["registry", "sign", "../registry", "--key", "acme"]).succeeds().prints("signed 0 documents");
    // What was changed after a known key signed it is never signed again.
    let mut document = read_index(&world);
    document["releases"][0]["quality"] = 1.into();
    write_index(&world, &document);
    world.packs(["registry", "sign", "../registry", "--key", "acme", "--adopt"]).fails(5).says("is wrong");
}

#[test]
fn keys_change_with_two_of_them() {
    let world = signed_world();
    generate(&world, "next");
    trust(&world, &public_key(&world, "acme"));
    world.packs(["registry", "sign", "../registry", "--key", "acme,next", "-n"]).succeeds().prints("would sign 1 document");
    world.packs(["registry", "sign", "../registry", "--key", "acme,next"]).succeeds();
    world.packs(["lock"]).succeeds();
    trust(&world, &public_key(&world, "next"));
    world.packs(["registry", "add-key", "default", &public_key(&world, "acme"), "--remove"]).succeeds();
    world.packs(["update"]).succeeds();
    world.packs(["registry", "sign", "default", "--key", "next"]).succeeds();
    world.packs(["update"]).succeeds();
    let about: Value = serde_json::from_str(&fs::read_to_string(world.registry().join("packs-registry.json")).expect("there")).expect("JSON");
    assert_eq!(about["keys"], serde_json::json!([public_key(&world, "next")]));
}

#[test]
fn an_older_index_is_noticed() {
    let world = signed_world();
    let old = fs::read(world.registry().join(INDEX)).expect("there");
    publish(&world, &Pack::new("kanban", "1.1.0").file("a", "two\n"), &["--key", "acme"]).succeeds();
    world.packs(["lock"]).succeeds();
    fs::write(world.registry().join(INDEX), old).expect("written");
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    insta::assert_snapshot!(world.packs(["lock"]).fails(5).stderr, @"
    error: default shows revision 1 of the index of kanban, and has shown revision 2 before
    hint: somebody may be hiding newer releases from you: ask whoever keeps the registry; nothing of it was used
    hint: if it was really set back: `packs registry forget default` takes it as it is
    ");
    world.packs(["registry", "forget", "default", "-n"]).succeeds().prints("would forget how new the index of 1 pack");
    world.packs(["lock"]).fails(5).says("revision 1");
    world.packs(["registry", "forget", "default"]).succeeds().prints("forgot how new the index of 1 pack in default was");
    world.packs(["lock"]).succeeds();
    // What is damaged is said, and what is not there is not asked for.
    let memory = world.home().join("registries/default.json");
    fs::write(&memory, "{").expect("written");
    fs::remove_file(world.project().join("packs.lock")).expect("removed");
    let aside = world.home().join("registries/default.json.damaged");
    world.packs(["lock"]).succeeds().says("was damaged, and is put aside as");
    assert_eq!((fs::read_to_string(&aside).expect("there").as_str(), memory.exists()), ("{", true));
    fs::remove_file(&memory).expect("removed");
    world.packs(["update"]).succeeds();
    assert!(memory.exists());
}

/// Somebody puts an old copy back, validly signed, so that the next who signs it makes it the newest document.
#[test]
fn nobody_signs_an_older_index_anew() {
    let world = signed_world();
    let old = fs::read(world.registry().join(INDEX)).expect("there");
    publish(&world, &Pack::new("kanban", "1.1.0").file("a", "two\n"), &["--key", "acme"]).succeeds();
    let newest = fs::read(world.registry().join(INDEX)).expect("there");
    fs::write(world.registry().join(INDEX), &old).expect("written");
    let third = Pack::new("kanban", "1.2.0").file("a", "three\n");
    insta::assert_snapshot!(publish(&world, &third, &["--key", "acme"]).fails(5).stderr, @"
    error: ../registry shows revision 1 of the index of kanban, and has shown revision 2 before
    hint: somebody may be hiding newer releases from you: ask whoever keeps the registry; nothing of it was used
    hint: if it was really set back: `packs registry forget ../registry` takes it as it is
    ");
    for command in [
        &["yank", "kanban@1.0.0", "--registry", "../registry", "--key", "acme"][..],
        &["yank", "kanban@1.0.0", "--registry", "default", "--key", "acme"],
        &["registry", "sign", "../registry", "--key", "acme"],
        &["registry", "check", "../registry"],
        &["info", "kanban", "--registry", "../registry"],
    ] {
        let ran = world.packs(command).fails(5);
        assert!((ran.stderr + &ran.stdout).contains("shows revision 1 of the index of kanban, and has shown revision 2 before"), "{command:?}");
    }
    assert_eq!(fs::read(world.registry().join(INDEX)).expect("there"), old);
    assert!(!world.registry().join("packs/kanban/1.2.0").exists(), "it is refused before anything is written");
    // A document that is gone is not begun anew.
    fs::remove_file(world.registry().join(INDEX)).expect("removed");
    publish(&world, &third, &["--key", "acme"]).fails(5).says("has no index of kanban now, and has shown revision 2 of it before");
    fs::write(world.registry().join(INDEX), newest).expect("written");
    publish(&world, &third, &["--key", "acme"]).succeeds();
    // Who has a home of their own, and has seen nothing, cannot know; whoever says that it was really set back can go on.
    fs::write(world.registry().join(INDEX), old).expect("written");
    world.packs(["registry", "forget", "../registry"]).succeeds().prints("forgot how new the index of 1 pack in ../registry was");
    publish(&world, &third, &["--key", "acme"]).succeeds();
    assert_eq!(read_index(&world)["revision"], 2);
}

#[test]
fn another_document_of_the_same_revision_is_noticed() {
    let world = TestEnv::with_kanban();
    world.packs(["lock"]).succeeds();
    let good = read_index(&world);
    let mut document = good.clone();
    document["releases"][1]["license"] = "BSD".into();
    write_index(&world, &document);
    let refused = world.packs(["update"]).fails(5);
    insta::assert_snapshot!(refused.stderr, @"
    error: default shows revision 3 of the index of kanban with other content than before: its digest is [DIGEST], and was [DIGEST]
    hint: every change of a document raises its revision: ask whoever keeps the registry; nothing of it was used
    hint: if it was really made anew: `packs registry forget default` takes it as it is
    ");
    assert_eq!(world.packs(["update", "--json"]).fails(5).json()["code"], "other-index");
    world.packs(["yank", "kanban@2.0.0", "--registry", "../registry"]).fails(5).says("with other content than before");
    assert_eq!(read_index(&world), document);
    // Its form is nobody's business, nor are documents that count no revisions.
    write_index(&world, &good);
    world.packs(["update"]).succeeds();
    world.packs(["registry", "forget", "default"]).succeeds();
    for license in ["BSD", "ISC"] {
        document["revision"] = Value::Null;
        document["releases"][1]["license"] = license.into();
        write_index(&world, &document);
        world.packs(["update"]).succeeds();
    }
}

#[test]
fn what_a_newer_packs_remembers_is_never_overwritten() {
    let world = signed_world();
    world.packs(["lock"]).succeeds();
    // Nothing was new to who published it: until then all that is known stands under another name.
    fs::remove_file(world.home().join("registries/registry.json")).expect("removed");
    world.packs(["update"]).succeeds();
    let memory = world.home().join("registries/default.json");
    let newer = fs::read_to_string(&memory).expect("there").replace("packs.seen/1", "packs.seen/2");
    fs::write(&memory, &newer).expect("written");
    publish(&world, &Pack::new("kanban", "1.1.0").file("a", "two\n"), &["--key", "acme"]).succeeds();
    for command in [&["update"][..], &["registry", "forget", "default"]] {
        world.packs(command).fails(2).says("the schema is \"packs.seen/2\", expected \"packs.seen/1\"; nothing was changed");
        assert_eq!(fs::read_to_string(&memory).expect("there"), newer);
    }
}

#[test]
fn keys_are_listed_in_columns() {
    let world = TestEnv::new();
    generate(&world, "a");
    generate(&world, "much-longer");
    let listed = world.packs(["key", "list"]).succeeds();
    let columns: Vec<Option<usize>> = listed.stdout.lines().map(|line| line.find("RW")).collect();
    assert!(columns.len() == 2 && columns[0].is_some() && columns[0] == columns[1], "{}", listed.stdout);
}

#[test]
fn keys_are_the_users_own() {
    let world = TestEnv::new();
    world.manifest("");
    world.packs(["key", "list"]).succeeds().prints("no keys in");
    world.packs(["key", "generate", "acme", "-n"]).succeeds().prints("would make");
    world.packs(["key", "generate", "acme"]).fails(2).says("needs a passphrase, and there is nobody to ask");
    assert!(!key_file(&world, "acme.key").exists());
    world.write("pass", "open sesame\nnot this\n");
    world.packs(["key", "generate", "acme", "--passphrase-file", "pass"]).succeeds();
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&key_file(&world, "acme.key")), mode(&key_file(&world, ""))), (0o600, 0o700));
    let before = fs::read(key_file(&world, "acme.key")).expect("there");
    world.packs(["key", "generate", "acme", "--no-passphrase"]).fails(2).says("never overwritten");
    assert_eq!(fs::read(key_file(&world, "acme.key")).expect("there"), before);
    let listed = world.packs(["key", "list", "--json"]).succeeds().json();
    assert_eq!((listed["keys"][0]["name"].as_str(), listed["keys"][0]["has_secret"].as_bool()), (Some("acme"), Some(true)));
    world.packs(["key", "export", "amce"]).fails(9).says("no signing key amce; there is acme");
    let pack = Pack::new("kanban", "1.0.0").file("a", "one\n");
    publish(&world, &pack, &["--key", "acme"]).fails(2).says("needs a passphrase");
    world.write("wrong", "close sesame\n");
    publish(&world, &pack, &["--key", "acme", "--passphrase-file", "wrong"]).fails(2).says("the passphrase does not open the key");
    let archive = world.build(&pack);
    let mut command = world.command(["publish", archive.to_str().expect("UTF-8"), "--registry", "../registry"]);
    world.run(command.env("PACKS_SIGNING_KEY", "acme").env("PACKS_KEY_PASSPHRASE", "open sesame")).succeeds();
    assert!(read_index(&world)["signature"].is_string());
    // The log knows that a key was made, and nothing of it.
    let log: String =
        fs::read_dir(world.home().join("audit")).expect("there").map(|file| fs::read_to_string(file.expect("a file").path()).unwrap_or_default()).collect();
    assert!(log.contains("key generate") && !log.contains("sesame"));
}

/// Runs minisign; `None` where there is none.
fn minisign(directory: &Path, arguments: &[&str]) -> Option<bool> {
    let ran = Command::new("minisign").args(arguments).current_dir(directory).stdin(Stdio::null()).output();
    if let Ok(output) = ran {
        return Some(output.status.success());
    }
    assert!(std::env::var_os("PACKS_REQUIRE_PEERS").is_none(), "minisign is needed");
    println!("NOT RUN: needs minisign");
    None
}

#[test]
fn minisign_believes_what_packs_signs() {
    let world = signed_world();
    let (bytes, signature) = taken_apart(read_index(&world));
    let directory = world.root().join("minisign");
    fs::create_dir(&directory).expect("made");
    fs::write(directory.join("m"), &bytes).expect("written");
    fs::write(directory.join("m.minisig"), &signature).expect("written");
    let key = minisign_verify::PublicKey::from_base64(&public_key(&world, "acme")).expect("a key");
    let decoded = minisign_verify::Signature::decode(&signature).expect("a signature");
    key.verify(bytes.as_bytes(), &decoded, false).expect("right");
    let public = key_file(&world, "acme.pub");
    let Some(verified) = minisign(&directory, &["-V", "-p", public.to_str().expect("UTF-8"), "-m", "m"]) else { return };
    assert!(verified, "minisign refuses what packs signed");
    // A secret key of packs signs for minisign.
    let secret = key_file(&world, "acme.key");
    assert_eq!(minisign(&directory, &["-S", "-s", secret.to_str().expect("UTF-8"), "-m", "m", "-x", "again"]), Some(true));
    assert_eq!(minisign(&directory, &["-V", "-p", public.to_str().expect("UTF-8"), "-m", "m", "-x", "again"]), Some(true));
    fs::write(directory.join("m"), bytes.replace("kanban", "kanbam")).expect("written");
    assert_eq!(minisign(&directory, &["-V", "-p", public.to_str().expect("UTF-8"), "-m", "m"]), Some(false));
}

#[test]
fn packs_believes_what_minisign_signs() {
    let world = TestEnv::new();
    world.manifest("[packages]\nkanban = \"^1\"\n");
    let directory = world.root().join("minisign");
    fs::create_dir(&directory).expect("made");
    let Some(made) = minisign(&directory, &["-G", "-W", "-p", "k.pub", "-s", "k.key"]) else { return };
    assert!(made);
    let pack = Pack::new("kanban", "1.0.0").file("a", "one\n");
    publish(&world, &pack, &["--key", "../minisign/k.key"]).succeeds();
    trust(&world, "../minisign/k.pub");
    world.packs(["lock"]).succeeds();
    let mut document = read_index(&world);
    let (bytes, _) = taken_apart(document.clone());
    fs::write(directory.join("m"), &bytes).expect("written");
    for legacy in [&["-S", "-s", "k.key", "-m", "m"][..], &["-S", "-l", "-s", "k.key", "-m", "m"]] {
        assert_eq!(minisign(&directory, legacy), Some(true));
        document["signature"] = fs::read_to_string(directory.join("m.minisig")).expect("there").into();
        write_index(&world, &document);
        world.packs(["update"]).succeeds();
    }
    document["revision"] = 9.into();
    write_index(&world, &document);
    world.packs(["update"]).fails(5).says("is wrong");
}
