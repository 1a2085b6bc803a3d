//! What the machine may do to us: a home that cannot be written, any umask, a full disk. Reading goes on, the old state stays, space is given back.
#![allow(clippy::disallowed_methods, reason = "tests set up their world on the disk")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::support::Checked;
use crate::support::Pack;
use crate::support::Ran;
use crate::support::TestEnv;

/// Somebody who is not root: `nobody` on every system.
const ORDINARY_USER: u32 = 65534;

/// Size of the small file system: room for a few packs of a few KiB, not for the big one.
const SMALL_BYTES: u64 = 2 * 1024 * 1024;

/// Size of the pack that does not fit.
const BIG_BYTES: usize = 4 * 1024 * 1024;

/// What a failed command may leave on the small file system: lines of the audit log and blocks of directories.
const LEFT_BYTES_MAX: u64 = 64 * 1024;

/// Commands that only read.
const READING: [&[&str]; 9] =
    [&["status"], &["list"], &["history"], &["store", "path", "kanban"], &["env"], &["verify"], &["verify", "--store"], &["audit"], &["audit", "verify"]];

fn is_root(world: &TestEnv) -> bool {
    fs::metadata(world.root()).expect("there").uid() == 0
}

#[track_caller]
fn shell(program: &str, arguments: &[&str], path: &Path) {
    let done = Command::new(program).args(arguments).arg(path).status();
    assert!(done.is_ok_and(|status| status.success()), "{program} {arguments:?} {}", path.display());
}

/// A home without write permission; as it was in the end, so that it can be used and removed.
struct ReadOnly(Vec<(PathBuf, u32)>);

impl ReadOnly {
    fn new(home: &Path) -> ReadOnly {
        let writable: Vec<(PathBuf, u32)> = modes(home).into_iter().map(|(path, mode)| (home.join(path), mode)).filter(|(_, mode)| mode & 0o200 != 0).collect();
        for (path, mode) in &writable {
            fs::set_permissions(path, fs::Permissions::from_mode(mode & !0o222)).expect("set");
        }
        ReadOnly(writable)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        for (path, mode) in &self.0 {
            let _ = fs::set_permissions(path, fs::Permissions::from_mode(*mode));
        }
    }
}

/// Runs the program as an ordinary user, for whom permissions count.
struct Ordinary<'w> {
    world: &'w TestEnv,
    /// A copy of the program where everybody can start it, if we are root.
    program: Option<PathBuf>,
}

impl<'w> Ordinary<'w> {
    /// Gives the world to that user.
    fn new(world: &'w TestEnv) -> Ordinary<'w> {
        if !is_root(world) {
            return Ordinary { world, program: None };
        }
        let program = world.root().join("program");
        fs::copy(env!("CARGO_BIN_EXE_packs"), &program).expect("copied");
        shell("chown", &["-R", &format!("{ORDINARY_USER}:{ORDINARY_USER}")], world.root());
        Ordinary { world, program: Some(program) }
    }

    fn packs(&self, arguments: &[&str]) -> Ran {
        let sealed = self.world.command(arguments);
        let Some(program) = &self.program else { return self.world.packs(arguments) };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.world.project()).env_clear().uid(ORDINARY_USER).gid(ORDINARY_USER);
        command.envs(sealed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        self.world.run(&mut command)
    }
}

/// Makes a world with two generations, the first one current, and one more pack in the registry.
fn used_world() -> TestEnv {
    let world = TestEnv::with_kanban();
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["rollback", "--restore"]).succeeds();
    world
}

/// Everything a person sees of the project.
fn state(world: &TestEnv) -> (String, String, u64, String) {
    let (manifest, lockfile) = (world.read("packs.toml"), world.read("packs.lock"));
    (manifest, lockfile, world.current("default"), world.read(".packs/active/packs/kanban/docs/README.md"))
}

#[track_caller]
fn check_reading(packs: impl Fn(&[&str]) -> Ran) {
    for arguments in READING {
        packs(arguments).succeeds();
    }
    packs(&["run", "--", "kanban", "list"]).succeeds().prints("kanban 2.0.3 list");
    packs(&["switch"]).succeeds().prints("nothing to do");
}

