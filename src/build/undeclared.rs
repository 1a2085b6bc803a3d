//! Directories without pack.toml: the name from the directory, the rest from what lies there anyway.
//!
//! - name: the directory's;
//! - version: the one line of `VERSION`, where a `v` before it does not count;
//! - framework and description: title and first paragraph of the README;
//! - license: recognised from the texts of the licence files; two or more leave the choice (`OR`); one that is not recognised leaves it open.
//!
//! All of it is told in a note, since nobody has written it for this purpose. These files are packed like all others.

use std::path::Path;

use crate::build::BuildError;
use crate::build::CollectOptions;
use crate::build::Note;
use crate::build::declaration::About;
use crate::build::declaration::Declaration;
use crate::build::declared::read_bytes;
use crate::build::license::recognise_license;
use crate::build::readme::Readme;
use crate::fsys;
use crate::fsys::FileKind;
use crate::model::PackName;
use crate::model::Place;
use crate::model::Version;

/// The file that holds nothing but a version.
const VERSION_FILE: &str = "VERSION";

/// How a README may be called, in any case of letters; the first that is there counts.
const README_FILES: [&str; 5] = ["readme.md", "readme.markdown", "readme.txt", "readme.rst", "readme"];

/// How the names of licence files begin, in any case of letters.
const LICENSE_FILES: [&str; 4] = ["license", "licence", "copying", "unlicense"];

/// Reads what a directory without any declaration shows.
pub(super) fn read(directory: &Path, options: &CollectOptions) -> Result<Declaration, BuildError> {
    let files = list_files(directory)?;
    let name = find_name(directory, options)?;
    let (version, version_from) = find_version(directory, options)?;
    let readme = find_readme(directory, &files)?;
    let (license, license_notes) = find_license(directory, &files)?;
    let mut sources = vec![version_from];
    sources.extend(readme.as_ref().map(|(file, _)| format!("framework and description from {file}")));
    sources.extend(license.as_ref().map(|license| format!("license {license} from its text")));
    let readme = readme.map(|(_, readme)| readme).unwrap_or_default();
    let text = format!("there is no pack.toml: name from the directory, {}", sources.join(", "));
    let mut notes = vec![Note { at: None, text }];
    notes.extend(license_notes);
    let about = About { framework: readme.title, description: readme.paragraph, license, ..About::default() };
    Ok(Declaration { about, notes, ..Declaration::new(name, version) })
}

/// Lists the names of regular files, sorted; those that are not UTF-8 are faults of the walk, not of this.
fn list_files(directory: &Path) -> Result<Vec<String>, BuildError> {
    let entries = fsys::list_dir_status(directory)?;
    let files = entries.into_iter().filter(|(_, status)| status.kind == FileKind::File);
    Ok(files.filter_map(|(entry, _)| entry.name_str().map(str::to_owned)).collect())
}

fn find_name(directory: &Path, options: &CollectOptions) -> Result<PackName, BuildError> {
    if let Some(name) = options.default_name() {
        return Ok(name);
    }
    let real = fsys::canonicalize(directory)?;
    let text = real.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    PackName::parse(&text).map_err(|source| BuildError::NoName { directory: directory.to_owned(), suggested: suggest_name(&text), source })
}

fn find_version(directory: &Path, options: &CollectOptions) -> Result<(Version, String), BuildError> {
    if let Some(version) = &options.instead.version {
        return Ok((version.clone(), format!("version {version} as asked")));
    }
    let path = directory.join(VERSION_FILE);
    let found = read_lossy(directory, VERSION_FILE)?.map(|text| {
        let line = text.trim();
        Version::parse(line.strip_prefix('v').unwrap_or(line))
    });
    match (found, options.default_version()) {
        (Some(Ok(version)), _) => Ok((version, format!("version from {VERSION_FILE}"))),
        // Whatever directory is required by its path will do, and this file may be another program's.
        (_, Some(version)) => Ok((version, "no version".to_owned())),
        (Some(Err(source)), None) => Err(BuildError::BadVersionFile { at: Place { file: path.display().to_string(), line: 1 }, source }),
        (None, None) => Err(BuildError::NoVersion { directory: directory.to_owned() }),
    }
}

fn find_readme(directory: &Path, files: &[String]) -> Result<Option<(String, Readme)>, BuildError> {
    let Some(file) = README_FILES.iter().find_map(|wanted| files.iter().find(|file| file.to_lowercase() == *wanted)) else { return Ok(None) };
    Ok(read_lossy(directory, file)?.map(|text| (file.clone(), Readme::parse(&text))))
}

/// Gives the licence, and notes about what is not recognised or not certain.
fn find_license(directory: &Path, files: &[String]) -> Result<(Option<String>, Vec<Note>), BuildError> {
    let (mut found, mut unknown, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    // A file about what others wrote says nothing about the whole.
    let is_license = |file: &&String| {
        let name = file.to_lowercase();
        LICENSE_FILES.iter().any(|start| name.starts_with(start)) && !name.contains("third")
    };
    for file in files.iter().filter(is_license) {
        match read_lossy(directory, file)?.as_deref().and_then(recognise_license) {
            Some(license) if !found.contains(&license) => found.push(license),
            Some(_) => {}
            None => unknown.push(file.clone()),
        }
    }
    if found.iter().any(|license| license.ends_with("-only")) {
        let text = "the text of a GNU licence does not say whether later versions may be chosen: if so, write license = \"…-or-later\" in pack.toml";
        notes.push(Note { at: None, text: text.to_owned() });
    }
    if !unknown.is_empty() {
        let text = format!("no licence is recognised in {}: write `license` in pack.toml", unknown.join(", "));
        notes.push(Note { at: None, text });
        return Ok((None, notes));
    }
    Ok(((!found.is_empty()).then(|| found.join(" OR ")), notes))
}

fn read_lossy(directory: &Path, name: &str) -> Result<Option<String>, BuildError> {
    Ok(read_bytes(directory, name)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Suggests a pack name for a name that is for people: `Next.js CRUD` gives `next.js-crud`; `None` where nothing is left.
pub(super) fn suggest_name(text: &str) -> Option<PackName> {
    let plain = |character: char| match character {
        '.' | '_' => character,
        _ if character.is_ascii_alphanumeric() => character.to_ascii_lowercase(),
        _ => '-',
    };
    let mapped: String = text.trim().chars().map(plain).collect();
    let words: Vec<&str> = mapped.split('-').filter(|word| !word.is_empty()).collect();
    let joined = words.join("-");
    PackName::parse(joined.trim_matches(['.', '_', '-'])).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_suggested() {
        for (text, expected) in [
            ("Next.js Ontology-Driven CRUD", Some("next.js-ontology-driven-crud")),
            ("  My Pack!  ", Some("my-pack")),
            ("_hidden_", Some("hidden")),
            ("Größe", Some("gr-e")),
            ("…", None),
            ("con", None),
        ] {
            assert_eq!(suggest_name(text).map(|name| name.to_string()).as_deref(), expected, "{text}");
        }
    }
}
