//! The notes of a release, out of a template; pure.

use std::fmt::Write as _;

use crate::model::Repository;
use crate::ops::OpsError;
use crate::ops::release::PlannedAsset;
use crate::registry::ReleasedPack;

/// The notes where nobody gives a template.
const USUAL: &str = "{{ packs }}

In packs.toml:

```toml
[packages]
{{ requirements }}
```

By hand: download an archive and the `.sha256` beside it, then `sha256sum -c ARCHIVE.sha256` and `tar -xf ARCHIVE`.
";

/// What a template can name.
const NAMES: [&str; 5] = ["repository", "tag", "packs", "requirements", "checksums"];

/// What the names of a template stand for.
pub(super) struct Facts<'f> {
    pub(super) repository: &'f Repository,
    pub(super) tag: &'f str,
    pub(super) packs: &'f [ReleasedPack],
    pub(super) assets: &'f [PlannedAsset],
}

impl Facts<'_> {
    fn value(&self, name: &str) -> Option<String> {
        Some(match name {
            "repository" => self.repository.to_string(),
            "tag" => self.tag.to_owned(),
            "packs" => self.lines(|pack| {
                let description = pack.release.description.as_deref().map(|text| format!(": {text}")).unwrap_or_default();
                format!("- **{}** {}{description}", pack.name, pack.release.version)
            }),
            "requirements" => self.lines(|pack| {
                let name =
                    if pack.name.scope().is_some() || pack.name.as_str().contains('.') { format!("{:?}", pack.name.as_str()) } else { pack.name.to_string() };
                format!("{name} = {{ version = \"^{}\", github = \"{}\" }}", pack.release.version, self.repository)
            }),
            "checksums" => self.assets.iter().fold(String::new(), |mut text, asset| {
                let _ = writeln!(text, "{}  {}", asset.sha256, asset.name);
                text
            }),
            _ => return None,
        })
    }

    fn lines(&self, line: impl Fn(&ReleasedPack) -> String) -> String {
        self.packs.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

/// Renders a template, or the usual one: every `{{ name }}` is replaced; a name that there is not is refused with its line.
///
/// # Errors
/// [`OpsError::NotesTemplate`].
pub(super) fn render(template: Option<(&str, &str)>, facts: &Facts<'_>) -> Result<String, OpsError> {
    let (file, mut rest) = template.unwrap_or(("the usual template", USUAL));
    let (mut text, mut line) = (String::new(), 1);
    while let Some((before, after)) = rest.split_once("{{") {
        line += before.matches('\n').count();
        text += before;
        let refused = |name: &str| OpsError::NotesTemplate { file: file.to_owned(), line, name: name.to_owned(), known: NAMES.join(", ") };
        // Without its end, nobody knows how much of the notes the name would swallow.
        let unclosed = || refused(&format!("{{{{{}", after.lines().next().unwrap_or_default()));
        let (name, after) = after.split_once("}}").ok_or_else(unclosed)?;
        text += facts.value(name.trim()).ok_or_else(|| refused(name.trim()))?.trim_end_matches('\n');
        line += name.matches('\n').count();
        rest = after;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: Option<&str>) -> Result<String, String> {
        let repository = Repository::parse("acme/kanban").expect("valid");
        let facts = Facts { repository: &repository, tag: "v2", packs: &[], assets: &[] };
        render(template.map(|text| ("notes.md", text)), &facts).map_err(|error| error.to_string())
    }

    #[test]
    fn names_are_replaced() {
        assert_eq!(rendered(Some("# {{ tag }} of {{repository}}\n{ {x}")).expect("valid"), "# v2 of acme/kanban\n{ {x}");
        assert!(rendered(None).expect("valid").contains("sha256sum -c"));
        let error = rendered(Some("a\nb {{ tga }}")).expect_err("unknown");
        assert_eq!(error, "notes.md:2: there is no `tga`; a template can name repository, tag, packs, requirements, checksums");
        let error = rendered(Some("{{ tag\nand the rest")).expect_err("unclosed");
        assert_eq!(error, "notes.md:1: there is no `{{ tag`; a template can name repository, tag, packs, requirements, checksums");
    }
}