/// Requires each changing command to fail as the machine's fault, and to leave the old state.
#[track_caller]
fn check_changing(world: &TestEnv, packs: impl Fn(&[&str]) -> Ran, code: &str) {
    let old = state(world);
    for arguments in [&["install", "snippets"][..], &["update"], &["rollback", "--to", "2"], &["undo"], &["gc", "--keep", "0", "--older-than", "0s"]] {
        let ran = packs(&[arguments, &["--json"]].concat());
        if arguments == ["update"] && ran.code == Some(0) {
            assert_eq!(ran.json()["nothing_to_do"], true, "{ran:?}");
            continue;
        }
        assert_eq!(ran.fails(10).json()["code"], code, "{arguments:?}");
        assert_eq!(state(world), old, "packs {arguments:?}");
    }
}

#[test]
fn a_home_without_write_permission_is_read_by_an_ordinary_user() {
    let world = used_world();
    let user = Ordinary::new(&world);
    user.packs(&["switch"]).succeeds();
    let read_only = ReadOnly::new(&world.home());
    check_reading(|arguments| user.packs(arguments));
    check_changing(&world, |arguments| user.packs(arguments), "permission-denied");
    drop(read_only);
    user.packs(&["install", "snippets"]).succeeds();
    assert!(world.has(".packs/active/packs/snippets/snippets.md"), "after the cause is gone the same command works");
    user.packs(&["verify", "--store"]).succeeds();
    user.packs(&["audit", "verify"]).succeeds();
}

#[test]
fn a_home_on_a_read_only_file_system_is_read() {
    let world = TestEnv::with_kanban();
    let Some(mounted) = Mounted::new(&world, SMALL_BYTES) else { return };
    world.packs(["switch"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["rollback", "--restore"]).succeeds();
    mounted.remount("ro");
    check_reading(|arguments| world.packs(arguments));
    check_changing(&world, |arguments| world.packs(arguments), "read-only");
    mounted.remount("rw");
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["verify", "--store"]).succeeds();
}

/// Lists what lies below a directory with its permission bits.
fn modes(directory: &Path) -> BTreeMap<PathBuf, u32> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(next) = open.pop() {
        let metadata = fs::symlink_metadata(&next).expect("there");
        if metadata.is_symlink() {
            continue;
        }
        found.insert(next.strip_prefix(directory).expect("below").to_owned(), metadata.mode() & 0o7777);
        if metadata.is_dir() {
            open.extend(fs::read_dir(&next).expect("readable").map(|entry| entry.expect("an entry").path()));
        }
    }
    found
}

/// Lists the modes in a home that a first switch made under this umask.
fn home_made_under(umask: &str) -> BTreeMap<PathBuf, u32> {
    let world = TestEnv::with_kanban();
    fs::remove_dir_all(world.home()).expect("removed: it is made under this umask");
    let sealed = world.command(["switch"]);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("umask {umask} && exec \"$0\" switch")).arg(sealed.get_program()).current_dir(world.project()).env_clear();
    command.envs(sealed.get_envs().filter_map(|(name, value)| Some((name, value?))));
    world.run(&mut command).succeeds();
    world.packs(["verify", "--store"]).succeeds();
    modes(&world.home())
}

#[test]
fn every_umask_makes_the_same_store() {
    for umask in ["022", "000", "077"] {
        let home = home_made_under(umask);
        let content: Vec<_> = home.iter().filter(|(path, _)| is_content(path)).collect();
        assert!(content.len() > 10, "{content:?}");
        for (path, mode) in content {
            assert!([0o444, 0o555].contains(mode), "umask {umask}: {} has {mode:o}", path.display());
        }
        for (path, mode) in &home {
            assert_eq!(mode & 0o022, 0, "umask {umask}: others may write {} ({mode:o})", path.display());
        }
    }
}

