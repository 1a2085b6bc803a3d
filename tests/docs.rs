//! What the papers show is what the program does, and what they call proven is proven.
//!
//! In a block fenced `console`, lines that begin with `$ ` are run by `sh` and the lines below are what they must print. One page is one world: a fresh copy
//! of the examples, whose `quickstart` is the working directory. A line `…` stands for any lines, `…` at the end of a line
//! for any text; times and the host's name are not compared. A command must
//! end well, unless its line asks for the exit code itself.
#![allow(clippy::disallowed_methods, reason = "tests set up their world and start the program under test")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use regex::Regex;

use crate::support::SOURCE_DATE_EPOCH;
use crate::support::TestEnv;

/// The examples that a page may use.
const EXAMPLES: [&str; 3] = ["quickstart", "registry", "packs"];

/// A command of a page, and what the page says it prints.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    line: usize,
    command: String,
    output: Vec<String>,
}

#[test]
fn what_pages_show_is_what_happens() {
    let mut count = 0;
    let mut wrong = Vec::new();
    for page in pages() {
        let shown = shown(&fs::read_to_string(&page).expect("a page"));
        count += shown.len();
        if !shown.is_empty() {
            wrong.extend(run_page(&page, &shown));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(count > 20, "only {count} commands were found in all pages");
}

#[test]
fn tests_that_are_named_are_there() {
    let link = Regex::new(r"\[`([a-z0-9_]+)`\]\(([^)]+\.rs)\)").expect("a pattern");
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("a page");
        for found in link.captures_iter(&text) {
            let file = page.parent().expect("a directory").join(&found[2]);
            let source = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {}: {error}", page.display(), &found[2]));
            assert!(source.contains(&format!("fn {}(", &found[1])), "{}: there is no {} in {}", page.display(), &found[1], &found[2]);
            count += 1;
        }
    }
    assert!(count > 10, "only {count} tests are named in all pages");
}

#[test]
fn blocks_are_read() {
    let page = "text\n```console\n$ one\n  out\n$ two\n```\n$ not this\n```sh\n$ nor this\n```\n";
    let expected = [Shown { line: 3, command: "one".into(), output: vec!["  out".into()] }, Shown { line: 5, command: "two".into(), output: vec![] }];
    assert_eq!(shown(page), expected);
}

#[test]
fn dots_stand_for_any_lines() {
    #[track_caller]
    fn check(shown: &str, printed: &str, expected: bool) {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(agree(&lines(shown), &lines(printed)), expected, "{shown:?} and {printed:?}");
    }
    check("a\nb", "a\nb", true);
    check("a", "a\nb", false);
    check("a\nb", "a", false);
    check("a\n…", "a\nb\nc", true);
    check("a\n…\nc", "a\nb\nb\nc", true);
    check("a\n…\nd", "a\nb\nc", false);
    check("…", "", true);
    check("a …\nb", "a b c\nb", true);
    check("a …\nb", "b b c\nb", false);
}

/// Gives the papers whose commands are run.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> = ["README.md", "SECURITY.md"].map(|name| root.join(name)).into();
    let mut directories = vec![root.join("docs")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") && !path.ends_with("reference/cli.md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// Gives the commands of a page's `console` blocks.
fn shown(page: &str) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    let mut is_console = false;
    for (index, line) in page.lines().enumerate() {
        if let Some(fence) = line.strip_prefix("```") {
            is_console = fence == "console";
        } else if is_console {
            match (line.strip_prefix("$ "), shown.last_mut()) {
                (Some(command), _) => shown.push(Shown { line: index + 1, command: command.to_owned(), output: vec![] }),
                (None, Some(last)) => last.output.push(line.to_owned()),
                (None, None) => panic!("line {}: output before any command", index + 1),
            }
        }
    }
    shown
}

/// Runs the commands of a page in a world of their own; gives what went otherwise than shown.
fn run_page(page: &Path, shown: &[Shown]) -> Vec<String> {
    let world = TestEnv::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    fs::remove_dir(world.registry()).expect("the example's takes its place");
    for name in EXAMPLES {
        let copied = Command::new("cp").arg("-R").arg(examples.join(name)).arg(world.root()).status();
        assert!(copied.expect("cp starts").success(), "{name} is copied");
    }
    let programs = world.root().join("programs");
    fs::create_dir(&programs).expect("made");
    symlink(env!("CARGO_BIN_EXE_packs"), programs.join("packs")).expect("linked");
    shown.iter().filter_map(|step| run_step(&world, &programs, step)).map(|wrong| format!("{}:{wrong}", page.display())).collect()
}

fn run_step(world: &TestEnv, programs: &Path, step: &Shown) -> Option<String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {}", step.command)])
        .current_dir(world.root().join("quickstart"))
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", world.root())
        .env("USER", "ana")
        .env("PACKS_HOME", world.home())
        .env("PACKS_SYSTEM_CONFIG", world.root().join("system/config.toml"))
        .env("PACKS_NO_SYNC", "1")
        .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH)
        .stdin(Stdio::null())
        .output()
        .expect("sh starts");
    let printed: Vec<String> = String::from_utf8_lossy(&ran.stdout).lines().map(normalise).collect();
    let expected: Vec<String> = step.output.iter().map(|line| normalise(line)).collect();
    let (status, line, command) = (ran.status, step.line, &step.command);
    let is_right = status.success() && agree(&expected, &printed);
    (!is_right).then(|| format!("{line}: $ {command}\nended with {status} and printed\n{}\nand the page says\n{}", printed.join("\n"), expected.join("\n")))
}

/// Puts words for what differs from run to run.
fn normalise(line: &str) -> String {
    let time = Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC").expect("a pattern");
    let host = Regex::new(r"ana@\S+").expect("a pattern");
    host.replace_all(&time.replace_all(line, "[TIME]"), "ana@[HOST]").into_owned()
}

/// Tells whether what a page shows is what was printed, where `…` stands for any lines.
fn agree(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((dots, rest)) if dots == "…" => (0..=printed.len()).any(|skipped| agree(rest, &printed[skipped..])),
        Some((line, rest)) => printed.first().is_some_and(|first| is_line(line, first)) && agree(rest, &printed[1..]),
    }
}

fn is_line(shown: &str, printed: &str) -> bool {
    match shown.trim_end().strip_suffix('…') {
        Some(start) => printed.starts_with(start),
        None => shown.trim_end() == printed.trim_end(),
    }
}
