//! Platforms that an archive is for.

use std::fmt;

use crate::model::InvalidNoun;
use crate::model::spelled::spelled_as_text;

/// What an archive runs on: `any`, or `linux-x86_64`, `linux-aarch64-musl`, `macos-aarch64` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(&'static str);

/// Every platform there is, each spelled once.
const PLATFORMS: [&str; 7] = ["any", "linux-x86_64", "linux-x86_64-musl", "linux-aarch64", "linux-aarch64-musl", "macos-x86_64", "macos-aarch64"];

impl Platform {
    /// The platform of an archive that runs everywhere.
    pub const ANY: Platform = Platform(PLATFORMS[0]);

    /// Parses a platform.
    pub fn parse(text: &str) -> Result<Self, InvalidNoun> {
        let known = PLATFORMS.iter().find(|known| **known == text);
        known.map(|known| Platform(known)).ok_or_else(|| InvalidNoun::new("platform", text, format!("it must be one of {}", PLATFORMS.join(", "))))
    }

    /// Gives the platform this program was built for, without `-musl`; `None` where packs knows none.
    pub fn host() -> Option<Self> {
        Platform::parse(&format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)).ok()
    }

    /// Gives what a project supports unless packs.toml says otherwise.
    pub fn project_defaults() -> Vec<Self> {
        ["linux-x86_64", "linux-aarch64", "macos-aarch64"].map(Platform).to_vec()
    }

    /// Gives the text form.
    pub fn as_str(&self) -> &'static str {
        self.0
    }

    /// Gives the platforms of archives that run on this one, best first: itself, its `-musl` form, `any`.
    pub fn accepted(self) -> Vec<Platform> {
        let musl = Platform::parse(&format!("{}-musl", self.0)).ok();
        [Some(self), musl, (self != Platform::ANY).then_some(Platform::ANY)].into_iter().flatten().collect()
    }
}
impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
spelled_as_text!(Platform, "Platform");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_takes_exact_then_musl_then_any() {
        let accepted = |text| Platform::parse(text).expect("valid").accepted().iter().map(Platform::as_str).collect::<Vec<_>>();
        assert_eq!(accepted("linux-x86_64"), ["linux-x86_64", "linux-x86_64-musl", "any"]);
        assert_eq!(accepted("macos-aarch64"), ["macos-aarch64", "any"]);
        assert_eq!(accepted("any"), ["any"]);
    }

    #[test]
    fn unknown_platforms_are_refused() {
        for bad in ["", "windows-x86_64", "linux", "macos-aarch64-musl", "ANY"] {
            assert!(Platform::parse(bad).is_err(), "{bad:?}");
        }
    }
}
