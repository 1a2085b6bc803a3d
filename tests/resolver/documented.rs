//! The worked examples of the page on resolution: each is solved, and must come out as the page says.
//!
//! In a block fenced `resolve` a line `? …` is a question about the releases above it, and the line `= …` below is its answer:
//!
//! ```text
//! app 2.0.0 | lib ^1
//! lib 1.0.0
//! ? app *, lib * | locked lib 1.0.0
//! = app 2.0.0, lib 1.0.0
//! ```
#![allow(clippy::disallowed_methods, reason = "it reads the page")]

use std::fs;
use std::path::Path;

use packs::resolve::Mode;
use packs::resolve::Preferences;

use crate::resolver::name;
use crate::resolver::roots;
use crate::resolver::show;
use crate::resolver::solve;
use crate::resolver::version;
use crate::resolver::world;

/// Reads `locked lib 1.0.0, app 2.0.0`, `others lib 1.0.0`, `lowest` or `lowest-direct`.
fn prefer(preferences: &mut Preferences, wish: &str) {
    let (what, releases) = wish.split_once(' ').unwrap_or((wish, ""));
    let releases = releases.split(", ").filter_map(|release| release.split_once(' ')).map(|(pack, number)| (name(pack), version(number)));
    match what {
        "locked" => preferences.locked.extend(releases),
        "others" => releases.for_each(|(pack, number)| preferences.others.entry(pack).or_default().extend([number])),
        "lowest" => preferences.mode = Mode::Lowest,
        "lowest-direct" => preferences.mode = Mode::LowestDirect,
        other => panic!("nobody can wish for {other}"),
    }
}

fn answer(releases: &str, question: &str) -> String {
    let mut parts = question.split(" | ");
    let requirements: Vec<&str> = parts.next().unwrap_or_default().split(", ").collect();
    let mut preferences = Preferences::default();
    parts.for_each(|wish| prefer(&mut preferences, wish));
    match solve(&roots(&requirements), &world(releases), &preferences) {
        Ok(resolution) => show(&resolution),
        Err(conflict) => conflict.explain(),
    }
}

#[test]
fn the_examples_of_the_page_come_out_as_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/concepts/resolution.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let mut count = 0;
    for block in page.split("```resolve\n").skip(1) {
        let block = block.split("```").next().expect("a block ends");
        let releases: String = block.lines().filter(|line| !line.starts_with(['?', '='])).map(|line| format!("{line}\n")).collect();
        let mut questions = block.lines().filter(|line| line.starts_with(['?', '=']));
        while let (Some(question), Some(expected)) = (questions.next(), questions.next()) {
            let (question, expected) = (question.strip_prefix("? ").expect("a question"), expected.strip_prefix("= ").expect("its answer"));
            assert_eq!(answer(&releases, question), expected, "{question}");
            count += 1;
        }
        assert!(questions.next().is_none());
    }
    assert!(count >= 10, "only {count} questions are answered");
}
