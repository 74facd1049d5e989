//! Why a hosted value could not be made, or a call of it gave no answer.
//!
//! Each message names the value by its type. After all of them but the end of the host the value can be used as before,
//! and a call that was not made has changed nothing.

use crate::arena::ArenaError;
use crate::channel::{GetError, PutError};
use crate::spawn::{EntryError, Failure, StartError};

/// Why a hosted value could not be made, or a call of it gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostedError {
    /// The process that keeps the value has ended, and the value with it.
    #[error("the process that hosted this {value} has ended, and the value is gone; make a new one")]
    HostEnded {
        /// The value's type.
        value: &'static str,
    },
    /// A function that is called with the value calls the value itself, which is not free before that function returns.
    #[error(
        "a call of this {value} would wait for itself: it was made by a function that runs with the value"
    )]
    WithinItself {
        /// The value's type.
        value: &'static str,
    },
    /// The function panicked, or its argument or its result could not be sent. The value is as the function left it.
    #[error("the call of the hosted value failed: {0}")]
    Failed(Failure),
    /// The function cannot run in another process.
    #[error("the call of the hosted value was not made: {0}")]
    Function(#[from] EntryError),
    /// The process that is to keep the value could not be started.
    #[error("the process that is to host the value could not be started: {0}")]
    Start(#[from] StartError),
    /// Shared memory refused.
    #[error("the call of the hosted value was not made: {0}")]
    Arena(#[from] ArenaError),
    /// The call could not be sent.
    #[error("the call of the hosted value was not made: {0}")]
    Put(PutError),
    /// The answer could not be taken.
    #[error("the answer of the hosted value could not be taken: {0}")]
    Get(GetError),
}
