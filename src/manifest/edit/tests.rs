//! Edits of whole texts, by hand and by chance.

use proptest::prelude::*;

use super::*;
use crate::model::ExtraName;
use crate::model::Repository;
use crate::model::RequirementSource;
use crate::model::Tier;

const KEY: &str = "RWQ2yYRXeehgFqQtZEfIu3JtOcZKM/1X1Wv7L+FRh3JMVTwlx//4Lk8N";
const PROJECT: &str = "[project]\nname = \"shop\"\n";

fn requirement(name: &str, range: &str) -> Requirement {
    Requirement {
        name: PackName::parse(name).expect("valid"),
        range: Range::parse(range).expect("valid"),
        source: RequirementSource::Registry(None),
        extras: BTreeSet::new(),
        tier: Tier::Required,
    }
}

fn edited(text: &str, edit: impl FnOnce(&mut Edit)) -> String {
    let mut editing = Edit::parse(&format!("{PROJECT}{text}"), "packs.toml").expect("a valid manifest");
    edit(&mut editing);
    let text = editing.to_text();
    text.strip_prefix(PROJECT).unwrap_or(&text).to_owned()
}

#[track_caller]
fn check_set(text: &str, requirement: &Requirement, expected: &str) {
    assert_eq!(edited(text, |edit| edit.set_requirement(None, requirement)), expected);
}

#[track_caller]
fn check_removed(text: &str, name: &str, expected: &str) {
    let name = PackName::parse(name).expect("valid");
    assert_eq!(edited(text, |edit| assert!(edit.remove_requirement(None, &name), "not found")), expected);
}

#[test]
fn a_range_alone_stays_short() {
    check_set("[packages]\nkanban = \"^1\"  # ours\n", &requirement("kanban", "^2"), "[packages]\nkanban = \"^2\"  # ours\n");
    check_set("[packages]\nkanban   = '^1'\n", &requirement("kanban", "^2"), "[packages]\nkanban   = \"^2\"\n");
}

#[test]
fn an_entry_keeps_its_other_keys() {
    let before = "[packages]\nkanban = { tier = \"optional\", version = \"^1\", priority = 3 } # ours\n";
    check_set(before, &requirement("kanban", "^2"), &before.replace("^1", "^2"));
    let before = "[packages.kanban]\n# why\nversion = \"^1\" # old\ntier = \"optional\"\n";
    check_set(before, &requirement("kanban", "^2"), &before.replace("^1", "^2"));
    let before = "[packages]\nkanban.version = \"^1\"\nkanban.with = [\"charts\"]\n";
    check_set(before, &requirement("kanban", "^2"), &before.replace("^1", "^2"));
    let before = "packages = { kanban = \"^1\" }\n".to_owned();
    let whole = edited("", |_| ()) + PROJECT;
    let text = format!("{before}{whole}");
    let mut edit = Edit::parse(&text, "packs.toml").expect("valid");
    edit.set_requirement(None, &requirement("kanban", "^2"));
    edit.set_requirement(None, &requirement("linter", "1"));
    assert_eq!(edit.to_text(), text.replace("\"^1\"", "\"^2\", linter = \"1\""));
    assert!(edit.remove_requirement(None, &PackName::parse("linter").expect("valid")));
    assert_eq!(edit.to_text(), text.replace("^1", "^2"));
}

#[test]
fn a_name_changes_and_nothing_else() {
    let rename = |text: &str, to: &str| {
        let [name, to] = ["kanbna", to].map(|name| PackName::parse(name).expect("valid"));
        edited(text, |edit| assert!(edit.rename_requirement(None, &name, &to)))
    };
    for text in
        ["[packages]\nkanbna = \"^1\" # kanbna\n", "[packages]\n  kanbna = { version = \"^1\", priority = 3 }\n", "[packages.kanbna]\nversion = \"^1\"\n"]
    {
        // The only other place of the name is a comment, behind it.
        assert_eq!(rename(text, "kanban"), text.replacen("kanbna", "kanban", 1));
        assert_eq!(rename(text, "@acme/kanban"), text.replacen("kanbna", "\"@acme/kanban\"", 1));
    }
    assert_eq!(rename("[packages]\n\"kanbna\" = \"^1\"\n", "kanban"), "[packages]\nkanban = \"^1\"\n");
}

