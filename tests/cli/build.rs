//! `packs build`, and what it has in common with `packs publish`
#![allow(clippy::disallowed_methods, reason = "tests look at and tamper with their world on the disk, and start real peers")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::support::Checked;
use crate::support::Pack;
use crate::support::TestEnv;

const HEAD: &str = "[pack]\nname = \"kanban\"\nversion = \"1.0.0\"\n";

/// Writes a file of a source directory in the project.
fn write(world: &TestEnv, path: &str, text: &str) -> PathBuf {
    world.write(path, text);
    world.project().join(path)
}

/// Copies the real generator packs into the project.
fn generator_packs(world: &TestEnv) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generator-packs");
    let copied = Command::new("cp").arg("-R").arg(source).arg(world.project().join("packages")).status();
    assert!(copied.expect("cp starts").success());
}

/// Runs a peer in a directory and gives what it printed.
fn peer(directory: &Path, program: &str, arguments: &[&str]) -> Option<String> {
    let ran = match Command::new(program).args(arguments).current_dir(directory).output() {
        Ok(ran) => ran,
        Err(error) if std::env::var_os("PACKS_REQUIRE_PEERS").is_none() => {
            println!("NOT RUN: needs {program} ({error})");
            return None;
        }
        Err(error) => panic!("{program}: {error}"),
    };
    assert!(ran.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8_lossy(&ran.stdout).into_owned())
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory).expect("there").map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect();
    names.sort();
    names
}

fn manifest_of(world: &TestEnv, archive: &str) -> serde_json::Value {
    let text = peer(&world.project(), "sh", &["-c", &format!("zstd -dc {archive} | tar xO MANIFEST.json")]).expect("sh is there");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn the_same_source_gives_the_same_bytes() {
    let (one, two) = (TestEnv::new(), TestEnv::new());
    let pack = Pack::new("kanban", "1.0.0").command("kanban", "#!/bin/sh\n").file("a b/ü.md", "text\n");
    assert_eq!(fs::read(one.build(&pack)).expect("there"), fs::read(two.build(&pack)).expect("there"));
}

#[test]
fn neither_threads_nor_place_nor_umask_nor_time_zone_change_a_byte() {
    let world = TestEnv::new();
    let content = "line of text\n".repeat(50_000);
    let mut built = Vec::new();
    for (place, umask, jobs, zone, locale) in [
        ("one", "022", "1", "UTC", "C"),
        ("another place/deeper", "077", "4", "Asia/Tokyo", "de_DE.UTF-8"),
        ("third", "000", "2", "America/St_Johns", "C.UTF-8"),
    ] {
        let source = world.root().join(place);
        let script = format!(
            "umask {umask}; mkdir -p '{0}/bin' '{0}/a b' '{0}/empty'; printf '{1}' > '{0}/pack.toml'; cat > '{0}/a b/ü.md'; echo x > '{0}/bin/x'; chmod u+x '{0}/bin/x'; ln -s 'a b' '{0}/link'",
            source.display(),
            HEAD.replace('\n', "\\n")
        );
        let mut child = Command::new("sh").args(["-c", &script]).stdin(std::process::Stdio::piped()).spawn().expect("sh starts");
        std::io::Write::write_all(&mut child.stdin.take().expect("piped"), content.as_bytes()).expect("taken");
        assert!(child.wait().expect("ended").success());
        let out = world.root().join(format!("out-{umask}"));
        let program = env!("CARGO_BIN_EXE_packs");
        let script = format!("umask {umask}; exec '{program}' build '{}' --out '{}' -j {jobs}", source.display(), out.display());
        let mut command = world.command(["--version"]);
        let environment: Vec<_> = command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
        command = Command::new("sh");
        command.env_clear().envs(environment).env("TZ", zone).env("LC_ALL", locale).args(["-c", &script]);
        world.run(&mut command).succeeds();
        built.push(fs::read(out.join("kanban-1.0.0.tar.zst")).expect("built"));
    }
    assert!(built.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", built.iter().map(Vec::len).collect::<Vec<_>>());
}

#[test]
fn check_builds_twice_and_compares() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    write(&world, "kanban/a.md", "a");
    world.packs(["build", "kanban", "--check"]).succeeds().prints("twice with the same bytes");
    let ran = world.packs(["build", "kanban", "--check", "--json"]).succeeds();
    assert_eq!(ran.json()["archives"][0]["reproduced"], true);
    world.packs(["build", "kanban", "--check", "-n"]).fails(2);
}

#[test]
fn sha256sum_tar_and_bsdtar_agree() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    for (path, mode) in [("bin/run", 0o711), ("docs/a.md", 0o640), ("secret", 0o600), ("a b/ü – x.md", 0o666), ("set", 0o4755)] {
        let file = write(&world, &format!("kanban/{path}"), path);
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("set");
    }
    fs::create_dir_all(world.project().join("kanban/empty/inner")).expect("made");
    symlink("docs/a.md", world.project().join("kanban/latest")).expect("linked");
    for (form, archive) in [("tar.zst", "kanban-1.0.0.tar.zst"), ("tar.gz", "kanban-1.0.0.tar.gz")] {
        world.packs(["build", "kanban", "--format", form]).succeeds();
        let dist = world.project().join("dist");
        let Some(checked) = peer(&dist, "sha256sum", &["-c", &format!("{archive}.sha256")]) else { return };
        assert_eq!(checked, format!("{archive}: OK\n"));
        let mut extracted = Vec::new();
        for tar in ["tar", "bsdtar"] {
            let place = dist.join(format!("{tar}-{form}"));
            fs::create_dir(&place).expect("made");
            if peer(&place, tar, &["-xpf", &format!("../{archive}")]).is_none() {
                return;
            }
            let listed = peer(&place, "find", &[".", "-printf", "%P %y %m %T@ %l\\n"]).expect("find is there");
            let mut lines: Vec<String> = listed.lines().skip(1).map(str::to_owned).collect();
            // Directories that hold something are implied by their files: their mode and time are the unpacker's.
            lines.retain(|line| line.contains(" f ") || line.contains("empty/inner"));
            lines.sort();
            extracted.push(lines);
        }
        assert_eq!(extracted[0], extracted[1]);
        let modes: Vec<_> = extracted[0].iter().map(|line| line.split(" 1767225600").next().expect("a mode").to_owned()).collect();
        assert_eq!(
            modes,
            [
                "MANIFEST.json f 644",
                "kanban/a b/ü – x.md f 644",
                "kanban/bin/run f 755",
                "kanban/docs/a.md f 644",
                "kanban/empty/inner d 755",
                "kanban/secret f 644",
                "kanban/set f 755"
            ]
        );
        assert_eq!(fs::read_link(dist.join(format!("bsdtar-{form}/kanban/latest"))).expect("a link"), Path::new("docs/a.md"));
    }
}

