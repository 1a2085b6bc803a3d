//! A new project: its packs.toml.

use std::path::Path;

use serde::Serialize;

use crate::fsys;
use crate::model::EnvironmentName;
use crate::model::ProjectName;
use crate::ops::ChangeRequest;
use crate::ops::Context;
use crate::ops::OpsError;
use crate::ops::project::MANIFEST_NAME;
use crate::ops::project::Project;
use crate::ops::recorded::Recorded;
use crate::ops::recorded::recorded;
use crate::store::Store;

/// Largest .gitattributes that is read, in bytes.
const ATTRIBUTES_BYTES_MAX: u64 = 1024 * 1024;

/// Lockfiles are the same bytes on every machine: git must not change their line ends.
const ATTRIBUTES: &str = "packs.lock text eol=lf\npacks.*.lock text eol=lf\n";

/// What a new project is to be.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// Its name; the directory's where there is none.
    pub name: Option<ProjectName>,
    /// The environments to declare.
    pub environments: Vec<EnvironmentName>,
    /// The address of the default registry.
    pub registry: String,
    /// How to change.
    pub change: ChangeRequest,
}

/// What was written.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct InitOutcome {
    /// Whether it was only planned.
    pub dry_run: bool,
    /// The project's name.
    pub project: ProjectName,
    /// The files written, relative to the project.
    pub written: Vec<String>,
}

/// Writes packs.toml, and the lines for lockfiles in .gitattributes.
///
/// # Errors
/// [`OpsError::ProjectExists`] where there is a packs.toml already.
pub fn init(context: &Context, request: &InitRequest) -> Result<InitOutcome, OpsError> {
    let directory = fsys::canonicalize(&context.directory)?;
    let path = directory.join(MANIFEST_NAME);
    if fsys::status(&path)?.is_some() {
        return Err(OpsError::ProjectExists { path });
    }
    let name = match &request.name {
        Some(name) => name.clone(),
        None => name_of(&directory)?,
    };
    let text = manifest_text(&name, &request.environments, &request.registry);
    let attributes = attributes(&directory)?;
    let written = [MANIFEST_NAME].into_iter().chain(attributes.is_some().then_some(".gitattributes")).map(str::to_owned).collect();
    let outcome = InitOutcome { dry_run: request.change.dry_run, project: name, written };
    // The text is what people get to see first: it must be valid whatever the names.
    crate::manifest::Manifest::parse(&text, MANIFEST_NAME)?;
    if request.change.dry_run {
        return Ok(outcome);
    }
    Store::create(context.layout.clone())?;
    let record = Recorded { action: "init", project: None, environment: None, reason: request.change.reason.as_deref(), packs: vec![] };
    recorded(context, record, || {
        if let Some(attributes) = attributes {
            fsys::write_atomic(&directory.join(".gitattributes"), attributes.as_bytes())?;
        }
        fsys::write_new(&path, text.as_bytes(), 0o644)?;
        Project::read(directory).map(|_| ())
    })?;
    Ok(outcome)
}

fn name_of(directory: &Path) -> Result<ProjectName, OpsError> {
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(ProjectName::parse(&name)?)
}

/// Gives the new text of .gitattributes, or `None` where it says all already.
fn attributes(directory: &Path) -> Result<Option<String>, OpsError> {
    let path = directory.join(".gitattributes");
    let found = fsys::read_optional(&path, ATTRIBUTES_BYTES_MAX)?.unwrap_or_default();
    let found = crate::ops::project::utf8(found, &path)?;
    if found.contains("packs.lock") {
        return Ok(None);
    }
    let break_before = if found.is_empty() || found.ends_with('\n') { "" } else { "\n" };
    Ok(Some(format!("{found}{break_before}{ATTRIBUTES}")))
}

fn manifest_text(name: &ProjectName, environments: &[EnvironmentName], registry: &str) -> String {
    let quoted = |text: &str| toml_edit::Value::from(text).to_string();
    let mut text = format!("# What this project needs. `packs switch` makes it so; docs: packs switch --help\n\n[project]\nname = {}\n", quoted(name.as_str()));
    if let Some(first) = environments.first() {
        text += &format!("default-environment = \"{first}\"\n");
    }
    text += &format!("\n[registries]\n# A directory, relative to this file or absolute.\ndefault = {}\n", quoted(registry));
    text += "\n[packages]\n# kanban = \"^2.0\"                                   a range in Cargo's semver syntax\n";
    text += "# linter = { version = \"1\", tier = \"recommended\" }   required (default), recommended or optional\n";
    text += "# snippets = { path = \"../snippets\" }               a directory of your own\n";
    for environment in environments {
        text += &format!("\n[environments.{environment}]\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    #[test]
    fn any_name_makes_a_valid_manifest() {
        for name in ["shop", "a \"b\" \\ c", "ünï"] {
            let name = ProjectName::parse(name).expect("valid");
            let environments = ["dev", "prod"].map(|name| EnvironmentName::parse(name).expect("valid"));
            let manifest = Manifest::parse(&manifest_text(&name, &environments, "file:a'b\"c"), "packs.toml").expect("valid");
            assert_eq!((manifest.project.name, manifest.environments.len()), (name, 2));
        }
    }
}
