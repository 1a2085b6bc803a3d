//! Text to [`Manifest`], with every fault at its span.
//!
//! The TOML parser recovers from its errors, so that faults of other lines are found in the same run; what may be missing only because
//! of such an error is not reported.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::manifest::Environment;
use crate::manifest::LicensePolicy;
use crate::manifest::Manifest;
use crate::manifest::ManifestError;
use crate::manifest::PackageEntry;
use crate::manifest::Policy;
use crate::manifest::Project;
use crate::manifest::RegistryEntry;
use crate::manifest::environment;
use crate::manifest::fault::Faults;
use crate::manifest::fault::quoted;
use crate::manifest::license;
use crate::manifest::package;
use crate::manifest::pins;
use crate::manifest::place;
use crate::manifest::section::Field;
use crate::manifest::section::Section;
use crate::manifest::section::Text;
use crate::manifest::section::parse_noun;
use crate::model::EnvironmentName;
use crate::model::PackName;
use crate::model::Platform;
use crate::model::PublicKey;
use crate::model::RegistryName;
use crate::model::Repository;
use crate::model::has_user;

/// Longest packs.toml, in bytes: some thousand times what people write, and bounds the work of one parse.
const MANIFEST_BYTES_MAX: usize = 1024 * 1024;

/// Schemes of registries. What reads them is `source`'s matter, which refuses those it does not know yet.
const REGISTRY_SCHEMES: [&str; 7] = ["file", "http", "https", "s3", "gs", "az", "github"];

/// The names that the document declares, whether or not their entries are in order, for checking references to them.
pub(super) struct Declared<'d> {
    pub(super) registries: BTreeSet<&'d str>,
    pub(super) packs: BTreeSet<&'d str>,
    pub(super) environments: BTreeSet<&'d str>,
}

impl Manifest {
    /// Parses packs.toml; `file` is how its faults call it.
    ///
    /// # Errors
    /// All faults at once: invalid TOML, unknown keys and names, wrong types, invalid nouns, entries that contradict each other.
    pub fn parse(text: &str, file: &str) -> Result<Manifest, ManifestError> {
        if text.len() > MANIFEST_BYTES_MAX {
            let mut faults = Faults::new("", file);
            faults.add(0..0, format!("the file has {} bytes, more than {MANIFEST_BYTES_MAX}", text.len()), "too long");
            return faults.finish(None);
        }
        let (mut faults, document) = Faults::parse(text, file);
        let manifest = read_document(&Section::document("packs.toml", document.get_ref()), &mut faults);
        faults.finish(manifest)
    }
}

