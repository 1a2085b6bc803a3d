//! `packs config`, and what settings do
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::fs;

use crate::support::TestEnv;

/// Writes the user's settings file of a world.
fn user_config(world: &TestEnv, text: &str) {
    write(world, "user/.config/packs/config.toml", text);
}

fn write(world: &TestEnv, path: &str, text: &str) {
    let path = world.root().join(path);
    fs::create_dir_all(path.parent().expect("below the world")).expect("made");
    fs::write(path, text).expect("written");
}

#[test]
fn every_setting_is_shown_with_who_said_so() {
    let world = TestEnv::new();
    write(&world, "system/config.toml", "jobs = 1\n\n[http]\nretries = 1\nca-certificates = \"/etc/acme.pem\"\n");
    user_config(
        &world,
        "wait = 60\n\n[http]\nretries = 2\n\n[[mirrors]]\nfrom = \"https://packs.example.org/\"\nto = [\"https://near.example.org/packs\"]\nonly = true\n",
    );
    let mut command = world.command(["config", "--wait", "5"]);
    command.env("PACKS_HTTP_TIMEOUT", "7s").env("AWS_SECRET_ACCESS_KEY", "geheim").env("HTTPS_PROXY", "http://ana:geheim@proxy:3128");
    let shown = world.run(&mut command).succeeds();
    assert!(!shown.stdout.contains("geheim"), "{}", shown.stdout);
    // How wide a column is depends on where the test runs.
    let narrow = regex::Regex::new("  +").expect("a pattern").replace_all(&shown.stdout, "  ").into_owned();
    insta::assert_snapshot!(narrow, @"
     setting  value  said by
     home  [HOME]  PACKS_HOME
     jobs  1  [ROOT]/system/config.toml:1
     wait  5  --wait
     offline  false  default
     color  auto  default
     progress  true  default
     http.connections  16  default
     http.connect-timeout  10s  default
     http.timeout  7s  PACKS_HTTP_TIMEOUT
     http.retries  2  [ROOT]/user/.config/packs/config.toml:4
     http.backoff-ms  500  default
     http.ca-certificates  /etc/acme.pem  [ROOT]/system/config.toml:5
     gc.keep  10  default
     gc.older-than  30d  default
     limits.unpacked-bytes-max  20G  default
     limits.unpacked-ratio-max  1000  default
     limits.unpacked-ratio-free-bytes  64M  default
     limits.entries-max  1000000  default
     limits.manifest-bytes-max  64M  default
     limits.json-depth-max  64  default
     limits.window-bytes-max  32M  default
     limits.extension-bytes-max  1M  default
     limits.padding-bytes-max  1M  default
     limits.link-steps-max  10000000  default
     limits.side-file-bytes-max  4K  default
    mirror of https://packs.example.org/: https://near.example.org/packs, and nowhere else ([ROOT]/user/.config/packs/config.toml:7)
    variables for the network that are set: AWS_SECRET_ACCESS_KEY, HTTPS_PROXY
    settings files: [ROOT]/system/config.toml, [ROOT]/user/.config/packs/config.toml
    ");
}

#[test]
fn one_setting_is_printed_alone() {
    let world = TestEnv::new();
    assert_eq!(world.packs(["config", "http.retries"]).succeeds().stdout, "4\n");
    assert_eq!(world.packs(["config", "home"]).succeeds().stdout, "[HOME]\n");
    assert_eq!(world.packs(["config", "http.ca-certificates"]).succeeds().stdout, "");
    world.packs(["config", "http.retires"]).fails(9).says("did you mean http.retries?");
}

#[test]
fn mirrors_are_printed_alone_and_names_are_guessed() {
    let world = TestEnv::new();
    user_config(&world, "[[mirrors]]\nfrom = \"https://a/\"\nto = [\"file:/srv/a\"]\n");
    world.packs(["config", "mirrors"]).succeeds().prints("mirror of https://a/: file:/srv/a (");
    let told = world.packs(["config", "mirrors", "--json"]).succeeds().json();
    assert_eq!((told["mirrors"][0]["only"].as_bool(), told["settings"].as_array().map(Vec::len)), (Some(false), Some(0)));
    for (typed, meant) in [("mirors", "mirrors"), ("jbos", "jobs"), ("timeout", "http.timeout"), ("http.timeot", "http.timeout")] {
        world.packs(["config", typed]).fails(9).says(&format!("no setting {typed}")).says(&format!("hint: did you mean {meant}?"));
    }
    assert!(!world.packs(["config", "zebra"]).fails(9).stderr.contains("did you mean"));
}

#[test]
fn a_settings_file_with_a_fault_is_refused_at_its_line() {
    let world = TestEnv::with_kanban();
    user_config(&world, "[http]\nretires = 2\n");
    insta::assert_snapshot!(world.packs(["list"]).fails(2).stderr, @"
    error: unknown key `retires` in [http], expected one of connections, connect-timeout, timeout, retries, backoff-ms, ca-certificates
     --> [ROOT]/user/.config/packs/config.toml:2:1
      |
    2 | retires = 2
      | ^^^^^^^ did you mean `retries`?
    ");
    user_config(&world, "");
    let mut command = world.command(["list"]);
    insta::assert_snapshot!(world.run(command.env("PACKS_GC_KEEP", "some")).fails(2).stderr, @r#"error: PACKS_GC_KEEP is "some", expected a whole number"#);
}

#[test]
fn a_variable_counts_before_a_file_and_a_flag_before_both() {
    let world = TestEnv::new();
    user_config(&world, "offline = true\nprogress = false\n");
    let offline = |command: &mut std::process::Command| world.run(command).succeeds().stdout;
    assert_eq!(offline(&mut world.command(["config", "offline"])), "true\n");
    assert_eq!(offline(world.command(["config", "offline"]).env("PACKS_OFFLINE", "0")), "false\n");
    assert_eq!(offline(world.command(["config", "offline", "--offline"]).env("PACKS_OFFLINE", "0")), "true\n");
    assert_eq!(offline(world.command(["config", "progress"]).env("PACKS_NO_PROGRESS", "0")), "true\n");
}

#[test]
fn settings_reach_what_they_are_about() {
    let world = TestEnv::with_kanban();
    user_config(&world, "[limits]\nentries-max = 1\n");
    world.packs(["switch"]).fails(5).says("limits.entries-max");
    user_config(&world, "[gc]\nkeep = 0\nolder-than = \"0s\"\n");
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["uninstall", "snippets"]).succeeds();
    let kept = |arguments: &[&str]| world.packs(arguments).succeeds().json()["generations"].as_array().expect("a list").len();
    assert!(kept(&["gc", "-n", "--json"]) > kept(&["gc", "-n", "--keep", "10", "--json"]));
}
