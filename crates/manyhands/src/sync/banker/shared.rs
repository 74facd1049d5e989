//! A banker of all processes of the arena.
//!
//! A claim belongs to the process that made it. When that ends, killed or in good order, its claims are closed and what
//! they had comes back. Any thread may release a lock, but nobody else can give back a claim's units. In a fork's child
//! the copy of a claim is of no use and gives nothing back; it makes claims of its own.

use std::fmt;

use super::typed::{Claim, banker_methods};
use crate::arena::travels;
use crate::arena::{ArenaError, Handle};
use crate::sync::banker::error::BankerError;
use crate::sync::banker::raw::RawBanker;
use crate::sync::banker::statistics::BankerStatistics;
use crate::sync::wait::park::{Blocking, WaitError};

/// Units of named resources for the claimants of all processes. A clone refers to the same banker.
///
/// ```
/// use manyhands::shared::Banker;
///
/// let banker = Banker::new(&[("memory", 8 << 30), ("licences", 3)])?;
/// let same = banker.clone();
/// let claim = banker.claim("report", &[2 << 30, 1])?;
/// let units = claim.request(&[1 << 30, 1])?;
/// assert_eq!(same.statistics()?.resources[1].free, 2);
/// # drop(units);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Banker(RawBanker);

impl Banker {
    /// A banker with so many units of each of the named resources.
    ///
    /// # Errors
    /// [`BankerError::Resources`] when there is none or more than 16, or a name is empty, longer than 32 bytes or given
    /// twice. [`BankerError::Arena`] when the arena has no room for it, or there is no arena and none can be made.
    pub fn new(resources: &[(&str, u64)]) -> Result<Self, BankerError> {
        RawBanker::shared(resources).map(Banker)
    }

    /// The banker that a handle names.
    ///
    /// # Errors
    /// When it is gone or no banker.
    pub fn attach(handle: Handle) -> Result<Self, ArenaError> {
        RawBanker::attach(handle).map(Banker)
    }

    /// What names the banker to other processes.
    pub fn handle(&self) -> Handle {
        self.0.handle().expect("a shared banker stands in the arena")
    }

    banker_methods!();
}

impl Clone for Banker {
    fn clone(&self) -> Self {
        Banker(self.0.clone_shared().expect("a shared banker stands in the arena"))
    }
}

impl fmt::Debug for Banker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Banker")
            .field("number", &self.handle().index())
            .field("resources", &self.resources())
            .finish_non_exhaustive()
    }
}

travels!(Banker);
