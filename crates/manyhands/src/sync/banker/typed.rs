//! `Banker` for the threads of one process, and the claims on its resources.
//!
//! A claimant that needs several resources one after the other declares first how much it will need at most. From then
//! on the banker grants a request only when all can still get all they declared, in some order; otherwise the request
//! waits. So a claimant that keeps to its declaration is never part of a deadlock over these resources. Dijkstra's
//! banker's algorithm (EWD 108, EWD 623), for several resources as in Habermann, "Prevention of system deadlocks", CACM
//! 12 (1969). Its namesake in `shared` is for several processes and has the same methods.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::error::BankerError;
use super::raw::{RawBanker, RawClaim};
use super::statistics::{BankerStatistics, Verdict};
use crate::platform::Deadline;
use crate::sync::wait::park::{Blocking, WaitError};

/// Units of named resources, of which claimants get what they declared, in an order that cannot deadlock.
///
/// ```
/// use manyhands::Banker;
///
/// let banker = Banker::new(&[("memory", 8), ("licences", 3)])?;
/// let claim = banker.claim("report", &[6, 1])?; // it will never need more than this
/// let memory = claim.request(&[4, 0])?;
/// let licence = claim.request(&[0, 1])?;
/// assert_eq!(claim.held()?, [4, 1]);
/// drop(memory); // given back
///
/// let greedy = banker.claim("greedy", &[9, 0]).unwrap_err();
/// assert_eq!(
///     greedy.to_string(),
///     "greedy declares 9 of memory, and there are 8 in all: declare no more than there are"
/// );
/// # drop(licence);
/// # Ok::<(), manyhands::sync::BankerError>(())
/// ```
pub struct Banker(RawBanker);

/// The methods that both bankers share.
macro_rules! banker_methods {
    () => {
        /// Declares, under a name, that at most so many units of each resource will be needed at one time.
        ///
        /// # Errors
        /// [`BankerError::BeyondTotal`] when there are not so many; [`BankerError::TooManyClaimants`] when there are
        /// 1,024; [`BankerError::Count`] when there is not one number for each resource.
        pub fn claim(&self, name: &str, units: &[u64]) -> Result<Claim<'_>, BankerError> {
            Claim::new(&self.0, name, units)
        }

        /// Whether so much could ever be claimed, without claiming it.
        ///
        /// # Errors
        /// [`BankerError::BeyondTotal`] when there is not so much; [`BankerError::Count`].
        pub fn admits(&self, name: &str, units: &[u64]) -> Result<(), BankerError> {
            self.0.admits(name, units)
        }

        /// The names of the resources, in the order in which units are counted.
        pub fn resources(&self) -> &[String] {
            self.0.resources()
        }

        /// How many units of each resource there are.
        pub fn totals(&self) -> Vec<u64> {
            self.0.totals()
        }

        /// Whether all claimants can get all they declared, in some order. True, unless the banker has failed.
        ///
        /// # Errors
        /// [`WaitError::NoOwner`] when this thread can own nothing in the arena.
        pub fn is_safe(&self) -> Result<bool, WaitError> {
            self.0.safe_order(&Blocking).map(|order| order.is_some())
        }

        /// The names of the claimants in an order in which all can get all they declared: round and round in the order
        /// in which the claims stand, as the textbooks do it. `None` would mean that the banker has failed.
        ///
        /// # Errors
        /// As [`Banker::is_safe`].
        pub fn safe_order(&self) -> Result<Option<Vec<String>>, WaitError> {
            self.0.safe_order(&Blocking)
        }

        /// What there is, and what each claimant declared, has and waits for.
        ///
        /// # Errors
        /// As [`Banker::is_safe`].
        pub fn statistics(&self) -> Result<BankerStatistics, WaitError> {
            self.0.statistics(&Blocking)
        }
    };
}
pub(super) use banker_methods;

impl Banker {
    /// A banker with so many units of each of the named resources.
    ///
    /// # Errors
    /// [`BankerError::Resources`] when there is none or more than 16, or a name is empty, longer than 32 bytes or given
    /// twice.
    pub fn new(resources: &[(&str, u64)]) -> Result<Self, BankerError> {
        RawBanker::private(resources).map(Banker)
    }

    banker_methods!();
}

impl fmt::Debug for Banker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Banker").field("resources", &self.resources()).finish_non_exhaustive()
    }
}

