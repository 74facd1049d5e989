//! One copy of the engine at a time: an exclusion that reaches beyond this copy's statics.
//!
//! A program may hold the engine twice, as a crate and inside a library, and the copies know nothing of each other.
//! What they have in common is the process, so the lock is an advisory one (flock) on a file that each process has for
//! itself: its list of maps. No other process stands in its way, and a fork's child has a list, and so a lock, of its
//! own.

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// The turn of this copy; it is over when this is dropped.
#[must_use = "the turn is over at once if it is not kept"]
#[derive(Debug)]
pub struct Turn(OwnedFd);

impl Turn {
    /// Waits until no other copy in this process has its turn. `None` where there is no /proc to lock anything in, or
    /// no descriptor to do it with.
    pub fn take() -> Option<Turn> {
        let file = open(c"/proc/self/maps", OFlags::CLOEXEC, Mode::empty()).ok()?;
        loop {
            match flock(&file, FlockOperation::LockExclusive) {
                Ok(()) => return Some(Turn(file)),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Said, and not left to the close: a child forked meanwhile has the descriptor, too.
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn nobody_has_a_turn_while_another_has() {
        static INSIDE: AtomicU32 = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let turn = Turn::take().expect("there is a /proc");
                        assert_eq!(INSIDE.fetch_add(1, Ordering::Relaxed), 0);
                        std::thread::yield_now();
                        INSIDE.fetch_sub(1, Ordering::Relaxed);
                        drop(turn);
                    }
                });
            }
        });
    }
}
