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
    pub fn satisfies(&self, required: &spdx::LicenseReq) -> bool {
        self.licensee.satisfies(required)
    }

    /// Tells whether denying this licence denies a release's requirement.
    ///
    /// A denied licence without an exception is denied with any: who means otherwise names the exception.
    pub fn denies(&self, required: &spdx::LicenseReq) -> bool {
        let bare = spdx::LicenseReq { license: required.license.clone(), addition: None };
        self.satisfies(required) || self.satisfies(&bare)
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