#[test]
fn every_form_of_generator_packs_is_built() {
    let world = TestEnv::new();
    generator_packs(&world);
    let ran = world.packs(["build", "--all", "packages", "--json"]).succeeds();
    let built = ran.json();
    let told: Vec<String> = built["archives"].as_array().expect("a list").iter().flat_map(told).collect();
    insta::assert_snapshot!(told.join("\n"));
    assert_eq!(built["without_packs"].as_array().map(Vec::len), Some(1), "notification-messaging-hub has neither");
    peer(&world.project().join("dist"), "sha256sum", &["-c", "checksums.txt"]);
    world.packs(["verify", "dist/checksums.txt"]).succeeds().prints("checked 6 archives");
    // Built again from elsewhere, nothing is written.
    let again = world.packs(["build", "--all"]).succeeds();
    assert_eq!(again.stdout.matches("unchanged ").count(), 6, "{}", again.stdout);
}

/// Tells of an archive what its manifest and the notes say.
fn told(archive: &serde_json::Value) -> Vec<String> {
    let world = TestEnv::new();
    let manifest = manifest_of(&world, &format!("'{}'", archive["path"].as_str().expect("a path")));
    let mut lines = vec![format!("{} {}", manifest["name"].as_str().expect("a name"), manifest["version"].as_str().expect("a version"))];
    for key in ["framework", "license", "authors", "repository", "homepage", "keywords", "requires", "extras", "bin"] {
        lines.extend(manifest.get(key).map(|value| format!("  {key}: {value}")));
    }
    for note in archive["notes"].as_array().expect("a list") {
        lines.push(format!("  note at line {}: {}", note["at"]["line"], note["text"].as_str().expect("a text")));
    }
    lines
}

