//! A banker of all processes of the arena.
//!
//! A claim belongs to the process that made it. When that ends, killed or in good order, its claims are closed and what
//! they had comes back. Any thread may release a lock, but nobody else can give back a claim's units. In a fork's child
//! the copy of a claim is of no use and gives nothing back; it makes claims of its own.

use super::typed::{Claim, banker_methods};
use crate::sync::banker::error::BankerError;
use crate::sync::banker::raw::RawBanker;
use crate::sync::banker::statistics::BankerStatistics;
use crate::sync::reference::reference;
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

    banker_methods!();
}

reference!(Banker(RawBanker), "banker", "resources": resources);
