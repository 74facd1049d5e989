//! Why a banker refuses something.
//!
//! Each refusal names the resource and the claimant, and has changed nothing. What cannot be granted *yet* is no error:
//! it is waited for, or not taken.

use super::safety::{MOST_CLAIMANTS, MOST_RESOURCES};
use crate::arena::ArenaError;
use crate::sync::wait::park::WaitError;

/// Why a banker refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BankerError {
    /// The resources of a new banker make no sense: none or more than 16, a name that is empty, longer than 32 bytes or
    /// given twice.
    #[error(
        "a banker's resources are 1 to {MOST_RESOURCES}, each with a name of its own of 1 to 32 bytes: {why}"
    )]
    Resources {
        /// What is wrong with which.
        why: String,
    },
    /// How many units were given, where there is one number for each resource.
    #[error(
        "{given} numbers of units were given to {claimant}: give one for each of the {resources} resources"
    )]
    Count {
        /// The claimant that gave them.
        claimant: String,
        /// How many were given.
        given: usize,
        /// How many resources there are.
        resources: usize,
    },
    /// A claimant declared more than there is, so that it could never have what it declared.
    #[error(
        "{claimant} declares {claimed} of {resource}, and there are {total} in all: declare no more than there are"
    )]
    BeyondTotal {
        /// The claimant that declared it.
        claimant: String,
        /// Of what.
        resource: String,
        /// How much it declared.
        claimed: u64,
        /// How much there is.
        total: u64,
    },
    /// A claimant requested more than it declared.
    #[error(
        "{claimant} requests {requested} of {resource} and has {held}, but declared no more than {claimed}: \
         request less, or declare more when the claim is made"
    )]
    BeyondClaim {
        /// The claimant that requested it.
        claimant: String,
        /// Of what.
        resource: String,
        /// How much it requested.
        requested: u64,
        /// How much it has.
        held: u64,
        /// How much it declared.
        claimed: u64,
    },
    /// A claimant released more than it has.
    #[error("{claimant} releases {released} of {resource} and has {held}: release no more than was granted")]
    NotHeld {
        /// The claimant that released it.
        claimant: String,
        /// Of what.
        resource: String,
        /// How much it released.
        released: u64,
        /// How much it has.
        held: u64,
    },
    /// There are as many claimants as there can be.
    #[error(
        "{claimant} is one claimant too many: a banker has {MOST_CLAIMANTS} at one time; close some claims first"
    )]
    TooManyClaimants {
        /// The one that would have been one more.
        claimant: String,
    },
    /// Another thread waits with the same claim.
    #[error("another thread waits with the claim of {claimant}: give each thread a claim of its own")]
    Busy {
        /// Whose claim it is.
        claimant: String,
    },
    /// The claim was closed, and all it had given back.
    #[error("the claim of {claimant} is closed: make another one")]
    Closed {
        /// Whose claim it was.
        claimant: String,
    },
    /// The wait ended without the units.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The arena refused.
    #[error(transparent)]
    Arena(#[from] ArenaError),
}