fn read_document(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<Manifest> {
    root.refuse_unknown(&["project", "registries", "packages", "overrides", "constraints", "place", "environments", "policy"], faults);
    let declared = Declared::read(root);
    let project = read_project(root, &declared, faults);
    let registries = read_registries(root, faults);
    let packages = read_packages(root, &declared, faults);
    let environments = read_environments(root, &declared, faults);
    let place = place::read_places(root, &declared, faults);
    let overrides = pins::read_ranges(root, "overrides", faults);
    let constraints = pins::read_ranges(root, "constraints", faults);
    let policy = read_policy(root, faults);
    project.map(|project| Manifest { project, registries, packages, place, environments, overrides, constraints, policy })
}

impl<'d> Declared<'d> {
    fn read(root: &Section<'d>) -> Self {
        let keys = |section: Option<Section<'d>>| section.into_iter().flat_map(|section| section.keys().collect::<Vec<_>>());
        let environments = root.peek("environments");
        let own_packs = environments.iter().flat_map(Section::fields).filter_map(|field| field.peek_section()?.peek("packages"));
        Declared {
            registries: keys(root.peek("registries")).collect(),
            packs: keys(root.peek("packages")).chain(own_packs.flat_map(|section| keys(Some(section)))).collect(),
            environments: keys(environments).collect(),
        }
    }
}

fn read_project(root: &Section<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<Project> {
    let Some(field) = root.find("project") else {
        faults.add_missing(0..0, "[project] is missing; packs.toml starts with [project] and the project's name", "no [project]");
        return None;
    };
    let section = field.section(faults)?;
    section.refuse_unknown(&["name", "team", "default-environment", "platforms"], faults);
    let name = section.find("name").map(|field| field.noun(faults));
    if name.is_none() {
        faults.add_missing(section.span.clone(), "the project's `name` is missing in [project]", "no `name`");
    }
    let team = section.find("team").and_then(|field| field.string(faults)).map(str::to_owned);
    let default_environment = section.find("default-environment").and_then(|field| read_default_environment(&field, declared, faults));
    let platforms = section.find("platforms").map_or_else(Platform::project_defaults, |field| read_platforms(&field, faults));
    let platforms_at = section.find("platforms").map(|field| faults.place(&field.key_span));
    name.flatten().map(|name| Project { name, team, default_environment, platforms, platforms_at })
}

fn read_default_environment(field: &Field<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> Option<EnvironmentName> {
    let name: EnvironmentName = field.noun(faults)?;
    let known = if declared.environments.is_empty() { vec!["default"] } else { declared.environments.iter().copied().collect() };
    if !known.contains(&name.as_str()) && !faults.is_recovering() {
        let message = format!("`default-environment` names `{name}`, but the environments are {}", known.join(", "));
        faults.add_unknown(field.span.clone(), message, name.as_str(), known);
        return None;
    }
    Some(name)
}

/// Reads the project's platforms, sorted. `any` is no platform that a project runs on.
fn read_platforms(field: &Field<'_>, faults: &mut Faults<'_>) -> Vec<Platform> {
    let Some(texts) = field.strings(faults) else { return Vec::new() };
    if texts.is_empty() {
        faults.add(field.span.clone(), "`project.platforms` is empty; leave it out for the usual ones", "expected a platform");
    }
    let mut platforms = BTreeSet::new();
    for (text, span) in texts {
        if text == Platform::ANY.as_str() {
            faults.add(span, "`any` is the platform of an archive; list the platforms that the project runs on", "not a platform to run on");
        } else if let Some(platform) = parse_noun((text, span), faults) {
            platforms.insert(platform);
        }
    }
    platforms.into_iter().collect()
}

fn read_registries(root: &Section<'_>, faults: &mut Faults<'_>) -> BTreeMap<RegistryName, RegistryEntry> {
    let Some(section) = root.find("registries").and_then(|field| field.section(faults)) else { return BTreeMap::new() };
    section.read_map(faults, |_, field, faults| read_registry(field, faults))
}

fn read_registry(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<RegistryEntry> {
    let at = faults.place(&field.key_span);
    if field.peek_string().is_some() {
        return Some(RegistryEntry { url: read_registry_url(field, faults)?, position: field.key_span.start, keys: Vec::new(), at });
    }
    let Some(section) = field.peek_section() else {
        field.refuse_type("an address such as \"file:registry\", or a table with `url`", faults);
        return None;
    };
    section.refuse_unknown(&["url", "keys"], faults);
    let keys = section.find("keys").map_or_else(Vec::new, |field| read_keys(&field, faults));
    let Some(url) = section.find("url") else {
        faults.add_missing(section.span.clone(), format!("the registry's `url` is missing in {}", section.name()), "no `url`");
        return None;
    };
    let url = read_registry_url(&url, faults)?;
    let entry = RegistryEntry { url, position: field.key_span.start, keys, at };
    if let (Some(keys), true) = (section.find("keys"), entry.repository().is_some()) {
        let message = "the releases of a repository bear no signatures of packs, so that `keys` could not be asked for; leave it out";
        faults.add(keys.key_span, message, "nothing is signed there");
        return None;
    }
    Some(entry)
}

/// Reads the keys that a registry is trusted by; an empty list would look like trust and be none.
fn read_keys(field: &Field<'_>, faults: &mut Faults<'_>) -> Vec<PublicKey> {
    if field.is_empty_list() {
        faults.add(field.span.clone(), "`keys` is empty, which would trust nobody; leave it out to ask for no signatures", "expected a public key");
    }
    let texts = field.strings(faults).unwrap_or_default();
    texts.into_iter().filter_map(|(text, span)| read_key(text, span, faults)).collect()
}

fn read_key(text: &str, span: std::ops::Range<usize>, faults: &mut Faults<'_>) -> Option<PublicKey> {
    match PublicKey::parse(text) {
        Ok(key) => Some(key),
        Err(invalid) => {
            // It may be a secret key.
            if text.len() > invalid.text.len() {
                faults.hide(span.clone());
            }
            faults.add(span, invalid.to_string(), "not a public key");
            None
        }
    }
}

fn read_registry_url(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<String> {
    read_address((field.string(faults)?, field.span.clone()), faults)
}

/// Reads the address of a registry: a known scheme, a place, and no password.
pub(crate) fn read_address((url, span): Text<'_>, faults: &mut Faults<'_>) -> Option<String> {
    let (message, label) = match url.split_once(':') {
        _ if url.chars().any(char::is_control) => ("the address has control characters".to_owned(), "not an address"),
        None => (format!("{} is no address; a directory is written \"file:registry\"", quoted(url)), "no scheme"),
        Some((scheme, _)) if !REGISTRY_SCHEMES.contains(&scheme) => {
            (format!("unknown scheme {} of a registry, expected one of {}", quoted(scheme), REGISTRY_SCHEMES.join(", ")), "unknown scheme")
        }
        Some(_) if let Some(repository) = Repository::of_address(url) => match repository {
            Ok(_) => return Some(url.to_owned()),
            Err(invalid) => {
                if url.contains('@') {
                    faults.hide(span.clone());
                }
                (format!("the address names no repository, as \"github:acme/kanban\" does: {}", invalid.reason), "not OWNER/REPO")
            }
        },
        Some((_, rest)) if rest.trim_start_matches('/').is_empty() => (format!("{} names no place", quoted(url)), "nothing after the scheme"),
        Some((scheme, _)) if scheme != "file" && has_user(url) => {
            faults.hide(span.clone());
            ("the address carries a user or password, which everyone who reads this file would see".to_owned(), "credentials")
        }
        Some(_) => return Some(url.to_owned()),
    };
    faults.add(span, message, label);
    None
}

fn read_packages(section: &Section<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> BTreeMap<PackName, PackageEntry> {
    let Some(section) = section.find("packages").and_then(|field| field.section(faults)) else { return BTreeMap::new() };
    section.read_map(faults, |name, field, faults| package::read_package(name, field, declared, faults))
}

fn read_environments(root: &Section<'_>, declared: &Declared<'_>, faults: &mut Faults<'_>) -> BTreeMap<EnvironmentName, Environment> {
    let section = root.find("environments").and_then(|field| field.section(faults));
    let mut environments = section.map_or_else(BTreeMap::new, |section| {
        section.read_map(faults, |_, field, faults| {
            let section = field.section(faults)?;
            environment::refuse_unknown(&section, faults);
            let packages = read_packages(&section, declared, faults);
            Some(environment::read_environment(&section, field, (packages, declared), faults))
        })
    });
    if environments.is_empty() {
        environments.insert(EnvironmentName::default_environment(), environment::undeclared(faults.place(&(0..0))));
    }
    environments
}

fn read_policy(root: &Section<'_>, faults: &mut Faults<'_>) -> Option<Policy> {
    let section = root.find("policy")?.section(faults)?;
    for field in section.fields().filter(|field| field.key != "licenses") {
        let message = format!("{} in [policy] cannot be enforced by this packs, which knows only `licenses`", quoted(field.key));
        faults.add_unknown(field.key_span, message, field.key, ["licenses"]);
    }
    let licenses = section.find("licenses").and_then(|field| read_license_policy(&field, faults));
    Some(Policy { licenses })
}

fn read_license_policy(field: &Field<'_>, faults: &mut Faults<'_>) -> Option<LicensePolicy> {
    let section = field.section(faults)?;
    section.refuse_unknown(&["allow", "deny"], faults);
    let allow = section.find("allow").map(|field| {
        let terms = license::read_terms(&field, faults);
        if field.is_empty_list() {
            faults.add(
                field.span.clone(),
                "`policy.licenses.allow` is empty, which would refuse every release; leave it out to allow all",
                "expected a licence",
            );
        }
        terms
    });
    let deny = section.find("deny").map(|field| license::read_terms(&field, faults)).unwrap_or_default();
    Some(LicensePolicy { allow, deny, at: faults.place(&field.key_span) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FULL: &str = include_str!("../../schemas/samples/packs.toml/valid/full.toml");

    fn parse(text: &str) -> Manifest {
        Manifest::parse(text, "packs.toml").expect("a valid manifest")
    }

    #[test]
    fn everything_is_read() {
        let manifest = parse(FULL);
        let boards = &manifest.packages[&PackName::parse("@acme/boards").expect("valid")];
        assert_eq!((boards.priority, format!("{:?}", boards.rename)), (10, r#"{CommandName("board"): CommandName("acme-board")}"#.to_owned()));
        let described: Vec<String> = manifest.packages.values().map(|entry| format!("{:?} {}", entry.requirement.source, entry.at)).collect();
        assert_eq!(described[1], "Registry(None) packs.toml:12");
        assert_eq!(described[3], "Registry(Some(RegistryName(\"internal\"))) packs.toml:13");
        assert_eq!(described[4], "Path(\"../snippets\") packs.toml:15");
        let prod = &manifest.environments[&EnvironmentName::parse("prod").expect("valid")];
        let (cool_down, at) = prod.rules.cool_down.as_ref().expect("a cool-down");
        assert_eq!((cool_down.seconds(), at.line), (259_200, 30));
        assert_eq!(manifest.policy.expect("a policy").licenses.expect("licences").deny.len(), 1);
    }

    #[test]
    fn a_project_without_environments_has_one() {
        let manifest = parse("[project]\nname = \"shop\"\ndefault-environment = \"default\"\n");
        let names: Vec<&str> = manifest.environments.keys().map(EnvironmentName::as_str).collect();
        assert_eq!(names, ["default"]);
        assert_eq!(manifest.project.platforms, Platform::project_defaults());
    }

    #[test]
    fn all_spellings_of_toml_mean_the_same() {
        let manifest = parse(include_str!("../../schemas/samples/packs.toml/valid/other-spellings.toml"));
        let described: Vec<String> =
            manifest.packages.values().map(|entry| format!("{} {} {}", entry.requirement.name, entry.requirement.range, entry.at.line)).collect();
        assert_eq!(described, ["kanban 2 5", "reports ^1 10"]);
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_are_read() {
        assert_eq!(parse("\u{feff}[project]\r\nname = \"shop\"\r\n").project.name.as_str(), "shop");
    }

    #[test]
    fn too_long_a_file_is_refused_unread() {
        let error = Manifest::parse(&"#".repeat(MANIFEST_BYTES_MAX + 1), "packs.toml").expect_err("too long");
        assert!(error.to_string().contains("more than 1048576"), "{error}");
    }

    #[test]
    fn keys_are_checked_and_a_secret_one_is_not_shown() {
        let with = |keys: &str| format!("[project]\nname = \"x\"\n[registries]\ndefault = {{ url = \"file:r\", keys = {keys} }}\n");
        for (keys, expected) in [
            ("[]", "which would trust nobody"),
            ("[\"RWQ\"]", "is not a valid public key"),
            ("\"RWQ\"", "must be a list of strings"),
            (&format!("[\"RWRTY0Iy{}\"]", "geheim".repeat(34)), "a secret key does not belong here"),
        ] {
            let error = Manifest::parse(&with(keys), "packs.toml").expect_err("invalid");
            assert!(error.faults[0].message.contains(expected), "{}", error.faults[0].message);
            assert!(!format!("{error:?}").contains("geheim"));
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let error = Manifest::parse("[project]\nname = \"x\"\n[registries]\ndefault = \"https://anna:geheim@h/\"\n", "packs.toml").expect_err("invalid");
        assert!(!format!("{error:?}").contains("geheim"));
    }

    proptest! {
        /// Whatever a line of a good file turns into, the answer is a manifest or faults within the text.
        #[test]
        fn no_text_panics(at in 0..FULL.len(), cut in 0..40_usize, inserted in "[\\[\\]{}=\".,a-z0-9 \n\u{0}\u{9b}ä#'-]{0,8}") {
            let mut text: Vec<u8> = FULL.as_bytes().to_vec();
            text.splice(at..(at + cut).min(text.len()), inserted.bytes());
            let text = String::from_utf8_lossy(&text);
            if let Err(error) = Manifest::parse(&text, "packs.toml") {
                prop_assert!(!error.faults.is_empty());
                for fault in &error.faults {
                    prop_assert!(error.text.get(fault.span.clone()).is_some());
                }
            }
        }
    }
}
