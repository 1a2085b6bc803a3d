//! Registries behind a web server and in a bucket, through the real program.
#![allow(clippy::disallowed_methods, reason = "tests set up their world")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::BUCKET;
use crate::support::Cloud;
use crate::support::Fault;
use crate::support::FaultServer;
use crate::support::Pack;
use crate::support::Rule;
use crate::support::TestEnv;
use crate::support::moto;
use crate::support::nginx;

/// Prepares a run that waits for nothing between its tries.
fn command(world: &TestEnv, variables: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = world.command(arguments);
    command.env("PACKS_HTTP_BACKOFF_MS", "0").env("PACKS_HTTP_RETRIES", "2").envs(variables.iter().cloned());
    command
}

/// Writes packs.toml with a registry at an address.
fn manifest(world: &TestEnv, address: &str, rest: &str) {
    world.write("packs.toml", &format!("[project]\nname = \"demo\"\n\n[registries]\ndefault = \"{address}\"\n\n{rest}"));
}

#[test]
fn eight_publishers_into_one_bucket_lose_nothing() {
    let Some(moto) = moto() else { return };
    moto.make_bucket("publishers");
    let world = TestEnv::new();
    let registry = "s3://publishers/main";
    let archives: Vec<_> =
        (0..8).map(|minor| world.build(&Pack::new("kanban", &format!("1.{minor}.0")).file("docs/README.md", &format!("board {minor}\n")))).collect();
    let publish = |archive: &Path| {
        let mut command = command(&world, &moto.variables(), &["publish", "--registry", registry]);
        command.arg(archive).spawn().expect("it starts")
    };
    let running: Vec<_> = archives.iter().map(|archive| publish(archive)).collect();
    for mut process in running {
        assert!(process.wait().expect("it ends").success());
    }
    // A colleague who has nothing but the address.
    let colleague = TestEnv::new();
    manifest(&colleague, registry, "[packages]\nkanban = \"*\"\n");
    colleague.run(&mut command(&colleague, &moto.variables(), &["switch"])).succeeds();
    assert_eq!(colleague.read(".packs/active/packs/kanban/docs/README.md"), "board 7\n");
    for minor in 0..8 {
        let range = format!("[packages]\nkanban = \"=1.{minor}.0\"\n");
        manifest(&colleague, registry, &range);
        colleague.run(&mut command(&colleague, &moto.variables(), &["lock"])).succeeds();
    }
    let again = world.run(command(&world, &moto.variables(), &["publish", "--registry", registry]).arg(&archives[0]));
    again.succeeds().prints("is published already");
}

#[test]
fn a_project_lives_on_a_web_server() {
    let Some(nginx) = nginx() else { return };
    let world = TestEnv::with_kanban();
    symlink(world.registry(), nginx.root().join("living")).expect("linked");
    manifest(&world, &format!("{}/living", nginx.address()), "[packages]\nkanban = \"~2.0\"\n");
    world.run(&mut command(&world, &[], &["switch"])).succeeds();
    assert!(world.has(".packs/active/bin/kanban"));
    let archive = world.build(&Pack::new("other", "1.0.0").file("a", "b"));
    let address = format!("{}/living", nginx.address());
    let refused = world.run(command(&world, &[], &["publish", "--registry", &address]).arg(archive));
    refused.fails(2).says("is read only").says("hint: publish to the directory or bucket behind it");
}

#[test]
fn failures_of_the_network_have_their_exit_codes_and_hints() {
    let world = TestEnv::with_kanban();
    let server = FaultServer::start(&world.registry(), vec![]);
    manifest(&world, &server.address(), "[packages]\nkanban = \"~2.0\"\n");
    let check = |fault: Fault, code: i32, says: &[&str]| {
        server.set_rules(vec![Rule::always("", fault.clone())]);
        let failed = world.run(&mut command(&world, &[], &["lock"])).fails(code);
        for text in says {
            assert!(failed.stderr.contains(text), "{fault:?} does not say {text:?}:\n{}", failed.stderr);
        }
        assert!(!world.has("packs.lock"), "{fault:?}");
    };
    let status = |status| Fault::Status(status, vec![]);
    check(status(401), 6, &["wants credentials for", "hint: packs sends what PACKS_TOKEN_127_0_0_1_", "nothing was sent"]);
    check(status(403), 6, &["does not allow access to"]);
    check(status(500), 6, &["answers with status 500 (Internal Server Error)"]);
    check(Fault::Status(429, vec![("Retry-After", "3600".into())]), 6, &["and wants us to wait 3600 s", "hint: try again later"]);
    check(Fault::NoAnswer, 6, &["broke"]);
    check(Fault::Endless, 5, &["is larger than"]);
    check(Fault::Labelled("br"), 5, &["arrives encoded as br", "hint: something between here and the server"]);
    check(Fault::Redirect(302, "/again".into()), 5, &["redirects more than 10 times"]);
    server.set_rules(vec![]);
    world.run(&mut command(&world, &[], &["lock"])).succeeds();
}

