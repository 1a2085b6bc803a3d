//! `.packs/` of a project: its links into the home, which environment is active, and the file that keeps git away.
//!
//! ```text
//! .packs/id                                    see project.rs
//! .packs/.gitignore                            *
//! .packs/<env> -> <home>/projects/<id>/<env>/current
//! .packs/active -> <env>                       the environment last switched to
//! ```

use std::ffi::OsStr;
use std::path::Path;

use crate::fsys;
use crate::generation::GenerationError;
use crate::generation::Project;
use crate::generation::Result;
use crate::generation::environments;
use crate::generation::project::PACKS_DIR;
use crate::model::EnvironmentName;
use crate::store::layout::Layout;

/// The link to the environment last switched to.
const ACTIVE: &str = "active";

/// Gives the environment last switched to, whether or not it has generations.
pub fn active_environment(directory: &Path) -> Result<Option<EnvironmentName>> {
    let link = directory.join(PACKS_DIR).join(ACTIVE);
    let Some(target) = fsys::read_link(&link)? else { return Ok(None) };
    EnvironmentName::parse(&target.to_string_lossy()).map(Some).map_err(|source| GenerationError::BadNoun { path: link, source })
}

/// Makes an environment the active one, or none: one rename.
///
/// After a power cut during the call `.packs/active` is as before or as asked for; after the call as asked for.
pub fn activate(directory: &Path, environment: Option<&EnvironmentName>) -> Result<()> {
    let packs = directory.join(PACKS_DIR);
    let link = packs.join(ACTIVE);
    match environment {
        Some(environment) => fsys::replace_symlink(Path::new(environment.as_str()), &link)?,
        None => fsys::remove_file(&link)?,
    }
    Ok(fsys::fsync_dir(&packs)?)
}

/// Makes the links of `.packs/` lead to the environments that the home has, and removes those that lead elsewhere; gives the names it changed.
///
/// Mends what a moved home, a moved or copied project or a careless hand made stale. Each link is one rename; a power cut leaves some mended, and the next
/// call mends the rest. `active` is never touched.
pub fn mend_links(layout: &Layout, project: &Project) -> Result<Vec<String>> {
    let packs = project.directory.join(PACKS_DIR);
    let mut mended = Vec::new();
    let ignore = packs.join(".gitignore");
    if fsys::status(&ignore)?.is_none() {
        fsys::write_atomic(&ignore, b"*\n")?;
        mended.push(".gitignore".to_owned());
    }
    let known = environments(layout, &project.id)?;
    for environment in &known {
        let (link, target) = (packs.join(environment.as_str()), layout.current(&project.id, environment));
        if fsys::read_link(&link)?.as_ref() != Some(&target) {
            fsys::replace_symlink(&target, &link)?;
            mended.push(environment.to_string());
        }
    }
    mended.extend(remove_strays(&packs, &known)?);
    if !mended.is_empty() {
        fsys::fsync_dir(&packs)?;
    }
    Ok(mended)
}

/// Removes links named like environments that the home does not have: those of a copied project lead to the original's.
fn remove_strays(packs: &Path, known: &[EnvironmentName]) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    for entry in fsys::list_dir(packs)? {
        let Some(name) = entry.name_str().and_then(|name| EnvironmentName::parse(name).ok()) else { continue };
        let path = packs.join(OsStr::new(name.as_str()));
        if !known.contains(&name) && fsys::read_link(&path)?.is_some() {
            fsys::remove_file(&path)?;
            removed.push(name.to_string());
        }
    }
    Ok(removed)
}
