//! A wait at a queue that no other thread or process has can never end.
//!
//! Several threads may use one handle on a queue, by reference, and the engine cannot see that. So a wait is given up
//! only where it is certain that nobody can end it. This must be the only handle, in this process and all others; no
//! message carries one; and the waiting thread is the only one of its process. These questions are asked before each
//! sleep, from the cheapest to the dearest; mostly the first one finds a handle elsewhere.

use crate::platform::atomic::AtomicU32;
use crate::platform::thread::is_only_one;
use crate::sync::{Site, Waiting};
use std::cell::Cell;
use std::ops::ControlFlow;

/// A wait at a queue that ends when no thread or process is left that could end it.
pub(super) struct Alone<'a, F> {
    /// Whether this is the only handle.
    is_only_reference: F,
    waiting: &'a dyn Waiting,
    found: Cell<bool>,
}

impl<'a, F: Fn() -> bool> Alone<'a, F> {
    pub(super) fn new(is_only_reference: F, waiting: &'a dyn Waiting) -> Self {
        Alone { is_only_reference, waiting, found: Cell::new(false) }
    }

    /// Whether that is how the wait ended.
    pub(super) fn is_found(&self) -> bool {
        self.found.get()
    }
}

impl<F: Fn() -> bool> Waiting for Alone<'_, F> {
    fn before_block(&self) {
        self.waiting.before_block();
    }

    fn on_interrupt(&self) -> ControlFlow<()> {
        self.waiting.on_interrupt()
    }

    fn before_sleep(&self) -> ControlFlow<()> {
        if (self.is_only_reference)() && is_only_one() {
            self.found.set(true);
            return ControlFlow::Break(());
        }
        self.waiting.before_sleep()
    }

    fn after_block(&self) {
        self.waiting.after_block();
    }

    fn eagerness(&self) -> u32 {
        self.waiting.eagerness()
    }

    fn beside(&self) -> Option<(&'static AtomicU32, u32)> {
        self.waiting.beside()
    }

    fn site(&self) -> Site {
        self.waiting.site()
    }
}
