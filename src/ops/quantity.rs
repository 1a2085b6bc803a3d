//! Ages and sizes as people type them: `30d`, `20G`.

use std::fmt;
use std::str::FromStr;

/// A length of time: `0s`, `90m`, `12h`, `30d`, `2w`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    seconds: i64,
}

/// A count of bytes: `500`, `64K`, `500M`, `20G`, `1T`; powers of 1,024.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize {
    bytes: u64,
}

/// Tells that a text is no quantity, and how one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoQuantity {
    expected: &'static str,
}

impl fmt::Display for NoQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write a whole number and a unit: {}", self.expected)
    }
}
impl std::error::Error for NoQuantity {}

impl Age {
    /// Gives the length in seconds.
    pub fn seconds(self) -> i64 {
        self.seconds
    }
}

impl ByteSize {
    /// Gives the count of bytes.
    pub fn bytes(self) -> u64 {
        self.bytes
    }
}

impl FromStr for Age {
    type Err = NoQuantity;
    fn from_str(text: &str) -> Result<Self, NoQuantity> {
        let units = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400), ("w", 604_800)];
        let refuse = NoQuantity { expected: "90s, 15m, 12h, 30d, 2w" };
        let seconds = parse(text, &units).and_then(|seconds| i64::try_from(seconds).ok()).ok_or(refuse)?;
        Ok(Age { seconds })
    }
}

impl FromStr for ByteSize {
    type Err = NoQuantity;
    fn from_str(text: &str) -> Result<Self, NoQuantity> {
        let units = [("", 1), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)];
        let bytes = parse(&text.to_uppercase(), &units).ok_or(NoQuantity { expected: "64K, 500M, 20G, 1T" })?;
        Ok(ByteSize { bytes })
    }
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (text, expected) in [
            ("0s", Some(0)),
            ("30d", Some(2_592_000)),
            ("2w", Some(1_209_600)),
            ("d", None),
            ("30", None),
            ("1y", None),
            ("-1d", None),
            ("99999999999999999999d", None),
        ] {
            assert_eq!(text.parse::<Age>().ok().map(Age::seconds), expected, "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, expected) in [("500", Some(500)), ("64k", Some(65_536)), ("20G", Some(20 << 30)), ("G", None), ("1.5G", None), ("99999999T", None)] {
            assert_eq!(text.parse::<ByteSize>().ok().map(ByteSize::bytes), expected, "{text}");
        }
    }
}