#[test]
fn no_secret_is_printed_or_kept() {
    let world = TestEnv::with_kanban();
    let server = FaultServer::start(&world.registry(), vec![]);
    manifest(&world, &(server.address() + "?sig=hunter3"), "[packages]\nkanban = \"~2.0\"\n");
    let netrc = world.root().join("netrc");
    fs::write(&netrc, "machine 127.0.0.1 login kim password hunter2\n").expect("written");
    let variables = [("NETRC".to_owned(), netrc.display().to_string()), ("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter5".to_owned())];
    let run = |arguments: &[&str]| {
        let ran = world.run(&mut command(&world, &variables, arguments));
        let said = format!("{}{}", ran.raw_stdout, ran.stderr);
        assert!(!said.contains("hunter"), "{arguments:?}: {said}");
        ran.code
    };
    assert_eq!(run(&["switch", "-vv"]), Some(0));
    assert_eq!(server.requests()[0].header("authorization"), Some("Basic a2ltOmh1bnRlcjI="));
    assert!(server.requests()[0].target.ends_with("?sig=hunter3"), "{:?}", server.requests()[0]);
    let typed = server.address().replace("://", "://kim:hunter9@") + "?sig=hunter10";
    for arguments in [["search", "kanban", "--registry", &typed, "--json"], ["search", "kanban", "-vv", "--registry", &typed]] {
        assert_eq!(run(&arguments), Some(0));
    }
    for fault in [Fault::Status(401, vec![]), Fault::NoAnswer, Fault::Status(500, vec![]), Fault::Redirect(302, "http://a.example.invalid:1/?hunter6".into())] {
        server.set_rules(vec![Rule::always("", fault)]);
        assert_ne!(run(&["lock", "--json", "-vv", "--upgrade"]), Some(0));
        assert_ne!(run(&["update", "-vv"]), Some(0));
    }
    let archive = world.build(&Pack::new("other", "1.0.0").file("a", "b")).display().to_string();
    for registry in [server.address(), "http://packs.example.invalid".to_owned(), "s3://bucket".to_owned()] {
        let registry = registry.replace("://", "://kim:hunter7@") + "/main?sig=hunter8";
        assert_ne!(run(&["publish", "-vv", "--registry", &registry, &archive]), Some(0));
    }
    drop(server);
    assert_ne!(run(&["update", "-vv"]), Some(0));
    for command in [&["config"][..], &["config", "--json"], &["audit"], &["audit", "--json"], &["status"], &["history"]] {
        run(command);
    }
    // What a person wrote into packs.toml stands there, and in the copies that generations keep of it.
    let mut kept = [files_with(&world.home(), b"hunter"), files_with(&world.project(), b"hunter")].concat();
    kept.retain(|path| !path.ends_with("packs.toml"));
    assert!(kept.is_empty(), "{kept:?}");
}

/// Names the files below a directory that hold some bytes.
fn files_with(directory: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = vec![];
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            found.extend(files_with(&path, bytes));
        } else if fs::read(&path).is_ok_and(|content| content.windows(bytes.len()).any(|window| window == bytes)) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[test]
fn a_command_without_need_of_the_network_starts_none() {
    let world = TestEnv::with_kanban();
    let wrong = [("HTTPS_PROXY".to_owned(), "no proxy at all".to_owned()), ("SSL_CERT_FILE".to_owned(), "/nothing/here".to_owned())];
    world.run(&mut command(&world, &wrong, &["switch"])).succeeds();
    manifest(&world, "https://packs.example.invalid", "[packages]\nkanban = \"~2.0\"\n");
    let refused = world.run(&mut command(&world, &wrong, &["update"]));
    refused.fails(2).says("cannot read /nothing/here");
    // The setting has a variable of its own: neither hides the other.
    let both = [wrong[1].clone(), ("PACKS_HTTP_CA_CERTIFICATES".to_owned(), "/nothing/there".to_owned())];
    world.run(&mut command(&world, &both, &["update"])).fails(2).says("cannot read /nothing/there");
    let shown = world.run(&mut command(&world, &wrong, &["config", "http.ca-certificates"])).succeeds();
    assert_eq!(shown.stdout, "");
}

#[test]
fn a_registry_lives_in_the_buckets_of_other_clouds() {
    for cloud in [Cloud::google(), Cloud::azure()] {
        let (world, registry) = (TestEnv::new(), cloud.address(BUCKET));
        let run = |arguments: &[&str]| world.run(&mut command(&world, &cloud.variables(), arguments));
        run(&["registry", "init", &registry]).succeeds().prints("is a registry now, named prefix");
        for version in ["1.0.0", "1.1.0"] {
            let archive = world.build(&Pack::new("kanban", version).file("docs/README.md", version));
            run(&["publish", "--registry", &registry, archive.to_str().expect("UTF-8")]).succeeds();
        }
        run(&["yank", "kanban@1.1.0", "--registry", &registry]).succeeds();
        run(&["registry", "check", &registry]).succeeds().prints("good: checked 1 pack, 2 releases, 2 archives");
        manifest(&world, &registry, "[packages]\nkanban = \"1\"\n");
        run(&["switch"]).succeeds();
        assert_eq!(world.read(".packs/active/packs/kanban/docs/README.md"), "1.0.0");
        run(&["search", "kanban"]).succeeds().prints("kanban  1.0.0");
        let missing = run(&["registry", "init", &cloud.address("no-such-bucket")]).fails(6);
        missing.says("there is no bucket for").says("no-such-bucket/prefix").says("hint: check the name; packs makes no buckets, `");
        assert!(!missing.stderr.contains("hunter2") && !missing.stderr.contains("aHVudGVyMg"), "{}", missing.stderr);
    }
}

#[test]
fn a_bucket_without_an_account_names_what_is_missing() {
    let world = TestEnv::new();
    manifest(&world, "az://packs/main", "[packages]\nkanban = \"1\"\n");
    let refused = world.run(&mut command(&world, &[], &["lock"])).fails(6);
    refused.says("hint: set AZURE_STORAGE_ACCOUNT_NAME, which is part of the address, and AZURE_STORAGE_ACCOUNT_KEY");
    assert!(!refused.stderr.contains("AWS"), "{}", refused.stderr);
}
