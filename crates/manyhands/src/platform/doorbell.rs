//! Doorbells: a bell that one process rings and another one's `poll` hears.
//!
//! Rings add up until they are heard, and nobody waits for room. The bell does not say which process rang, or how
//! often: the one that hears it looks for itself, and drains it with a read.

use super::lasting;
use rustix::pipe::{PipeFlags, pipe_with};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Makes a silent one, close-on-exec and never blocking.
///
/// # Errors
/// EMFILE, ENFILE or ENOMEM.
pub fn doorbell() -> io::Result<OwnedFd> {
    // One descriptor for both ends. All event descriptors are one file to the kernel; a pipe is a file of its own, so
    // it can be recognised, and opened again.
    let (pipe, _end) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    lasting::opened_again(pipe)
}

/// Rings it.
pub fn ring(doorbell: impl AsFd) {
    // It fails only when the pipe is full: then it is rung already.
    let _ = rustix::io::write(doorbell, &[1]);
}

/// Hears all rings so far; says whether there were any.
pub fn drain(doorbell: impl AsFd) -> bool {
    let (mut heard, mut rings) = (false, [0; 512]);
    // It does not block.
    while let Ok(count @ 1..) = rustix::io::read(&doorbell, &mut rings) {
        heard = true;
        if count < rings.len() {
            break;
        }
    }
    heard
}