#[test]
fn faults_of_a_package_toml_say_what_to_change() {
    let mut all = Vec::new();
    let world = TestEnv::new();
    write(
        &world,
        "kanban/package.toml",
        "[package]\nname = \"My Great Pack\"\nversion = \"1\"\ndependencies = [\"Foo Bar\", \"ok@^1\", \"ok\", \"no@what\", 7]\n\n[requires]\nFoo = \"^1\"\nfine = { version = \"nope\" }\n",
    );
    all.push(world.packs(["build", "kanban"]).fails(2).stderr);
    write(&world, "kanban/package.toml", "[package\nname = \"kanban\"\nversion = \"1.0.0\"\n");
    all.push(world.packs(["build", "kanban"]).fails(2).stderr);
    write(&world, "kanban/package.toml", "name = \"kanban\"\n");
    all.push(world.packs(["build", "kanban"]).fails(2).stderr);
    write(&world, "kanban/package.toml", "[package]\n\n[dependencies]\n");
    all.push(world.packs(["build", "kanban"]).fails(2).stderr);
    world.packs(["build", "kanban", "--name", "kanban", "--version", "1.0.0"]).succeeds();
    write(&world, "kanban/package.toml", "[package]\nname = \"My Pack\"\nversion = \"1.0.0\"\n");
    world.packs(["build", "kanban", "--name", "my-pack"]).succeeds().prints("is one for people: the pack is called my-pack");
    assert_eq!(manifest_of(&world, "dist/my-pack-1.0.0.tar.zst")["framework"], "My Pack");
    insta::assert_snapshot!(all.concat());
}

#[test]
fn pack_toml_counts_before_others_and_they_are_packed() {
    let world = TestEnv::new();
    for (file, name) in [("package.toml", "third"), ("gpack.toml", "second"), ("pack.toml", "first")] {
        let head = if file == "pack.toml" { "pack" } else { "package" };
        write(&world, &format!("kanban/{file}"), &format!("[{head}]\nname = \"{name}\"\nversion = \"1.0.0\"\n"));
        world.packs(["build", "kanban"]).succeeds().prints(&format!("{name}-1.0.0.tar.zst"));
    }
    let files = manifest_of(&world, "dist/first-1.0.0.tar.zst")["files"].to_string();
    assert!(files.contains("gpack.toml") && files.contains("package.toml") && !files.contains("\"pack.toml"), "{files}");
}

#[test]
fn a_directory_without_declaration_says_the_rest_itself() {
    let world = TestEnv::new();
    write(&world, "text-tools/VERSION", "v1.2.0\n");
    write(&world, "text-tools/README.md", "# Text *tools*\n\n[![ci](x)](y)\n\nSmall tools\nfor text.\n\nMore.\n");
    let license = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("there");
    write(&world, "text-tools/LICENSE-MIT", &license("LICENSE-MIT"));
    write(&world, "text-tools/LICENSE-APACHE", &license("LICENSE-APACHE"));
    let ran = world.packs(["build", "text-tools"]).succeeds();
    insta::assert_snapshot!(ran.stdout);
    let manifest = manifest_of(&world, "dist/text-tools-1.2.0.tar.zst");
    let said = ["name", "version", "framework", "description", "license"].map(|key| manifest[key].as_str().expect("a text").to_owned());
    assert_eq!(said, ["text-tools", "1.2.0", "Text tools", "Small tools for text.", "Apache-2.0 OR MIT"]);
    write(&world, "text-tools/LICENSE-EXTRA", "You may look at it.\n");
    let ran = world.packs(["build", "text-tools"]).succeeds();
    ran.prints("no licence is recognised in LICENSE-EXTRA: write `license` in pack.toml");
    assert!(manifest_of(&world, "dist/text-tools-1.2.0.tar.zst").get("license").is_none());
}

