//! Licences as packs.toml and releases name them, in SPDX's terms.

use std::fmt;

use crate::manifest::fault::Faults;
use crate::manifest::fault::quoted;
use crate::manifest::section::Field;

/// How licences are read: old GNU names and `MIT/Apache-2.0` are common in what exists; guessing at `Apache 2` or taking any word is not done.
const MODE: spdx::ParseMode = spdx::ParseMode {
    allow_slash_as_or_operator: true,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// One licence in a list of allowed or denied ones: `MIT`, `Apache-2.0 WITH LLVM-exception`, `LicenseRef-Acme`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenseTerm {
    written: String,
    licensee: spdx::Licensee,
}

impl LicenseTerm {
    /// Parses one SPDX licence, without `AND` or `OR`; gives half a sentence about what is wrong if it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let licensee = spdx::Licensee::parse_mode(text, MODE).map_err(|error| error.reason.to_string())?;
        Ok(LicenseTerm { written: text.to_owned(), licensee })
    }

    /// Gives it as written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Tells whether holding this licence satisfies a release's requirement, exceptions included.
    ///
    /// `GPL-3.0-only` satisfies `GPL-2.0-or-later`, because one may choose; `GPL-3.0-or-later` satisfies only itself.
    pub fn satisfies(&self, required: &spdx::LicenseReq) -> bool {
        let own: &spdx::LicenseReq = self.licensee.as_ref();
        match (GnuLicense::find(own), GnuLicense::find(required)) {
            (Some(held), Some(wanted)) => own.addition == required.addition && held.satisfies(&wanted),
            _ => self.licensee.satisfies(required),
        }
    }

    /// Tells whether denying this licence denies a release's requirement.
    ///
    /// A denied licence without an exception is denied with any: who means otherwise names the exception. A denied `-or-later` is denied in
    /// every later version.
    pub fn denies(&self, required: &spdx::LicenseReq) -> bool {
        let own: &spdx::LicenseReq = self.licensee.as_ref();
        let is_same_license = match (GnuLicense::find(own), GnuLicense::find(required)) {
            (Some(denied), Some(wanted)) => denied.denies(&wanted),
            _ => own.license.id() == required.license.id() && (own.license.id().is_some() || own.license == required.license),
        };
        is_same_license && (own.addition.is_none() || own.addition == required.addition)
    }
}

/// A licence of GNU, whose identifiers say `-only` and `-or-later`; old ones say neither, or `+`.
struct GnuLicense {
    family: String,
    version: Vec<u32>,
    or_later: bool,
}

impl GnuLicense {
    /// Takes `GPL-3.0-or-later` apart; `None` if it is no licence of GNU.
    fn find(license: &spdx::LicenseReq) -> Option<Self> {
        let name = license.license.id().filter(|id| id.is_gnu())?.name;
        let or_later = name.strip_suffix("-or-later").or_else(|| name.strip_suffix('+'));
        let plain = or_later.or_else(|| name.strip_suffix("-only")).unwrap_or(name);
        let (version, family): (Vec<&str>, Vec<&str>) = plain.split('-').partition(|part| part.starts_with(|first: char| first.is_ascii_digit()));
        let version = version.first()?.split('.').filter_map(|number| number.parse().ok()).collect();
        Some(GnuLicense { family: family.join("-"), version, or_later: or_later.is_some() })
    }

    fn satisfies(&self, wanted: &GnuLicense) -> bool {
        let is_version_right = match (self.or_later, wanted.or_later) {
            (false, true) => self.version >= wanted.version,
            (true, false) => false,
            (false, false) | (true, true) => self.version == wanted.version,
        };
        self.family == wanted.family && is_version_right
    }

    fn denies(&self, wanted: &GnuLicense) -> bool {
        self.family == wanted.family && (self.version == wanted.version || (self.or_later && wanted.version > self.version))
    }
}

impl fmt::Display for LicenseTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

/// Parses the licence expression of a release, such as `MIT OR (Apache-2.0 AND BSD-3-Clause)`; gives what is wrong if it is none.
pub fn parse_license_expression(text: &str) -> Result<spdx::Expression, String> {
    spdx::Expression::parse_mode(text, MODE).map_err(|error| error.reason.to_string())
}

/// Reads a list of licences.
pub(super) fn read_terms(field: &Field<'_>, faults: &mut Faults<'_>) -> Vec<LicenseTerm> {
    let mut terms = Vec::new();
    for (text, span) in field.strings(faults).unwrap_or_default() {
        match LicenseTerm::parse(text) {
            Ok(term) => terms.push(term),
            Err(reason) => {
                let known = spdx::identifiers::LICENSES.iter().map(|license| license.name);
                faults.add_unknown(span, format!("{} is not a licence of SPDX: {reason}", quoted(text)), text, known);
            }
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(term: &str, license: &str, satisfies: bool, denies: bool) {
        let term = LicenseTerm::parse(term).expect("a licence");
        let expression = parse_license_expression(license).expect("an expression");
        let required = &expression.requirements().next().expect("one licence").req;
        assert_eq!((term.satisfies(required), term.denies(required)), (satisfies, denies), "{term} {license}");
    }

    #[test]
    fn one_licence_against_another() {
        check("MIT", "MIT", true, true);
        check("MIT", "Zlib", false, false);
        check("GPL-3.0-only", "GPL-3.0-or-later", true, true);
        check("GPL-3.0-only", "GPL-2.0-or-later", true, false);
        check("GPL-2.0-only", "GPL-3.0-or-later", false, false);
        check("GPL-2.0-or-later", "GPL-3.0-only", false, true);
        check("GPL-2.0-or-later", "GPL-2.0-or-later", true, true);
        check("LGPL-3.0-only", "GPL-3.0-only", false, false);
        check("GFDL-1.3-invariants-only", "GFDL-1.3-only", false, false);
        check("GPL-2.0-only", "GPL-2.0+", true, true);
        check("GPL-2.0-only", "GPL-2.0-only WITH Classpath-exception-2.0", false, true);
        check("Apache-2.0", "Apache-2.0+", true, true);
        check("GPL-2.0-only", "GPL-3.0-only", false, false);
        check("GPL-2.0", "GPL-2.0-only", true, true);
        check("Apache-2.0", "Apache-2.0 WITH LLVM-exception", false, true);
        check("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception", true, true);
        check("Apache-2.0 WITH LLVM-exception", "Apache-2.0", false, false);
        check("LicenseRef-Acme", "LicenseRef-Acme", true, true);
        check("LicenseRef-Acme", "LicenseRef-Other", false, false);
        check("LicenseRef-Acme", "MIT", false, false);
    }

    #[test]
    fn what_is_no_licence_is_refused() {
        for text in ["", "Apache 2", "MIT OR Zlib", "Whatever", "MIT WITH", "\u{1b}[31m"] {
            assert!(LicenseTerm::parse(text).is_err(), "{text:?}");
        }
    }
}