/// Tells store paths and blobs, and all in them, from the directories that hold them.
fn is_content(path: &Path) -> bool {
    let depth = path.components().count();
    (path.starts_with("store") && depth > 1) || (path.starts_with("blobs") && depth > 2)
}

/// A small file system of its own at the world's home, unmounted in the end.
struct Mounted(PathBuf);

impl Mounted {
    /// `None`, and said so, where nothing can be mounted.
    fn new(world: &TestEnv, bytes: u64) -> Option<Mounted> {
        let home = world.home();
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).expect("made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={bytes},mode=0755"), "packs-test"]).arg(&home).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Mounted(home));
        }
        println!("NOT RUN: needs the right to mount a file system");
        None
    }

    fn remount(&self, mode: &str) {
        shell("mount", &["-o", &format!("remount,{mode}")], &self.0);
    }

    fn used_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.0).expect("it is mounted");
        (stat.f_blocks - stat.f_bfree) * stat.f_frsize
    }

    /// Takes all that is free.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).expect("made");
        for size in [64 * 1024, 4 * 1024, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Text that no compression makes small enough.
fn noise(bytes: usize) -> String {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        text.push_str(&format!("{:08x}", state >> 32));
    }
    text
}

#[track_caller]
fn disk_full(ran: Ran) -> Checked {
    let failure = ran.fails(10);
    assert_eq!(failure.json()["code"], "disk-full", "{}", failure.stderr);
    failure
}

#[test]
fn a_full_disk_leaves_the_old_state_and_gives_space_back() {
    let world = TestEnv::with_kanban();
    let noise = noise(BIG_BYTES);
    let big = (0..8).fold(Pack::new("big", "1.0.0"), |pack, n| pack.file(&format!("part-{n}"), &noise[n * noise.len() / 8..(n + 1) * noise.len() / 8]));
    world.publish(&big);
    let Some(mounted) = Mounted::new(&world, SMALL_BYTES) else { return };
    world.packs(["switch"]).succeeds();
    let (old, used) = (state(&world), mounted.used_bytes());
    for _ in 0..3 {
        disk_full(world.packs(["install", "big", "--json"]));
        assert_eq!(state(&world), old);
    }
    let left = mounted.used_bytes().saturating_sub(used);
    assert!(left <= LEFT_BYTES_MAX, "{left} bytes of {used} were not given back");
    world.packs(["verify"]).succeeds();
    world.packs(["gc"]).succeeds();
    world.packs(["install", "snippets"]).succeeds();
    assert!(world.has(".packs/active/packs/snippets/snippets.md"), "what fits is installed");
    world.packs(["verify", "--store"]).succeeds();
    world.packs(["audit", "verify"]).succeeds();
}

#[test]
fn a_disk_without_a_free_byte_can_be_collected() {
    let world = TestEnv::with_kanban();
    let Some(mounted) = Mounted::new(&world, SMALL_BYTES) else { return };
    for range in ["=2.0.0", "~2.1", "~2.0"] {
        world.manifest(&format!("[packages]\nkanban = \"{range}\"\n"));
        world.packs(["switch"]).succeeds();
    }
    let filler = mounted.fill();
    let old = state(&world);
    disk_full(world.packs(["install", "snippets", "--json"]));
    assert_eq!(state(&world), old);
    check_reading(|arguments| world.packs(arguments));
    let collect = [env!("CARGO_BIN_EXE_packs"), "gc", "--keep", "0", "--older-than", "0s", "--wait", "0"];
    world.packs([&["run", "--"], &collect[..]].concat()).fails(8).says("a gc waits until this command has ended");
    let freed = world.packs(["gc", "--keep", "0", "--older-than", "0s", "--json"]).succeeds().json();
    assert!(freed["freed_bytes"].as_u64() > Some(0), "{freed:#}");
    assert_eq!(state(&world), old, "gc touches no current generation");
    fs::remove_file(filler).expect("there");
    world.packs(["install", "snippets"]).succeeds();
    world.packs(["verify", "--store"]).succeeds();
    world.packs(["audit", "verify"]).succeeds();
}
