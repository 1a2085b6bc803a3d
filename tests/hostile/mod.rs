//! Archives that lie: each kind of hostility with the refusal that it must get.
//!
//! Every archive is read four times: zstd and gzip, decoded at once and as a stream. All four must say the same.

use std::error::Error;
use std::io::Write;

use packs::archive::ArchiveBytes;
use packs::archive::Contents;
use packs::archive::Limits;
use packs::archive::Nothing;
use packs::archive::read_archive;

use tar::END;
pub(crate) use tar::Entry;
use tar::octal;
pub(crate) use tar::tar;

mod compressed;
mod mutated;
mod tar;

/// Where the manifests of these tests have their list of files.
const HEAD: &str = r#"{"schema":"packs.manifest/1","name":"kanban","version":"1.0.0","framework":"Kanban","created_at":"2026-11-20T00:00:00Z","files":["#;

/// A MANIFEST.json entry that lists `files`, given as JSON.
fn manifest(files: &[String]) -> Entry {
    Entry::file("MANIFEST.json", format!("{HEAD}{}]}}", files.join(",")).as_bytes())
}

fn listed(path: &str, content: &[u8]) -> String {
    format!(r#"{{"path":"{path}","kind":"file","size":{},"blake3":"{}"}}"#, content.len(), blake3::hash(content))
}

fn listed_link(path: &str, target: &str) -> String {
    format!(r#"{{"path":"{path}","kind":"symlink","target":"{target}"}}"#)
}

/// A manifest that lists `kanban/a`, then that file, then more.
fn with_a(more: &[Entry]) -> Vec<u8> {
    tar(&[&[manifest(&[listed("a", b"a")]), Entry::file("kanban/a", b"a")], more].concat())
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ::zstd::stream::write::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.set_pledged_src_size(Some(bytes.len() as u64)).expect("a size");
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Gives an error with its causes, those that only repeat the one before left out.
fn in_words(error: &dyn Error) -> String {
    let (mut words, mut cause) = (vec![error.to_string()], error.source());
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.dedup();
    words.join(": ")
}

/// Reads an archive from memory and as a stream; both must agree. Errors come with their causes.
#[track_caller]
fn read(archive: &[u8], limits: &Limits) -> Result<Contents, String> {
    let whole = read_archive(ArchiveBytes::Memory(archive), limits, &mut Nothing).map_err(|error| in_words(&error));
    let mut reader = archive;
    let stream = ArchiveBytes::Stream { reader: &mut reader, size: archive.len() as u64 };
    let streamed = read_archive(stream, limits, &mut Nothing).map_err(|error| in_words(&error));
    assert_eq!(whole, streamed, "memory and stream disagree");
    whole
}

/// Checks that a tar file is refused in these words.
#[track_caller]
fn check(tar: &[u8], expected: &str) {
    check_within(tar, &Limits::default(), expected);
}

#[track_caller]
fn check_within(tar: &[u8], limits: &Limits, expected: &str) {
    for archive in [zstd(tar), gzip(tar)] {
        match read(&archive, limits) {
            Err(refusal) => assert_eq!(refusal, expected),
            Ok(contents) => panic!("expected {expected:?}, but it was read: {:?}", contents.manifest.files),
        }
    }
}

/// Checks that a tar file is read; the refusals mean something only beside what is accepted.
#[track_caller]
fn accept(tar: &[u8]) -> Contents {
    let contents = read(&zstd(tar), &Limits::default()).expect("it is good");
    assert_eq!(read(&gzip(tar), &Limits::default()).as_ref(), Ok(&contents));
    contents
}

#[test]
fn good_archives_of_other_writers() {
    let plain = accept(&with_a(&[]));
    let with_directory = accept(&with_a(&[Entry::directory("kanban/")]));
    assert_eq!(plain.digest, with_directory.digest, "directories are implied");
    accept(&tar(&[Entry::file("kanban/a", b"a"), manifest(&[listed("a", b"a")])]));
    accept(&tar(&[manifest(&[listed("a", b"a")]), Entry::file("kanban/a", b"a").gnu()]));
    accept(&tar(&[manifest(&[]), Entry::directory("kanban")]));
    let pax = Entry::pax(&[("path", "kanban/a"), ("size", "1"), ("mtime", "1.5"), ("uname", "me")]);
    let global = Entry { flag: b'g', ..Entry::pax(&[("comment", "0123")]) };
    accept(&tar(&[global, manifest(&[listed("a", b"a")]), pax, Entry::file("cut/off", b"a")]));
    let long = Entry::new(b'L', "././@LongLink", b"kanban/a\0").gnu();
    accept(&tar(&[manifest(&[listed("a", b"a")]), long, Entry::file("cut/off", b"a").gnu()]));
    accept(&tar(&[manifest(&[listed("a", b"a"), listed("b", b"a")]), Entry::file("kanban/a", b"a"), Entry::hard_link("kanban/b", "kanban/a")]));
    accept(&tar(&[manifest(&[listed("a", b"a"), listed_link("b", "a")]), Entry::file("kanban/a", b"a"), Entry::symlink("kanban/b", "a")]));
    accept(&tar(&[manifest(&[listed("d/a", b"a")]), Entry { prefix: b"kanban/d".to_vec(), ..Entry::file("a", b"a") }]));
    let binary_size = Entry { size: b"\x80\0\0\0\0\0\0\0\0\0\0\x01".to_vec(), ..Entry::file("kanban/a", b"a") };
    accept(&tar(&[manifest(&[listed("a", b"a")]), binary_size]));
    accept(&[with_a(&[]), vec![0; 9 * 1024]].concat());
}

#[test]
fn headers_with_two_readings() {
    let size = |size: &str| with_a(&[Entry::pax(&[("size", size)]), Entry::file("kanban/b", b"bb")]);
    check(&size("1"), "kanban/b: the PAX record says 1 bytes, the header 2");
    check(&size("1024"), "kanban/b: the PAX record says 1024 bytes, the header 2");
    check(&size("+2"), "entry 3: the PAX record `size` must be a decimal number, not `+2`");
    let pax = |records: &[(&str, &str)]| Entry::pax(records);
    let b = || Entry::file("kanban/b", b"b");
    check(&with_a(&[pax(&[("path", "kanban/b"), ("path", "kanban/c")]), b()]), "entry 3: the PAX record `path` is there twice");
    check(&with_a(&[pax(&[("mtime", "1")]), pax(&[("mtime", "1")]), b()]), "entry 4: a second PAX header for one entry");
    let global = || Entry { flag: b'g', ..pax(&[("comment", "x")]) };
    check(&with_a(&[global(), global()]), "entry 4: a second global PAX header");
    check(&with_a(&[Entry { flag: b'g', ..pax(&[("path", "kanban/b")]) }]), "entry 3: the PAX record `path` may not be global");
    let long = || Entry::new(b'L', "././@LongLink", b"kanban/b\0").gnu();
    check(&with_a(&[long(), long(), b()]), "entry 4: a second name for one entry");
    check(&with_a(&[long(), pax(&[("path", "kanban/c")]), b()]), "entry 4: a second path for one entry");
    let long_link = Entry::new(b'K', "././@LongLink", b"a\0").gnu();
    check(&with_a(&[long_link, b()]), "kanban/b: a file with a link target is refused; a pack holds regular files, directories and symbolic links");
    check(&with_a(&[long()]), "the end mark: an extended header speaks of an entry that does not follow");
    for malformed in ["x", "12 path=ab\n", "011 path=ab\n", "11 path=ab ", "99999999 path=ab\n"] {
        let found = malformed.replace('\n', "\\n");
        check(&with_a(&[Entry::new(b'x', "PaxHeader", malformed.as_bytes()), b()]), &format!("entry 3: a malformed PAX record: `{found}`"));
    }
    check(&with_a(&[Entry::new(b'L', "x", b"a\0b\0"), b()]), "entry 3: a malformed GNU long name: `a\\0b\\0`");
}

#[test]
fn header_fields_that_are_malformed() {
    let b = || Entry::file("kanban/b", b"b");
    check(&with_a(&[Entry { magic: [0; 8], ..b() }]), "entry 3: the tar header's magic must be that of ustar or GNU tar, not `\\0\\0\\0\\0\\0\\0\\0\\0`");
    check(&with_a(&[Entry { checksum: Some(b"000001\0 ".to_vec()), ..b() }]), "entry 3: the tar header's checksum must be 7332, not `000001\\0 `");
    for (size, shown) in
        [(&b"0000000000-\0"[..], "0000000000-\\0"), (b"\0\0\0\0\0\0\0\0\0\0\0\0", "\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0"), (b"00000000008\0", "00000000008\\0")]
    {
        check(&with_a(&[Entry { size: size.to_vec(), ..b() }]), &format!("entry 3: the tar header's size must be an octal number, not `{shown}`"));
    }
    let negative = Entry { size: vec![0xff; 12], ..b() };
    let found = "\u{fffd}".repeat(12);
    check(&with_a(&[negative]), &format!("entry 3: the tar header's size must be a number from 0 to 2^63, not `{found}`"));
    let hidden = Entry { name: b"kanban/b\0/../../x".to_vec(), ..b() };
    check(&with_a(&[hidden]), "entry 3: the tar header's name must be a text followed by NULs only, not `kanban/b\\0/../../x`");
}

#[test]
fn kinds_that_no_pack_may_hold() {
    let forbidden = |entry: Entry, kind: &str| {
        check(&with_a(&[entry]), &format!("kanban/b: {kind} is refused; a pack holds regular files, directories and symbolic links"));
    };
    for (flag, kind) in [
        (b'3', "a character device"),
        (b'4', "a block device"),
        (b'6', "a fifo"),
        (b'7', "a contiguous file"),
        (b'S', "a sparse file"),
        (b'D', "a directory listing of an incremental backup"),
        (b'M', "a file continued from another volume"),
        (b'V', "a volume label"),
        (b'Z', "an entry of the unknown type `Z`"),
        (0x1b, "an entry of the unknown type `\\u{1b}`"),
    ] {
        forbidden(Entry::new(flag, "kanban/b", b""), kind);
    }
    for mode in ["4755", "2755", "1755"] {
        let set = Entry { mode: format!("000{mode}\0").into_bytes(), ..Entry::file("kanban/b", b"b") };
        forbidden(set, &format!("an entry with set-id or sticky bits (mode {mode})"));
    }
    forbidden(Entry { mode: b"0002755\0".to_vec(), ..Entry::directory("kanban/b") }, "an entry with set-id or sticky bits (mode 2755)");
    forbidden(Entry { link: b"a".to_vec(), ..Entry::file("kanban/b", b"b") }, "a file with a link target");
    for key in ["SCHILY.xattr.user.a", "LIBARCHIVE.xattr.user.a", "GNU.sparse.major", "GNU.sparse.realsize", "hdrcharset", "anything.else"] {
        let tar = with_a(&[Entry::pax(&[(key, "1")]), Entry::file("kanban/b", b"b")]);
        check(&tar, &format!("entry 3: the PAX record `{key}` is refused: it could change what the entry is"));
    }
    let mut pieces = Entry::file("kanban/b", b"b").gnu();
    pieces.prefix = [&[0; 24][..], b"00000000001\0"].concat();
    check(
        &with_a(&[pieces]),
        "entry 3: a file in pieces (sparse or over several volumes) is refused; a pack holds regular files, directories and symbolic links",
    );
}

#[test]
fn data_where_none_belongs() {
    let two_bytes = |flag: u8, link: &str| Entry { link: link.as_bytes().to_vec(), ..Entry::new(flag, "kanban/b", b"bb") };
    check(&with_a(&[two_bytes(b'5', "")]), "kanban/b: a directory has no content, but 2 bytes are announced");
    check(&with_a(&[two_bytes(b'2', "a")]), "kanban/b: a symbolic link has no content, but 2 bytes are announced");
    check(&with_a(&[two_bytes(b'1', "kanban/a")]), "kanban/b: a hard link has no content, but 2 bytes are announced");
    check(&with_a(&[Entry { filler: b'x', ..Entry::file("kanban/b", b"b") }]), "kanban/b: the rest of the file's last block holds bytes other than zero");
    check(&[with_a(&[]), vec![0; 512], b"x".to_vec()].concat(), "the end mark: what follows it holds bytes other than zero");
    let second_tar = [with_a(&[]), with_a(&[])].concat();
    check(&second_tar, "the end mark: what follows it holds bytes other than zero");
    let mut one_zero_block = with_a(&[]);
    one_zero_block.truncate(one_zero_block.len() - 512);
    check(&[&one_zero_block[..], &Entry::file("kanban/b", b"b").bytes()].concat(), "the end mark: the second of its two blocks holds bytes other than zero");
}

#[test]
fn archives_that_are_cut_off() {
    let whole = with_a(&[Entry::file("kanban/b", &[b'b'; 2000])]);
    let at = whole.len() - END.len();
    check(&whole[..at], &format!("entry 4: the archive ends at byte {at} of its content, where the end mark of two zero blocks should follow"));
    check(&whole[..at + 512], &format!("the end mark: the archive ends at byte {} of its content, where its second zero block should follow", at + 512));
    check(&whole[..at - 1], &format!("kanban/b: the archive ends at byte {} of its content, where the rest of the file's last block should follow", at - 1));
    check(&whole[..at - 1000], &format!("kanban/b: the archive ends at byte {} of its content, where the rest of the file should follow", at - 1000));
    let inside_header = at - 2048 - 100;
    check(&whole[..inside_header], &format!("entry 3: the archive ends at byte {inside_header} of its content, where a header should follow"));
    check(b"", "entry 1: the archive ends at byte 0 of its content, where the end mark of two zero blocks should follow");
    let large = with_a(&[Entry { size: octal(3 << 20), ..Entry::file("kanban/b", b"b") }]);
    check(&large, &format!("kanban/b: the archive ends at byte {} of its content, where the rest of the file should follow", large.len()));
}

#[test]
fn names_that_leave_or_deceive() {
    let refused = |name: &str, reason: &str| {
        let tar = with_a(&[Entry::file(name, b"b")]);
        check(&tar, &format!("{}: the path is refused: {name:?} is not a valid path: {reason}", name.escape_debug()));
    };
    refused("../b", "`..` is not allowed in it");
    refused("kanban/../../b", "`..` is not allowed in it");
    refused("/etc/passwd", "it is absolute");
    refused("./kanban/b", "`.` is not allowed in it");
    refused("kanban/./b", "`.` is not allowed in it");
    refused("kanban//b", "a component of it is empty");
    refused("kanban/b/", "a component of it is empty");
    refused("kanban/\u{1b}[31mb", "'\\u{1b}' is not allowed in it");
    refused("kanban/b\n", "'\\n' is not allowed in it");
    refused("kanban/\u{85}b", "'\\u{85}' is not allowed in it");
    check(&with_a(&[Entry::file("kanban\\b", b"b")]), "kanban\\b: the path is refused: \"kanban\\\\b\" is not a valid path: '\\\\' is not allowed in it");
    check(&with_a(&[Entry { name: b"kanban/\xff".to_vec(), ..Entry::file("", b"b") }]), "kanban/\u{fffd}: the path is not UTF-8");
    check(&with_a(&[Entry::file("", b"b")]), "entry 3: the path is refused: \"\" is not a valid path: it is empty");
    let pax = |path: &str| with_a(&[Entry::pax(&[("path", path)]), Entry::file("kanban/b", b"b")]);
    let reason_of = |path: &str| read(&zstd(&pax(path)), &Limits::default()).expect_err("it is refused");
    check(&pax("kanban/../../b"), "kanban/../../b: the path is refused: \"kanban/../../b\" is not a valid path: `..` is not allowed in it");
    check(&pax("kanban/a\0b"), "kanban/a\\0b: the path is refused: \"kanban/a\\0b\" is not a valid path: '\\0' is not allowed in it");
    assert!(reason_of(&format!("kanban/{}", "b".repeat(256))).ends_with("a component of it is 256 bytes long, more than 255"));
    assert!(reason_of(&format!("kanban/{}", ["b".repeat(200).as_str(); 6].join("/"))).ends_with("it is 1212 bytes long, more than 1024"));
    assert!(reason_of(&format!("kanban{}", "/b".repeat(128))).ends_with("it is 129 directories deep, more than 128"));
}

#[test]
fn names_taken_twice() {
    let taken = |entries: &[Entry], entry: &str, other: &str| check(&with_a(entries), &format!("{entry}: the name is taken already by {other}"));
    taken(&[Entry::file("kanban/a", b"a")], "kanban/a", "kanban/a");
    taken(&[Entry::file("kanban/A", b"a")], "kanban/A", "kanban/a");
    taken(&[Entry::directory("kanban/"), Entry::directory("kanban/")], "kanban", "kanban");
    taken(&[Entry::directory("kanban/a/")], "kanban/a", "kanban/a");
    taken(&[Entry::file("kanban/a/b", b"b")], "kanban/a/b", "kanban/a");
    taken(&[Entry::symlink("kanban/a", "b")], "kanban/a", "kanban/a");
    taken(&[Entry::hard_link("kanban/a", "kanban/a")], "kanban/a", "kanban/a");
    taken(&[Entry::symlink("kanban/l", "a"), Entry::file("kanban/l/b", b"b")], "kanban/l/b", "kanban/l");
    taken(&[Entry::symlink("kanban/L", "a"), Entry::file("kanban/l/b", b"b")], "kanban/l/b", "kanban/L");
    taken(&[Entry::file("kanban/D/x", b""), Entry::file("kanban/d/y", b"")], "kanban/d/y", "kanban/D");
    taken(&[Entry::file("kanban/é", b""), Entry::file("kanban/e\u{301}", b"")], "kanban/e\u{301}", "kanban/é");
    taken(&[Entry::file("kanban/ß", b""), Entry::file("kanban/SS", b"")], "kanban/SS", "kanban/ß");
    taken(&[manifest(&[])], "MANIFEST.json", "MANIFEST.json");
}

#[test]
fn roots_other_than_the_two() {
    let outside = |entry: Entry, expected: &str| check(&with_a(&[entry]), expected);
    outside(Entry::file("README.md", b"a"), "README.md: an archive holds MANIFEST.json and one directory, the pack's");
    outside(Entry::symlink("l", "kanban"), "l: an archive holds MANIFEST.json and one directory, the pack's");
    outside(Entry::file("other/a", b"a"), "other/a: an archive holds MANIFEST.json and one directory, kanban/");
    outside(Entry::directory("other/"), "other: an archive holds MANIFEST.json and one directory, kanban/");
    outside(Entry::file("MANIFEST.json/a", b"a"), "MANIFEST.json/a: an archive holds MANIFEST.json and one directory, the pack's");
    outside(Entry::file("manifest.json/a", b"a"), "manifest.json/a: an archive holds MANIFEST.json and one directory, kanban/");
    check(&tar(&[manifest(&[]), Entry::directory("manifest.json/")]), "manifest.json: the name is taken already by MANIFEST.json");
    check(&tar(&[manifest(&[]), Entry::directory("other/")]), "other: an archive holds MANIFEST.json and one directory, kanban/");
    check(&tar(&[manifest(&[])]), "the archive has no directory kanban/");
    check(&tar(&[Entry::directory("kanban/")]), "the archive has no MANIFEST.json");
    check(&tar(&[Entry::directory("MANIFEST.json/")]), "MANIFEST.json: an archive holds MANIFEST.json and one directory, the pack's");
    check(&tar(&[Entry::symlink("MANIFEST.json", "kanban/a")]), "MANIFEST.json: an archive holds MANIFEST.json and one directory, the pack's");
    let executable = Entry { mode: b"0000755\0".to_vec(), ..manifest(&[]) };
    check(&tar(&[executable]), "MANIFEST.json: an executable MANIFEST.json is refused; a pack holds regular files, directories and symbolic links");
}

#[test]
fn links_that_leave() {
    let link = |target: &str, fault: &str| {
        let tar = tar(&[manifest(&[listed("a", b"a"), listed_link("b", target)]), Entry::file("kanban/a", b"a"), Entry::symlink("kanban/b", target)]);
        check(&tar, &format!("kanban/b: the link to {target:?} {fault}"));
    };
    link("..", "leaves the pack");
    link("../MANIFEST.json", "leaves the pack");
    link("../../../../etc/passwd", "leaves the pack");
    link("/etc/passwd", "is absolute");
    link("a/../../..", "leads through a file");
    link("nothing", "leads to nothing in the pack");
    link("b", "leads through too many links, or in a circle");
    let spelled = |target: &[u8]| with_a(&[Entry { link: target.to_vec(), ..Entry::symlink("kanban/b", "") }]);
    check(&spelled(b""), "kanban/b: the link to \"\" is empty");
    check(&spelled(b"a\\b"), "kanban/b: the link to \"a\\\\b\" has a component that is no valid file name");
    check(&spelled(b"a\x1bb"), "kanban/b: the link to \"a\\u{1b}b\" has a component that is no valid file name");
    check(&spelled(b"a\xff"), "kanban/b: the link target is not UTF-8");
    let through = tar(&[
        manifest(&[listed("d/e/a", b"a"), listed_link("l", "d/e"), listed_link("m", "l/../../../x")]),
        Entry::file("kanban/d/e/a", b"a"),
        Entry::symlink("kanban/l", "d/e"),
        Entry::symlink("kanban/m", "l/../../../x"),
    ]);
    check(&through, "kanban/m: the link to \"l/../../../x\" leaves the pack");
    let hard = |target: &str, fault: &str| check(&with_a(&[Entry::hard_link("kanban/b", target)]), &format!("kanban/b: the link to {target:?} {fault}"));
    hard("kanban/later", "is a hard link, and leads to no earlier file");
    hard("kanban", "is a hard link, and leads to no earlier file");
    hard("a", "is a hard link, and leads to no earlier file");
    hard("MANIFEST.json", "is a hard link, and leads out of the pack");
    hard("/etc/passwd", "is no valid path in the archive");
    hard("../etc/passwd", "is no valid path in the archive");
    let to_link = [Entry::symlink("kanban/l", "a"), Entry::hard_link("kanban/m", "kanban/l")];
    check(&with_a(&to_link), "kanban/m: the link to \"kanban/l\" is a hard link, and leads to no earlier file");
}

#[test]
fn manifests_that_disagree() {
    let a = blake3::hash(b"a");
    let b = blake3::hash(b"b");
    let with = |files: &[String], entries: &[Entry], expected: &str| check(&tar(&[&[manifest(files)], entries].concat()), expected);
    let file = || Entry::file("kanban/a", b"a");
    with(&[], &[file()], &format!("a: MANIFEST.json says nothing, the archive has a file of 1 bytes, blake3 {a}"));
    with(&[listed("a", b"a"), listed("b", b"b")], &[file()], &format!("b: MANIFEST.json says a file of 1 bytes, blake3 {b}, the archive has nothing"));
    with(&[listed("a", b"b")], &[file()], &format!("a: MANIFEST.json says a file of 1 bytes, blake3 {b}, the archive has a file of 1 bytes, blake3 {a}"));
    with(
        &[listed("a", b"a").replace("\"size\":1", "\"size\":2")],
        &[file()],
        &format!("a: MANIFEST.json says a file of 2 bytes, blake3 {a}, the archive has a file of 1 bytes, blake3 {a}"),
    );
    with(
        &[listed("a", b"a")],
        &[Entry { mode: b"0000755\0".to_vec(), ..file() }],
        &format!("a: MANIFEST.json says a file of 1 bytes, blake3 {a}, the archive has an executable file of 1 bytes, blake3 {a}"),
    );
    with(&[listed_link("a", "a")], &[file()], &format!("a: MANIFEST.json says a link to \"a\", the archive has a file of 1 bytes, blake3 {a}"));
    with(
        &[listed("a", b"a"), listed_link("l", "./a")],
        &[file(), Entry::symlink("kanban/l", "a")],
        "l: MANIFEST.json says a link to \"./a\", the archive has a link to \"a\"",
    );
    with(&[listed("a", b"a")], &[file(), Entry::directory("kanban/d/")], "d: MANIFEST.json says nothing, the archive has an empty directory");
    let directory = |path: &str| format!(r#"{{"path":"{path}","kind":"directory"}}"#);
    with(&[directory("d"), listed("d/a", b"a")], &[Entry::file("kanban/d/a", b"a")], "d: MANIFEST.json says an empty directory, the archive has a directory");
    with(&[listed("b", b"b"), listed("a", b"a")], &[file()], "MANIFEST.json: files must be sorted by path, each once; a follows b");
    with(&[listed("a", b"a"), listed("a", b"a")], &[file()], "MANIFEST.json: files must be sorted by path, each once; a follows a");
}

#[test]
fn manifests_that_are_none() {
    let with = |from: &str, to: &str, expected: &str| {
        let text = format!("{HEAD}{}]}}", listed("a", b"a"));
        assert!(text.contains(from), "{from}");
        check(&tar(&[Entry::file("MANIFEST.json", text.replace(from, to).as_bytes()), Entry::file("kanban/a", b"a")]), expected);
    };
    let fault = |words: &str| format!("MANIFEST.json is not a valid pack manifest: {words}");
    with("packs.manifest/1", "packs.manifest/2", "MANIFEST.json: the schema is `packs.manifest/2`, and only `packs.manifest/1` is known");
    with("packs.manifest/1", "\\u001b[31m", "MANIFEST.json: the schema is `\\u{1b}[31m`, and only `packs.manifest/1` is known");
    with("\"name\":\"kanban\"", "\"name\":\"boards\"", "kanban: an archive holds MANIFEST.json and one directory, boards/");
    with("\"version\"", "\"name\":\"a\",\"version\"", &fault("duplicate field `name` at line 1 column 51"));
    check(&tar(&[Entry::file("MANIFEST.json", b"")]), &fault("EOF while parsing a value at line 1 column 0"));
    check(&tar(&[Entry::file("MANIFEST.json", b"\xff")]), &fault("expected value at line 1 column 1"));
    let deep = "[".repeat(100);
    check(
        &tar(&[Entry::file("MANIFEST.json", deep.as_bytes())]),
        "MANIFEST.json: 100 levels of nesting in MANIFEST.json, more than the limit of 64 (limits.json-depth-max)",
    );
    with(
        "\"files\"",
        "\"bin\":{\"a\":\"a\"},\"files\"",
        &format!("a: MANIFEST.json says an executable file (the command `a`), the archive has a file of 1 bytes, blake3 {}", blake3::hash(b"a")),
    );
    with("\"files\"", "\"bin\":{\"a\":\"b\"},\"files\"", "b: MANIFEST.json says an executable file (the command `a`), the archive has nothing");
    let words = |from: &str, to: &str| {
        let text = format!("{HEAD}{}]}}", listed("a", b"a")).replace(from, to);
        read(&zstd(&tar(&[Entry::file("MANIFEST.json", text.as_bytes())])), &Limits::default()).expect_err("it is refused")
    };
    assert!(words("\"files\"", "\"colour\":1,\"files\"").contains("unknown field `colour`"));
    assert!(words("\"kind\"", "\"colour\":1,\"kind\"").contains("unknown field `colour`"));
    assert!(words("\"files\"", "\"requires\":{\"a\":\"1\",\"a\":\"2\"},\"files\"").contains("the key `a` stands twice"));
    assert!(words("\"path\":\"a\"", "\"path\":\"../a\"").contains("`..` is not allowed in it"));
    assert!(words("\"version\":\"1.0.0\",", "").contains("missing field `version`"));
    assert!(words("]}", "]}x").contains("trailing characters"));
}

#[test]
fn limits() {
    let limits = Limits {
        unpacked_bytes_max: 64 << 10,
        entries_max: 4,
        manifest_bytes_max: 4096,
        extension_bytes_max: 1024,
        padding_bytes_max: 4096,
        ..Limits::default()
    };
    let over = |tar: &[u8], expected: &str| check_within(tar, &limits, expected);
    let announced = |name: &str, size: u64| Entry { size: octal(size), ..Entry::file(name, b"") };
    over(&with_a(&[announced("kanban/b", 1 << 32)]), "kanban/b: 4294969856 bytes unpacked, more than the limit of 65536 (limits.unpacked-bytes-max)");
    over(&with_a(&[announced("kanban/b", 64 << 10)]), "kanban/b: 68096 bytes unpacked, more than the limit of 65536 (limits.unpacked-bytes-max)");
    let many: Vec<Entry> = (0..3).map(|number| Entry::file(&format!("kanban/b{number}"), b"")).collect();
    over(&with_a(&many), "kanban/b2: 5 entries, more than the limit of 4 (limits.entries-max)");
    over(&tar(&[announced("MANIFEST.json", 4097)]), "MANIFEST.json: 4097 bytes of MANIFEST.json, more than the limit of 4096 (limits.manifest-bytes-max)");
    for flag in [b'x', b'g', b'L', b'K'] {
        let extension = Entry { flag, ..announced("x", 1025) };
        over(&tar(&[extension]), "entry 1: 1025 bytes of one extended header, more than the limit of 1024 (limits.extension-bytes-max)");
    }
    over(
        &[with_a(&[]), vec![0; 8192]].concat(),
        "the end mark: 8192 bytes of padding after the end mark, more than the limit of 4096 (limits.padding-bytes-max)",
    );
    let largest = Entry { size: b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec(), ..Entry::file("kanban/b", b"") };
    over(&with_a(&[largest]), "kanban/b: 9223372036854778367 bytes unpacked, more than the limit of 65536 (limits.unpacked-bytes-max)");
}
