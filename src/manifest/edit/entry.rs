//! What the entry of a requirement says, and where it stands.

use toml_edit::Value;

use crate::model::EnvironmentName;
use crate::model::Requirement;
use crate::model::RequirementSource;
use crate::model::Tier;

/// Gives the path of the table that holds the requirements of a project, or of one of its environments.
pub(super) fn packages_path(environment: Option<&EnvironmentName>) -> Vec<String> {
    match environment {
        None => vec!["packages".to_owned()],
        Some(name) => vec!["environments".to_owned(), name.to_string(), "packages".to_owned()],
    }
}

/// Gives the keys of an existing entry that would contradict the requirement.
pub(super) fn contradicted_keys(requirement: &Requirement) -> &'static [&'static str] {
    match &requirement.source {
        RequirementSource::Registry(None) => &[],
        RequirementSource::Registry(Some(_)) => &["path", "github"],
        RequirementSource::GitHub(_) => &["path", "registry"],
        RequirementSource::Path(_) if requirement.range.as_str() == "*" => &["registry", "github", "version"],
        RequirementSource::Path(_) => &["registry", "github"],
    }
}

/// Gives what an entry must say, in the order in which a new one says it.
pub(super) fn fields_of(requirement: &Requirement) -> Vec<(&'static str, Value)> {
    let mut fields = Vec::new();
    let path = match &requirement.source {
        RequirementSource::Path(path) => Some(path),
        RequirementSource::Registry(_) | RequirementSource::GitHub(_) => None,
    };
    if path.is_none() || requirement.range.as_str() != "*" {
        fields.push(("version", Value::from(requirement.range.as_str())));
    }
    match &requirement.source {
        RequirementSource::Registry(Some(registry)) => fields.push(("registry", Value::from(registry.as_str()))),
        RequirementSource::GitHub(repository) => fields.push(("github", Value::from(repository.as_str()))),
        RequirementSource::Registry(None) | RequirementSource::Path(_) => {}
    }
    fields.extend(path.map(|path| ("path", Value::from(path.as_str()))));
    if !requirement.extras.is_empty() {
        fields.push(("with", requirement.extras.iter().map(ToString::to_string).collect::<Value>()));
    }
    if requirement.tier != Tier::default() {
        fields.push(("tier", Value::from(requirement.tier.as_str())));
    }
    fields
}