#[test]
fn what_is_said_about_a_pack_is_never_read_through_a_link() {
    for name in ["pack.toml", "gpack.toml", "package.toml", "VERSION", ".packsignore"] {
        let world = TestEnv::new();
        let secret = write(&world, "netrc", "machine example.org password hunter2\n");
        write(&world, "m/file", "text\n");
        std::os::unix::fs::symlink(secret, world.project().join("m").join(name)).expect("linked");
        if name == ".packsignore" {
            write(&world, "m/VERSION", "1.0.0\n");
        }
        let refused = world.packs(["build", "m"]).fails(2);
        refused.says(&format!("m/{name} is a symbolic link; ")).says("hint: put a copy of the file in the place of the link");
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
}

#[test]
fn what_nothing_says_is_asked_for() {
    let mut all = Vec::new();
    let world = TestEnv::new();
    fs::create_dir_all(world.project().join("My Pack")).expect("made");
    all.push(world.packs(["build", "My Pack"]).fails(2).stderr);
    all.push(world.packs(["build", "My Pack", "--name", "my-pack"]).fails(9).stderr);
    write(&world, "My Pack/VERSION", "one\ntwo\n");
    all.push(world.packs(["build", "My Pack", "--name", "my-pack"]).fails(2).stderr);
    world.packs(["build", "My Pack", "--name", "my-pack", "--version", "1.0.0-rc.1", "--platform", "linux-x86_64"]).succeeds();
    assert_eq!(names(&world.project().join("dist"))[0], "my-pack-1.0.0-rc.1-linux-x86_64.tar.zst");
    all.push(world.packs(["build", "nowhere"]).fails(9).stderr);
    all.push(world.packs(["build", "--all", "My Pack"]).fails(9).stderr);
    insta::assert_snapshot!(all.concat());
}

#[test]
fn an_unchanged_pack_is_left_as_it_is() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    let file = write(&world, "kanban/a.md", "one");
    let archive = world.project().join("dist/kanban-1.0.0.tar.zst");
    world.packs(["build", "kanban"]).succeeds().prints("built ");
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).expect("there"));
    let first = inode(&archive);
    let ran = world.packs(["build", "kanban", "--json"]).succeeds().json();
    assert_eq!((ran["archives"][0]["unchanged"].as_bool(), inode(&archive)), (Some(true), first));
    assert!(ran["archives"][0]["sha256"].is_string());
    world.packs(["build", "kanban", "-n"]).succeeds().prints("unchanged ");
    world.packs(["build", "kanban", "--force"]).succeeds().prints("built ");
    assert_ne!(inode(&archive), first);
    world.packs(["build", "kanban", "--level", "3"]).succeeds().prints("built ");
    let bytes = fs::read(&archive).expect("there");
    // Whatever is not proven to be the same is written anew: another file, another mode, other bytes, a side file that is gone.
    fs::write(&file, "two").expect("written");
    world.packs(["build", "kanban", "-n"]).succeeds().prints("would build ");
    world.packs(["build", "kanban"]).succeeds().prints("built ");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("set");
    world.packs(["build", "kanban"]).succeeds().prints("built ");
    fs::write(&archive, &bytes).expect("written");
    world.packs(["build", "kanban"]).succeeds().prints("built ");
    fs::remove_file(world.project().join("dist/kanban-1.0.0.tar.zst.sha256")).expect("removed");
    world.packs(["build", "kanban"]).succeeds().prints("built ");
    world.packs(["build", "kanban"]).succeeds().prints("unchanged ");
}

#[test]
fn one_that_is_refused_does_not_keep_the_others_back() {
    let world = TestEnv::new();
    for name in ["a", "c"] {
        write(&world, &format!("packs/{name}/pack.toml"), &HEAD.replace("kanban", name));
    }
    write(&world, "packs/b/pack.toml", "[pack]\nname = \"B\"\n");
    let ran = world.packs(["build", "--all", "packs"]).fails(2);
    ran.says("\"B\" is not a valid pack name").says("packs/b/pack.toml:2:8");
    assert_eq!(names(&world.project().join("dist")).len(), 4, "two archives, no list of an incomplete set");
    let ran = world.packs(["build", "--all", "packs", "--json"]).fails(2).json();
    assert_eq!((ran["archives"].as_array().map(Vec::len), ran["refused"][0]["failure"]["code"].as_str()), (Some(2), Some("source-invalid")));
}

#[test]
fn two_packs_with_one_archive_name_are_refused_before_anything_is_written() {
    let mut all = Vec::new();
    let world = TestEnv::new();
    write(&world, "one/pack.toml", HEAD);
    write(&world, "two/pack.toml", HEAD);
    all.push(world.packs(["build", "one", "two"]).fails(2).stderr);
    assert!(!world.has("dist"));
    world.packs(["build", "one", "./one/"]).succeeds();
    all.push(world.packs(["build", "one", "two", "--name", "three"]).fails(2).stderr);
    insta::assert_snapshot!(all.concat());
}

