//! Leases: what is good only as long as one process lives.
//!
//! ```text
//! word     who holds it, or that it is over             raw      a lease in the arena
//! ```
//!
//! A process holds a lease, and others have references to it. It is over when its holder says so or has ended, however.
//! A wait that is tied to a lease ends with it, so that nobody waits for what only the holder could have brought.

use cfg_if::cfg_if;

pub(super) mod word;

cfg_if! {
    if #[cfg(not(manyhands_model))] {
        pub(super) mod raw;
    }
}