#[test]
fn overrides_and_constraints_go() {
    let kanban = PackName::parse("kanban").expect("valid");
    let text = "[overrides]\nkanban = \"^1\"\n[constraints]\nkanban = \"<2\"  # why\n";
    assert_eq!(edited(text, |edit| assert!(edit.remove_override(&kanban) && !edit.remove_override(&kanban))), text.replace("kanban = \"^1\"\n", ""));
    assert_eq!(edited(text, |edit| assert!(edit.remove_constraint(&kanban))), text.replace("kanban = \"<2\"  # why\n", ""));
    let wider = Range::parse("<3").expect("valid");
    assert_eq!(edited(text, |edit| edit.set_constraint(&kanban, &wider)), text.replace("<2", "<3"));
}

#[test]
fn more_than_a_range_is_a_table() {
    let mut wanted = requirement("reports", "^1");
    wanted.source = RequirementSource::Registry(Some(RegistryName::parse("internal").expect("valid")));
    wanted.extras = ["charts", "axes"].map(|name| ExtraName::parse(name).expect("valid")).into();
    wanted.tier = Tier::Optional;
    let expected = "{ version = \"^1\", registry = \"internal\", with = [\"axes\", \"charts\"], tier = \"optional\" }";
    check_set("[packages]\n", &wanted, &format!("[packages]\nreports = {expected}\n"));
    check_set("[packages]\nreports = \"1\" # r\n", &wanted, &format!("[packages]\nreports = {expected} # r\n"));
    check_set("[packages]\nreports = { path = \"../r\" }\n", &wanted, &format!("[packages]\nreports = {expected}\n"));
}

#[test]
fn a_repository_replaces_a_registry_and_the_reverse() {
    let mut wanted = requirement("kanban", "^2");
    wanted.source = RequirementSource::GitHub(Repository::parse("acme/kanban").expect("valid"));
    let registries = "[registries]\ndefault = \"file:r\"\n[packages]\n";
    let (from_registry, from_github) =
        (format!("{registries}kanban = {{ version = \"^1\", registry = \"default\" }}\n"), "{ version = \"^2\", github = \"acme/kanban\" }");
    check_set(&from_registry, &wanted, &format!("{registries}kanban = {from_github}\n"));
    check_set("[packages]\n", &wanted, &format!("[packages]\nkanban = {from_github}\n"));
    wanted.source = RequirementSource::Registry(Some(RegistryName::parse("default").expect("valid")));
    check_set(&format!("{registries}kanban = {from_github}\n"), &wanted, &from_registry.replace("^1", "^2"));
}

#[test]
fn a_path_replaces_a_registry() {
    let mut wanted = requirement("kanban", "*");
    wanted.source = RequirementSource::Path("../kanban".to_owned());
    let before = "[registries]\ndefault = \"file:r\"\n[packages]\nkanban = ";
    check_set(
        &format!("{before}{{ version = \"^1\", tier = \"optional\", registry = \"default\" }}\n"),
        &wanted,
        &format!("{before}{{ tier = \"optional\", path = \"../kanban\" }}\n"),
    );
    check_set(&format!("{before}\"^1\"\n"), &wanted, &format!("{before}{{ path = \"../kanban\" }}\n"));
    let before = "[registries]\ndefault = \"file:r\"\n[packages.kanban]\n# from\nregistry = \"default\"\n# which\nversion = \"1\"\n";
    check_set(before, &wanted, "[registries]\ndefault = \"file:r\"\n[packages.kanban]\npath = \"../kanban\"\n# from\n# which\n");
}