#[test]
fn where_the_archives_go_is_never_packed() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    write(&world, "kanban/dist/other.txt", "there before");
    let build = |arguments: &[&str]| world.run(world.command([&["build"], arguments].concat()).current_dir(world.project().join("kanban")));
    build(&[]).succeeds();
    build(&["--force"]).succeeds();
    assert_eq!(manifest_of(&world, "kanban/dist/kanban-1.0.0.tar.zst")["files"].as_array().map(Vec::len), Some(0));
    insta::assert_snapshot!(build(&["--out", "."]).fails(2).stderr);
}

#[test]
fn what_cannot_be_packed_is_all_named() {
    let world = TestEnv::new();
    let source = world.project().join("kanban");
    write(&world, "kanban/pack.toml", HEAD);
    write(&world, "outside", "x");
    write(&world, "kanban/README", "a");
    write(&world, "kanban/readme", "b");
    symlink("../outside", source.join("leaves")).expect("linked");
    symlink("/etc/passwd", source.join("absolute")).expect("linked");
    symlink("nothing", source.join("dangling")).expect("linked");
    assert!(Command::new("mkfifo").arg(source.join("pipe")).status().expect("mkfifo starts").success());
    let _socket = std::os::unix::net::UnixListener::bind(source.join("socket")).expect("bound");
    insta::assert_snapshot!(world.packs(["build", "kanban"]).fails(2).stderr);
    assert!(!world.has("dist"));
    write(&world, "kanban/.packsignore", "leaves\nabsolute\ndangling\npipe\nsocket\nreadme\n");
    world.packs(["build", "kanban"]).succeeds();
}

#[test]
fn unreadable_files_are_named() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    let closed = write(&world, "kanban/closed/secret", "x");
    let secret = write(&world, "kanban/secret", "x");
    // Root reads everything: then somebody else builds.
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|ran| ran.stdout == b"0\n");
    let mut command = world.command(["build", "kanban", "--out"]);
    command.arg(world.root().join("out"));
    if is_root {
        fs::set_permissions(world.root(), fs::Permissions::from_mode(0o777)).expect("set");
        command.uid(65534).gid(65534);
    }
    fs::set_permissions(closed.parent().expect("closed"), fs::Permissions::from_mode(0o000)).expect("set");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).expect("set");
    let ran = world.run(&mut command).fails(2);
    fs::set_permissions(closed.parent().expect("closed"), fs::Permissions::from_mode(0o755)).expect("set");
    insta::assert_snapshot!(ran.stderr);
}

#[test]
fn empty_directories_and_odd_names_are_kept() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    for name in ["a b/c d", "ü/ß", "日本語/ファイル", "-dash", "'quote'", "*star", "tab\u{a0}nbsp", "dots...x", "#hash"] {
        write(&world, &format!("kanban/{name}"), name);
    }
    fs::create_dir_all(world.project().join("kanban/empty/deeper")).expect("made");
    world.packs(["build", "kanban"]).succeeds();
    world.packs(["verify", "dist/kanban-1.0.0.tar.zst"]).succeeds();
    let files = manifest_of(&world, "dist/kanban-1.0.0.tar.zst")["files"].to_string();
    assert!(files.contains("日本語/ファイル") && files.contains("empty/deeper"), "{files}");
    if peer(&world.project(), "tar", &["-xf", "dist/kanban-1.0.0.tar.zst"]).is_some() {
        assert_eq!(world.read("kanban/日本語/ファイル"), "日本語/ファイル");
    }
}

#[test]
fn levels_are_those_of_the_form() {
    let mut all = Vec::new();
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    write(&world, "kanban/a.md", &"text of a board\n".repeat(2000));
    let size = |arguments: &[&str]| {
        let ran: Checked = world.packs([&["build", "kanban", "--json"], arguments].concat()).succeeds();
        ran.json()["archives"][0]["size"].as_u64().expect("a size")
    };
    assert!(size(&["--level", "19"]) <= size(&["--level", "1"]));
    assert!(size(&["--archive-format", "tar.gz", "--level", "9"]) <= size(&["--archive-format", "tar.gz", "--level", "1"]));
    all.push(world.packs(["build", "kanban", "--level", "23"]).fails(2).stderr);
    all.push(world.packs(["build", "kanban", "--archive-format", "tar.gz", "--level", "12"]).fails(2).stderr);
    insta::assert_snapshot!(all.concat());
}

#[test]
fn what_every_reader_would_refuse_is_not_written() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    fs::File::create(world.project().join("kanban/zeros")).expect("made").set_len(80 << 20).expect("sparse");
    insta::assert_snapshot!(world.packs(["build", "kanban"]).fails(2).stderr);
    assert_eq!(names(&world.project().join("dist")), [""; 0]);
}

