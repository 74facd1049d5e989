//! Event descriptors: a bell that one process rings and another one's `poll` hears.
//!
//! Rings add up until they are heard, and nobody waits for room. It does not say who rang, or how often: who
//! hears it looks for itself, and drains it with a read.

use rustix::event::{EventfdFlags, eventfd};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Makes a silent one, close-on-exec and never blocking.
///
/// # Errors
/// EMFILE, ENFILE or ENOMEM.
pub fn doorbell() -> io::Result<OwnedFd> {
    Ok(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)
}

/// Rings it.
pub fn ring(doorbell: impl AsFd) {
    // It fails only when the count is at its limit: then it is rung already.
    let _ = rustix::io::write(doorbell, &1_u64.to_ne_bytes());
}