#[test]
fn a_new_entry_takes_its_sorted_place() {
    let sorted = "[packages]\n# first\na = \"1\" # a\n# third\nc = \"1\"\n\n# next\n[environments.dev]\n";
    check_set(sorted, &requirement("b", "2"), &sorted.replace("# third", "b = \"2\"\n# third"));
    check_set(sorted, &requirement("0", "2"), &sorted.replace("# first", "0 = \"2\"\n# first"));
    check_set(sorted, &requirement("d", "2"), &sorted.replace("\n\n# next", "\nd = \"2\"\n\n# next"));
    check_set(sorted, &requirement("@x/b", "2"), &sorted.replace("# first", "\"@x/b\" = \"2\"\n# first"));
    let unsorted = "[packages]\nc = \"1\"\na = \"1\"\n";
    check_set(unsorted, &requirement("b", "2"), &format!("{unsorted}b = \"2\"\n"));
}

#[test]
fn missing_tables_are_made() {
    check_set("", &requirement("kanban", "^2"), "\n[packages]\nkanban = \"^2\"\n");
    check_set(
        "\n[registries]\ndefault = \"file:r\"\n\n# variants\n[environments.dev]\n",
        &requirement("kanban", "^2"),
        "\n[registries]\ndefault = \"file:r\"\n\n[packages]\nkanban = \"^2\"\n\n# variants\n[environments.dev]\n",
    );
    check_set("[packages.a]\nversion = \"1\"\n", &requirement("b", "2"), "\n[packages]\nb = \"2\"\n[packages.a]\nversion = \"1\"\n");
    let dev = EnvironmentName::parse("dev").expect("valid");
    let text = edited("[environments.dev]\ntiers = [\"required\"]\n\n[environments.prod]\n", |edit| {
        edit.set_requirement(Some(&dev), &requirement("kit", "1"));
    });
    assert_eq!(text, "[environments.dev]\ntiers = [\"required\"]\n\n[environments.dev.packages]\nkit = \"1\"\n\n[environments.prod]\n");
    let text = edited("[environments]\ndev = { tiers = [\"required\"] }\n", |edit| edit.set_requirement(Some(&dev), &requirement("kit", "1")));
    assert_eq!(text, "[environments]\ndev = { tiers = [\"required\"], packages = { kit = \"1\" } }\n");
}

#[test]
fn registries_are_set() {
    let name = RegistryName::parse("default").expect("valid");
    assert_eq!(edited("", |edit| edit.set_registry(&name, "file:r")), "\n[registries]\ndefault = \"file:r\"\n");
    let before = format!("[registries]\ndefault = {{ url = \"file:a\", keys = [\"{KEY}\"] }}\n");
    assert_eq!(edited(&before, |edit| edit.set_registry(&name, "file:b")), before.replace("file:a", "file:b"));
}

#[test]
fn keys_of_registries_are_set() {
    let name = RegistryName::parse("default").expect("valid");
    let key = PublicKey::parse(KEY).expect("valid");
    let set = |before: &str, keys: &[PublicKey]| edited(before, |edit| edit.set_registry_keys(&name, "file:a", keys));
    let short = "[registries]\n# ours\ndefault = \"file:a\" # here\nother = \"file:b\"\n";
    let long = format!("[registries]\n# ours\ndefault = {{ url = \"file:a\", keys = [\"{KEY}\"] }} # here\nother = \"file:b\"\n");
    assert_eq!(set(short, &[key]), long);
    assert_eq!(set(&long, &[key]), long);
    assert_eq!(set(&long, &[]), long.replace(&format!(", keys = [\"{KEY}\"]"), ""));
    let table = "[registries.default]\nurl = \"file:a\" # here\n";
    assert_eq!(set(table, &[key]), format!("{table}keys = [\"{KEY}\"]\n"));
}

#[test]
fn overrides_are_set() {
    let (name, range) = (PackName::parse("charting").expect("valid"), Range::parse("^2").expect("valid"));
    assert_eq!(edited("", |edit| edit.set_override(&name, &range)), "\n[overrides]\ncharting = \"^2\"\n");
    let before = "[overrides]\ncharting = \"^1\"  # why\n";
    assert_eq!(edited(before, |edit| edit.set_override(&name, &range)), before.replace("^1", "^2"));
}

