//! The moment whose releases a lockfile is made of, as people type it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Which moment's releases count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsOf {
    /// Those that were published by then.
    Moment(Timestamp),
    /// All there are, whatever was asked for before.
    Lifted,
}

/// Tells that a text names no moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoAsOf;

impl fmt::Display for NoAsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a date (2026-11-01, with all of that day in UTC), a time (2026-11-01T12:00:00Z), or none")
    }
}
impl std::error::Error for NoAsOf {}

impl FromStr for AsOf {
    type Err = NoAsOf;
    fn from_str(text: &str) -> Result<Self, NoAsOf> {
        if text == "none" {
            return Ok(AsOf::Lifted);
        }
        let as_time = text.parse::<Timestamp>().ok();
        let moment = as_time.or_else(|| text.parse::<Date>().ok().and_then(end_of)).ok_or(NoAsOf)?;
        Ok(AsOf::Moment(moment))
    }
}

/// Gives the last nanosecond of a day.
fn end_of(date: Date) -> Option<Timestamp> {
    date.at(23, 59, 59, 999_999_999).to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let told = text.parse::<AsOf>().ok().map(|as_of| match as_of {
            AsOf::Moment(moment) => moment.to_string(),
            AsOf::Lifted => "lifted".to_owned(),
        });
        assert_eq!(told.as_deref(), expected, "{text}");
    }

    #[test]
    fn moments() {
        check("2026-11-01", Some("2026-11-01T23:59:59.999999999Z"));
        check("2026-11-01T12:00:00+02:00", Some("2026-11-01T10:00:00Z"));
        check("none", Some("lifted"));
        check("yesterday", None);
        check("2026-02-30", None);
        check("9999-12-31", None);
    }
}
