//! Values that live in one process and are used from others.
//!
//! ```text
//! hosted      the handle: a value, and functions that are called with it
//! host        the process that keeps the value       error    why a value could not be made or used
//! ```
//!
//! A call is a message with a function and its argument, and its answer comes through a channel of its own. The host
//! has the only sender of that channel, or the message has, so a caller learns at once when the host has ended. This
//! layer knows no pools, which run several calls at a time.

mod error;
mod host;
mod hosted;

pub use error::HostedError;
pub use hosted::Hosted;