#[test]
fn removing_keeps_comments() {
    check_removed("[packages]\n# first\na = \"1\" # a\n# third\nc = \"1\"\n", "a", "[packages]\n# first\n# third\nc = \"1\"\n");
    check_removed(
        "[packages]\n# last\nc = { version = \"1\", with = [\n  \"x\",\n] }\n\n# next\n[environments.dev]\n",
        "c",
        "[packages]\n# last\n\n# next\n[environments.dev]\n",
    );
    check_removed("[packages]\na.version = \"1\"\nb = \"1\"\na.tier = \"optional\"\n", "a", "[packages]\nb = \"1\"\n");
    check_removed(
        "\n[packages.a]\n# inner\nversion = \"1\"\n[packages.a.rename]\nx = \"y\"\n\n[packages.b]\nversion = \"1\"\n",
        "a",
        "# inner\n\n[packages.b]\nversion = \"1\"\n",
    );
    assert_eq!(edited("[packages]\n", |edit| assert!(!edit.remove_requirement(None, &PackName::parse("a").expect("valid")))), "[packages]\n");
}

#[test]
fn line_ends_and_marks_stay() {
    for text in [
        "[project]\r\nname = \"x\"\r\n[packages]\r\na = \"1\"\r\n",
        "\u{feff}[project]\nname = \"x\"\n[packages]\na = \"1\"",
        "[project]\nname = \"x\"\n[packages]\na = \"1\"",
    ] {
        let mut edit = Edit::parse(text, "packs.toml").expect("valid");
        assert_eq!(edit.to_text(), text);
        edit.set_requirement(None, &requirement("a", "2"));
        assert_eq!(edit.to_text(), text.replace('1', "2"));
    }
}

#[test]
fn every_valid_sample_can_be_edited() {
    let samples = [
        include_str!("../../../schemas/samples/packs.toml/valid/full.toml"),
        include_str!("../../../schemas/samples/packs.toml/valid/other-spellings.toml"),
        include_str!("../../../schemas/samples/packs.toml/valid/smallest.toml"),
    ];
    let dev = EnvironmentName::parse("dev").expect("valid");
    for (text, environment) in samples.iter().flat_map(|text| [(*text, None), (*text, Some(&dev))]) {
        let mut edit = Edit::parse(text, "packs.toml").expect("valid");
        edit.set_requirement(environment, &requirement("new-pack", "^1"));
        let manifest = Manifest::parse(&edit.to_text(), "packs.toml").expect("still valid");
        let entries = environment.map_or(&manifest.packages, |environment| &manifest.environments[environment].packages);
        assert_eq!(entries[&requirement("new-pack", "^1").name].requirement, requirement("new-pack", "^1"), "{}", edit.to_text());
        assert!(edit.remove_requirement(environment, &requirement("new-pack", "^1").name));
        assert_eq!(edit.to_text(), text);
    }
}

#[test]
fn mixed_line_ends_stay_until_a_change() {
    let text = "[project]\r\nname = \"x\"\n[packages]\r\na = \"1\"\nb = \"1\"\r\n";
    let mut edit = Edit::parse(text, "packs.toml").expect("valid");
    assert_eq!(edit.to_text(), text);
    assert!(edit.remove_requirement(None, &PackName::parse("a").expect("valid")));
    assert_eq!(edit.to_text(), text.replace("a = \"1\"\n", ""));
    edit.set_requirement(None, &requirement("b", "2"));
    assert_eq!(edit.to_text(), "[project]\nname = \"x\"\n[packages]\nb = \"2\"\n");
}

fn comment_lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.trim_start().starts_with('#')).map(str::to_owned).collect()
}

fn any_manifest() -> impl Strategy<Value = String> {
    let entry = ("[b-f]{1,2}", prop_oneof![Just("\"^1\""), Just("{ version = '1', tier = \"optional\" }"), Just("{path=\"../x\"}")]);
    let line = (entry, prop_oneof![Just(""), Just(" # same line"), Just("  ")], prop_oneof![Just(""), Just("\n"), Just("# above\n"), Just("\n  # above\n\n")])
        .prop_map(|((name, value), after, before)| (name.clone(), format!("{before}{name} = {value}{after}\n")));
    let lines = proptest::collection::vec(line, 0..6).prop_map(|lines| {
        let mut seen = BTreeSet::new();
        lines.into_iter().filter(|(name, _)| seen.insert(name.clone())).map(|(_, line)| line).collect::<String>()
    });
    let tail = prop_oneof![Just(""), Just("# end\n"), Just("\n# next\n[environments.dev]\n# in dev\ntiers = [\"required\"]\n"), Just("[policy]")];
    let head = prop_oneof![Just("[packages]\n"), Just("# packs\n[packages] # here\n"), Just("")];
    (lines, head, tail)
        .prop_map(|(lines, head, tail)| format!("# top\n{PROJECT}{}{tail}", if head.is_empty() { String::new() } else { format!("{head}{lines}") }))
}

