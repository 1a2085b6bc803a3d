//! Work on many trees with as many threads as the user allows.

use rayon::prelude::*;

use crate::gc::GcError;

/// Threads for work on many independent things; the results come in the order of the things.
pub(super) struct Workers {
    /// `None`: one after the other on this thread, so that disk calls have one exact order.
    pool: Option<rayon::ThreadPool>,
}

impl Workers {
    /// Starts this many threads; one means none besides this.
    pub(super) fn start(jobs: usize) -> Result<Workers, GcError> {
        let pool = (jobs > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(jobs).build()).transpose();
        Ok(Workers { pool: pool.map_err(|source| GcError::Threads { jobs, source })? })
    }

    /// Does something with each thing.
    pub(super) fn map<T: Sync, R: Send>(&self, things: &[T], work: impl Fn(&T) -> R + Send + Sync) -> Vec<R> {
        match &self.pool {
            Some(pool) => pool.install(|| things.par_iter().map(work).collect()),
            None => things.iter().map(work).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_their_order() {
        let things: Vec<usize> = (0..1000).collect();
        for jobs in [1, 3] {
            assert_eq!(Workers::start(jobs).expect("started").map(&things, |thing| thing * 2), things.iter().map(|thing| thing * 2).collect::<Vec<_>>());
        }
    }
}
