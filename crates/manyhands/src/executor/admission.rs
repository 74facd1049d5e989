//! Admission: calls that say what they need, and run when a banker grants it.
//!
//! The worker that runs a call declares and requests what the call needs, right before it runs it. So a worker that is
//! killed gives it back as every killed claimant does, and requests of several pools and processes wait in one line. A
//! call that waits keeps its worker, and calls behind it wait as well. What can never be granted is refused when the
//! call is submitted.

use super::errors::SubmitError;
use super::future::Future;
use super::pool::Pool;
use super::processes::Processes;
use super::threads::Threads;
use crate::spawn::entry;
use crate::sync::{Banker, BankerError, shared};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Why a call with needs was not submitted; nothing was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdmissionError {
    /// It needs more than there is.
    #[error("the call was not submitted: {0}")]
    Impossible(#[source] BankerError),
    /// The pool did not take it.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

impl Pool<Processes> {
    /// As [`Pool::submit`], for a call that needs so many units of each of the banker's resources while it runs. They
    /// come back when it is done, fails, or its worker is killed.
    ///
    /// ```
    /// use manyhands::{Pool, shared};
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let banker = shared::Banker::new(&[("memory", 8 << 30)])?;
    ///     let pool = Pool::new(2)?;
    ///     let square = |number: u32| number * number;
    ///     assert_eq!(pool.submit_with(&banker, &[2 << 30], square, 7)?.get()?, 49);
    ///     assert!(pool.submit_with(&banker, &[9 << 30], square, 7).is_err());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AdmissionError::Impossible`] when there are not so many units; as [`Pool::submit`].
    pub fn submit_with<F, A, R>(
        &self,
        banker: &shared::Banker,
        needs: &[u64],
        function: F,
        argument: A,
    ) -> Result<Future<R>, AdmissionError>
    where
        F: Fn(A) -> R + Copy + Send + 'static,
        A: Serialize + DeserializeOwned,
        R: Serialize + DeserializeOwned,
    {
        const { entry::assert_captures_nothing::<F>() };
        let name = std::any::type_name::<F>();
        banker.admits(name, needs).map_err(AdmissionError::Impossible)?;
        let admitted = move |(banker, needs, argument): (shared::Banker, Vec<u64>, A)| {
            let claim = granted(banker.claim(std::any::type_name::<F>(), &needs));
            let _units = granted(claim.request(&needs));
            function(argument)
        };
        Ok(self.submit(admitted, (banker.clone(), needs.to_vec(), argument))?)
    }
}

impl Pool<Threads> {
    /// As [`Pool::submit`], for a call that needs so many units of each of the banker's resources while it runs.
    ///
    /// # Errors
    /// [`AdmissionError::Impossible`] when there are not so many units; as [`Pool::submit`].
    pub fn submit_with<F, R>(
        &self,
        banker: &Arc<Banker>,
        needs: &[u64],
        function: F,
    ) -> Result<Future<R>, AdmissionError>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        let name = std::any::type_name::<F>();
        banker.admits(name, needs).map_err(AdmissionError::Impossible)?;
        let (banker, needs) = (Arc::clone(banker), needs.to_vec());
        let admitted = move || {
            let claim = granted(banker.claim(name, &needs));
            let _units = granted(claim.request(&needs));
            function()
        };
        Ok(self.engine.submit(admitted, name)?)
    }
}

/// What the banker said to a call that it admits; a panic is the call's failure, as any other.
fn granted<T>(answer: Result<T, BankerError>) -> T {
    answer.unwrap_or_else(|error| panic!("the call could not have what it needs: {error}"))
}
