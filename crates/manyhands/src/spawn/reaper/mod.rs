//! The reaper: the process that notices deaths.
//!
//! One per arena, made with the first process that is started. It is nobody's child, or where orphans fall to the
//! program itself, a child that it does not see. It may be killed. Supervisors, and processes that wait for one or
//! start one, notice that and make another. So do waiters that the kernel wakes when it notes the reaper's end in words
//! of the arena. Meanwhile waiters sweep for themselves.
//!
//! ```text
//! watch    what it does, in its own process
//! office   how the other processes make, find and replace it
//! ```

mod office;
mod watch;

pub(super) use office::{KNOWN_LOOK, note_started, wait_dead};
pub use office::{ensure, known};
