//! An error with all of its causes, for a place that has one line for it.

use std::error::Error;

/// Writes an error with its causes on one line, from the outermost to the deepest: `cannot read a: it is gone`.
pub fn in_one_line(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("level {level}")]
    struct Level {
        level: u8,
        #[source]
        source: Option<Box<Level>>,
    }

    #[test]
    fn every_cause_is_told_once_in_order() {
        let deepest = Level { level: 3, source: None };
        let error = Level { level: 1, source: Some(Box::new(Level { level: 2, source: Some(Box::new(deepest)) })) };
        assert_eq!(in_one_line(&error), "level 1: level 2: level 3");
        assert_eq!(in_one_line(&Level { level: 3, source: None }), "level 3");
    }
}