/// What one claimant has declared, with which it requests units; dropping it gives all back. One thread at a time uses
/// it.
#[must_use = "the claim is given up as soon as this is dropped"]
pub struct Claim<'a> {
    banker: &'a RawBanker,
    raw: RawClaim,
    /// One request at a time waits.
    one_thread: PhantomData<Cell<()>>,
}

impl<'a> Claim<'a> {
    pub(in crate::sync) fn new(
        banker: &'a RawBanker,
        name: &str,
        units: &[u64],
    ) -> Result<Self, BankerError> {
        let raw = banker.claim(name, units, &Blocking)?;
        Ok(Claim { banker, raw, one_thread: PhantomData })
    }

    /// The claimant's name.
    pub fn name(&self) -> &str {
        self.raw.name()
    }

    /// Waits until so many units more can be taken safely, and takes them. First come, first served among the requests
    /// whose grant is safe; one that is not is overtaken sixteen times at most by claimants that hold nothing.
    ///
    /// # Errors
    /// [`BankerError::BeyondClaim`] when that is more than was declared; [`BankerError::Closed`] in a fork's child with
    /// a copy of its parent's claim on a shared banker; [`BankerError::Count`]; [`BankerError::Wait`] when the wait
    /// ended otherwise. Nothing was taken then.
    pub fn request(&self, units: &[u64]) -> Result<Units<'_>, BankerError> {
        self.banker.request(&self.raw, units, None, &Blocking)?;
        Ok(self.units(units))
    }

    /// Takes this many units more if that can be done at once and safely, without overtaking a request that must not be
    /// overtaken.
    ///
    /// # Errors
    /// As [`Claim::request`].
    pub fn try_request(&self, units: &[u64]) -> Result<Option<Units<'_>>, BankerError> {
        let taken = self.banker.try_request(&self.raw, units, &Blocking)?;
        Ok(taken.then(|| self.units(units)))
    }

    /// As [`Claim::request`], but waits at most for `timeout`.
    ///
    /// # Errors
    /// [`WaitError::TimedOut`] in [`BankerError::Wait`], and as [`Claim::request`].
    pub fn request_timeout(&self, units: &[u64], timeout: Duration) -> Result<Units<'_>, BankerError> {
        self.banker.request(&self.raw, units, Deadline::after(timeout), &Blocking)?;
        Ok(self.units(units))
    }

    fn units(&self, units: &[u64]) -> Units<'_> {
        Units { claim: self, units: units.to_vec() }
    }

    /// Gives units back that were [kept](Units::keep).
    ///
    /// # Errors
    /// [`BankerError::NotHeld`] when the claim does not have so many; [`BankerError::Count`].
    pub fn release(&self, units: &[u64]) -> Result<(), BankerError> {
        self.banker.release(&self.raw, units, &Blocking)
    }

    /// What the claim has now.
    ///
    /// # Errors
    /// As [`Claim::request`].
    pub fn held(&self) -> Result<Vec<u64>, BankerError> {
        self.banker.held(&self.raw, &Blocking)
    }

    /// What would become of a request if it were made now. Nothing is taken, and another claimant may be quicker.
    ///
    /// # Errors
    /// As [`Claim::request`].
    pub fn foresee(&self, units: &[u64]) -> Result<Verdict, BankerError> {
        self.banker.foresee(&self.raw, units, &Blocking)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.banker.close(&self.raw);
    }
}

impl fmt::Debug for Claim<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Claim").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// Units that were granted; dropping gives them back.
#[must_use = "the units are given back as soon as this is dropped"]
#[derive(Debug)]
pub struct Units<'a> {
    claim: &'a Claim<'a>,
    units: Vec<u64>,
}

impl Units<'_> {
    /// How many of each resource.
    pub fn counts(&self) -> &[u64] {
        &self.units
    }

    /// Leaves the units with the claim, which gives them back when it is dropped, or by [`Claim::release`].
    pub fn keep(mut self) {
        self.units.clear();
    }
}

impl Drop for Units<'_> {
    fn drop(&mut self) {
        if !self.units.is_empty() {
            // Refused where the claim is a copy of another process's, or where more was released by hand.
            let _ = self.claim.release(&self.units);
        }
    }
}

#[cfg(test)]
mod tests;
