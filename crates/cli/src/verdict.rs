//! What two runs of one program were, side by side, and whether they agree.
//!
//! They do if they wrote the same to standard output, ended in the same way before the limit, and manyhands left no
//! process behind. Standard error, times and what plain python left behind are reported, and decide nothing.

use std::time::Duration;

use crate::supervise::{Ending, Outcome};

/// Both outcomes, and the limit that held for each.
pub struct Comparison {
    pub plain: Outcome,
    pub ours: Outcome,
    pub limit: Duration,
}

impl Comparison {
    /// Whether both wrote the same and ended in the same way, and ours left nothing behind.
    pub fn agrees(&self) -> bool {
        self.plain.stdout == self.ours.stdout
            && self.plain.status == self.ours.status
            && self.ours.ending == Ending::Own
            && self.plain.ending == Ending::Own
            && self.ours.left_behind.is_empty()
    }
}