proptest! {
    #[test]
    fn set_then_remove_gives_back_the_text(text in any_manifest(), name in "[a-g]", in_environment: bool) {
        let environment = EnvironmentName::parse("dev").expect("valid");
        let environment = in_environment.then_some(&environment);
        let mut edit = Edit::parse(&text, "packs.toml").expect("a valid manifest");
        let wanted = requirement(&name, "^7");
        let was_there = Manifest::parse(&text, "packs.toml").expect("valid").packages.contains_key(&wanted.name);
        prop_assume!(!was_there);
        edit.set_requirement(environment, &wanted);
        let changed = edit.to_text();
        prop_assert_eq!(comment_lines(&changed), comment_lines(&text));
        let manifest = Manifest::parse(&changed, "packs.toml").expect("still valid");
        let entries = environment.map_or(&manifest.packages, |environment| &manifest.environments[environment].packages);
        prop_assert_eq!(&entries[&wanted.name].requirement, &wanted);
        prop_assert!(edit.remove_requirement(environment, &wanted.name));
        prop_assert_eq!(edit.to_text(), text);
    }

    #[test]
    fn every_edit_keeps_every_comment_line(text in any_manifest(), name in "[b-f]") {
        let mut edit = Edit::parse(&text, "packs.toml").expect("a valid manifest");
        edit.set_requirement(None, &requirement(&name, "^7"));
        prop_assert_eq!(comment_lines(&edit.to_text()), comment_lines(&text));
        edit.remove_requirement(None, &PackName::parse(&name).expect("valid"));
        prop_assert_eq!(comment_lines(&edit.to_text()), comment_lines(&text));
    }
}

#[track_caller]
fn check_taken_over(text: &str, expected: &str) {
    let (name, dev) = (PackName::parse("kanban").expect("valid"), EnvironmentName::parse("dev").expect("valid"));
    assert_eq!(edited(text, |edit| edit.take_over_requirement(&dev, &name)), expected);
}

#[test]
fn an_environment_takes_over_an_entry_with_all_it_says() {
    let own = "[environments.dev]\n\n[environments.dev.packages]\n";
    for entry in ["\"^1\"", "{ version = \"^1\", github = \"acme/kanban\", with = [\"pdf\"], priority = 2, rename = { a = \"b\" } }"] {
        check_taken_over(
            &format!("[packages]\nkanban = {entry}  # ours\n\n[environments.dev]\n"),
            &format!("[packages]\nkanban = {entry}  # ours\n\n{own}kanban = {entry}\n"),
        );
    }
    let long = "[packages.kanban]\nversion = \"^1\"  # ours\n# two\npriority = 2\n[packages.kanban.rename]\na = \"b\"\n\n";
    check_taken_over(&format!("{long}[environments.dev]\n"), &format!("{long}{own}kanban = {{ version = \"^1\", priority = 2, rename = {{ a = \"b\" }} }}\n"));
    let has_own = format!("[packages]\nkanban = \"^1\"\n\n{own}kanban = \"^2\"\n");
    check_taken_over(&has_own, &has_own);
    check_taken_over("[environments.dev]\n", "[environments.dev]\n");
}

#[test]
fn a_tier_is_taken_out() {
    let name = PackName::parse("kanban").expect("valid");
    let removed = |text: &str| edited(text, |edit| edit.remove_tier(None, &name));
    assert_eq!(removed("[packages]\nkanban = { version = \"^1\", tier = \"optional\" }\n"), "[packages]\nkanban = { version = \"^1\" }\n");
    assert_eq!(removed("[packages]\nkanban = \"^1\"\n"), "[packages]\nkanban = \"^1\"\n");
}