#[test]
fn a_license_that_is_none_is_noted() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", &format!("{HEAD}license = \"Apache 2\"\n"));
    world.packs(["build", "kanban"]).succeeds().prints("is no SPDX expression");
}

#[test]
fn what_a_killed_build_left_is_swept_by_the_next() {
    let world = TestEnv::new();
    write(&world, "kanban/pack.toml", HEAD);
    world.packs(["build", "kanban"]).succeeds();
    let dist = world.project().join("dist");
    let name = fs::read_dir(&dist).expect("there").map(|entry| entry.expect("an entry").file_name().into_string().expect("text"));
    let archive = name.into_iter().find(|name| name.ends_with(".tar.zst")).expect("built");
    let [left, others, held] = ["0123456789abcdfg", "part", "0000000000000000"].map(|id| dist.join(format!(".{archive}.{id}")));
    for path in [&left, &others, &held] {
        fs::write(path, "half").expect("written");
    }
    let lock = fs::File::open(&held).expect("there");
    lock.lock().expect("locked");
    world.packs(["build", "kanban", "--force"]).succeeds();
    assert!(!left.exists(), "nobody is at work on it");
    assert!(others.exists() && held.exists(), "another's file, and one that somebody is writing");
}

#[test]
fn a_form_of_archives_that_is_not_written_is_refused_with_those_that_are() {
    TestEnv::new().packs(["build", "--format", "tar.xz"]).fails(2).says("tar.zst, tar.gz");
}

#[test]
fn publishing_the_same_again_is_fine_and_other_bytes_are_refused() {
    let world = TestEnv::new();
    let pack = Pack::new("kanban", "1.0.0").file("a.md", "one\n");
    let archive = world.publish(&pack);
    let (archive, registry) = (archive.to_str().expect("text").to_owned(), world.registry().to_str().expect("text").to_owned());
    world.packs(["publish", &archive, "--registry", &registry]).succeeds().prints("is published already");
    let index = fs::read(world.registry().join("index/ka/kanban.json")).expect("there");
    world.build(&Pack::new("kanban", "1.0.0").file("a.md", "two\n"));
    world.packs(["publish", &archive, "--registry", &registry]).fails(5).says("kanban 1.0.0");
    assert_eq!(fs::read(world.registry().join("index/ka/kanban.json")).expect("there"), index);
}

#[test]
fn an_archive_without_a_side_file_is_refused() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("a.md", "one\n"));
    fs::remove_file(format!("{}.sha256", archive.display())).expect("removed");
    world.packs(["publish", archive.to_str().expect("text"), "--registry", world.registry().to_str().expect("text")]).fails(5).says("side file");
    assert!(!world.registry().join("index").exists());
}

#[test]
fn dry_run_writes_nothing() {
    let world = TestEnv::new();
    let archive = world.build(&Pack::new("kanban", "1.0.0").file("a.md", "one\n"));
    world
        .packs(["publish", "-n", archive.to_str().expect("text"), "--registry", world.registry().to_str().expect("text")])
        .succeeds()
        .prints("would be published");
    assert!(!world.registry().join("index").exists());
}

#[test]
fn paths_are_shown_without_detours() {
    let world = TestEnv::new();
    Pack::new("kanban", "1.0.0").file("a", "b").write(&world.project().join("kanban"));
    std::fs::create_dir_all(world.project().join("x")).expect("made");
    let built = world.packs(["build", "./x/.././kanban", "--out", "./x/../dist"]).succeeds();
    built.prints("built [PROJECT]/dist/kanban-1.0.0.tar.zst");
    let again = world.packs(["build", "kanban", "--out", "dist", "--json"]).succeeds().json();
    assert_eq!(again["archives"][0]["unchanged"], true);
    assert!(again["archives"][0]["directory"].as_str().is_some_and(|path| path.ends_with("/project/kanban")), "{again}");
}

#[test]
fn old_archives_that_are_packed_are_noted() {
    let world = TestEnv::new();
    Pack::new("kanban", "1.0.0").file("a", "b").write(&world.project().join("kanban"));
    world.packs(["-C", "kanban", "build"]).succeeds();
    let other = world.packs(["-C", "kanban", "build", "--out", "../other"]).succeeds();
    other.prints("note: dist/kanban-1.0.0.tar.zst, an archive with its side file, is packed too; a line in .packsignore leaves it out");
}
